"""Fixtures for the tests of geometry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.geometry.capsule_body import capsule_surface
from workers.geometry.surface import BodySurface


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Other tests share the machine; they find the threads as they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def surface() -> BodySurface:
    return capsule_surface()
