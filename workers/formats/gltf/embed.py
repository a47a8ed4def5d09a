"""One GLB out of any glTF: all buffers become the BIN chunk, image files beside the document become bufferViews.

The old first buffer stays a byte prefix of the new one, and the document's lists are copied before they are changed, so
the uploaded JSON is never touched. `BinaryBuilder` appends further content.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import InputError, UnsupportedFeature
from workers.formats.gltf.compressed_views import meshopt_of
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.fields import Json, objects, text
from workers.formats.gltf.resources import load_sibling
from workers.skeleton.model import Notice

_IMAGE_TYPES: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"\xabKTX 20\xbb": "image/ktx2",
    b"DDS ": "image/vnd-ms.dds",
}
FLOAT = 5126


class BinaryBuilder:
    """The growing BIN chunk of `document`, whose `bufferViews` and `accessors` lists grow with it."""

    def __init__(self, document: Json, content: bytes = b""):
        self.document = document
        self.placeholders: list[Json] = []  # buffers without data, behind the BIN chunk
        self._parts = [content]
        self._length = len(content)

    def align(self) -> int:
        """Pad to four bytes; returns the position."""
        padding = bytes(-self._length % 4)
        self._parts.append(padding)
        self._length += len(padding)
        return self._length

    def append(self, content: bytes) -> int:
        """Add content at the next multiple of four; returns its position."""
        position = self.align()
        self._parts.append(content)
        self._length += len(content)
        return position

    def add_view(self, content: bytes) -> int:
        """A new bufferView, without a target; returns its index."""
        position = self.append(content)
        self.document["bufferViews"].append({"buffer": 0, "byteOffset": position, "byteLength": len(content)})
        return len(self.document["bufferViews"]) - 1

    def add_floats(
        self, view: int, offset: int, count: int, kind: str, bounds: tuple[float, float] | None = None
    ) -> int:
        """A new float accessor; `bounds` are the smallest and largest value of a scalar one. Returns its index."""
        accessor: Json = {
            "bufferView": view,
            "byteOffset": offset,
            "componentType": FLOAT,
            "count": count,
            "type": kind,
        }
        if bounds is not None:
            accessor |= {"min": [bounds[0]], "max": [bounds[1]]}
        self.document["accessors"].append(accessor)
        return len(self.document["accessors"]) - 1

    def finish(self) -> bytes:
        """The BIN chunk; sets the buffer's length and removes lists that stayed empty (glTF forbids empty ones)."""
        self.align()
        for key in ("bufferViews", "accessors"):
            if not self.document[key]:
                del self.document[key]
        if self._length:
            buffers = self.document.get("buffers") or [{}]
            first = {key: value for key, value in buffers[0].items() if key != "uri"}
            self.document["buffers"] = [first | {"byteLength": self._length}, *self.placeholders]
        return b"".join(self._parts)


def float_bytes(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def gather(document: GltfDocument) -> BinaryBuilder:
    """A builder that starts with the whole uploaded document: buffers joined, bufferViews re-based, images embedded."""
    copy = dict(document.json)
    for key in ("bufferViews", "accessors"):
        copy[key] = list(copy.get(key, []))
    builder = BinaryBuilder(copy)
    places: list[tuple[int, int]] = []  # of each old buffer: the new one, and where in it the old one begins
    for number, content in enumerate(document.buffers):
        if content is not None:
            places.append((0, builder.append(content)))
            continue
        _check_placeholder(copy["bufferViews"], number)
        builder.placeholders.append(copy["buffers"][number])
        places.append((len(builder.placeholders), 0))
    if any(place != (number, 0) for number, place in enumerate(places)):
        copy["bufferViews"] = [_rebase(view, places) for view in copy["bufferViews"]]
    if "images" in copy:
        copy["images"] = [_embed(document, image, n, builder) for n, image in enumerate(objects(copy, "images"))]
    return builder


def missing_images(document: GltfDocument) -> list[Notice]:
    """Image files that the document names but that were not sent: the result goes on naming them."""
    notices = []
    for number, image in enumerate(objects(document.json, "images")):
        uri = text(image, "uri", f"/images/{number}")
        if uri is not None and not uri.startswith("data:") and _sibling_image(document, uri, number) is None:
            notices.append(
                Notice("image-not-embedded", f"image {uri[:80]!r} was not sent; the result refers to it by name")
            )
    return notices


def _sibling_image(document: GltfDocument, uri: str, number: int) -> bytes | None:
    try:
        return load_sibling(uri, document.bundle, f"/images/{number}")
    except InputError:
        return None


def _embed(document: GltfDocument, image: Json, number: int, builder: BinaryBuilder) -> Json:
    uri = text(image, "uri", f"/images/{number}")
    if uri is None or uri.startswith("data:"):
        return image
    content = _sibling_image(document, uri, number)
    media_type = None if content is None else _image_type(content)
    if content is None or media_type is None:
        return image
    rest = {key: value for key, value in image.items() if key not in ("uri", "mimeType")}
    return rest | {"mimeType": media_type, "bufferView": builder.add_view(content)}


def _image_type(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _IMAGE_TYPES.items() if content.startswith(magic)), None)


def _check_placeholder(views: list[Json], number: int) -> None:
    """A buffer without data is no loss where all its views are stored compressed elsewhere."""
    if any(view.get("buffer") == number and meshopt_of(view) is None for view in views):
        raise UnsupportedFeature(f"/buffers/{number}: has no data to hand back; send the file with its binary data")


def _rebase(view: Json, places: list[tuple[int, int]]) -> Json:
    """The view on the joined buffer; extensions that name a buffer of their own (meshopt) move along."""
    result = _moved(view, places)
    if isinstance(view.get("extensions"), dict):
        result["extensions"] = {
            name: _moved(value, places) if isinstance(value, dict) and type(value.get("buffer")) is int else value
            for name, value in view["extensions"].items()
        }
    return result


def _moved(part: Json, places: list[tuple[int, int]]) -> Json:
    number = int(part["buffer"])
    buffer, base = places[number] if number < len(places) else (0, 0)
    return part | {"buffer": buffer, "byteOffset": part.get("byteOffset", 0) + base}
