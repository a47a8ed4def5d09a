"""Values of the scene model <-> JSON that refers to sections of a scene file. A closed set of types, unlike pickle.

`None`, booleans, numbers and strings stand for themselves; everything else is an object with one key:

    {"l": [...]} list · {"t": [...]} tuple · {"d": [[key, value], ...]} dict · {"a": n} array · {"b": n} bytes
    {"o": class name, "f": {field: value}} one of CLASSES, field by field

So a field added to one of them is stored without a change here, and changes `FIELDS`, which is part of the version.
Whether values make sense is checked by `workers.ingest.stored.scene_checks`.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np

from workers.contract.errors import InternalError
from workers.formats.gltf.bind import BindPose, Skin
from workers.formats.gltf.nodes import NodeTree
from workers.ingest.stored.scene_file import SceneFileReader, SceneFileWriter
from workers.skeleton.model import Clip, ClipInfo, Mesh, Notice, Skeleton, Units

CLASSES: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Notice, Units, ClipInfo, Skeleton, Clip, Mesh, NodeTree, Skin, BindPose)
}
FIELDS = json.dumps({name: sorted(field.name for field in fields(kind)) for name, kind in CLASSES.items()})


def encode(value: Any, writer: SceneFileWriter) -> Any:
    """JSON for a value, its arrays and bytes written as sections. Raises InternalError for a type not listed above."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"a": writer.add_array(value)}
    if isinstance(value, bytes):
        return {"b": writer.add_bytes(value)}
    if isinstance(value, list):
        return {"l": [encode(item, writer) for item in value]}
    if isinstance(value, tuple):
        return {"t": [encode(item, writer) for item in value]}
    if isinstance(value, dict):
        return {"d": [[encode(key, writer), encode(item, writer)] for key, item in value.items()]}
    name = type(value).__name__
    if CLASSES.get(name) is not type(value):
        raise InternalError(f"a {name} has no place in a stored scene; add it to the classes of the codec")
    return {"o": name, "f": {field.name: encode(getattr(value, field.name), writer) for field in fields(value)}}


def decode(data: Any, reader: SceneFileReader) -> Any:
    """Inverse of `encode`. Raises ValueError, TypeError or LookupError for what `encode` never writes."""
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if "o" in data:
        kind = CLASSES[data["o"]]
        return kind(**{name: decode(item, reader) for name, item in data["f"].items()})
    ((tag, content),) = data.items()
    if tag == "a":
        return reader.array(content)
    if tag == "b":
        return reader.bytes(content)
    if tag == "l":
        return [decode(item, reader) for item in content]
    if tag == "t":
        return tuple(decode(item, reader) for item in content)
    if tag == "d":
        return {decode(key, reader): decode(item, reader) for key, item in content}
    raise ValueError(tag)
