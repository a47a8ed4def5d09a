"""A sample body in the middle of its walk, for the tests of rendering."""

from __future__ import annotations

import pytest
import torch

from workers.lab.studies.gradients import sample_motion
from workers.motion.body_motion import BodyMotion
from workers.skeleton.model import Mesh


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Other tests share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def walking() -> tuple[BodyMotion, Mesh]:
    return sample_motion("walk", stout=False)
