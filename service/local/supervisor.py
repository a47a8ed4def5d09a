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
from dataclasses import dataclass
from types import FrameType

from workers.contract.errors import Unavailable
from workers.platform.processes import describe_exit, die_with_parent

LOG = logging.getLogger("retarget.supervisor")
TICK_S = 0.1
STEADY_S = 10.0  # a child that lived this long was healthy: it is started again at once
BACKOFF_MAX_S = 15.0
START_FAILURES_MAX = 3
KILL_WAIT_S = 5.0
IMPATIENT_GRACE_S = 1.0  # after a second Ctrl-C: enough for a worker to give its job back


@dataclass(frozen=True)
class ChildSpec:
    """How to run one child. `stop_grace_s` is what it gets after a first SIGTERM, and after a second, until SIGKILL."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_grace_s: float = 5.0
    pass_fds: tuple[int, ...] = ()
    orphan_signal: signal.Signals = signal.SIGKILL  # what the kernel sends it when the supervisor is killed
    prepare: Callable[[], None] = lambda: None  # called before each start


@dataclass
class Child:
    """One running or waiting child."""

    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    failures: int = 0  # deaths in a row without a steady life

    def start(self) -> None:
        parent = os.getpid()
        sent = self.spec.orphan_signal
        self.spec.prepare()
        self.process = subprocess.Popen(
            list(self.spec.command),
            env=dict(self.spec.environment),
            stdin=subprocess.DEVNULL,
            stdout=2,  # the supervisor's own stdout is for its user
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

    def send(self, sent: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(sent)  # does nothing to one that has ended

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
        """From now on SIGINT, SIGTERM and SIGHUP end `watch`; a second one ends `stop`'s patience."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._count_signal)

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
                    raise Unavailable(f"{child.spec.name} cannot start; its messages above say why")
            time.sleep(TICK_S)

    def _tend(self, child: Child) -> None:
        if child.process is not None:
            if child.return_code() is not None:
                child.note_death()
        elif time.monotonic() >= child.start_at_s:
            try:
                child.start()
            except OSError as error:  # no memory, no process ids: perhaps later
                LOG.error("%s cannot be started: %s", child.spec.name, error)
                child.start_at_s = time.monotonic() + BACKOFF_MAX_S

    def stop(self) -> None:
        """End every child, the last started group first; returns when none is left."""
        patience = self.signals + 1
        for group in reversed(self._groups):
            for sent in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
                for child in group:
                    child.send(sent)
                start_s = time.monotonic()
                grace_s = KILL_WAIT_S if sent == signal.SIGKILL else max(child.spec.stop_grace_s for child in group)
                while any(child.alive for child in group):
                    waited_s = time.monotonic() - start_s
                    if waited_s > grace_s or (self.signals >= patience and waited_s > IMPATIENT_GRACE_S):
                        break
                    time.sleep(TICK_S / 4)
            for child in group:
                child.signal_group(signal.SIGKILL)  # what it may have left behind
        self._groups.clear()
