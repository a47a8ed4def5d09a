"""GltfDocument: a glTF 2.0 file taken apart, with its JSON as it was written, its buffers and its checked accessors.

Refuses what cannot be read faithfully: other versions and required extensions that change geometry or animation.
Extensions that only concern looks are accepted unread. Nodes, skins, animations and meshes are left to their modules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from workers.contract.errors import UnsupportedFeature
from workers.formats.bundle import FileBundle
from workers.formats.gltf.accessors import Accessors
from workers.formats.gltf.compressed_views import MESHOPT, plain_views
from workers.formats.gltf.container import split_container
from workers.formats.gltf.fields import Json, bad_field, child, objects, text
from workers.formats.gltf.resources import load_buffers
from workers.formats.limits import DEFAULT_LIMITS, Limits, check_limit

# Required extensions that change neither nodes, skins and animations nor how positions are read, or that are read.
_HARMLESS = re.compile(
    r"[A-Z]+_(materials?|texture|lights?|xmp|audio)(_\w+)?|KHR_mesh_quantization|MSFT_texture_dds|KHR_xmp_json_ld|"
    r"KHR_node_(visibility|selectability|hoverability)|KHR_animation_pointer|"
    r"EXT_meshopt_compression|KHR_meshopt_compression|KHR_draco_mesh_compression|VRMC?_?\w*|MSFT_packing_\w+"
)


@dataclass(frozen=True, eq=False)
class GltfDocument:
    """`json` is the document as uploaded and must not be changed. `binary` is the GLB's BIN chunk, padding included."""

    name: str
    format: Literal["glb", "gltf"]
    json: dict[str, Any]
    binary: bytes | None
    further_chunks: tuple[tuple[int, bytes], ...]
    buffers: tuple[bytes | None, ...]  # None for a placeholder without data
    accessors: Accessors
    nodes: tuple[Json, ...]
    skins: tuple[Json, ...]
    meshes: tuple[Json, ...]
    animations: tuple[Json, ...]
    bundle: FileBundle
    limits: Limits


def open_document(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> GltfDocument:
    """Take a file apart and check what holds for the whole of it. Raises InputErrors only."""
    container = split_container(bundle.data, bundle.name, limits)
    document = container.json
    _check_version(document, bundle.name)
    _check_extensions(document, bundle.name)
    nodes = objects(document, "nodes")
    check_limit(len(nodes), limits.nodes, "nodes", bundle.name)
    buffers = load_buffers(objects(document, "buffers"), container.format == "glb", container.binary, bundle, limits)
    required = bool({*document.get("extensionsRequired", [])} & set(MESHOPT))
    views, contents, added = plain_views(objects(document, "bufferViews"), buffers, required, limits)
    lengths = {"buffers": [*objects(document, "buffers"), *({"byteLength": length} for length in added)]}
    accessors = Accessors(lengths, objects(document, "accessors"), views, contents, limits)
    return GltfDocument(
        name=bundle.name,
        format=container.format,
        json=document,
        binary=container.binary,
        further_chunks=container.further_chunks,
        buffers=buffers,
        accessors=accessors,
        nodes=tuple(nodes),
        skins=tuple(objects(document, "skins")),
        meshes=tuple(objects(document, "meshes")),
        animations=tuple(objects(document, "animations")),
        bundle=bundle,
        limits=limits,
    )


def _check_version(document: Json, name: str) -> None:
    asset = child(document, "asset", "")
    version = text(asset, "version", "/asset")
    match = re.fullmatch(r"(\d+)\.(\d+)", version or "")
    if match is None:
        raise bad_field("/asset/version", f"must be like '2.0', not {version!r:.40}")
    minimum = text(asset, "minVersion", "/asset")
    if match[1] != "2" or minimum not in (None, "2.0"):
        raise UnsupportedFeature(
            f"{name}: glTF {minimum or version}; convert it to glTF 2.0, e.g. by importing into Blender and exporting"
        )


def _check_extensions(document: Json, name: str) -> None:
    required = document.get("extensionsRequired", [])
    if type(required) is not list or any(type(item) is not str for item in required):
        raise bad_field("/extensionsRequired", "must be an array of strings")
    unknown = [item for item in required if not _HARMLESS.fullmatch(item)]
    if unknown:
        raise UnsupportedFeature(
            f"{name}: requires the extension {unknown[0][:80]}, which is not read here; export the file without it",
            extensions=unknown,
        )
