"""Running the FBX child: the file goes in, a GLB with facts comes out, or one typed error. Nothing else comes back.
`workers.formats.usd` runs its own child through this module.

The child has limits on memory, processor time, wall time and the size of its reply, no environment but what it needs to
import this package, and no core dump. It stays in this process's group, so that whatever ends us ends it too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from workers.contract.errors import (
    InputError,
    InternalError,
    JobTimeout,
    ParseFailed,
    RetargetError,
    TooLarge,
)
from workers.formats.fbx.message import pack, unpack
from workers.formats.limits import Limits
from workers.platform.threads import one_thread


@dataclass(frozen=True)
class ChildLimits:
    """Time allowed grows with the file; wall time also covers a machine that is busy with other things."""

    memory_bytes: int = 3 * 2**30
    reply_bytes: int = 2**30
    cpu_s: float = 20.0
    cpu_s_per_mebibyte: float = 0.5
    wall_factor: float = 3.0

    def cpu_for(self, size: int) -> int:
        return round(self.cpu_s + self.cpu_s_per_mebibyte * size / 2**20)


DEFAULT_CHILD_LIMITS = ChildLimits()
_OWN_MODULE = "workers.formats.fbx.child"


@dataclass(frozen=True)
class ChildProgram:
    """Which module is run, what people call the files it reads, and the package it needs."""

    module: str
    title: str
    package: str


USD_CHILD = ChildProgram("workers.formats.usd.child", "USD", "usd-core")


def convert_fbx(
    data: bytes,
    name: str,
    siblings: Sequence[str],
    limits: Limits,
    child_limits: ChildLimits = DEFAULT_CHILD_LIMITS,
) -> tuple[bytes, dict[str, Any]]:
    """What `convert` gives of an FBX."""
    program = ChildProgram(_OWN_MODULE, "FBX", "ufbx==0.0.5")
    return convert(data, name, siblings, limits, child_limits, program=program)


def convert(
    data: bytes,
    name: str,
    siblings: Sequence[str],
    limits: Limits,
    child_limits: ChildLimits = DEFAULT_CHILD_LIMITS,
    *,
    program: ChildProgram,
) -> tuple[bytes, dict[str, Any]]:
    """GLB bytes and the reply's header: `facts` of the file and `notices` (code, message, joint).

    Raises what the child found wrong with the file; ParseFailed if it broke the child or made it send garbage, TooLarge
    for too much memory or processor time, JobTimeout for too much wall time, InternalError where it cannot start.
    """
    cpu_s = child_limits.cpu_for(len(data))
    wall_s = round(cpu_s * child_limits.wall_factor)
    request = pack(
        {
            "name": name,
            "parent": os.getpid(),
            "siblings": list(siblings),
            "limits": asdict(limits),
            "memory_bytes": child_limits.memory_bytes,
            "reply_bytes": child_limits.reply_bytes,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
        },
        data,
    )
    # Files without names instead of pipes: neither side can block the other, and the reply has a hard limit.
    with _nameless_file() as given, _nameless_file() as reply:
        given.write(request)
        given.flush()
        given.seek(0)
        code = _run(program, given.fileno(), reply.fileno(), wall_s, name)
        if code != 0:
            raise _death(program, code, name, cpu_s, wall_s)
        reply.seek(0)
        answer = reply.read(child_limits.reply_bytes + 1)
    return _read(program, answer, name)


def _nameless_file() -> IO[bytes]:
    """In memory where the system can: in the sandbox this process may write nowhere else."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("retarget-fbx", os.MFD_CLOEXEC), "w+b")
    return tempfile.TemporaryFile()


def _run(program: ChildProgram, given: int, reply: int, wall_s: float, name: str) -> int:
    """The child's exit code, negative for a signal. Raises JobTimeout."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", program.module],
        stdin=given,
        stdout=reply,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        close_fds=True,
    )
    try:
        return process.wait(wall_s)
    except subprocess.TimeoutExpired:
        raise _late(program, name, wall_s) from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    """No secrets of ours; one thread, because numpy's thread pool alone would reserve much of the memory allowed."""
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if key in os.environ}
    package_folder = str(Path(__file__).resolve().parents[3])
    return kept | {
        "PYTHONPATH": package_folder, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
        "PXR_WORK_THREAD_LIMIT": "1",
    } | one_thread()  # fmt: skip


def _late(program: ChildProgram, name: str, wall_s: float) -> JobTimeout:
    return JobTimeout(f"{name}: the {program.title} was not read within {wall_s:g} s; try again, or reduce the file")


def _death(program: ChildProgram, code: int, name: str, cpu_s: int, wall_s: float) -> RetargetError:
    if code == -signal.SIGXCPU:
        return TooLarge(
            f"{name}: reading the {program.title} takes more than {cpu_s} s of processor time; reduce the file"
        )
    if code == -signal.SIGXFSZ:
        return TooLarge(f"{name}: the {program.title} unfolds to more than fits; reduce the file")
    if code == -signal.SIGALRM:
        return _late(program, name, wall_s)
    if code > 0:  # it never gets as far as an exit code of its own unless it could not start
        text = f"{name}: the {program.title} reader could not start (exit code {code}); install {program.package}"
        return InternalError(text)
    cause = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    text = f"{name}: the file broke the {program.title} reader ({cause}); export it again, or convert it to GLB"
    return ParseFailed(text)


def _read(program: ChildProgram, answer: bytes, name: str) -> tuple[bytes, dict[str, Any]]:
    try:
        header, glb = unpack(answer)
    except ValueError:
        text = f"{name}: the file broke the {program.title} reader (no answer); export it again"
        raise ParseFailed(text) from None
    if "error" in header:
        error = RetargetError.from_dict(header["error"])
        raise error if isinstance(error, InputError) else ParseFailed(f"{name}: {error.detail}")
    return glb, header
