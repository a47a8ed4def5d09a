"""Accessors: typed views into buffers. All are checked against their bufferView and buffer before anything is read.

The checks of thousands of accessors run as a few numpy operations over one table. Reading an accessor makes a view into
the buffer (no copy) where it is dense; sparse ones are copied. Component types, strides, padding of matrix columns and
normalised integers follow glTF 2.0, section 3.6.2 "Accessors". Nothing here knows what the values mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import ParseFailed
from workers.formats.gltf.compressed_views import BufferContent
from workers.formats.gltf.fields import Json, bad_field, child, index, integer
from workers.formats.limits import Limits, check_limit

Values = NDArray[Any]

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
SHAPES = {
    "SCALAR": (1, 1),
    "VEC2": (1, 2),
    "VEC3": (1, 3),
    "VEC4": (1, 4),
    "MAT2": (2, 2),
    "MAT3": (3, 3),
    "MAT4": (4, 4),
}
_MAX_VALUE = {5120: 127.0, 5121: 255.0, 5122: 32767.0, 5123: 65535.0, 5125: 4294967295.0}


def _layout(kind: str, component: int) -> tuple[int, int, int]:
    """Bytes from column to column, of one element, and of the last one; matrix columns start at multiples of 4."""
    columns, rows = SHAPES[kind]
    filled = rows * COMPONENT_BYTES[component]
    column = filled + (-filled % 4 if columns > 1 else 0)
    return column, column * columns, column * (columns - 1) + filled


_LAYOUTS = {(kind, component): _layout(kind, component) for kind in SHAPES for component in COMPONENTS}


class Accessors:
    """All accessors of a document, checked on construction; read one with `read` or `floats`."""

    def __init__(
        self,
        document: Json,
        accessors: Sequence[Json],
        views: Sequence[Json],
        buffers: Sequence[BufferContent],
        limits: Limits,
    ):
        """Raises ParseFailed for anything that lies outside its bufferView or buffer, TooLarge beyond the limits."""
        self._accessors = accessors
        self._buffers = buffers
        self._cache: dict[int, Values] = {}
        self._provided: set[int] = set()
        self._limits = limits
        self._check_views(
            views,
            [integer(b, "byteLength", f"/buffers/{n}", minimum=1) for n, b in enumerate(document.get("buffers", []))],
        )
        self._check_accessors(accessors)

    def __len__(self) -> int:
        return len(self._accessors)

    def count(self, number: int) -> int:
        return self._counts[number]

    def has_data(self, number: int) -> bool:
        """False for a placeholder: without bufferView and sparse part it reads as zeros (glTF 2.0, 3.6.2.2)."""
        if "sparse" not in self._accessors[number]:
            return self._filled[number] or number in self._provided
        views = [self._view[number]] if self._view[number] >= 0 else []
        sparse = child(self._accessors[number], "sparse", f"/accessors/{number}")
        for key in ("indices", "values"):
            where = f"/accessors/{number}/sparse/{key}"
            views.append(index(child(sparse, key, where), "bufferView", len(self._view_start), where))
        return all(self._buffers[int(self._view_buffer[view])] is not None for view in views)

    @property
    def views(self) -> int:
        """How many bufferViews there are."""
        return len(self._view_start)

    def view_bytes(self, view: int) -> bytes:
        """The content of a whole bufferView, decompressed. Raises ParseFailed."""
        start = int(self._view_start[view])
        return self._bytes_of(view)[start : start + int(self._view_length[view])]

    def provide(self, number: int, values: Values) -> None:
        """Values `(count, rows)` of an accessor whose data an extension holds, as `read` would give them."""
        self._cache[number] = values
        self._provided.add(number)

    def kind(self, number: int) -> tuple[str, int, bool]:
        """Type, component type and whether integers are normalised."""
        return self._kinds[number]

    def read(self, number: int) -> Values:
        """Stored values, `(count, rows)` for scalars and vectors, `(count, columns, rows)` for matrices. Read only."""
        values = self._cache.get(number)
        if values is None:
            values = self._cache[number] = self._decode(number)
        return values

    def floats(self, number: int) -> NDArray[np.float64]:
        """As `read`, as float64 with normalised integers mapped to [-1, 1] or [0, 1]."""
        with np.errstate(invalid="ignore"):  # a signalling NaN in the file is for the caller to refuse
            values = self.read(number).astype(np.float64)
        _, component, normalized = self.kind(number)
        if normalized and component != 5126:
            values = np.maximum(values / _MAX_VALUE[component], -1.0)
        return values

    def _check_views(self, views: Sequence[Json], lengths: Sequence[int]) -> None:
        wanted = [(v.get("buffer"), v.get("byteOffset", 0), v.get("byteLength"), v.get("byteStride", 0)) for v in views]
        table = _whole_numbers(wanted, 4, "/bufferViews", "buffer, byteOffset, byteLength or byteStride")
        self._view_buffer, self._view_start, self._view_length, self._view_stride = table.T
        _refuse(
            self._view_buffer >= len(lengths),
            "/bufferViews",
            f"refers to a buffer that is not there (there are {len(lengths)})",
        )
        ends = self._view_start + self._view_length
        _refuse(self._view_length < 1, "/bufferViews", "byteLength must be at least 1")
        if len(views):
            _refuse(ends > np.asarray(lengths)[self._view_buffer], "/bufferViews", "ends beyond its buffer")

    def _check_accessors(self, accessors: Sequence[Json]) -> None:
        layouts = []
        self._kinds: list[tuple[str, int, bool]] = []
        for number, a in enumerate(accessors):
            kind, component = a.get("type"), a.get("componentType")
            if type(kind) is not str or type(component) is not int or (kind, component) not in _LAYOUTS:
                raise bad_field(
                    f"/accessors/{number}", f"has no valid type and componentType ({kind!r:.20}, {component!r:.20})"
                )
            self._kinds.append((kind, component, a.get("normalized") is True))
            layouts.append(_LAYOUTS[kind, component][1:])
        wanted = [(a.get("count"), a.get("bufferView", -1), a.get("byteOffset", 0)) for a in accessors]
        table = _whole_numbers(wanted, 3, "/accessors", "count, bufferView or byteOffset", minimum=-1)
        counts, view, offset = table.T
        explicit = np.array(["bufferView" in a for a in accessors], dtype=bool)
        _refuse((view < 0) & explicit | (offset < 0), "/accessors", "bufferView and byteOffset must not be negative")
        _refuse(counts < 1, "/accessors", "count must be at least 1")
        self._counts: list[int] = counts.tolist()
        check_limit(int(counts.max(initial=0)), self._limits.accessor_elements, "elements", "/accessors")
        _refuse(
            view >= len(self._view_start),
            "/accessors",
            f"refers to a bufferView that is not there (there are {len(self._view_start)})",
        )
        size, last_size = np.array(layouts, dtype=np.int64).reshape(-1, 2).T
        start, stride = np.zeros(len(size), dtype=np.int64), size.copy()
        viewed = view >= 0
        own = self._view_stride[view[viewed]]
        stride[viewed] = np.where(own > 0, own, size[viewed])
        _refuse(
            stride < size, "/accessors", "elements overlap: the bufferView's byteStride is smaller than one element"
        )
        start[viewed] = self._view_start[view[viewed]] + offset[viewed]
        last = np.zeros(len(size), dtype=np.int64)
        last[viewed] = (offset + stride * (counts - 1) + last_size)[viewed]
        room = np.zeros(len(size), dtype=np.int64)
        room[viewed] = self._view_length[view[viewed]]
        _refuse(last > room, "/accessors", "ends beyond its bufferView")
        filled = np.array([content is not None for content in self._buffers], dtype=bool)
        self._filled: list[bool] = (
            [v >= 0 and bool(filled[self._view_buffer[v]]) for v in view] if not filled.all() else viewed.tolist()
        )
        self._view: list[int] = view.tolist()
        self._start: list[int] = start.tolist()
        self._stride: list[int] = stride.tolist()

    def _decode(self, number: int) -> Values:
        accessor = self._accessors[number]
        kind, component, _ = self._kinds[number]
        columns, rows = SHAPES[kind]
        shape = (self._counts[number], rows) if columns == 1 else (self._counts[number], columns, rows)
        column_bytes, _, _ = _LAYOUTS[kind, component]
        one = COMPONENT_BYTES[component]
        if self._view[number] >= 0:
            strides = (self._stride[number], one) if columns == 1 else (self._stride[number], column_bytes, one)
            buffer = self._bytes_of(self._view[number])
            values: Values = np.ndarray(shape, COMPONENTS[component], buffer, self._start[number], strides)
        else:
            values = np.broadcast_to(np.zeros((), COMPONENTS[component]), shape)
        if "sparse" in accessor:
            if columns > 1:
                raise bad_field(f"/accessors/{number}/sparse", "a sparse matrix accessor is not used by any exporter")
            values = self._apply_sparse(
                values, child(accessor, "sparse", f"/accessors/{number}"), component, f"/accessors/{number}/sparse"
            )
        return values

    def _bytes_of(self, view: int) -> bytes:
        number = int(self._view_buffer[view])
        content = self._buffers[number]
        if content is None:
            raise ParseFailed(
                f"/buffers/{number}: has neither a uri nor a BIN chunk; send the file with its binary data"
            )
        return content if isinstance(content, bytes) else content()

    def _apply_sparse(self, values: Values, sparse: Json, component: int, where: str) -> Values:
        count = integer(sparse, "count", where, minimum=1)
        if count > len(values):
            raise bad_field(f"{where}/count", f"{count} exceed the accessor's {len(values)} elements")
        check_limit(values.size, self._limits.accessor_elements, "values", where)
        part = child(sparse, "indices", where)
        index_component = integer(part, "componentType", f"{where}/indices")
        if index_component not in (5121, 5123, 5125):
            raise bad_field(f"{where}/indices/componentType", "must be an unsigned type")
        places = self._packed(part, count, 1, index_component, f"{where}/indices")[:, 0].astype(np.int64)
        if np.any(places >= len(values)) or np.any(np.diff(places) <= 0):
            raise bad_field(f"{where}/indices", "must rise and stay below the accessor's count")
        result = values.copy()
        result[places] = self._packed(
            child(sparse, "values", where), count, values.shape[1], component, f"{where}/values"
        )
        return result

    def _packed(self, part: Json, count: int, width: int, component: int, where: str) -> Values:
        view = index(part, "bufferView", len(self._view_start), where)
        offset = integer(part, "byteOffset", where, default=0)
        if offset + count * width * COMPONENT_BYTES[component] > self._view_length[view]:
            raise bad_field(where, "ends beyond its bufferView")
        start = int(self._view_start[view]) + offset
        return np.ndarray((count, width), COMPONENTS[component], self._bytes_of(view), start)


def _whole_numbers(
    rows: list[tuple[Any, ...]], width: int, where: str, what: str, minimum: int = 0
) -> NDArray[np.int64]:
    for number, row in enumerate(rows):
        for value in row:
            whole = type(value) is int or (type(value) is float and value.is_integer())
            if not whole or not minimum <= value < 2**53:
                raise bad_field(f"{where}/{number}", f"{what} is missing or no whole number")
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def _refuse(wrong: NDArray[np.bool_], where: str, what: str) -> None:
    if np.any(wrong):
        raise ParseFailed(f"{where}/{int(np.argmax(wrong))}: {what}; the file is damaged: export it again")
