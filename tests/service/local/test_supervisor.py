"""The supervisor, on small children of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.local.supervisor import Child, ChildSpec, Supervisor
from workers.contract.errors import Unavailable

SLEEP = "import time; time.sleep(60)"


def spec(name: str, program: str, grace_s: float = 5.0) -> ChildSpec:
    return ChildSpec(name, [sys.executable, "-c", program], os.environ, stop_grace_s=grace_s)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor()
    yield supervisor
    supervisor.stop()


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_child_that_dies_is_started_again(supervisor: Supervisor) -> None:
    (child,) = supervisor.start(spec("sleeper", SLEEP))
    first = pid_of(child)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 10
    supervisor.watch(until=lambda: (child.alive and pid_of(child) != first) or time.monotonic() > deadline)
    assert child.alive and pid_of(child) != first


def test_a_child_that_keeps_dying_is_started_ever_more_slowly(supervisor: Supervisor) -> None:
    (child,) = supervisor.start(spec("broken", "raise SystemExit(3)"))
    delays: list[float] = []

    def note() -> bool:
        if child.process is None and len(delays) < child.failures:
            delays.append(child.start_at_s - time.monotonic())
        return len(delays) >= 3

    supervisor.watch(until=note)
    assert delays[0] < delays[1] < delays[2]


def test_a_child_that_cannot_start_is_an_error_while_starting(supervisor: Supervisor) -> None:
    supervisor.start(spec("broken", "raise SystemExit(3)"))
    with pytest.raises(Unavailable, match="broken cannot start"):
        supervisor.watch(until=lambda: False, starting=True)


def test_later_groups_are_stopped_first(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(log)!r}, 'a').write(sys.argv[1]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(log)!r}, 'a').write(sys.argv[1])\n"
        "time.sleep(60)"
    )
    for name in "ab":
        supervisor.start(ChildSpec(name, [sys.executable, "-c", program, name], os.environ))
        supervisor.watch(until=lambda name=name: log.exists() and log.read_text().endswith(name))  # type: ignore[misc]
    supervisor.stop()
    assert log.read_text() == "abba"


def test_a_child_deaf_to_sigterm_is_killed_with_all_it_started(supervisor: Supervisor, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{inner.pid}}\\n')\n"
        "time.sleep(60)"
    )
    (child,) = supervisor.start(spec("deaf", program, grace_s=0.3))
    supervisor.watch(until=lambda: pids.exists() and pids.read_text().endswith("\n"))
    inner = int(pids.read_text())
    start_s = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - start_s < 30  # the child would sleep for 60
    assert not child.alive
    deadline = time.monotonic() + 10  # the kernel takes a moment
    while runs(inner):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_signal_ends_the_watch(supervisor: Supervisor) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    supervisor.handle_signals()
    try:
        supervisor.start(spec("sleeper", SLEEP))
        os.kill(os.getpid(), signal.SIGTERM)
        supervisor.watch(until=lambda: False)
        assert supervisor.signals == 1
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), before, strict=True):
            signal.signal(number, handler)
