"""How much memory this process and its children can still get: of the machine, and of its control group (Linux)."""

from __future__ import annotations

from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")


def free_memory_bytes(machine: Path = Path("/proc/meminfo"), group: Path = _GROUP) -> int | None:
    """The lesser of what the machine and what the container's limit leave; None where the system does not tell.

    Pages that the kernel can drop count as free.
    """
    found = [each for each in (_machine(machine), _group(group)) if each is not None]
    return min(found) if found else None


def _machine(path: Path) -> int | None:
    try:
        text = path.read_text()
        return int(text.partition("MemAvailable:")[2].split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return None


def _group(folder: Path) -> int | None:
    """Control groups version 2; the file of the limit is not there outside a container."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((folder / "memory.current").read_text())
        told = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(int(limit) - used + int(told.get("inactive_file", 0)), 0)
    except (OSError, ValueError):
        return None
