"""What a parsing process may do: limits that the kernel enforces, put on by the process itself before it reads a file.

Everywhere: memory (RLIMIT_DATA for what it allocates, RLIMIT_AS for what it maps), CPU time, open files, size of a
written file, no core dumps. On Linux also: death with the parent; no network, by either or both of

- an own user and network namespace, which holds no interface and also takes away what root may do. Many containers
  forbid it (Docker's default seccomp profile does).
- a seccomp filter (x86-64 and arm64) that answers `socket`, `io_uring_setup`, `ptrace`, `process_vm_readv` and
  `process_vm_writev` with EACCES, also in every program it starts. It needs no privilege. It also closes sockets with a
  path, such as that of a Redis, which a namespace leaves open; what processes of one user share without files
  (`shmget`, `semget`, `msgget`, `mq_open`, keys); new namespaces; and the ways out of its process group (`setsid`,
  `setpgid`), which is ended as a whole.

And where the kernel has Landlock (`landlock`), it reads nothing but Python, its packages and this project, writes
nothing, starts no program but Python itself (the FBX reader) and signals nobody but what it has started.

`confine` says which of them hold; where nothing keeps it off the network, it refuses to go on. Programs it starts
inherit everything here. Call it before threads exist: a namespace can be left by a single-threaded process only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.ingest.sandbox import landlock
from workers.platform.processes import die_with_parent, forbid_core_dumps
from workers.platform.threads import one_thread

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_RET_ALLOW, _RET_ERRNO = 0x7FFF0000, 0x00050000
_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32_SYSCALLS = 0x40000000
# Audit architecture, and the numbers of the refused system calls: socket, io_uring_setup, ptrace, process_vm_*; shmget,
# semget, msgget, mq_open; add_key, request_key, keyctl; unshare, setns; bpf, perf_event_open, userfaultfd; setpgid,
# setsid.
_ARCHITECTURES = {
    "x86_64": (
        0xC000003E,
        (41, 425, 101, 310, 311, 29, 64, 68, 240, 248, 249, 250, 272, 308, 321, 298, 323, 109, 112),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 425, 117, 270, 271, 194, 190, 186, 180, 217, 218, 219, 97, 268, 280, 241, 282, 154, 157),
    ),
}


@dataclass(frozen=True)
class SandboxLimits:
    """What reading one file may take. Sizes in bytes, times in seconds; `wall_s` is watched from outside."""

    memory_bytes: int = 4 * 2**30
    cpu_s: int = 60
    wall_s: float = 120.0
    open_files: int = 128
    written_bytes: int = 4 * 2**30
    files: int = 50  # read by one process before a fresh one takes its place
    message_bytes: int = 60_000
    folders: tuple[str, ...] = ()  # that it may read and write: none but in tests


class NotConfined(Exception):
    """The kernel offers no way to keep this process off the network."""


def confine(limits: SandboxLimits, parent_pid: int) -> list[str]:
    """Put the limits on this process for good; returns what keeps it off the network, and `landlock` where that holds.

    Raises NotConfined.
    """
    forbid_core_dumps()
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_FSIZE, limits.written_bytes)
    _lower(resource.RLIMIT_DATA, limits.memory_bytes)
    # Beside its own memory it maps programs, the file it reads and the one it writes.
    _lower(resource.RLIMIT_AS, limits.memory_bytes + limits.written_bytes)
    kept_off = [name for name, leave in (("namespace", _leave_network), ("seccomp", _filter_calls)) if leave()]
    die_with_parent(parent_pid)  # after the namespace: new credentials make the kernel forget it
    if sys.platform == "linux" and not kept_off:
        raise NotConfined("neither namespaces nor seccomp filters are allowed here")
    if _leave_files(limits.folders):
        kept_off.append("landlock")
    return kept_off


def allow_cpu(cpu_s: int) -> None:
    """This much CPU time from now on, then SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(used.ru_utime + used.ru_stime) + 1 + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (least, least))


def _leave_files(folders: Sequence[str]) -> bool:
    """Keep what Python and the readers are made of, for reading."""
    project = Path(__file__).resolve().parents[3]
    python = Path(sys.executable).resolve()
    paths = sysconfig.get_paths()
    searched = [path for path in sys.path if path and Path(path).resolve() != project]
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return landlock.restrict(
        read=[
            *(project / package for package in ("service", "workers", "model_store")),
            *(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            *searched,
            *(library for library in libraries if library),
            *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
            Path(sys.prefix) / "pyvenv.cfg",
            f"/proc/{os.getpid()}",
            *("/dev/null", "/dev/urandom", "/sys/devices/system/cpu"),
        ],
        listed=[project, Path(sys.prefix) / "bin", python.parent],
        run=[python, *_loaders()],
        write=["/dev/null", *folders],
    )


def _loaders() -> list[Path]:
    """The dynamic loader, which the kernel starts with every program."""
    patterns = ("lib64/ld-*.so*", "lib/ld-*.so*", "lib/*-linux-*/ld-*.so*")
    return [path for pattern in patterns for path in Path("/").glob(pattern)]


def _leave_network() -> bool:
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _filter_calls() -> bool:
    """A seccomp filter, as `man 2 seccomp` has it: unknown architectures and x32 are refused whole."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        return False
    architecture, refused = _ARCHITECTURES[platform.machine()]
    deny = _RET_ERRNO | errno.EACCES
    steps = [(_LOAD_WORD, 0, 0, 4), (_JUMP_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, deny), (_LOAD_WORD, 0, 0, 0)]
    steps.append((_JUMP_IF_AT_LEAST, len(refused) + 1, 0, _X32_SYSCALLS))
    steps += [(_JUMP_IF_EQUAL, len(refused) - n, 0, number) for n, number in enumerate(refused)]
    steps += [(_RETURN, 0, 0, _RET_ALLOW), (_RETURN, 0, 0, deny)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    whole = Filter(len(steps), ctypes.cast(program, ctypes.c_void_p))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(whole), 0, 0) == 0)


def clean_environment() -> dict[str, str]:
    """The environment of a parsing process: what finding Python takes, and none of our settings or passwords."""
    kept = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "TMPDIR")
    # One thread for linear algebra: its buffers count, and a namespace is left before threads exist.
    found = {name: os.environ[name] for name in kept if name in os.environ} | one_thread()
    project = str(Path(__file__).resolve().parents[3])
    return found | {
        "PYTHONPATH": os.pathsep.join([project, *filter(None, [found.get("PYTHONPATH")])]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
