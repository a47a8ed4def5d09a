"""The bytes that the FBX child and its parent exchange: magic number, length of a JSON header, header, payload.

Plain data only, so nothing that the child sends can run in the parent. Both sides check what they get.
"""

from __future__ import annotations

import json
import struct
from typing import Any

_MAGIC = b"rtfbx\x01"
_PREFIX = struct.Struct("<6sI")


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """One message. Raises ValueError for a header that JSON cannot hold, such as one with NaN."""
    encoded = json.dumps(header, allow_nan=False).encode()
    return _PREFIX.pack(_MAGIC, len(encoded)) + encoded + payload


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and payload. Raises ValueError for anything else than one whole message."""
    if len(message) < _PREFIX.size:
        raise ValueError("the message is cut off")
    magic, length = _PREFIX.unpack_from(message)
    if magic != _MAGIC or len(message) < _PREFIX.size + length:
        raise ValueError("this is no message")
    header = json.loads(message[_PREFIX.size : _PREFIX.size + length])
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header, message[_PREFIX.size + length :]
