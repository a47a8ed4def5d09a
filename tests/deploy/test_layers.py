"""The contracts of imports in pyproject.toml: the project keeps them, and `lint-imports` fails where one is broken.

A copy of the sources gets one import against each contract, some inside a function, where they count too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("service", "workers", "model_store")
# Contract (the start of its name) -> the file that breaks it, and with what.
PLANTED = {
    "workers: each room": ("workers/skeleton/model.py", "import workers.engine.engine"),
    "service: each room": ("service/files/blobs.py", "import service.jobs.store"),
    "workers.lab is imported by nothing": ("service/commands/demo.py", "def planted():\n    import workers.lab.corpus"),
    "only workers.queue and workers.lab": ("workers/engine/engine.py", "def planted():\n    import service.settings"),
    "model_store knows": ("model_store/pull.py", "from workers.contract import options"),
    "the gateway imports no torch": ("service/files/first_look.py", "import numpy"),
}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the packages' sources, and of the contracts."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=lambda folder, names: [
                name for name in names if not (name.endswith(".py") or Path(folder, name).is_dir())
            ],
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> tuple[int, dict[str, bool]]:
    """Exit code of `lint-imports` there, and contract -> kept."""
    code = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = re.findall(r"^(.+) (KEPT|BROKEN)\b", done.stdout, flags=re.MULTILINE)
    assert found, done.stdout + done.stderr
    return done.returncode, {name: verdict == "KEPT" for name, verdict in found}


def contract_names() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [contract["name"] for contract in settings["contracts"]]


def test_the_project_keeps_every_contract(sources: Path) -> None:
    code, kept = lint_imports(sources)
    assert kept == dict.fromkeys(contract_names(), True)
    assert code == 0


def test_an_import_against_a_contract_fails_lint(sources: Path) -> None:
    for file, line in PLANTED.values():
        path = sources / file
        path.write_text(f"{path.read_text()}\n\n{line}\n")
    code, kept = lint_imports(sources)
    assert len(PLANTED) == len(contract_names())
    assert [name for start in PLANTED for name in kept if name.startswith(start)] == contract_names()
    assert kept == dict.fromkeys(contract_names(), False)
    assert code == 1


def test_a_new_room_must_be_given_its_place(sources: Path) -> None:
    (sources / "workers" / "novelty").mkdir()
    (sources / "workers" / "novelty" / "__init__.py").write_text("")
    code, kept = lint_imports(sources)
    assert [name for name, is_kept in kept.items() if not is_kept] == contract_names()[:1]
    assert code == 1


def test_make_lint_checks_the_imports() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\nlint:", 1)[1].split("\n\n", 1)[0]
    assert "lint-imports" in recipe
