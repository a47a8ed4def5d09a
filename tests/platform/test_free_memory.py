"""Free memory: the lesser of the machine's and the container's."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.platform.free_memory import free_memory_bytes

MACHINE = "MemTotal: 8000 kB\nMemAvailable:    4000 kB\n"


@pytest.mark.parametrize(
    ("limit", "used", "droppable", "free"),
    [("max", 10, 0, 4_096_000), ("3000000", 1_000_000, 500_000, 2_500_000), ("1000", 5000, 0, 0)],
)
def test_the_lesser_counts(tmp_path: Path, limit: str, used: int, droppable: int, free: int) -> None:
    (tmp_path / "meminfo").write_text(MACHINE)
    for name, text in (("max", limit), ("current", str(used)), ("stat", f"anon 5\ninactive_file {droppable}\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_memory_bytes(tmp_path / "meminfo", tmp_path) == free


def test_what_is_not_told_is_none(tmp_path: Path) -> None:
    assert free_memory_bytes(tmp_path / "none", tmp_path) is None
    assert (free_memory_bytes() or 1) > 0
