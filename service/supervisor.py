"""Supervisor: starts child processes, starts them again when they die, and stops them without leaving one behind.

Each child leads its own process group, so Ctrl-C in a terminal reaches the supervisor alone, which then stops them in
order. Should the supervisor itself be killed, the kernel ends its children. Single-threaded on purpose: signals only
set a count, and `watch` looks at everything ten times a second. Which children there are is `service.commands.serve`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from workers.errors import Unavailable
from workers.processes import describe_exit, die_with_parent

LOG = logging.getLogger("retarget.supervisor")
TICK_S = 0.1
STEADY_S = 10.0  # a child that lived this long was healthy: it is started again at once
BACKOFF_MAX_S = 15.0
START_FAILURES_MAX = 3
KILL_WAIT_S = 5.0


@dataclass(frozen=True)
class ChildSpec:
    """How to run one child. `stop_grace_s` is what it gets after a first SIGTERM, and after a second, until SIGKILL."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_grace_s: float = 5.0
    pass_fds: tuple[int, ...] = ()
    orphan_signal: signal.Signals = signal.SIGKILL  # what the kernel sends it when the supervisor is killed


@dataclass
class Child:
    """One running or waiting child."""

    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    failures: int = field(default=0)  # deaths in a row without a steady life

    def start(self) -> None:
        parent = os.getpid()
        sent = self.spec.orphan_signal
        self.process = subprocess.Popen(
            list(self.spec.command),
            env=dict(self.spec.environment),
            stdin=subprocess.DEVNULL,
            pass_fds=self.spec.pass_fds,
            process_group=0,
            preexec_fn=lambda: die_with_parent(parent, sent),
        )
        self.started_s = time.monotonic()

    def return_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self.process is None else self.process.poll()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal_group(self, sent: signal.Signals) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, sent)

    def note_death(self) -> None:
        """Say why it ended and when it is to start again."""
        assert self.process is not None and self.process.returncode is not None
        steady = time.monotonic() - self.started_s > STEADY_S
        self.failures = 0 if steady else self.failures + 1
        delay_s = 0.0 if steady else min(0.25 * 2.0 ** (self.failures - 1), BACKOFF_MAX_S)
        LOG.warning(
            "%s ended with %s; starting it again in %.1f s",
            self.spec.name,
            describe_exit(self.process.returncode),
            delay_s,
        )
        self.signal_group(signal.SIGKILL)  # what it may have left behind
        self.process = None
        self.start_at_s = time.monotonic() + delay_s


class Supervisor:
    """Children in the order they were started; stopped in the reverse order of their groups."""

    def __init__(self) -> None:
        self._groups: list[list[Child]] = []
        self.signals = 0

    def handle_signals(self) -> None:
        """From now on SIGINT and SIGTERM end `watch`; a second one ends `stop`'s patience."""
        signal.signal(signal.SIGINT, self._count_signal)
        signal.signal(signal.SIGTERM, self._count_signal)

    def _count_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1

    def start(self, *specs: ChildSpec) -> list[Child]:
        """Start children that are stopped together, before all that were started earlier."""
        group = [Child(spec) for spec in specs]
        self._groups.append(group)
        for child in group:
            child.start()
        return group

    def watch(self, until: Callable[[], bool], starting: bool = False) -> None:
        """Keep the children running until `until()` or a signal. While `starting`, one that keeps dying is an error.

        Raises Unavailable for it.
        """
        while not self.signals and not until():
            for child in (child for group in self._groups for child in group):
                self._tend(child)
                if starting and child.failures >= START_FAILURES_MAX:
                    raise Unavailable(f"the {child.spec.name} cannot start; its messages above say why")
            time.sleep(TICK_S)

    def _tend(self, child: Child) -> None:
        if child.process is not None:
            if child.return_code() is not None:
                child.note_death()
        elif time.monotonic() >= child.start_at_s:
            child.start()

    def stop(self) -> None:
        """End every child, the last started first; returns when none is left."""
        patience = self.signals + 1
        for group in reversed(self._groups):
            for sent in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
                for child in group:
                    if child.alive:
                        child.process.send_signal(sent)  # type: ignore[union-attr]
                grace_s = max(child.spec.stop_grace_s for child in group) if sent == signal.SIGTERM else KILL_WAIT_S
                deadline = time.monotonic() + grace_s
                while any(child.alive for child in group) and time.monotonic() < deadline:
                    if self.signals >= patience and sent == signal.SIGTERM:
                        break
                    time.sleep(TICK_S / 4)
            for child in group:
                child.signal_group(signal.SIGKILL)
        self._groups.clear()
