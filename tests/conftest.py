"""Fixtures for the whole suite."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from workers.platform.threads import thread_settings

if TYPE_CHECKING:
    from workers.formats.bundle import FileBundle
    from workers.motion.body_motion import BodyMotion
    from workers.skeleton.model import Mesh

pytest_plugins = ["tests.folder_order", "tests.near_limits"]

# Processes of the suite share the cores; libraries read this when they load. Alone, and where the variable is set, the
# suite takes what a user would have.
os.environ.update(thread_settings(workers=int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))

# How long an example takes hangs on what else the machine does, and is no property of the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

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


@pytest.fixture(scope="session")
def samples() -> dict[str, FileBundle]:
    """Every sample file by name."""
    from workers.formats.bundle import FileBundle
    from workers.samples.write import sample_files

    return {name: FileBundle(name, data) for name, data in sample_files().items()}


@pytest.fixture(scope="session")
def walking() -> tuple[BodyMotion, Mesh]:
    """A sample body in the middle of its walk."""
    from workers.lab.studies.gradients import sample_motion

    return sample_motion("walk", stout=False)
