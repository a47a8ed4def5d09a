"""Fixtures for the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# A test is scored by an encoder where meaning is its point, and names that encoder; the rest would take seconds each.
os.environ.setdefault("RETARGET_ENCODER", "none")
os.environ.setdefault("RETARGET_SURFACE_SCORES", "off")  # a second or two a clip


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real motions and characters that lies beside a checkout; skips where it is absent."""
    folder = Path(os.environ.get("RETARGET_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set RETARGET_SHARED_DATA")
    return folder
