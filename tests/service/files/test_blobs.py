"""Blobs on a local folder and in memory: one behaviour behind one URL."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.files.blobs import BlobStore, WrongStore, output_key, upload_key
from workers.contract.errors import FileTooLarge, Unavailable


@pytest.fixture(params=["file", "path", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    urls = {"file": f"file://{tmp_path}/blobs", "path": f"{tmp_path}/blobs", "memory": f"memory://{uuid.uuid4().hex}"}
    store = BlobStore(urls[request.param])
    store.make_root()
    return store


def test_an_upload_lies_at_its_content(blobs: BlobStore) -> None:
    blob = blobs.put_stream([b"ab", b"", b"cd"])
    assert (blob.bytes, blob.sha256) == (4, hashlib.sha256(b"abcd").hexdigest())
    assert blob.key == upload_key(blob.sha256)
    assert blobs.read(blob.key) == b"abcd" and blobs.bytes(blob.key) == 4
    assert [entry.key for entry in blobs.list("unfinished")] == []


def test_the_cap_stops_before_the_byte_that_passes_it(blobs: BlobStore) -> None:
    assert blobs.put_stream([b"abc", b"d"], max_bytes=4).bytes == 4
    taken = []

    def chunks() -> Iterator[bytes]:
        for index in range(100):
            taken.append(index)
            yield b"abc"

    with pytest.raises(FileTooLarge, match=r"hero\.glb"):
        blobs.put_stream(chunks(), max_bytes=4, what="hero.glb")
    assert taken == [0, 1]
    assert [entry.key for entry in blobs.list("unfinished")] == []


def test_a_copy_is_as_good_as_the_first_and_outlives_it(blobs: BlobStore) -> None:
    first, second = (output_key("job_1", execution, "walk.glb") for execution in ("e1", "e2"))
    blobs.put(first, b"bytes")
    blobs.copy(first, second)
    blobs.copy(first, second)
    blobs.delete(first)
    assert blobs.read(second) == b"bytes" and not blobs.exists(first)
    with pytest.raises(FileNotFoundError):
        blobs.copy(first, output_key("job_1", "e3", "walk.glb"))


def test_what_is_not_committed_is_discarded(blobs: BlobStore) -> None:
    with blobs.writer() as writer:
        writer.write(b"abc")
    assert not blobs.exists(upload_key(hashlib.sha256(b"abc").hexdigest()))
    assert list(blobs.list("unfinished")) == []
    with pytest.raises(ValueError, match="already"):
        writer.commit()


def test_put_overwrites_and_delete_forgives(blobs: BlobStore) -> None:
    key = output_key("job_1", "e1", "walk.glb")
    blobs.put(key, b"one")
    assert blobs.put(key, [b"t", b"wo"]).bytes == 3
    assert blobs.read(key) == b"two"
    blobs.put(output_key("job_1", "e2", "walk.glb"), b"x")
    blobs.delete(key)
    blobs.delete(key)
    assert not blobs.exists(key)
    blobs.delete_tree("outputs/job_1")
    blobs.delete_tree("outputs/job_1")
    assert list(blobs.list("outputs")) == []
    with pytest.raises(FileNotFoundError):
        blobs.read(key)
    with pytest.raises(FileNotFoundError):
        next(blobs.read_range(key))


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.", "a\\b", "a\0b"])
def test_keys_stay_below_the_root(blobs: BlobStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a blob key"):
        blobs.read(key)


@given(st.binary(max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_ranges_are_slices(content: bytes, start: int, stop: int) -> None:
    memory = BlobStore("memory://ranges")
    memory.put("a", content)
    assert b"".join(memory.read_range("a", start, stop)) == content[start:stop]
    assert b"".join(memory.read_range("a", start)) == content[start:]


def test_equal_content_in_parallel_is_one_blob(blobs: BlobStore) -> None:
    content = bytes(range(256)) * 500
    threads = [threading.Thread(target=blobs.put_stream, args=([content],)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.bytes for entry in blobs.list("uploads")] == [len(content)]
    assert list(blobs.list("unfinished")) == []


def test_the_disk_check(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.check_free_disk(0.0)
    ratio = blobs.free_disk_ratio()
    assert ratio is None or 0 <= ratio <= 1
    monkeypatch.setattr(BlobStore, "free_disk_ratio", lambda self: 0.04)
    with pytest.raises(Unavailable, match=r"4\.0%"):
        blobs.check_free_disk(0.05)


def test_the_probe_leaves_nothing(blobs: BlobStore) -> None:
    blobs.check_writable()
    assert list(blobs.list("unfinished")) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blobs = BlobStore(f"file://{tmp_path}/blobs")
    blobs.make_root()
    (tmp_path / "blobs" / "unfinished").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        blobs.check_writable()


def test_a_root_that_vanishes_while_a_folder_is_made_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the root and the making of the folder."""
    root = tmp_path / "blobs"
    store = BlobStore(f"file://{root}")
    store.make_root()
    store.put("outputs/a/x", b"1")
    checked = BlobStore.check_there

    def check_and_lose(self: BlobStore) -> None:
        checked(self)
        root.rename(tmp_path / "away")

    monkeypatch.setattr(BlobStore, "check_there", check_and_lose)
    with pytest.raises((FileNotFoundError, WrongStore)):
        store.put("outputs/b/x", b"2")
    assert not root.exists()
    (tmp_path / "away").rename(root)
    monkeypatch.undo()
    assert store.read("outputs/a/x") == b"1"


def test_a_store_makes_no_folder_by_itself(tmp_path: Path) -> None:
    """A process that starts while a known store is away must not leave an empty one in its place."""
    store = BlobStore(f"file://{tmp_path}/blobs")
    with pytest.raises(WrongStore):
        store.put("outputs/a/x", b"1")
    assert not (tmp_path / "blobs").exists()
