"""A program that is not ours, run to its end: what it printed, and the most memory that it held."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

TIMEOUT_S = 1800.0
LOOK_S = 0.01


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
        peak_kib = 0
        try:
            # Asked again and again: what is told of an ended process counts the memory of the one it came from.
            while program.poll() is None:
                peak_kib = max(peak_kib, _peak_kib(program.pid))
                time.sleep(LOOK_S)
        finally:
            limit.cancel()
        for file in (printed, said):
            file.seek(0)
        words = printed.read().decode(errors="replace")
        if program.returncode:
            lines = said.read().decode(errors="replace").strip().splitlines() or [f"exit code {program.returncode}"]
            raise RuntimeError(lines[-1])
        return Ran(words, peak_kib / 1024.0)


def _peak_kib(process: int) -> int:
    """What a process has held at most so far (VmHWM), 0 once it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) if found else 0
