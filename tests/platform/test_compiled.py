"""Where compiled code is kept: under the sources it was made of, in a folder that can be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.platform.compiled import compiled, compiled_folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    (folder / "code.py").write_text("ONE = 1\n")
    (folder.parent / "constants.py").write_text("TWO = 2\n")
    return folder


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETARGET_CACHE_DIR", raising=False)
    compiled_folder.cache_clear()


def test_beside_the_sources_or_where_the_environment_says(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = compiled_folder(package)
    assert beside is not None and beside.parent == package / "__pycache__"
    compiled_folder.cache_clear()
    monkeypatch.setenv("RETARGET_CACHE_DIR", str(tmp_path / "cache"))
    assert compiled_folder(package) == tmp_path / "cache" / beside.name


@pytest.mark.parametrize("changed", ["inner/code.py", "constants.py"])
def test_other_sources_are_another_folder(package: Path, changed: str) -> None:
    before = compiled_folder(package)
    (package.parent / changed).write_text("ONE = 3\n")
    compiled_folder.cache_clear()
    assert compiled_folder(package) != before


def test_sources_that_cannot_be_written_beside(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "__pycache__").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    found = compiled_folder(package)
    assert found is not None and found.parent == tmp_path / "user" / "retarget"
    compiled_folder.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(package / "__pycache__"))
    assert compiled_folder(package) is None


def test_division_by_zero_is_numpys() -> None:
    @compiled
    def quotient(one: float, other: float) -> float:
        return one / other

    assert quotient(1.0, 0.0) == float("inf")
