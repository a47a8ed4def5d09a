"""Threads of the tests of rendering."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Other tests share the machine."""
    torch.set_num_threads(1)
