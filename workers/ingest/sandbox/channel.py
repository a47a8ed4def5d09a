"""SandboxChannel: messages with open files between a worker and its parsing process, over a socket that keeps borders.

A message is one JSON object of limited length; bytes of any length travel beside it as files in memory. Both ends use
it. The parent trusts nothing that it receives: too long, not JSON or no object is `BadMessage`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
from typing import Any

Message = dict[str, Any]
_FILES_MAX = 2


class ChannelClosed(Exception):
    """The other end is gone."""


class BadMessage(Exception):
    """The other end sent what is no message."""


class SandboxChannel:
    """One end."""

    def __init__(self, end: socket.socket, message_bytes: int) -> None:
        self._socket = end
        self._message_bytes = message_bytes

    @staticmethod
    def pair() -> tuple[socket.socket, socket.socket]:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def send(self, message: Message, files: tuple[int, ...] = ()) -> None:
        """Raises ChannelClosed."""
        try:
            socket.send_fds(self._socket, [json.dumps(message).encode()], list(files))
        except OSError as error:
            raise ChannelClosed from error

    def receive(self, timeout_s: float | None = None) -> tuple[Message, list[int]] | None:
        """The next message and its files, which the receiver closes; None when there was none in time.

        Raises ChannelClosed, BadMessage.
        """
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return None
        try:
            data, files, flags, _ = socket.recv_fds(self._socket, self._message_bytes, _FILES_MAX)
        except OSError as error:
            raise ChannelClosed from error
        if not data and not files:
            raise ChannelClosed
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise BadMessage("longer than allowed")
            message = json.loads(data)
            if not isinstance(message, dict):
                raise BadMessage("no object")
        except (ValueError, RecursionError):
            close_files(files)
            raise BadMessage("no JSON") from None
        except BadMessage:
            close_files(files)
            raise
        return message, files

    def close(self) -> None:
        self._socket.close()


def close_files(files: list[int]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            os.close(file)


def memory_file(content: bytes = b"") -> int:
    """A file in memory that holds `content`, at its start; it can be sealed."""
    file = os.memfd_create("retarget", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(file, "wb", closefd=False) as stream:
        stream.write(content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
