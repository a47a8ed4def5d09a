"""`retarget serve` as a user runs it: starts, survives the death of each part, stops without leaving a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.fault.fault_kit import CHARACTER, FAST, MOTION, children_of, gone, wait_until

pytestmark = pytest.mark.timeout(90)


class Serve:
    """One `retarget serve` process, and what its user sees."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            **{f"RETARGET_{name.upper()}": str(value) for name, value in FAST.items()},
        }
        environment.pop("RETARGET_REDIS_URL", None)
        command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(data_dir), *arguments]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.seen: set[int] = set()

    def wait_ready(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready: http://127.0.0.1:"), line
        self.url = line.split()[1]
        return self.url

    def pids(self) -> dict[str, int]:
        """Process ids by role. Remembers all that were ever seen."""
        found: dict[str, int] = {}
        for child in children_of(self.process.pid):
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            role = next((word for word in words if word in ("gateway", "worker")), "redis")
            found[role] = child
            if role == "worker":
                found.update(job_process=next(iter(children_of(child)), 0))
        self.seen |= set(found.values()) - {0}
        return found

    def post(self, description: str) -> str:
        answer = httpx2.post(
            f"{self.url}/v1/jobs",
            files={"motion": ("walk.bvh", MOTION), "character": ("hero.glb", CHARACTER)},
            data={"options": f'{{"description": "{description}"}}'},
            timeout=10,
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def status(self, job: str) -> str:
        """The job's status, "" while the gateway or Redis is away."""
        try:
            answer = httpx2.get(f"{self.url}/v1/jobs/{job}", timeout=15)
        except httpx2.TransportError:
            return ""
        if answer.status_code == 503:
            assert answer.json()["code"] == "unavailable"
            return ""
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    def wait_running(self, job: str) -> None:
        wait_until(lambda: self.status(job) == "running", 10, "running")

    def wait_replaced(self, role: str, before: int) -> None:
        wait_until(lambda: self.pids().get(role) not in (None, 0, before), 10, f"a new {role}")

    def wait_succeeded(self, job: str, timeout_s: float = 30) -> None:
        wait_until(lambda: self.status(job) not in ("", "queued", "running"), timeout_s, "final")
        assert self.status(job) == "succeeded"

    def stop(self, sent: signal.Signals = signal.SIGINT, timeout_s: float = 15) -> int:
        self.pids()
        self.process.send_signal(sent)
        return self.process.wait(timeout=timeout_s)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    serve = Serve(tmp_path / "data")
    try:
        serve.wait_ready()
        yield serve
    finally:
        serve.close()


def test_each_part_may_die_and_nothing_is_left_at_the_end(serve: Serve) -> None:
    serve.wait_succeeded(serve.post("quick"))
    for role in ("redis", "gateway", "worker", "job_process"):
        before = serve.pids()
        job = serve.post("stages 1")
        serve.wait_running(job)
        os.kill(before[role], signal.SIGKILL)
        serve.wait_succeeded(job)
        serve.wait_replaced(role, before[role])
        assert serve.process.poll() is None
    assert serve.stop() == 0
    assert [pid for pid in serve.seen if not gone(pid)] == []


def test_ctrl_c_with_a_job_that_does_not_end_gives_it_back(serve: Serve, tmp_path: Path) -> None:
    marker = tmp_path / "running"
    job = serve.post(f"signal-then-hold {marker}")
    wait_until(lambda: marker.exists() and marker.read_text(), 10, "the engine runs")
    serve.pids()
    serve.process.send_signal(signal.SIGINT)
    threading.Event().wait(0.3)
    serve.process.send_signal(signal.SIGINT)  # a second one does not wait
    assert serve.process.wait(timeout=10) == 0
    assert [pid for pid in serve.seen if not gone(pid)] == []
    again = Serve(tmp_path / "data")
    try:
        again.wait_ready()
        again.wait_succeeded(job)
    finally:
        again.close()


def test_a_killed_supervisor_leaves_no_orphan_and_its_folder_can_be_used_at_once(serve: Serve, tmp_path: Path) -> None:
    job = serve.post("stages 2")
    serve.wait_running(job)
    assert set(serve.pids()) == {"redis", "gateway", "worker", "job_process"}
    serve.process.kill()
    serve.process.wait()
    again = Serve(tmp_path / "data")
    try:
        again.wait_ready()
        assert [pid for pid in serve.seen if not gone(pid)] == []
        again.wait_succeeded(job)
    finally:
        again.close()


def test_a_folder_in_use_is_refused_in_one_line(serve: Serve, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert second.returncode == 2 and second.stdout == ""
    (line,) = second.stderr.splitlines()
    assert line.startswith("error: invalid-options: ") and "--data-dir" in line


def test_a_port_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "service.cli", "serve", "--port", port, "--data-dir", str(tmp_path)]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: invalid-options: ") and port in line


@pytest.mark.parametrize(
    ("url", "code", "text"), [("nonsense", 2, "invalid-options"), ("redis://127.0.0.1:1/0", 1, "unavailable")]
)
def test_a_redis_of_the_users_that_is_not_there_is_told_at_once(tmp_path: Path, url: str, code: int, text: str) -> None:
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(tmp_path)]
    refused = subprocess.run([*command, "--redis-url", url], capture_output=True, text=True, timeout=30)
    assert refused.returncode == code
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"error: {text}: ") and url in line


def test_a_part_that_cannot_start_ends_serve_with_an_error(tmp_path: Path) -> None:
    """A blob URL that no file system stands behind: neither gateway nor worker can start."""
    environment = {**os.environ, "RETARGET_BLOB_URL": "nosuchstore://bucket"}
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("error: unavailable: ")
    assert "Traceback" not in refused.stdout
