"""SandboxProcess: the handle on one parsing process, and what its death, silence or nonsense means for a file.

Every way it can end is one typed error that names the file. What runs inside is `workers.ingest.sandbox.child`; when a
process is replaced is decided by `workers.ingest.sandbox.sandbox`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from workers.contract.errors import (
    EngineError,
    FileTooLarge,
    InputError,
    InternalError,
    JobTimeout,
    ParseFailed,
    RetargetError,
    TooLarge,
    Unavailable,
)
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.ingest.sandbox.channel import (
    BadMessage,
    ChannelClosed,
    Message,
    SandboxChannel,
    close_files,
    memory_file,
)
from workers.ingest.sandbox.confinement import SandboxLimits, clean_environment
from workers.platform.processes import describe_exit

LOG = logging.getLogger("retarget.sandbox")
START_TIMEOUT_S = 60.0
TICK_S = 0.2
_ALL_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGHUP})  # no fault in a file raises these
OnWait = Callable[[], None]


class SandboxKilled(Exception):
    """Somebody else killed the process, so its death says nothing about the file."""


@dataclass(frozen=True, eq=False)
class SandboxAnswer:
    """A stored scene as the process wrote it, sealed against change, and the most memory that the process has held."""

    scene: mmap.mmap
    peak_bytes: int


class SandboxProcess:
    """A running parsing process. `usable` turns false when it has to be replaced."""

    def __init__(self, reader: str, limits: SandboxLimits) -> None:
        """Starts it without waiting for its imports."""
        self._limits = limits
        self._ready = False
        self.usable = True
        self.files = 0
        self.kept_off: list[str] = []
        ours, theirs = SandboxChannel.pair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "workers.ingest.sandbox.child", str(theirs.fileno()), str(os.getpid()),
                 reader, json.dumps(asdict(limits))],
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )  # fmt: skip
        self._channel = SandboxChannel(ours, limits.message_bytes)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, on_wait: OnWait = lambda: None) -> None:
        """Raises Unavailable where the process cannot start or cannot be kept off the network, and what `on_wait` does.

        `on_wait` is called a few times a second: on a busy machine the imports take seconds, and a canceled job must
        not sit them out. The process goes on starting, for the next file.
        """
        if self._ready:
            return
        received = None
        deadline_s = time.monotonic() + START_TIMEOUT_S
        with contextlib.suppress(ChannelClosed, BadMessage):
            while (received := self._channel.receive(TICK_S)) is None and time.monotonic() < deadline_s:
                on_wait()
        if received is None or "ready" not in received[0]:
            self.kill()
            why = received[0].get("refused") if received else describe_exit(self._process.returncode)
            raise Unavailable(f"no parsing process can be started ({why}); ask who runs this server", retry_after=30)
        self.kept_off = [str(name) for name in received[0]["ready"]]
        self._ready = True

    def read(self, bundle: FileBundle, limits: Limits, wall_s: float, on_wait: OnWait) -> SandboxAnswer:
        """Have it read a bundle. `on_wait` is called a few times a second; what it raises ends the process.

        Raises InputErrors, JobTimeout, InternalError for our own bugs, SandboxKilled.
        """
        self.wait_ready(on_wait)
        self.files += 1
        source, target = memory_file(bundle.data), memory_file()
        try:
            self._ask(bundle.name, limits, source, target)
            answer = self._converse(bundle, time.monotonic() + wall_s, on_wait)
            return self._take(answer, target, bundle.name)
        except ChannelClosed:
            raise self._death(bundle.name) from None
        except BadMessage as error:
            raise self._nonsense(bundle.name, str(error)) from None
        except InputError:
            raise
        except BaseException:
            self.kill()
            raise
        finally:
            close_files([source, target])

    def _ask(self, name: str, limits: Limits, source: int, target: int) -> None:
        try:
            self._channel.send({"name": name, "limits": asdict(limits)}, (source, target))
        except ChannelClosed:  # it died while it had nothing to do
            self.kill()
            raise SandboxKilled from None

    def _converse(self, bundle: FileBundle, deadline_s: float, on_wait: OnWait) -> Message:
        """Serve files beside the main one until the process answers."""
        while True:
            received = self._channel.receive(TICK_S)
            if received is not None:
                message, files = received
                close_files(files)
                if "want" not in message:
                    return message
                self._give_sibling(bundle, message["want"])
            elif time.monotonic() > deadline_s:
                self.kill()
                raise _too_slow(bundle.name)
            else:
                on_wait()

    def _give_sibling(self, bundle: FileBundle, name: Any) -> None:
        try:
            content = bundle.siblings[str(name)]()
        except KeyError:
            self._channel.send({})
        except InputError as error:  # other errors are not the file's, and end the reading
            self._channel.send({"error": error.to_dict()})
        else:
            file = memory_file(content)
            try:
                self._channel.send({}, (file,))
            finally:
                close_files([file])

    def _take(self, answer: Message, target: int, name: str) -> SandboxAnswer:
        peak = answer.get("peak_bytes")
        if type(peak) is int:
            LOG.info("%s: the parsing process held at most %.0f MiB", name, peak / 2**20)
        if "bug" in answer:
            self.usable = False
            LOG.error("%s: the reader failed:\n%s", name, str(answer["bug"])[: self._limits.message_bytes])
            raise InternalError(f"{name}: reading it met an unexpected error; this is a bug, the log has the details")
        if "error" in answer:
            raise self._told(answer["error"], name)
        length = answer.get("length")
        found = os.fstat(target).st_size
        if type(length) is not int or type(peak) is not int or length != found or length == 0:
            raise self._nonsense(name, "a result of another length than it says")
        if length > self._limits.written_bytes:
            raise self._nonsense(name, "more than it may write")
        try:
            fcntl.fcntl(target, fcntl.F_ADD_SEALS, _ALL_SEALS)  # from here on nobody can change what we check
        except OSError:
            raise self._nonsense(name, "a result that it still holds on to") from None
        return SandboxAnswer(mmap.mmap(target, length, access=mmap.ACCESS_READ), peak)

    def _told(self, data: Any, name: str) -> Exception:
        """The error that the process reported, if it is one that reading may end in."""
        try:
            error = RetargetError.from_dict(data)
        except (TypeError, ValueError, AttributeError):
            return self._nonsense(name, "an error without form")
        if not isinstance(error, InputError | EngineError) or not error.detail:
            return self._nonsense(name, f"an error {error.code!r} that reading does not have")
        if not isinstance(error, InputError):
            self.usable = False
        return error

    def _nonsense(self, name: str, what: str) -> RetargetError:
        LOG.error("%s: the parsing process answered nonsense: %s", name, what)
        self.kill()
        return ParseFailed(f"{name}: reading it upset the parsing process; the file is damaged: export it again")

    def _death(self, name: str) -> Exception:
        """Reap the process whose end of the channel closed, and say what its end means."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        code = self._process.poll()
        self.kill()
        LOG.warning("%s: the parsing process ended with %s", name, "silence" if code is None else describe_exit(code))
        if code == -signal.SIGXCPU:
            return _too_slow(name)
        if code == -signal.SIGXFSZ:
            return TooLarge(f"{name}: what it holds is too large to be kept; split or reduce the file")
        if code is not None and -code in _FROM_OUTSIDE:
            return SandboxKilled()
        cause = "an unknown cause" if code is None else describe_exit(code)
        return ParseFailed(
            f"{name}: reading it ended the parsing process ({cause}); the file is damaged or hostile: export it again"
        )

    def kill(self) -> None:
        """End it and all that it started, at once."""
        self.usable = False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()


def _too_slow(name: str) -> JobTimeout:
    return JobTimeout(f"{name}: reading it took too long and was stopped; split or reduce the file")


def check_size(data: bytes, limits: Limits, name: str) -> None:
    """Raises FileTooLarge before anything is copied."""
    if len(data) > limits.file_bytes:
        mebibytes = limits.file_bytes / 2**20
        raise FileTooLarge(
            f"{name}: more than the limit of {mebibytes:g} MiB; split or reduce it", limit=limits.file_bytes
        )
