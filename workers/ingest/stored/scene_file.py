"""The container of the internal form: numpy arrays and bytes in one file that can be memory-mapped.

    preamble  64 bytes: magic, form, CRC-32 of all that follows, place and length of the index, length of the file
    sections  raw little-endian arrays and byte strings, each at a multiple of 64
    index     JSON, last: dtype, shape and place of each section, and the content, a JSON value that refers to sections

Written in one pass, so that no more than one array is held. Opening checks magic, form, lengths and checksum before
anything is believed, and every section against the file; arrays are read-only views into the mapping. `form` names the
layout of the content (`workers.ingest.stored.scene_store`): another one is refused, never guessed at.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import InternalError

MAGIC = b"RTSCENE\0"
ALIGNMENT = 64
DTYPES = frozenset({"<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1", "|b1"})
INDEX_BYTES_MAX = 256 * 2**20
_PREAMBLE = struct.Struct("<8sIIQQQ")
_CHUNK_BYTES = 2**24
Buffer = bytes | mmap.mmap | memoryview


class SceneFileUnusable(InternalError):
    """A file of the internal form that is damaged or of another version; read the original file again."""


class SceneFileWriter:
    """Writes sections to a binary file opened for writing at its start, then the index."""

    def __init__(self, file: IO[bytes], form: str) -> None:
        self._file = file
        self._form = form
        self._crc = 0
        self._position = ALIGNMENT
        self._sections: list[tuple[str, list[int], int]] = []
        file.write(bytes(ALIGNMENT))

    def add_array(self, values: NDArray[Any]) -> int:
        """The number of a new section. Raises ValueError for a dtype that has no plain little-endian form."""
        dtype = values.dtype.newbyteorder("<").str
        if dtype not in DTYPES:
            raise ValueError(f"no section can hold {values.dtype}")
        packed = np.ascontiguousarray(values, dtype=dtype)
        return self._add(dtype, list(values.shape), packed.reshape(-1).view(np.uint8).data)

    def add_bytes(self, content: bytes) -> int:
        return self._add("bytes", [len(content)], memoryview(content))

    def finish(self, content: Any) -> int:
        """Write the index and the preamble; returns the length of the file."""
        index = json.dumps({"sections": self._sections, "content": content}, separators=(",", ":")).encode()
        place = self._position
        self._append(memoryview(index))
        self._file.seek(0)
        form = zlib.crc32(self._form.encode())
        self._file.write(_PREAMBLE.pack(MAGIC, form, self._crc, place, len(index), self._position))
        self._file.flush()
        return self._position

    def _add(self, dtype: str, shape: list[int], content: memoryview) -> int:
        self._sections.append((dtype, shape, self._position))
        self._append(content)
        return len(self._sections) - 1

    def _append(self, content: memoryview) -> None:
        padding = bytes(-len(content) % ALIGNMENT)
        for part in (content, memoryview(padding)):
            self._file.write(part)
            self._crc = zlib.crc32(part, self._crc)
            self._position += len(part)


class SceneFileReader:
    """An opened file. `content` is the JSON value that was given to `finish`."""

    def __init__(self, buffer: Buffer, form: str) -> None:
        """Raises SceneFileUnusable."""
        self._bytes = memoryview(buffer)
        if len(self._bytes) < ALIGNMENT:
            raise _unusable("it is too short")
        magic, found, crc, place, length, total = _PREAMBLE.unpack_from(self._bytes)
        if magic != MAGIC:
            raise _unusable("it does not begin as one")
        if found != zlib.crc32(form.encode()):
            raise _unusable("it was written by another version")
        if total != len(self._bytes) or length > INDEX_BYTES_MAX or not ALIGNMENT <= place <= total - length:
            raise _unusable("its lengths contradict each other")
        if _checksum(self._bytes) != crc:
            raise _unusable("its checksum is wrong")
        try:
            index = json.loads(bytes(self._bytes[place : place + length]))
            self._sections = [self._section(*row) for row in index["sections"]]
            self.content: Any = index["content"]
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise _unusable(f"its index cannot be read ({type(error).__name__})") from None

    def array(self, number: int) -> NDArray[Any]:
        """A read-only view. Raises LookupError, ValueError."""
        dtype, shape, start = self._at(number)
        if dtype == "bytes":
            raise ValueError("a section of bytes is no array")
        return np.ndarray(tuple(shape), dtype, self._bytes, start)

    def bytes(self, number: int) -> bytes:
        """A copy. Raises LookupError, ValueError."""
        dtype, shape, start = self._at(number)
        if dtype != "bytes":
            raise ValueError("an array is no section of bytes")
        return bytes(self._bytes[start : start + shape[0]])

    def _at(self, number: int) -> tuple[str, list[int], int]:
        if not 0 <= number < len(self._sections):
            raise LookupError(f"no section {number}")
        return self._sections[number]

    def _section(self, dtype: str, shape: list[int], start: int) -> tuple[str, list[int], int]:
        if dtype not in DTYPES and dtype != "bytes":
            raise ValueError(dtype)
        if any(type(size) is not int or size < 0 for size in [*shape, start]) or (dtype == "bytes" and len(shape) != 1):
            raise ValueError("no size")
        count = 1
        for size in shape:  # in whole numbers of any length: a product must not wrap around
            count *= size
        if start + count * (1 if dtype == "bytes" else np.dtype(dtype).itemsize) > len(self._bytes):
            raise ValueError("beyond the file")
        return dtype, shape, start


def open_scene_file(source: str | os.PathLike[str] | Buffer, form: str) -> SceneFileReader:
    """A file by path, mapped into memory, or its bytes. Raises SceneFileUnusable, FileNotFoundError."""
    if isinstance(source, bytes | mmap.mmap | memoryview):
        return SceneFileReader(source, form)
    with Path(source).open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file cannot be mapped
            raise _unusable("it is empty") from None
    return SceneFileReader(mapped, form)


def decoded(decode: Callable[[], Any]) -> Any:
    """What `decode` returns; whatever a wrong content makes it raise becomes SceneFileUnusable."""
    try:
        return decode()
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise _unusable(f"its content does not fit ({type(error).__name__})") from None


def _checksum(content: memoryview) -> int:
    crc = 0
    for start in range(ALIGNMENT, len(content), _CHUNK_BYTES):
        crc = zlib.crc32(content[start : start + _CHUNK_BYTES], crc)
    return crc


def _unusable(why: str) -> SceneFileUnusable:
    return SceneFileUnusable(f"a stored scene cannot be used: {why}; read the original file again")
