"""What a glTF writer needs of the uploaded file, as plain values of a stored scene, and back.

Stored are the checked JSON, written anew, the buffers, further chunks and the images beside the document as opaque
bytes, and node tree, skins and bind pose as arrays. What comes back is a `GltfSource` to write into: its accessors and
clips are empty, since mesh and clips are stored sampled.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from workers.contract.errors import InputError, InternalError
from workers.formats.bundle import FileBundle
from workers.formats.gltf.accessors import Accessors
from workers.formats.gltf.bind import BindPose, Skin
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.fields import objects, text
from workers.formats.gltf.nodes import NodeTree
from workers.formats.gltf.read import GltfSource
from workers.formats.gltf.resources import load_sibling, sibling_path
from workers.formats.limits import Limits
from workers.ingest.stored.scene_checks import check_bind, check_tree
from workers.skeleton.model import Skeleton, Units

SOURCE_FIELDS = json.dumps([[field.name for field in fields(kind)] for kind in (GltfDocument, GltfSource)])


def pack_gltf(source: Any) -> dict[str, Any]:
    """Raises InternalError for a document that is no glTF: a new kind needs a place here first."""
    if not isinstance(source, GltfSource):
        raise InternalError(f"a {type(source).__name__} has no place in a stored scene")
    document = source.document
    return {
        "name": document.name,
        "format": document.format,
        # Infinity is kept: a file may hold 1e999, and the writer is who refuses it.
        "json": json.dumps(document.json, separators=(",", ":")).encode(),
        "binary": _number_of(document.binary, document.buffers),
        "buffers": list(document.buffers),
        "further_chunks": document.further_chunks,
        "images": _images(document),
        "tree": source.tree,
        "skins": source.skins,
        "bind": source.bind,
        "deforming": source.deforming,
        "body_size_m": source.body_size_m,
    }


def unpack_gltf(packed: dict[str, Any], skeleton: Skeleton, units: Units, limits: Limits) -> GltfSource:
    """Raises ValueError, TypeError, LookupError, InputError for what `pack_gltf` never gives."""
    document = json.loads(packed["json"])
    images, tree, skins, bind = packed["images"], packed["tree"], packed["skins"], packed["bind"]
    _expect(document, dict)
    _expect(tree, NodeTree)
    _expect(bind, BindPose)
    for skin in skins:
        _expect(skin, Skin)
    for content in [*images.values(), *(content for _, content in packed["further_chunks"])]:
        _expect(content, bytes)
    for content in packed["buffers"]:
        if content is not None:
            _expect(content, bytes)
    if packed["format"] not in ("glb", "gltf") or len(tree.names) != len(skeleton):
        raise ValueError("tree")
    nodes, document_skins = objects(document, "nodes"), objects(document, "skins")
    check_tree(tree, len(nodes))
    check_bind(skins, bind, tree, len(document_skins))
    buffers, binary = tuple(packed["buffers"]), packed["binary"]
    return GltfSource(
        document=GltfDocument(
            name=packed["name"],
            format=packed["format"],
            json=document,
            binary=None if binary is None else buffers[binary],
            further_chunks=packed["further_chunks"],
            buffers=buffers,
            accessors=Accessors({}, [], [], (), limits),
            nodes=tuple(nodes),
            skins=tuple(document_skins),
            meshes=tuple(objects(document, "meshes")),
            animations=tuple(objects(document, "animations")),
            bundle=FileBundle(packed["name"], b"", {path: partial(bytes, image) for path, image in images.items()}),
            limits=limits,
        ),
        tree=tree,
        skins=skins,
        bind=bind,
        clips=[],
        units=units,
        deforming=np.asarray(packed["deforming"], dtype=np.bool_),
        body_size_m=float(packed["body_size_m"]),
    )


def _number_of(binary: bytes | None, buffers: tuple[bytes | None, ...]) -> int | None:
    """Which buffer is the BIN chunk, so that it is stored once; None where no buffer uses it."""
    return None if binary is None else next((n for n, held in enumerate(buffers) if held is binary), None)


def _images(document: GltfDocument) -> dict[str, bytes]:
    """The image files beside the document that were sent, by relative path."""
    images = {}
    for number, image in enumerate(objects(document.json, "images")):
        where = f"/images/{number}"
        try:
            uri = text(image, "uri", where)
            if uri is not None and not uri.startswith("data:"):
                images[sibling_path(uri, where)] = load_sibling(uri, document.bundle, where)
        except InputError:  # the writer meets it too, and tells
            continue
    return images


def _expect(value: Any, kind: type[Any]) -> None:
    if type(value) is not kind:
        raise TypeError(kind.__name__)
