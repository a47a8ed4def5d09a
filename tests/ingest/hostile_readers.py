"""Readers that misbehave in the sandbox's process, for its tests only: the file's name says how. See `read`."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workers.contract.errors import NotFound, ParseFailed, RetargetError
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.formats.read import read_scene
from workers.skeleton.model import Clip, ClipInfo, Scene, Skeleton, Units

HELD: list[Any] = []
SOCKET_PROGRAM = "import socket\ntry:\n socket.socket()\n print('open')\nexcept OSError as error: print(error.errno)"


def read(bundle: FileBundle, limits: Limits) -> Scene:
    """Calls the function named by the file's name; what it returns is in the scene's extras."""
    act: Callable[[FileBundle], Any] | None = globals().get(bundle.name)
    if act is None:
        return read_scene(bundle, limits)
    found = act(bundle)
    return found if isinstance(found, Scene) else scene(found=found)


def scene(**extras: Any) -> Scene:
    """A scene without joints."""
    nothing, marks = np.zeros((0, 3)), np.zeros(0, dtype=bool)
    turns, indices = np.zeros((0, 4)), np.zeros(0, dtype=np.int64)
    return Scene(
        format="bvh",
        skeleton=Skeleton((), indices, indices, nothing, turns, nothing, turns, marks, np.zeros(0), marks),
        rest_kind="zero",
        units=Units(1.0, "m", "Y", False, "given"),
        clips=(),
        load_clip=lambda number, rate_hz: Clip("", 1.0, 0.0, np.zeros((1, 0, 4)), {}),
        load_mesh=lambda: None,
        extras=extras,
    )


def allocate(bundle: FileBundle) -> Any:
    HELD.extend(np.ones(2**27) for _ in range(10))  # 10 GiB, a GiB at a time


def large_child(bundle: FileBundle) -> Any:
    """A program of 0.3 GiB, as the FBX reader may be, whose end is waited for."""
    subprocess.run([sys.executable, "-c", "held = b'x' * (300 * 2**20)"], check=True)


def spin(bundle: FileBundle) -> Any:
    while True:
        pass


def sleep(bundle: FileBundle) -> Any:
    signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 32)) - {signal.SIGKILL})
    time.sleep(60)


def say_and_sleep(bundle: FileBundle) -> Any:
    Path(bundle.data.decode()).write_text(str(os.getpid()))
    time.sleep(60)


def die_once(bundle: FileBundle) -> Any:
    mark = Path(bundle.data.decode())
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def sockets(bundle: FileBundle) -> dict[str, Any]:
    """What happens to a socket of each family, to a connection, and to a socket of a program it starts."""
    found: dict[str, Any] = {}
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        try:
            with socket.socket(family) as made:
                made.settimeout(1.0)
                made.connect(bundle.data.decode() if family == socket.AF_UNIX else ("127.0.0.1", int(bundle.data)))
            found[family.name] = "connected"
        except (OSError, ValueError) as error:
            found[family.name] = getattr(error, "errno", None)
    done = subprocess.run([sys.executable, "-c", SOCKET_PROGRAM], capture_output=True, text=True, check=False)
    return found | {"program": done.stdout.strip()}


def reach(bundle: FileBundle) -> dict[str, Any]:
    """What comes of each thing that a reader which its file has taken over might try; the data is a folder."""
    folder = Path(bundle.data.decode())
    attempts: dict[str, Callable[[], Any]] = {
        "read": (folder / "secret").read_text,
        "read through /proc": Path(f"/proc/self/root{folder}/secret").read_text,
        "read the parent's environment": Path(f"/proc/{os.getppid()}/environ").read_bytes,
        "read users": Path("/etc/passwd").read_text,
        "list": lambda: list(folder.iterdir()),
        "list home": lambda: list(Path.home().iterdir()),
        "write": lambda: (folder / "mine").write_text("x"),
        "write in /tmp": lambda: Path(f"/tmp/retarget-{os.getpid()}").write_text("x"),
        "remove": (folder / "secret").unlink,
        "link": lambda: (folder / "link").symlink_to("/etc"),
        "run a shell": lambda: subprocess.run(["/bin/sh", "-c", "exit"], check=True),
        "share memory": _shared_memory,
        "signal the parent": lambda: os.kill(os.getppid(), 0),
        "trace the parent": lambda: Path(f"/proc/{os.getppid()}/mem").read_bytes(),
        "read Python's library": lambda: Path(os.__file__).read_text(),
        "signal itself": lambda: os.kill(os.getpid(), 0),
        "run Python": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    }
    found: dict[str, Any] = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            found[name] = True
        except (OSError, subprocess.CalledProcessError) as error:
            found[name] = type(error).__name__
    return found


def fork_away(bundle: FileBundle) -> dict[str, Any]:
    """A process that its parent never hears of, which tries to leave the group that is killed."""
    told, tells = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            refused = []
            for leave in (os.setsid, lambda: os.setpgid(0, 0)):
                try:
                    leave()
                except OSError as error:
                    refused.append(error.errno)
            os.write(tells, f"{os.getpid()} {refused}".encode())
            time.sleep(60)
        os._exit(0)
    os.wait()
    pid, _, refused_text = os.read(told, 100).decode().partition(" ")
    return {"pid": int(pid), "refused": refused_text}


def _shared_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmget(0x5E7, 4096, 0o1600) == -1:
        raise OSError(ctypes.get_errno(), "shmget")


def write_big(bundle: FileBundle) -> Any:
    with os.fdopen(os.memfd_create("big"), "wb") as file:
        for _ in range(64):
            file.write(bytes(2**20))


def open_many(bundle: FileBundle) -> Any:
    HELD.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(10_000))


def segfault(bundle: FileBundle) -> Any:
    ctypes.string_at(0)


def abort(bundle: FileBundle) -> Any:
    os.abort()


def leave(bundle: FileBundle) -> Any:
    os._exit(0)


def garbage(bundle: FileBundle) -> Any:
    os.write(int(sys.argv[1]), b"\xff{not JSON")


def torrent(bundle: FileBundle) -> Any:
    os.write(int(sys.argv[1]), b'{"length":"' + b"9" * 100_000 + b'"}')


def deep(bundle: FileBundle) -> Any:
    os.write(int(sys.argv[1]), b'{"length":' + b"[" * 50_000)


def wrong_length(bundle: FileBundle) -> Any:
    os.write(int(sys.argv[1]), b'{"length":1,"peak_bytes":1}')


def foreign_error(bundle: FileBundle) -> Any:
    raise NotFound("there is no such job")


def no_error(bundle: FileBundle) -> Any:
    os.write(int(sys.argv[1]), b'{"error":[1,2]}')


def typed(bundle: FileBundle) -> Any:
    raise ParseFailed("x.bvh: line 3: no number; check the export")


def long_error(bundle: FileBundle) -> Any:
    raise ParseFailed("x" * 1_000_000, names=["y" * 100] * 10_000)


def bug(bundle: FileBundle) -> Any:
    raise ZeroDivisionError("secret")


def holds_on(bundle: FileBundle) -> Any:
    """Keeps the result mapped for writing, to change it after it was checked."""
    for entry in Path("/proc/self/fd").iterdir():
        file = int(entry.name)
        try:
            if str(entry.readlink()).startswith("/memfd:") and os.fstat(file).st_size == 0:
                os.truncate(file, 4096)
                HELD.append(mmap.mmap(file, 4096))
        except OSError:
            continue


def facts(bundle: FileBundle) -> dict[str, Any]:
    """What a reader finds out about its process."""
    return {
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "environment": sorted(os.environ),
        "group": os.getpgrp() == os.getpid(),
        "pid": os.getpid(),
    }


def odd_clip(bundle: FileBundle) -> Scene:
    """Two clips, of which the second cannot be sampled."""
    made = scene()

    def load(number: int, rate_hz: float | None) -> Clip:
        if number == 1:
            raise ParseFailed("clip 'bad' holds NaN; export it again")
        return Clip("good", 30.0, 0.0, np.zeros((2, 0, 4)), {})

    fields = {**vars(made), "clips": (ClipInfo("good", 2, 30.0, 1 / 30), ClipInfo("bad", 2, 30.0, 1 / 30))}
    return Scene(**(fields | {"load_clip": load}))


def ask(bundle: FileBundle) -> dict[str, Any]:
    """What asking for files beside it gives."""
    found: dict[str, Any] = {}
    for name in ("there.bin", "absent.bin", "../out", "x" * 5000):
        try:
            found[name[:20]] = bundle.siblings[name]()
        except KeyError:
            found[name[:20]] = None
        except RetargetError as error:
            found[name[:20]] = error.code
    return found
