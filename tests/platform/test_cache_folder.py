"""The cache folder and its keys: exact, bounded, shared by processes, and never the reason that a job fails."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.platform.cache_folder import Arrays, CacheFolder, Recent
from workers.platform.content_key import content_key

ARRAYS: Arrays = {"turns": np.arange(12.0).reshape(3, 4), "names": np.array("wäving"), "kept": np.array([True, False])}


@dataclass(frozen=True)
class Held:
    name: str
    places: Any


def whole(arrays: Arrays) -> Arrays:
    return arrays


def test_what_was_written_is_read_bit_for_bit_and_no_unfinished_file_is_left(tmp_path: Path) -> None:
    CacheFolder(tmp_path / "new").write("a", ARRAYS)
    found = CacheFolder(tmp_path / "new").read("a", whole)
    assert found is not None
    assert all(np.array_equal(found[name], ARRAYS[name]) and found[name].dtype == ARRAYS[name].dtype for name in ARRAYS)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npz"]
    assert CacheFolder(tmp_path).read("b", whole) is None


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "flipped"])
def test_a_damaged_file_is_a_miss_and_is_removed(tmp_path: Path, damage: str) -> None:
    CacheFolder(tmp_path).write("a", ARRAYS)
    path = tmp_path / "a.npz"
    data = path.read_bytes()
    middle = data.find(np.float64(5.0).tobytes())
    flipped = data[:middle] + b"\xff" + data[middle + 1 :]
    path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "noise": os.urandom(99), "flipped": flipped}[damage])
    assert CacheFolder(tmp_path).read("a", whole) is None
    assert not path.exists()


def test_what_the_reader_refuses_is_a_miss_and_is_removed(tmp_path: Path) -> None:
    CacheFolder(tmp_path).write("a", ARRAYS)
    assert CacheFolder(tmp_path).read("a", lambda arrays: arrays["absent"]) is None
    assert not list(tmp_path.iterdir())


def test_a_full_disk_costs_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    CacheFolder(tmp_path).write("a", ARRAYS)
    assert not list(tmp_path.iterdir())


def test_the_folder_is_bounded_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    CacheFolder(tmp_path).write("a", ARRAYS)
    folder = CacheFolder(tmp_path, 2 * (tmp_path / "a.npz").stat().st_size)
    os.utime(tmp_path / "a.npz", (1.0, 1.0))
    folder.write("b", ARRAYS)
    os.utime(tmp_path / "b.npz", (2.0, 2.0))
    assert folder.read("a", whole) is not None  # used now
    folder.write("c", ARRAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "c.npz"]


def test_memory_keeps_what_was_used_last_and_makes_it_once() -> None:
    made: list[str] = []
    recent: Recent[str] = Recent(2)

    def make(key: str) -> str:
        made.append(key)
        return key

    for key in "abacab":
        assert recent.get(key, partial(make, key)) == key
    assert made == ["a", "b", "c", "b"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(values, values)
def test_keys_are_equal_where_values_are_and_only_there(one: Any, other: Any) -> None:
    assert (content_key(one) == content_key(other)) == (repr(one) == repr(other))


def test_every_byte_shape_and_kind_of_an_array_counts() -> None:
    array = np.arange(6.0)
    bent = array.copy()
    bent[3] = np.nextafter(3.0, 4.0)
    others = [bent, array.reshape(2, 3), array.astype(np.float32), array.astype(np.int64), array[:5], array[::-1]]
    keys = [content_key(other) for other in [array, *others]]
    assert len(set(keys)) == len(keys)
    assert content_key(array[::2]) == content_key(array[::2].copy())


def test_neighbours_do_not_run_together() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key(["a"], "b") != content_key(["a", "b"])
    assert content_key(Held("a", np.zeros(2))) != content_key(Held("a", np.zeros(3)))
    assert content_key({1, 2, 3}) == content_key({3, 2, 1}) != content_key({1, 2})


def test_what_has_no_content_is_refused() -> None:
    for value in (object(), lambda: None, np.array([object()])):
        with pytest.raises(TypeError):
            content_key(value)


def test_keys_are_the_same_in_another_process() -> None:
    program = (
        "from workers.platform.content_key import content_key; print(content_key({'a': [1.5, 'x']}, {'q', 'p', 'r'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == content_key({"a": [1.5, "x"]}, {"q", "p", "r"})
