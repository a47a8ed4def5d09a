"""The ingest sandbox: its limits bite, and whatever its process does ends in one typed error that names the file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gltf_builder import GltfBuilder
from workers.contract.errors import (
    FileTooLarge,
    InternalError,
    JobTimeout,
    ParseFailed,
    RetargetError,
    TooLarge,
    Unavailable,
    UnsupportedFormat,
)
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.formats.load_bundle import bundle_from_path
from workers.ingest.sandbox import landlock
from workers.ingest.sandbox.confinement import SandboxLimits
from workers.ingest.sandbox.sandbox import Sandbox
from workers.samples.write import sample_files

pytestmark = [pytest.mark.timeout(60), pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")]
TIGHT = SandboxLimits(memory_bytes=2**29, cpu_s=1, wall_s=20.0, written_bytes=8 * 2**20, open_files=64)
REAL = ("characters/mixamo-xy-pair/Xbot.glb", "motions/cmu-cc/001_01.bvh", "characters/threejs/Soldier.glb")
Make = Callable[..., Sandbox]


@pytest.fixture(scope="module")
def make() -> Iterator[Make]:
    """Sandboxes that read with `hostile_readers.read`; all are closed at the end."""
    opened: list[Sandbox] = []

    def open_sandbox(limits: SandboxLimits = TIGHT, folder: Path | None = None) -> Sandbox:
        """`folder` is where its process may write, to tell a test something."""
        folders = () if folder is None else (str(folder),)
        opened.append(Sandbox(replace(limits, folders=folders), "hostile_readers:read"))
        return opened[-1]

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *([before] if before else [])])
    try:
        yield open_sandbox
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
        for sandbox in opened:
            sandbox.close()


@pytest.fixture(scope="module")
def sandbox(make: Make) -> Sandbox:
    return make()


def found(sandbox: Sandbox, act: str, data: bytes = b"") -> Any:
    return sandbox.read(FileBundle(act, data)).scene.extras["found"]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        ("allocate", TooLarge, "memory"),
        ("spin", JobTimeout, "too long"),
        ("write_big", TooLarge, "too large"),
        ("open_many", InternalError, "unexpected"),
        ("segfault", ParseFailed, "SIGSEGV"),
        ("abort", ParseFailed, "SIGABRT"),
        ("leave", ParseFailed, "exit code 0"),
        ("garbage", ParseFailed, "upset"),
        ("torrent", ParseFailed, "upset"),
        ("deep", ParseFailed, "upset"),
        ("wrong_length", ParseFailed, "upset"),
        ("foreign_error", ParseFailed, "upset"),
        ("no_error", ParseFailed, "upset"),
        ("holds_on", ParseFailed, "upset"),
        ("bug", InternalError, "unexpected"),
    ],
)
def test_every_misbehaviour_is_one_typed_error_and_the_next_file_is_read(
    sandbox: Sandbox, act: str, error: type[RetargetError], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        found(sandbox, act)
    assert type(caught.value) is error
    assert act in caught.value.detail and "secret" not in caught.value.detail and ";" in caught.value.detail
    assert found(sandbox, "facts")["group"]


def test_silence_ends_in_time(make: Make) -> None:
    sandbox = make(SandboxLimits(wall_s=1.0))
    assert found(sandbox, "facts")["pid"] == sandbox.pid
    start = time.monotonic()
    with pytest.raises(JobTimeout):
        found(sandbox, "sleep")  # with every signal blocked but SIGKILL
    assert time.monotonic() - start < 30.0  # far less than it would sleep


def test_errors_of_reading_come_through_and_keep_the_process(sandbox: Sandbox) -> None:
    before = found(sandbox, "facts")["pid"]
    with pytest.raises(ParseFailed, match=r"^x\.bvh: line 3: no number; check the export$"):
        found(sandbox, "typed")
    with pytest.raises(ParseFailed) as caught:
        found(sandbox, "long_error")
    assert len(caught.value.detail) == 2000 and caught.value.extra == {}
    assert found(sandbox, "facts")["pid"] == before


def test_no_network_neither_for_the_process_nor_for_a_program_it_starts(make: Make, tmp_path: Path) -> None:
    sandbox = make(SandboxLimits())
    assert sandbox.kept_off
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as local:
        server.bind(("127.0.0.1", 0))
        server.listen()
        local.bind(str(tmp_path / "socket"))
        local.listen()
        with socket.create_connection(server.getsockname(), timeout=2.0):
            pass  # the server does answer those who may
        outcome = found(sandbox, "sockets", str(server.getsockname()[1]).encode())
        by_path = found(sandbox, "sockets", str(tmp_path / "socket").encode())
    assert "connected" not in (outcome["AF_INET"], outcome["AF_INET6"])
    if "seccomp" in sandbox.kept_off:
        assert by_path["AF_UNIX"] == 13 and outcome["program"] == "13"


def test_what_the_process_can_reach(make: Make, tmp_path: Path) -> None:
    """Nothing of its user's files, no program, nobody's signals: where the kernel has Landlock."""
    (tmp_path / "secret").write_text("password")
    sandbox = make(SandboxLimits())
    outcome = found(sandbox, "reach", str(tmp_path).encode())
    allowed = {name for name, came in outcome.items() if came is True}
    own = {"read Python's library", "signal itself", "run Python"}
    if "landlock" not in sandbox.kept_off:
        assert landlock.version() == 0 and own <= allowed
        return
    signals = {"signal the parent"} if landlock.version() < 6 else set()
    assert own <= allowed <= own | signals, outcome
    assert (tmp_path / "secret").read_text() == "password" and list(tmp_path.iterdir()) == [tmp_path / "secret"]


def test_nothing_that_it_starts_stays_behind(make: Make) -> None:
    sandbox = make(SandboxLimits())
    left = found(sandbox, "fork_away")
    if "seccomp" in sandbox.kept_off:
        assert left["refused"] == "[13, 13]"
    assert not gone(left["pid"])
    sandbox.close()
    deadline = time.monotonic() + 10.0
    while not gone(left["pid"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_the_process_knows_and_may(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETARGET_REDIS_URL", "redis://:password@host/0")
    facts = found(make(), "facts")
    assert facts["core"] == 0 and facts["files"] == TIGHT.open_files and facts["group"]
    assert not [name for name in facts["environment"] if name.startswith("RETARGET")]


def test_a_process_killed_from_outside_is_replaced_and_the_file_read_again(make: Make, tmp_path: Path) -> None:
    sandbox = make(folder=tmp_path)
    assert found(sandbox, "die_once", str(tmp_path / "died").encode()) is None
    mark = tmp_path / "pids"
    killed: list[int] = []

    def kill_twice() -> None:
        while len(killed) < 2:
            if mark.exists() and mark.read_text() and int(mark.read_text()) not in killed:
                killed.append(int(mark.read_text()))
                os.kill(killed[-1], signal.SIGKILL)
            time.sleep(0.02)

    killer = threading.Thread(target=kill_twice)
    killer.start()
    with pytest.raises(InternalError, match="killed 2 times"):
        found(sandbox, "say_and_sleep", str(mark).encode())
    killer.join()
    assert all(gone(pid) for pid in killed) and found(sandbox, "facts")["pid"] not in killed


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_while_idle_is_replaced(make: Make, sent: signal.Signals) -> None:
    sandbox = make()
    pid = found(sandbox, "facts")["pid"]
    os.kill(pid, sent)
    while not gone(pid):
        time.sleep(0.01)
    assert found(sandbox, "facts")["pid"] != pid


def test_who_waits_may_stop_it_at_once(make: Make) -> None:
    class Enough(Exception):
        pass

    sandbox = make(SandboxLimits())
    pid = found(sandbox, "facts")["pid"]
    calls = []

    def on_wait() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Enough

    with pytest.raises(Enough):
        sandbox.read(FileBundle("sleep", b""), on_wait=on_wait)
    assert gone(pid) and found(sandbox, "facts")["pid"] != pid


def test_who_waits_may_leave_while_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the process that was started goes on starting, for the next file."""

    class Enough(Exception):
        pass

    def on_wait() -> None:
        raise Enough

    gate = tmp_path / "gate"
    (tmp_path / "slow_reader.py").write_text(
        "import os, time\nfrom hostile_readers import read\n"
        f"while not os.path.exists({str(gate)!r}):\n    time.sleep(0.02)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parent)]))
    with contextlib.closing(Sandbox(reader="slow_reader:read")) as sandbox:
        pid = sandbox.pid
        with pytest.raises(Enough):
            sandbox.read(FileBundle("facts", b""), on_wait=on_wait)
        gate.touch()
        assert sandbox.pid == pid == found(sandbox, "facts")["pid"]


def test_the_process_ends_with_its_parent(make: Make, tmp_path: Path) -> None:
    """However the parent ends, and also while a file is being read."""
    program = (
        "from workers.ingest.sandbox.sandbox import Sandbox\nfrom workers.formats.bundle import FileBundle\n"
        "from workers.ingest.sandbox.confinement import SandboxLimits\n"
        f"sandbox = Sandbox(SandboxLimits(folders=({str(tmp_path)!r},)), 'hostile_readers:read')\n"
        f"sandbox.read(FileBundle('say_and_sleep', {str(tmp_path / 'pid')!r}.encode()))"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], env={**os.environ})
    deadline = time.monotonic() + 30.0
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    child = int((tmp_path / "pid").read_text())
    while not gone(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_is_replaced_after_its_share_of_files(make: Make) -> None:
    sandbox = make(SandboxLimits(files=2))
    pids = [found(sandbox, "facts")["pid"] for _ in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
    assert gone(pids[0]) and gone(pids[2])


def test_files_beside_it_are_asked_for(sandbox: Sandbox) -> None:
    def outside() -> bytes:
        raise ParseFailed("../out leads out of its folder; put the file there")

    beside = {"there.bin": lambda: b"\0\xffbytes" * 100_000, "../out": outside}
    answer = sandbox.read(FileBundle("ask", b"", beside)).scene.extras["found"]
    assert answer == {
        "there.bin": b"\0\xffbytes" * 100_000, "absent.bin": None, "../out": "parse-failed", "x" * 20: "parse-failed"
    }  # fmt: skip


def test_an_error_that_is_not_the_files_ends_the_reading(sandbox: Sandbox) -> None:
    def storage_is_away() -> bytes:
        raise Unavailable("the blob store is away; try again later")

    with pytest.raises(Unavailable):
        sandbox.read(FileBundle("ask", b"", {"there.bin": storage_is_away}))
    assert found(sandbox, "facts")["group"]


def test_one_bad_clip_leaves_the_others(sandbox: Sandbox) -> None:
    scene = sandbox.read(FileBundle("odd_clip", b"")).scene
    assert scene.load_clip(0, None).frames == 2
    with pytest.raises(ParseFailed, match="'bad' holds NaN"):
        scene.load_clip(1, None)


def test_limits_of_content_hold_inside(sandbox: Sandbox) -> None:
    walk = next(data for name, data in sample_files().items() if name.endswith(".bvh"))
    with pytest.raises(TooLarge, match="joints"):
        sandbox.read(FileBundle("walk.bvh", walk), Limits(joints=5))
    with pytest.raises(FileTooLarge):
        sandbox.read(FileBundle("walk.bvh", walk), Limits(file_bytes=100))
    with pytest.raises(UnsupportedFormat):
        sandbox.read(FileBundle("walk.bvh", b"\x89PNG"))


def test_all_clips_together_stay_within_the_limit(sandbox: Sandbox) -> None:
    builder = GltfBuilder()
    joints = [builder.node(None if n == 0 else n - 1, translation=[0.0, 0.1, 0.0]) for n in range(4)]
    builder.skin(joints)
    times = builder.accessor(np.linspace(0.0, 1.0, 31), "SCALAR")
    turns = builder.accessor(np.tile([0.0, 0.0, 0.0, 1.0], (31, 1)), "VEC4")
    builder.document["animations"] = [
        {
            "name": f"clip {n}",
            "channels": [{"sampler": 0, "target": {"node": joint, "path": "rotation"}} for joint in joints],
            "samplers": [{"input": times, "output": turns}],
        }
        for n in range(10)
    ]
    bundle = builder.bundle()
    assert len(sandbox.read(bundle).scene.clips) == 10
    with pytest.raises(TooLarge, match="all clips"):
        sandbox.read(bundle, Limits(rotation_keys=200))


def test_its_memory_is_its_own_and_not_that_of_who_started_it(tmp_path: Path) -> None:
    """The kernel's `ru_maxrss` outlives fork and exec; and a program that the reader starts counts too."""
    program = """
import sys
held = b"x" * 1_600_000_000
from workers.formats.bundle import FileBundle
from workers.ingest.sandbox.sandbox import Sandbox
sandbox = Sandbox(reader="hostile_readers:read")
for act in ("facts", "large_child"):
    print(sandbox.read(FileBundle(act, b"")).peak_bytes)
sandbox.close()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    small, with_child = map(int, done.stdout.split())
    assert 10 * 2**20 < small < 200 * 2**20
    assert 300 * 2**20 < with_child < 600 * 2**20


def test_real_files_take_little_memory(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures for the decision that the command line reads in its own process."""
    sandbox = Sandbox()
    start = time.perf_counter()
    assert sandbox.kept_off
    times = [f"start {1e3 * (time.perf_counter() - start):.0f} ms"]
    try:
        for path in REAL:
            if (shared_data / path).is_file():
                bundle = bundle_from_path(shared_data / path)
                start = time.perf_counter()
                read = sandbox.read(bundle)
                taken_ms = 1e3 * (time.perf_counter() - start)
                times.append(f"{bundle.name} {taken_ms:.0f} ms, {read.peak_bytes / 2**20:.0f} MiB")
                assert read.peak_bytes < 2**30
    finally:
        sandbox.close()
    with capsys.disabled():
        print("\nsandbox:", "; ".join(times))
