"""Threads of the tests of rendering."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workers.platform.torch_threads import torch_threads


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Other tests share the machine; they find the threads as they were."""
    with torch_threads(1):
        yield
