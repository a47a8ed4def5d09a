"""bufferViews that are stored compressed (EXT_meshopt_compression), seen as plain ones by those who read them.

Each becomes a view of a buffer of its own, whose bytes are decoded when they are first asked for. Where the file holds
plain bytes too and does not require the extension, those are read. The document itself stays as it was uploaded, so a
result hands the compressed bytes back. What all views unfold to counts against the limits before any is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

from workers.contract.errors import ParseFailed, TooLarge
from workers.formats.gltf.fields import Json, bad_field, child, index, integer, text
from workers.formats.gltf.meshopt import decode_view
from workers.formats.limits import Limits

MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
BufferContent = bytes | Callable[[], bytes] | None
_FILTERS = {"NONE": range(4, 257, 4), "OCTAHEDRAL": (4, 8), "QUATERNION": (8,), "EXPONENTIAL": range(4, 257, 4)}
_STRIDES = {"ATTRIBUTES": range(4, 257, 4), "TRIANGLES": (2, 4), "INDICES": (2, 4)}


def plain_views(
    views: Sequence[Json], buffers: Sequence[bytes | None], required: bool, limits: Limits
) -> tuple[list[Json], list[BufferContent], list[int]]:
    """Views, the contents of all their buffers, and the lengths of those that were added behind `buffers`.

    Raises ParseFailed for an extension that is not valid, TooLarge beyond `limits.file_bytes` of decoded data.
    """
    plain, contents, lengths = list(views), list[BufferContent](buffers), list[int]()
    for number, view in enumerate(views):
        name = meshopt_of(view)
        if name is None:
            continue
        where = f"/bufferViews/{number}"
        own = index(view, "buffer", len(buffers), where)
        if buffers[own] is not None and not required:
            continue
        decode, length = _decoder(view, child(view["extensions"], name, f"{where}/extensions"), buffers, where)
        lengths.append(length)
        if sum(lengths) > limits.file_bytes:
            raise TooLarge(
                f"{where}: the compressed data unfolds to more than {limits.file_bytes:,} bytes; reduce the file",
                limit=limits.file_bytes,
            )
        plain[number] = view | {"buffer": len(contents), "byteOffset": 0}
        contents.append(cache(decode))
    return plain, contents, lengths


def meshopt_of(view: Json) -> str | None:
    """The name of the extension by which a view is compressed, None for a plain one."""
    extensions = view.get("extensions")
    return next((name for name in MESHOPT if isinstance(extensions, dict) and name in extensions), None)


def _decoder(
    view: Json, extension: Json, buffers: Sequence[bytes | None], where: str
) -> tuple[Callable[[], bytes], int]:
    """What decodes a view, and how many bytes come of it."""
    content = buffers[index(extension, "buffer", len(buffers), where)]
    offset, size = (
        integer(extension, "byteOffset", where, default=0),
        integer(extension, "byteLength", where, minimum=1),
    )
    count, stride = integer(extension, "count", where, minimum=1), integer(extension, "byteStride", where, minimum=1)
    mode, filtering = text(extension, "mode", where), text(extension, "filter", where) or "NONE"
    if content is None or offset + size > len(content):
        raise ParseFailed(f"{where}: its compressed data is not there; send the file with its binary data")
    if mode not in _STRIDES or filtering not in _FILTERS:
        raise bad_field(where, f"mode {mode!r:.40} with filter {filtering!r:.40} does not exist")
    fits = stride in _STRIDES[mode] and (
        filtering == "NONE" or (mode == "ATTRIBUTES" and stride in _FILTERS[filtering])
    )
    if not fits:
        raise bad_field(where, f"{mode} with filter {filtering} cannot have elements of {stride} bytes")
    if count * stride != integer(view, "byteLength", where, minimum=1):
        raise bad_field(where, f"{count} elements of {stride} bytes are not its byteLength")
    part = memoryview(content)[offset : offset + size]
    return partial(_decode, part, count, stride, mode, filtering, where), count * stride


def _decode(part: memoryview, count: int, stride: int, mode: str, filtering: str, where: str) -> bytes:
    return decode_view(bytes(part), count, stride, mode, filtering, where)
