"""Sample characters and motions for the engine's tests."""

from __future__ import annotations

import pytest

from workers.formats.bundle import FileBundle
from workers.samples.write import sample_files


@pytest.fixture(scope="session")
def samples() -> dict[str, FileBundle]:
    """Every sample file by name."""
    return {name: FileBundle(name, data) for name, data in sample_files().items()}
