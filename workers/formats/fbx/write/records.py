"""Nested records to bytes: the encoding of binary FBX 7.4, which knows nothing of what the records mean.

A record is a name, typed values and further records; all offsets are 32 bits wide. The type of a value is that of the
Python object: bool, int (32 bits), `np.int64`, float (64 bits), str, bytes, or an array of int32, int64, float32 or
float64, which is compressed. Layout: A. Gessler, "FBX binary file format specification" (Blender developers' blog,
2013). The identity, time and footer are one set of constants that belong together and that Autodesk's reader accepts.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import TooLarge

VERSION = 7400
TIME_ID = "1970-01-01 10:00:00:000"
FILE_ID = bytes.fromhex("28b32aebb624ccc2bfc8b02aa92bfcf1")
_MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
_FOOT_ID = bytes.fromhex("fabcab09d0c8d466b176fb831cf7267e")
_END = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
_NOTHING = bytes(13)  # a record without name, which ends a list of records
_ALWAYS_A_LIST = ("AnimationStack", "AnimationLayer")  # Autodesk's reader wants their list ended even where it is empty
_MAX_BYTES = 2**32 - 1
_LEVEL = 1  # of compression: half the time of the default for a tenth more bytes
_ARRAYS = {"i4": b"i", "i8": b"l", "f4": b"f", "f8": b"d"}


class Encoded(bytes):
    """A value that has been encoded already: an array that many records share is compressed once."""


Value = bool | int | np.int64 | float | str | bytes | Encoded | NDArray[Any]


@dataclass(frozen=True, eq=False)
class Record:
    name: str
    values: tuple[Value, ...] = ()
    children: list[Record] = field(default_factory=list)


def record(name: str, *values: Value, children: Iterable[Record] = ()) -> Record:
    return Record(name, values, list(children))


def encode_file(records: Sequence[Record]) -> bytes:
    """The whole file. Raises TooLarge beyond 4 GiB, which the offsets cannot tell."""
    head = _MAGIC + struct.pack("<I", VERSION)
    body = _encode_list(records, len(head))
    foot = _FOOT_ID + bytes(4)
    position = len(head) + len(body) + len(foot)
    foot += bytes(16 - position % 16) + struct.pack("<I", VERSION) + bytes(120) + _END
    return head + body + foot


def encode_value(value: Value) -> Encoded:
    """One value behind the letter of its type. Raises TypeError for a type that FBX does not know."""
    if isinstance(value, Encoded):
        return value
    if isinstance(value, bool):
        return Encoded(b"C" + struct.pack("<?", value))
    if isinstance(value, np.int64):
        return Encoded(b"L" + struct.pack("<q", int(value)))
    if isinstance(value, int):
        return Encoded(b"I" + struct.pack("<i", value))
    if isinstance(value, float):
        return Encoded(b"D" + struct.pack("<d", value))
    if isinstance(value, str | bytes):
        letter, content = (b"S", value.encode()) if isinstance(value, str) else (b"R", value)
        return Encoded(letter + struct.pack("<I", len(content)) + content)
    letter = _ARRAYS.get(value.dtype.str[1:], b"")
    if not letter:
        raise TypeError(f"FBX has no array of {value.dtype}")
    packed = zlib.compress(np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<")).tobytes(), _LEVEL)
    return Encoded(letter + struct.pack("<III", value.size, 1, len(packed)) + packed)


def _encode_list(records: Sequence[Record], start: int) -> bytes:
    """Records one after the other from position `start` of the file, and the one that ends the list."""
    parts = []
    for item in records:
        parts.append(_encode(item, start))
        start += len(parts[-1])
    return b"".join([*parts, _NOTHING])


def _encode(item: Record, start: int) -> bytes:
    name = item.name.encode()
    values = b"".join(encode_value(value) for value in item.values)
    begin = start + len(_NOTHING) + len(name) + len(values)
    is_list = bool(item.children) or not item.values or item.name in _ALWAYS_A_LIST
    content = _encode_list(item.children, begin) if is_list else b""
    end = begin + len(content)
    if end > _MAX_BYTES:
        raise TooLarge("format: the result does not fit into an FBX of 4 GiB; ask for glb, or existing_clips drop")
    return struct.pack("<IIIB", end, len(item.values), len(values), len(name)) + name + values + content
