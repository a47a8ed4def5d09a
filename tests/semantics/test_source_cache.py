"""The cache of source embeddings: exact, bounded, and never the reason that a job fails."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from workers.semantics.source_cache import SourceCache, SourceLook


def look(seed: int, size: int = 64, words: bool = False) -> SourceLook:
    values = np.random.default_rng(seed).normal(size=(4, size)).astype(np.float32)
    if not words:
        return SourceLook(values)
    return SourceLook(values, values[:, 0], ("asked", "and answered"), ("wäving", ""))


def same(first: SourceLook | None, second: SourceLook) -> bool:
    return (
        first is not None
        and np.array_equal(first.embeddings, second.embeddings)
        and (first.guidance, first.answers) == (second.guidance, second.answers)
    )


@pytest.mark.parametrize("words", [False, True])
def test_what_was_put_comes_back_bit_for_bit(tmp_path: Path, words: bool) -> None:
    kept = look(1, words=words)
    SourceCache(tmp_path).put("a", kept)
    found = SourceCache(tmp_path).get("a")
    assert same(found, kept)
    assert found is not None
    assert (found.matches is None) == (kept.matches is None)
    assert SourceCache(tmp_path).get("b") is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]  # no unfinished file is left


@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_a_damaged_file_is_a_miss_and_is_removed(tmp_path: Path, damage: str) -> None:
    SourceCache(tmp_path).put("a", look(1))
    path = tmp_path / "a.npz"
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "noise": os.urandom(200)}[damage])
    assert SourceCache(tmp_path).get("a") is None
    assert not path.exists()


def test_values_that_are_not_finite_are_no_hit(tmp_path: Path) -> None:
    SourceCache(tmp_path).put("a", SourceLook(np.full((2, 2), np.nan, dtype=np.float32)))
    assert SourceCache(tmp_path).get("a") is None


def test_memory_keeps_what_was_used_last() -> None:
    cache = SourceCache(memory_bytes=2 * look(0).bytes)
    cache.put("a", look(1))
    cache.put("b", look(2))
    assert cache.get("a") is not None
    cache.put("c", look(3))
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_the_folder_keeps_what_was_used_last(tmp_path: Path) -> None:
    SourceCache(tmp_path).put("a", look(1))
    size = (tmp_path / "a.npz").stat().st_size
    cache = SourceCache(tmp_path, folder_bytes=2 * size)
    os.utime(tmp_path / "a.npz", (1.0, 1.0))
    cache.put("b", look(2))
    os.utime(tmp_path / "b.npz", (2.0, 2.0))
    assert SourceCache(tmp_path).get("a") is not None  # used now
    cache.put("c", look(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "c.npz"]


def test_a_folder_that_cannot_be_written_costs_no_job(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = SourceCache(tmp_path / "file" / "folder")
    cache.put("a", look(1))
    assert same(cache.get("a"), look(1))
