"""Landlock: what this process, and all that it starts, may reach in the file system and whom it may signal, for good.

Any process may put it on itself, without privilege (Linux 5.13 and later, where the kernel has it switched on); rights
can only be taken away. `restrict` takes away all that the kernel knows of, but for the places that are named:

    read        the files below may be read and listed
    listed      the folders below may be listed; their files may not be read
    run         this very file may be started as a program (a program's loader too)
    write       the files below may be read, written, made and removed

Files that are open already, and files in memory, stay as they are. From version 6 of the interface (Linux 6.12) on the
process can signal none but what it has started itself, and from version 4 on it can use no TCP either. The numbers are
those of `linux/landlock.h`; they are the same on every architecture.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls
_GET_VERSION, _RULE_PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | 1 << 15  # the last: ioctl on devices
_ALL_ACCESS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_BIND_AND_CONNECT = 3  # version 4
_NO_ABSTRACT_SOCKETS_NO_SIGNALS = 3  # version 6


def version() -> int:
    """The interface's version; 0 where the kernel has none."""
    if sys.platform != "linux":
        return 0
    return max(int(_call(_CREATE_RULESET, None, 0, _GET_VERSION)), 0)


def restrict(
    *,
    read: Iterable[str | Path] = (),
    listed: Iterable[str | Path] = (),
    run: Iterable[str | Path] = (),
    write: Iterable[str | Path] = (),
) -> bool:
    """Leave this thread and what it starts nothing but this; False where the kernel cannot. Places that are not there
    are passed over. To be called before threads exist.
    """
    known = version()
    if known == 0:
        return False
    handled = _ALL_ACCESS[min(known, max(_ALL_ACCESS))]
    attributes = struct.pack(
        "=QQQ",
        handled,
        _TCP_BIND_AND_CONNECT if known >= 4 else 0,
        _NO_ABSTRACT_SOCKETS_NO_SIGNALS if known >= 6 else 0,
    )
    length = 8 if known < 4 else 16 if known < 6 else 24
    ruleset = int(_call(_CREATE_RULESET, ctypes.create_string_buffer(attributes, length), length, 0))
    if ruleset < 0:
        return False
    try:
        for places, access in (
            (read, _READ_FILE | _READ_DIR),
            (listed, _READ_DIR),
            (run, _EXECUTE | _READ_FILE),
            (write, handled & ~_EXECUTE),
        ):
            for place in places:
                _allow(ruleset, str(place), access & handled)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return int(_call(_RESTRICT_SELF, ruleset, 0)) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    """Raises OSError where a place that is there cannot be allowed."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not Path(path).is_dir():
            access &= _OF_FILES
        rule = struct.pack("=Qi", access, place)
        if access and _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0):
            number = ctypes.get_errno()
            raise OSError(number, f"{errno.errorcode.get(number, number)}: Landlock takes no rule for {path}")
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return int(libc.syscall(ctypes.c_long(number), *arguments))
