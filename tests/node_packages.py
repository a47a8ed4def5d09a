"""The npm packages that results are checked with: `make validator` installs them. In CI they must be there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from workers.lab.gltf_validator import GltfValidator, find_validator


def require_validator() -> GltfValidator:
    """The Khronos glTF validator."""
    found = find_validator()
    return _missing("gltf-validator") if found is None else found


def require_three() -> Path:
    """The folder of three.js, a second reader of FBX; RETARGET_THREE names another."""
    default = Path(__file__).resolve().parents[1] / ".venv" / "three" / "node_modules" / "three"
    folder = Path(os.environ.get("RETARGET_THREE", default))
    if shutil.which("node") is None or not (folder / "examples/jsm/loaders/FBXLoader.js").is_file():
        _missing("three")
    return folder


def _missing(name: str) -> NoReturn:
    reason = f"no {name}: run tests/tools/install_node_packages.sh (needs Node.js and npm)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
