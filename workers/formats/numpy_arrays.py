"""NumPy's `.npy` and `.npz` as plain arrays: numbers and text, never objects, whose pickles could run code.

The header of an `.npy` is a Python literal (`numpy.lib.format`). What it says is checked against the limits and against
the bytes that are there before anything is allocated. Of an `.npz`, a zip of `.npy` files, only the arrays that are
asked for are unpacked. What the arrays mean is left to `workers.formats.smpl` and `workers.formats.joint_arrays`.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from workers.contract.errors import ParseFailed, UnsupportedFeature
from workers.formats.entry_names import shown
from workers.formats.limits import Limits, check_limit
from workers.formats.zip_entries import DAMAGE
from workers.skeleton.model import Array

_ENDING = ".npy"
_NUMBERS, _TEXTS = "fiub", "US"
_HEADER_BYTES = 1 << 16  # more than any header that numpy itself reads
_HEADER_DAMAGE = (ValueError, SyntaxError, TypeError, LookupError, tokenize.TokenError, RecursionError, struct.error)


def parse_npy(data: bytes, where: str, limits: Limits) -> NDArray[Any]:
    """The array in the bytes of an `.npy`, read only. `where` names the file in errors.

    Raises ParseFailed for damage, UnsupportedFeature for objects and records, TooLarge.
    """
    stream = io.BytesIO(data[:_HEADER_BYTES])
    try:
        version = npy.read_magic(stream)
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, by_columns, dtype = read_header(stream)
    except _HEADER_DAMAGE:
        raise ParseFailed(f"{where}: the header of the array is damaged; save it again with numpy.save") from None
    if dtype.hasobject:
        raise UnsupportedFeature(
            f"{where}: holds pickled Python objects, which could run code and are never opened; "
            "save its arrays as plain numbers (numpy.savez with one array a name)"
        )
    if dtype.kind not in _NUMBERS + _TEXTS:
        raise UnsupportedFeature(f"{where}: an array of {str(dtype)[:60]} is not understood; save plain real numbers")
    count = math.prod(shape)
    check_limit(count, limits.accessor_elements, "array elements", where)
    start = stream.tell()
    if len(data) - start < count * dtype.itemsize:
        raise ParseFailed(
            f"{where}: the array is cut short ({len(data) - start:,} of {count * dtype.itemsize:,} bytes)"
        )
    values = np.frombuffer(data, dtype, count, start) if dtype.itemsize else np.zeros(count, dtype)
    return values.reshape(shape, order="F" if by_columns else "C")


class NpzFile:
    """The arrays of an `.npz` by name, each unpacked when it is asked for."""

    def __init__(self, data: bytes, where: str, limits: Limits) -> None:
        """Raises ParseFailed, TooLarge."""
        check_limit(data.count(b"PK\x01\x02"), 2 * limits.bundle_entries, "arrays", where)
        self.where, self._limits = where, limits
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except DAMAGE:
            raise ParseFailed(f"{where}: the npz is damaged; save it again with numpy.savez") from None
        self._entries = {
            info.filename.removesuffix(_ENDING): info
            for info in self._archive.infolist()
            if info.filename.endswith(_ENDING)
        }

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def array(self, name: str) -> NDArray[Any]:
        """Raises KeyError for a name that is not there, and what `parse_npy` raises."""
        info = self._entries[name]
        where = f"{self.where}, array {shown(name)}"
        most = 8 * self._limits.accessor_elements + _HEADER_BYTES
        check_limit(info.file_size, most, "bytes", where)
        try:
            with self._archive.open(info) as stream:
                data = stream.read(most + 1)
        except DAMAGE:
            raise ParseFailed(f"{where}: the array is damaged; save the file again with numpy.savez") from None
        return parse_npy(data, where, self._limits)

    def numbers(self, name: str) -> Array:
        """The array as finite float64. Raises as `array` does, and ParseFailed for NaN, infinity and text."""
        return finite(self.array(name), f"{self.where}, array {shown(name)}")

    def text(self, name: str) -> str:
        """A single text or number as text, empty where the array is no such thing or is not there."""
        if name not in self:
            return ""
        try:
            values = self.array(name)
        except UnsupportedFeature:
            return ""
        if values.size != 1:
            return ""
        value = values.reshape(-1)[0]
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def finite(values: NDArray[Any], where: str) -> Array:
    """The values as float64. Raises ParseFailed for text, NaN and infinity, with the first frame that has some."""
    if values.dtype.kind not in _NUMBERS:
        raise ParseFailed(f"{where}: holds text where numbers are expected; save it as an array of numbers")
    result = np.asarray(values, dtype=np.float64)
    sound = np.isfinite(result)
    if not sound.all():
        first = int(np.argwhere(~sound)[0][0]) if result.ndim else 0
        raise ParseFailed(
            f"{where}: {np.count_nonzero(~sound):,} values are NaN or infinite, the first in row {first}; "
            "fill or cut these frames and save it again"
        )
    return result
