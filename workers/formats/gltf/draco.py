"""KHR_draco_mesh_compression: the accessors of a compressed primitive, filled from its Draco stream.

The stream is decoded by Google's library (the package DracoPy), whose allocations follow counts in the stream: those
are held against the accessors' counts, which the limits bound, before it is called. It is native code: files of
strangers are read in the confined process, whose death is an error of the file. Tangents and what only extensions know
are not taken; the document keeps the stream as it was uploaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from workers.contract.errors import ParseFailed, UnsupportedFeature
from workers.formats.gltf.accessors import SHAPES, Accessors
from workers.formats.gltf.fields import Json, bad_field, child, index, integer

DRACO = "KHR_draco_mesh_compression"
_TRIANGULAR_MESH = 1
_SEQUENTIAL, _EDGEBREAKER = 0, 1
_HEADER_BYTES = 11  # "DRACO", version, kind, method, flags
_READ = ("POSITION", "NORMAL", "TEXCOORD_", "COLOR_", "JOINTS_", "WEIGHTS_")


def draco_of(primitive: Json) -> bool:
    """Whether a primitive is compressed by Draco."""
    extensions = primitive.get("extensions")
    return isinstance(extensions, dict) and DRACO in extensions


def fill_accessors(accessors: Accessors, primitive: Json, where: str) -> None:
    """Decode the primitive's stream into its accessors, so that they read as any other.

    Raises ParseFailed for a stream that is damaged or disagrees with the accessors, UnsupportedFeature where DracoPy is
    not installed.
    """
    extension = child(child(primitive, "extensions", where), DRACO, f"{where}/extensions")
    attributes, given = child(primitive, "attributes", where), child(extension, "attributes", where)
    wanted = {
        name: index(attributes, name, len(accessors), f"{where}/attributes")
        for name in given
        if name.startswith(_READ) and name in attributes
    }
    missing = [name for name in wanted if not accessors.has_data(wanted[name])]
    indices = index(primitive, "indices", len(accessors), where) if "indices" in primitive else None
    if not missing and (indices is None or accessors.has_data(indices)):
        return  # the file holds it plain as well
    if indices is None or "POSITION" not in wanted or primitive.get("mode", 4) != 4:
        raise bad_field(where, "a Draco primitive must be triangles with indices and positions")
    stream = accessors.view_bytes(index(extension, "bufferView", accessors.views, where))
    corners, points = accessors.count(indices), accessors.count(wanted["POSITION"])
    _check_counts(stream, corners, points, where)
    mesh = _decode(stream, where)
    faces = np.asarray(mesh.faces, dtype=np.int64).reshape(-1, 1)
    if len(faces) != corners or (len(faces) and int(faces.max()) >= points):
        raise bad_field(where, f"its Draco stream holds {len(faces)} indices, its accessor {corners}")
    accessors.provide(indices, faces)
    found = {int(item["unique_id"]): item for item in mesh.attributes}
    for name, accessor in wanted.items():
        item = found.get(integer(given, name, where))
        columns = SHAPES[accessors.kind(accessor)[0]][1]
        values = None if item is None else np.asarray(item["data"]).reshape(len(item["data"]), -1)
        if values is None or values.shape != (accessors.count(accessor), columns):
            raise bad_field(where, f"its Draco stream does not hold the {name} that its accessor describes")
        accessors.provide(accessor, values)


def _decode(stream: bytes, where: str) -> Any:
    try:
        library = import_module("DracoPy")
    except ImportError:
        raise UnsupportedFeature(
            f"{where}: compressed by {DRACO}, which takes the package DracoPy to read; install it, or decompress the "
            "file, e.g. `npx @gltf-transform/cli copy IN.glb OUT.glb`"
        ) from None
    try:
        mesh = library.decode(stream)
    except MemoryError:
        raise
    except Exception as error:
        raise ParseFailed(
            f"{where}: the Draco data is damaged ({type(error).__name__}); export the file again"
        ) from None
    if getattr(mesh, "faces", None) is None:
        raise bad_field(where, "its Draco stream holds no triangles")
    return mesh


def _check_counts(stream: bytes, corners: int, points: int, where: str) -> None:
    """The counts at the head of the stream, which the library allocates by (Draco bitstream specification, sections
    "Draco header" and "Connectivity decoder").
    """
    if stream[:5] != b"DRACO" or len(stream) < _HEADER_BYTES + 8 or stream[7] != _TRIANGULAR_MESH:
        raise ParseFailed(f"{where}: the Draco data has no header of a mesh; export the file again")
    if stream[5:7] != b"\2\2":
        raise UnsupportedFeature(
            f"{where}: Draco data of version {stream[5]}.{stream[6]}; export again with a present exporter"
        )
    method, place = stream[8], _HEADER_BYTES
    if int.from_bytes(stream[9:11], "little") & 0x8000:
        raise UnsupportedFeature(f"{where}: Draco data with metadata is not read; export without")
    if method == _SEQUENTIAL:
        faces, place = _number(stream, place, where)
        vertices, place = _number(stream, place, where)
    elif method == _EDGEBREAKER:
        vertices, place = _number(stream, place + 1, where)
        faces, place = _number(stream, place, where)
    else:
        raise bad_field(where, f"Draco method {method} does not exist")
    if 3 * faces != corners or vertices > max(points, corners):
        raise bad_field(where, f"its Draco stream holds {faces:,} triangles, its accessor {corners:,} indices")


def _number(stream: bytes, place: int, where: str) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where the stream goes on."""
    result = 0
    for step in range(10):
        if place + step >= len(stream):
            break
        result |= (stream[place + step] & 127) << 7 * step
        if stream[place + step] < 128:
            return result, place + step + 1
    raise ParseFailed(f"{where}: the Draco data is damaged (it ends too early); export the file again")
