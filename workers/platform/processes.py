"""What the operating system can tell and do about our processes: death with the parent, memory limits, memory in use.

Linux only where noted; elsewhere these functions do nothing, and the pipe between parent and child has to suffice.
Sizes are bytes. Starting and stopping processes is left to `workers.queue.job_process` and `service.local.supervisor`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent_pid: int, sent: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send `sent` to this process when its parent ends, however the parent ends (Linux).

    To be called in the child. The kernel watches the parent *thread*, so start such children from a thread that stays.
    A parent that died before this call is noticed by its changed pid.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), sent)


def limit_memory(limit_bytes: int) -> None:
    """Cap what this process may allocate, so that too much is a MemoryError here and no kill from outside.

    RLIMIT_DATA counts private writable memory. RLIMIT_AS would also count the address space that CUDA and thread
    stacks merely reserve, which is many times the memory they use.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def forbid_core_dumps() -> None:
    """No core files: they fill the disk and hold users' data."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def private_bytes(pid: int) -> int:
    """Physical memory that process `pid` alone holds now; 0 when it is gone or the system does not tell (Linux).

    Mapped files, such as model weights, are left out: the kernel can drop them.
    """
    try:
        _, resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[:3])
    except (OSError, ValueError):
        return 0
    return (resident - shared) * resource.getpagesize()


def peak_bytes() -> int:
    """The most physical memory that this process, or one that it started and has waited for, has held.

    Of a process, `ru_maxrss` outlives `exec`: one started by a large process would report that one's size. Linux has
    the peak of the present program as VmHWM. A child's `ru_maxrss` starts at what *this* program held when it forked,
    which never exceeds our own peak, so of the children it can be taken as it is.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    own, children = (
        resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text()
        own = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return max(own, children)


def memory_kills() -> int:
    """How often the kernel has killed for want of memory, in this control group or on this machine (Linux)."""
    for path, name in (("/sys/fs/cgroup/memory.events", "oom_kill"), ("/proc/vmstat", "oom_kill")):
        try:
            lines = Path(path).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def describe_exit(return_code: int) -> str:
    """`subprocess`' return code in words: "signal 9 (SIGKILL)" or "exit code 3"."""
    if return_code >= 0:
        return f"exit code {return_code}"
    try:
        return f"signal {-return_code} ({signal.Signals(-return_code).name})"
    except ValueError:
        return f"signal {-return_code}"
