"""The client against the real application behind a real socket, with a stand-in for the workers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from service.app import create_app
from service.batches.feeding import feed_all
from service.cli import main
from service.client import AsyncClient, Client, Job, ServiceError, new_secret, verify_webhook
from service.client.webhooks import NotGenuine
from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, finish_job, served
from workers.contract.errors import ParseFailed

ROOT = Path(__file__).resolve().parents[2]
FILES = {"result.glb": ("model/gltf-binary", GLB), "report.json": ("application/json", b'{"schema": "report/1"}')}
SCRIPT = """\
import sys
from pathlib import Path
from service.client import Client
with Client(sys.argv[1]) as client:
    batch = client.batch(sorted(Path("motions").iterdir()), sorted(Path("characters").iterdir()), start="origin")
    for item in client.results(batch, "out", ["result.glb"]):
        print(batch.id, item.index, item.status, item.verdict, flush=True)
"""


@contextmanager
def working(store: JobStore, blobs: BlobStore, settings: Settings, failing: int = 0) -> Iterator[None]:
    """Jobs get done while this is open; the first `failing` of them fail."""
    stop, left = threading.Event(), [failing]

    def work() -> None:
        while not stop.wait(0.002):
            feed_all(store, blobs, settings)
            name = store.first_waiting("retarget")
            if name is not None and left[0] > 0:
                left[0] -= 1
                assert store.claim(name, "e", 30)
                store.fail(name, "e", ParseFailed("line 1: no joints; export it again").to_dict())
            elif name is not None:
                finish_job(store, blobs, name, FILES)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with 20 motions and 5 characters."""
    for name, count, data in (("motions", 20, BVH), ("characters", 5, GLB)):
        (tmp_path / name).mkdir()
        for number in range(count):
            suffix = "bvh" if name == "motions" else "glb"
            (tmp_path / name / f"{name[0]}{number:02d}.{suffix}").write_bytes(data + b"\n" * number)
    return tmp_path


def test_a_hundred_items_in_a_few_lines_interrupted_and_gone_on_with(
    settings: Settings, store: JobStore, blobs: BlobStore, folder: Path
) -> None:
    assert len(SCRIPT.splitlines()) <= 12
    command = [sys.executable, "-c", SCRIPT]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with working(store, blobs, settings):
        with served(create_app(settings)) as url:
            first = subprocess.Popen([*command, url], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
            assert first.stdout is not None
            seen = [first.stdout.readline() for _ in range(30)]
            first.kill()
            first.wait()
            first.stdout.close()
        before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*.glb")}
        assert len(before) >= 30
        with served(create_app(settings)) as url:  # another gateway, at another address
            done = subprocess.run(
                [*command, url], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
            )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {line[0] for line in lines} == {seen[0].split()[0]}, "the same batch"
    assert sorted(int(line[1]) for line in lines) == list(range(100))
    assert {tuple(line[2:]) for line in lines} == {("succeeded", "pass")}
    after = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*.glb")}
    assert len(after) == 100 and all(after[path] == at for path, at in before.items()), "nothing fetched twice"
    assert all(path.read_bytes() == GLB for path in after) and list((folder / "out").rglob("*.part")) == []
    assert len(store.page(limit=100)[0]) == 100 and store.page(limit=100)[1] is None, "no job twice"


class Flaky(httpx2.HTTPTransport):
    """A connection that breaks off after the request was sent, as often as it is told."""

    def __init__(self, broken: list[str]) -> None:
        super().__init__()
        self.broken = broken

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        if request.method in self.broken:
            self.broken.remove(request.method)
            response.close()
            raise httpx2.ReadError("broken off", request=request)
        return response


def test_a_post_that_breaks_off_makes_no_second_job(
    address: str, settings: Settings, store: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("service.client.blocking.time.sleep", lambda seconds: None)
    with Client(address, transport=Flaky(["POST", "POST", "GET"])) as client:
        job = client.submit(("walk.bvh", BVH), ("hero.glb", GLB), more={"metadata": {"shot": 1}}, start="origin")
        assert len(store.page()[0]) == 1 and client.job(job.id).metadata == {"shot": 1}
        told: list[Job] = []
        with working(store, blobs, settings):
            ended = client.wait(job, told.append)
        assert ended.status == "succeeded" and told[-1].id == job.id and ended.is_final
        assert client.report(job) == {"schema": "report/1"}
        (tmp_path / "result.glb").write_bytes(b"of an earlier run")
        assert [path.read_bytes()[:4] for path in client.download(ended, tmp_path, ["result.glb"])] == [b"glTF"]
        with pytest.raises(ServiceError, match=r"not-cancelable: job .* has already ended"):
            client.cancel(ended)


def test_events_that_do_not_come_through_are_polled_for(
    address: str, settings: Settings, store: JobStore, blobs: BlobStore
) -> None:
    class NoEvents(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith("/events"):
                raise httpx2.ConnectError("a proxy closed it", request=request)
            return super().handle_request(request)

    with Client(address, transport=NoEvents()) as client, working(store, blobs, settings):
        assert client.wait(client.submit(("walk.bvh", BVH), ("hero.glb", GLB))).status == "succeeded"


def test_the_asyncio_client_does_the_same(
    address: str, settings: Settings, store: JobStore, blobs: BlobStore, tmp_path: Path
) -> None:
    async def session() -> list[int]:
        async with AsyncClient(address) as client:
            motion = await client.upload_motion(("walk.bvh", BVH))
            character = await client.upload_character(("hero.glb", GLB), definition={"leave_alone": ["tail"]})
            job = await client.wait(await client.submit(motion, character))
            paths = await client.download(job, tmp_path)
            assert job.status == "succeeded" and {path.name for path in paths} == set(FILES)
            batch = await client.batch([motion], [character], metadata={"night": 1})
            found = [item.index async for item in client.results(batch, tmp_path / "batch")]
            assert (await client.wait_for_batch(batch)).counts["succeeded"] == 1
            with pytest.raises(ServiceError, match="invalid-options"):
                await client.submit(motion, character, start="nowhere")
            return found

    with working(store, blobs, settings):
        assert asyncio.run(session()) == [0]
    assert len(list((tmp_path / "batch").rglob("*.glb"))) == 1


def test_half_a_download_is_gone_on_with(
    address: str, settings: Settings, store: JobStore, blobs: BlobStore, tmp_path: Path
) -> None:
    asked: list[str | None] = []

    class Noting(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if "/artifacts/" in request.url.path:
                asked.append(request.headers.get("range"))
            return super().handle_request(request)

    with Client(address, transport=Noting()) as client, working(store, blobs, settings):
        job = client.wait(client.submit(("walk.bvh", BVH), ("hero.glb", GLB)))
        assert job.result is not None
        sha256 = job.result.artifacts[0].sha256
        (tmp_path / f"result.glb.{sha256[:12]}.part").write_bytes(GLB[:5])
        client.download(job, tmp_path, ["result.glb"])
        assert asked == ["bytes=5-"] and (tmp_path / "result.glb").read_bytes() == GLB
        client.download(job, tmp_path, ["result.glb"])
        assert len(asked) == 1


def test_webhooks_are_verified_as_the_library_signs_them() -> None:
    secret, now = new_secret(), datetime.now(UTC)
    body = '{"type":"job.succeeded","data":{"name":"Jörg"}}'
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": f"v1,AAAA {Webhook(secret).sign('msg_1', now, body)}",
    }
    assert verify_webhook(body.encode(), headers, secret)["type"] == "job.succeeded"
    for wrong in ((body.encode() + b" ", headers, secret), (body.encode(), headers, new_secret()), (b"{}", {}, secret)):
        with pytest.raises(NotGenuine):
            verify_webhook(*wrong)
    with pytest.raises(NotGenuine, match="clock"):
        verify_webhook(body.encode(), headers, secret, now_s=now.timestamp() + 400)


def test_submit_for_shells(
    address: str,
    settings: Settings,
    store: JobStore,
    blobs: BlobStore,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    motions, characters = (
        [str(path) for path in sorted((folder / name).iterdir())] for name in ("motions", "characters")
    )
    one = ["submit", motions[0], "-c", characters[0], "-o", "one", "--url", address]
    many = ["submit", *motions[:3], "-c", characters[0], "-c", characters[1], "-o", "many", "--url", address]
    with working(store, blobs, settings):
        assert main(one) == 0
        assert "verdict pass" in capsys.readouterr().out and (folder / "one" / "result.glb").is_file()
    with working(store, blobs, settings, failing=2):
        assert main(many) == 3
        told = capsys.readouterr()
        assert told.out.count("succeeded") == 4 and "no joints" in told.err
        assert main([*many, "--retry", "--only", "result.glb"]) == 0
    assert len(list((folder / "many").rglob("result.glb"))) == 6
    capsys.readouterr()
    assert main(["submit", "nowhere.bvh", "-c", characters[0]]) == 3
    assert main([*one, "--options", motions[0]]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_nothing_heavy_and_nothing_of_posix_is_needed() -> None:
    """As on a system that lacks these modules."""
    gone = [
        "fcntl",
        "resource",
        "pwd",
        "grp",
        "termios",
        "pty",
        "posix_ipc",
        "torch",
        "numpy",
        "fastapi",
        "redis",
        "rq",
    ]
    code = (
        f"import sys\nfor name in {gone}: sys.modules[name] = None\n"
        "import service.client, service.commands.submit\n"
        "import json; print(json.dumps([name for name, found in sys.modules.items() if found is not None]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ours = [name for name in json.loads(done.stdout) if name.split(".")[0] in ("service", "workers", "model_store")]
    rooms = {".".join(name.split(".")[:2]) for name in ours}
    assert rooms <= {"service", "service.client", "service.commands", "workers", "workers.contract"}, rooms
