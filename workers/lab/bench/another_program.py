"""A program that is not ours, run to its end: what it printed, and the most memory that it and its children held."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Timer

TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Ran:
    printed: str
    peak_mib: float


def run_program(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> Ran:
    """Raises RuntimeError with the last line of its complaints where it fails or takes longer."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=printed, stderr=said)
        limit = Timer(timeout_s, program.kill)
        limit.start()
        try:
            _, status, used = os.wait4(program.pid, 0)  # the only way to a single child's memory
        finally:
            limit.cancel()
        program.returncode = os.waitstatus_to_exitcode(status)
        for file in (printed, said):
            file.seek(0)
        words = printed.read().decode(errors="replace")
        if program.returncode:
            lines = said.read().decode(errors="replace").strip().splitlines() or [f"exit code {program.returncode}"]
            raise RuntimeError(lines[-1])
        return Ran(words, used.ru_maxrss / 1024.0)
