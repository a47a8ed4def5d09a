"""Fixtures for the tests of geometry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.geometry.capsule_body import capsule_surface
from workers.geometry.surface import BodySurface
from workers.platform.torch_threads import torch_threads


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Other tests share the machine; they find the threads as they were."""
    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def surface() -> BodySurface:
    return capsule_surface()
