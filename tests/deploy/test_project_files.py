"""Makefile, continuous integration and licence."""

from __future__ import annotations

import os
import subprocess
import tomllib

import pytest

from tests.deploy.dockerfile_reader import REPOSITORY

# What `make test ORDER=random` hands on to a make inside the tests.
OF_AN_OUTER_MAKE = ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "ORDER", "PROCESSES", "TORCH_INDEX")


def _dry_run(*words: str) -> str:
    outcome = subprocess.run(
        ["make", "--dry-run", "--always-make", *words],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if name not in OF_AN_OUTER_MAKE},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


@pytest.mark.parametrize("target", ["demo", "test", "serve", "lint"])
def test_every_target_sets_itself_up_torch_first(target: str) -> None:
    lines = _dry_run(target).splitlines()
    torch = next(i for i, line in enumerate(lines) if "pip install" in line and "torch==" in line)
    ours = next(i for i, line in enumerate(lines) if "pip install" in line and "-e" in line)
    use = next(i for i, line in enumerate(lines) if f"retarget {target}" in line or "ruff check" in line)
    assert torch < ours < use


def test_torch_index_comes_from_one_variable() -> None:
    assert "--index-url" not in _dry_run("setup", "TORCH_INDEX=")
    assert "--index-url file:///some/index" in _dry_run("setup", "TORCH_INDEX=file:///some/index")


def test_make_test_lints_types_and_tests() -> None:
    plan = _dry_run("test")
    assert all(
        step in plan for step in ("ruff check", "ruff format --check", "mypy", "install_node_packages", "-m pytest")
    )


def test_processes_and_order_of_the_tests_come_from_variables() -> None:
    assert "-n 2 " in _dry_run("test") and "--folder-order" not in _dry_run("test")
    plan = _dry_run("test", "PROCESSES=3", "ORDER=random")
    assert "-n 3 " in plan and "--folder-order random" in plan


def test_ci_script_is_valid_and_runs_the_tests() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], timeout=10).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text and text.rstrip().endswith("exec make test")


def test_licence_is_the_one_declared() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    text = (REPOSITORY / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text


def test_every_package_says_that_it_is_typed_and_ships_saying_so() -> None:
    setup = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = [pattern.rstrip("*") for pattern in setup["packages"]["find"]["include"]]
    assert packages and "py.typed" in setup["package-data"]["*"]
    missing = [name for name in packages if not (REPOSITORY / name / "py.typed").is_file()]
    assert missing == []
