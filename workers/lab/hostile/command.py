"""The command line in a warm process: `main(argv)` again and again, as a user would call it, without starting Python.

`WarmCommand` is the handle; run as a program, this module is the process: one JSON request a line on stdin, one JSON
answer a line on a copy of stdout. What the command prints is caught and handed back.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.platform.processes import describe_exit, die_with_parent, forbid_core_dumps, limit_memory, peak_bytes

MEMORY_BYTES = 6 * 2**30


@dataclass(frozen=True)
class CommandEnd:
    """How one call ended. `exit_code` is None where the process died or had to be killed, which `death` explains."""

    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float
    death: str = ""
    hung: bool = False


class WarmCommand:
    """One process that calls the command line; started again when it dies or hangs."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self.peak_bytes = 0

    def call(self, argv: Sequence[str]) -> CommandEnd:
        """Run `retarget ARGV...`."""
        process = self._started()
        assert process.stdin is not None
        start_s = time.monotonic()
        try:
            process.stdin.write(json.dumps(list(argv)).encode() + b"\n")
            process.stdin.flush()
            line = self._line(process, start_s + self._timeout_s)
        except BrokenPipeError:
            line = b""
        seconds = time.monotonic() - start_s
        if line is None:
            self.close()
            return CommandEnd(None, "", "", seconds, f"no end after {self._timeout_s:g} s", hung=True)
        if not line:
            code = process.wait()
            self.close()
            return CommandEnd(None, "", "", seconds, describe_exit(code))
        answer: dict[str, Any] = json.loads(line)
        self.peak_bytes = max(self.peak_bytes, answer["peak_bytes"])
        return CommandEnd(answer["exit_code"], answer["stdout"], answer["stderr"], seconds)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.lab.hostile.command", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        return self._process

    @staticmethod
    def _line(process: subprocess.Popen[bytes], deadline_s: float) -> bytes | None:
        """The next line, empty when the process has ended, None past the deadline."""
        assert process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([process.stdout], [], [], left_s)[0]:
                return None
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return b""
            line += chunk
        return line


def serve(parent_pid: int) -> None:
    """Answer calls until stdin closes."""
    from service.cli import main

    die_with_parent(parent_pid)
    forbid_core_dumps()
    limit_memory(MEMORY_BYTES)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            try:
                code = main(json.loads(line))
            except SystemExit as end:  # argparse
                code = end.code if isinstance(end.code, int) else 1
        answer = {
            "exit_code": code, "stdout": out.getvalue()[-2000:], "stderr": errors.getvalue()[-4000:],
            "peak_bytes": peak_bytes(),
        }  # fmt: skip
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
