"""For the worker of one test: as if torch were not installed. Python runs this at its start."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parent.parent))  # the engines of the fault tests
_find = importlib.util.find_spec


def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
    return None if name == "torch" else _find(name, package)


importlib.util.find_spec = find_spec
