"""What a process and all that came from it have used, as the kernel tells it under /proc (Linux)."""

from __future__ import annotations

import math
import os
from pathlib import Path


def tree_processor_s(pid: int) -> float | None:
    """Processor seconds of process `pid`, its descendants, and those of them that ended and were waited for; None
    where the system does not tell. The difference of two values is what was used in between.
    """
    stats = _stats()
    if pid not in stats:
        return None
    ticks, waiting = 0, [pid]
    while waiting:
        parent = waiting.pop()
        ticks += stats[parent][1]
        waiting += [child for child, (above, _) in stats.items() if above == parent]
    return ticks / float(os.sysconf("SC_CLK_TCK"))


def child_with(parent: int, *words: str) -> int | None:
    """The child of `parent` that has these words on its command line."""
    for pid, (above, _) in _stats().items():
        if above == parent:
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if all(word in line for word in words):
                return pid
    return None


def memory_mib(pid: int) -> float:
    """What a process holds in memory now; NaN where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return math.nan
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _stats() -> dict[int, tuple[int, int]]:
    """Of each process its parent and its ticks: user, system, and both of the children it has waited for."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()  # a command's name may hold anything, so from its end
        except OSError:  # it has just ended
            continue
        found[int(entry.parent.name)] = (int(fields[1]), sum(int(value) for value in fields[11:15]))
    return found
