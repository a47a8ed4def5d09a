"""Files to train on come by hash, from a folder or over HTTP, whole or not at all."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_store.transfer import Patience
from workers.contract.errors import ModelUnavailable, SourceFileNotFound
from workers.lab.eye.data.fetch import SourceFile, fetch, licence_texts, list_sources

CONTENT = {"a.bvh": b"HIERARCHY", "deep/b c.glb": b"glTF" * 50}


def source_files(right: bool = True) -> list[SourceFile]:
    def entry(name: str, data: bytes) -> SourceFile:
        digest = hashlib.sha256(data if right else data[::-1]).hexdigest()
        return SourceFile(f"motions/{name}", "owner/name", "c" * 40, name, digest, len(data), "CC0-1.0")

    return [entry(name, data) for name, data in CONTENT.items()]


def ignore(done: int, total: int, name: str) -> None:
    pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "web" / "owner" / "name" / ("c" * 40)
    for name, data in CONTENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    handler.log_message = lambda *args: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_files_come_over_http_and_only_once(server: str, tmp_path: Path) -> None:
    to = tmp_path / "data"
    assert fetch(source_files(), to, None, ignore, server) == 2
    for name, data in CONTENT.items():
        assert (to / "motions" / name).read_bytes() == data
    assert fetch(source_files(), to, None, ignore, "http://127.0.0.1:9") == 0


def test_a_broken_file_is_brought_again(server: str, tmp_path: Path) -> None:
    to = tmp_path / "data"
    fetch(source_files(), to, None, ignore, server)
    (to / "motions/a.bvh").write_bytes(b"HIERARCHX")
    assert fetch(source_files(), to, None, ignore, server) == 1
    assert (to / "motions/a.bvh").read_bytes() == CONTENT["a.bvh"]


def test_another_file_than_the_one_trained_on_is_refused(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not the file that was trained on"):
        fetch(source_files(right=False), tmp_path / "data", None, ignore, server, Patience(1, 0.0))
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_a_folder_gives_files_by_content_wherever_they_lie(tmp_path: Path) -> None:
    source = tmp_path / "somewhere"
    source.mkdir()
    for number, data in enumerate(CONTENT.values()):
        (source / f"{number}.bin").write_bytes(data)
    assert fetch(source_files(), tmp_path / "data", source, ignore) == 2
    assert (tmp_path / "data/motions/deep/b c.glb").read_bytes() == CONTENT["deep/b c.glb"]


def test_a_folder_without_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFileNotFound, match=r"a\.bvh"):
        fetch(source_files(), tmp_path / "data", tmp_path, ignore)


def test_the_list_names_a_commit_a_hash_and_a_licence_for_each_file() -> None:
    files = list_sources()
    assert len({file.path for file in files}) == len(files)
    for file in files:
        assert len(file.commit) == 40
        assert len(file.sha256) == 64
        assert file.licence in licence_texts()
        assert " " not in file.url()


def test_the_list_is_the_data_that_is_here(shared_data: Path, tmp_path: Path) -> None:
    small = [file for file in list_sources() if file.bytes < 200_000]
    assert fetch(small, tmp_path, shared_data, ignore) == len(small)
