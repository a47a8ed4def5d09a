"""The map in each package's docstring: a line for every module and sub-package, and none for what is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    path.parent.relative_to(REPOSITORY)
    for top in ("service", "workers", "model_store")
    for path in (REPOSITORY / top).rglob("__init__.py")
)
LINE = re.compile(r"^    ([a-z]\w*) {2,}(\S.*)$", re.MULTILINE)  # four spaces, the name, two or more, what it is


def _docstring(package: Path) -> str:
    return ast.get_docstring(ast.parse((REPOSITORY / package / "__init__.py").read_text())) or ""


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_every_module_of_a_room_is_in_its_map(package: Path) -> None:
    folder = REPOSITORY / package
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    listed = [name for name, _ in LINE.findall(_docstring(package))]
    assert sorted(listed) == sorted(modules)


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_room_says_what_it_is_before_its_map(package: Path) -> None:
    head = LINE.split(_docstring(package), maxsplit=1)[0]
    assert head.split("\n")[0].rstrip().endswith((".", "`", ":")) and len(head.split()) >= 3
