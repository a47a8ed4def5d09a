"""Fixtures for the tests of geometry."""

from __future__ import annotations

import pytest
import torch

from tests.geometry.capsule_body import capsule_surface
from workers.geometry.surface import BodySurface


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Other tests share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def surface() -> BodySurface:
    return capsule_surface()
