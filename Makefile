# Sets everything up by itself in .venv: `make demo`, `make test`, `make lint`, `make serve`.
# PYTHON       the interpreter to start from, 3.11 or newer
# TORCH_INDEX  package index for torch; empty takes the default one (on Linux that build carries CUDA, several GB)
# TORCH        the pinned torch
# PROCESSES    in how many processes the tests run; 0 is one, and shows what they print
# ORDER        order of the tests' folders: a number that seeds chance, or random; empty keeps the order of names

PYTHON ?= $(shell for it in python3.11 python3.12 python3; do \
	$$it -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$it; break; }; done)
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
PROCESSES ?= 2
ORDER ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test serve lint setup validator clean
.DEFAULT_GOAL := setup

setup: $(STAMP)

# torch first and pinned, so that nothing below pulls another build of it.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one or set PYTHON=" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)" $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/python -m pip install --quiet -e ".[gateway,worker,semantics,s3,telemetry,embedded,usd,dev]"
	touch $(STAMP)

demo: setup
	$(BIN)/retarget demo

serve: setup
	$(BIN)/retarget serve

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint validator
	$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal $(if $(ORDER),--folder-order $(ORDER))

# The glTF validator and three.js come from npm. Without node their tests skip; in CI they must run.
validator: setup
	@if command -v npm >/dev/null; then bash tests/tools/install_node_packages.sh; \
	elif [ "$${CI:-}" = true ]; then echo "error: CI needs node and npm for gltf-validator and three" >&2; exit 1; \
	else echo "no npm: the tests that need gltf-validator or three are skipped"; fi

clean:
	rm -rf $(VENV) build dist demo-output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
