"""The table of file formats: a new one is a reader, a row here, and a test.

Rows are asked for their marks from top to bottom, and the first that says yes has it: a variant stands above what it is
a variant of, and whatever is packed as a zip above the zip. Sniffing, reading, bundles, stored scenes, the texts of
errors, of `--help` and of OpenAPI (`workers.formats.wording`) follow from the rows. Only the result formats of the job
options (`JobOptions.format`) are said twice, as they are a contract, and export calls the writers itself.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from workers.formats.file_format import Content, FileFormat

_VRM_MARK = re.compile(rb'"(VRM|VRMC_vrm)"\s*[,:\]]')
_VRMA_MARK = re.compile(rb'"VRMC_vrm_animation"\s*[,:\]]')
_BVH_START = re.compile(rb"\s*hierarchy(?![^\s{])", re.IGNORECASE)


def _is_glb(file: Content) -> bool:
    return file.data.startswith(b"glTF")


def _says(file: Content, mark: re.Pattern[bytes]) -> bool:
    """A mark in the JSON of a GLB (header 12 bytes, chunk length and type 8), cut at the end of the file."""
    if not _is_glb(file) or len(file.data) < 20:
        return False
    (length,) = struct.unpack_from("<I", file.data, 12)
    return mark.search(file.data, 20, 20 + length) is not None


def _is_vrma(file: Content) -> bool:
    return _says(file, _VRMA_MARK) and not _says(file, _VRM_MARK)


def _is_vrm(file: Content) -> bool:
    return _says(file, _VRM_MARK)


def _first_entry(file: Content) -> str:
    """The name of the first file in a zip (local header of 30 bytes, the length of the name at 26), else empty.

    Empty too where the file is called a zip: then it is one, whatever comes first in it.
    """
    if not file.data.startswith(b"PK\x03\x04") or len(file.data) < 30 or file.name.lower().endswith(".zip"):
        return ""
    (length,) = struct.unpack_from("<H", file.data, 26)
    return file.data[30 : 30 + length].decode("utf-8", "replace").lower()


def _is_npz(file: Content) -> bool:
    return _first_entry(file).endswith(".npy")


def _is_usd(file: Content) -> bool:
    is_plain = file.data.startswith((b"#usda ", b"PXR-USDC"))
    return is_plain or _first_entry(file).endswith((".usd", ".usda", ".usdc"))


def _is_npy(file: Content) -> bool:
    return file.data.startswith(b"\x93NUMPY")


def _is_zip(file: Content) -> bool:
    return file.data.startswith((b"PK\x03\x04", b"PK\x05\x06")) and not (_is_npz(file) or _is_usd(file))


def _is_fbx(file: Content) -> bool:
    is_named = file.head.startswith((b"Kaydara FBX Binary", b"; FBX", b";FBX"))
    return is_named or b"FBXHeaderExtension" in file.head


def _is_bvh(file: Content) -> bool:
    return _BVH_START.match(file.head) is not None


def _is_gltf(file: Content) -> bool:
    return file.head.startswith(b"{") and (file.name.lower().endswith(".gltf") or b'"asset"' in file.data)


_READ_GLTF = "workers.formats.gltf.read:read_gltf"

FORMATS: tuple[FileFormat, ...] = (
    FileFormat("vrma", "VRMA", ("vrma",), _is_vrma, _READ_GLTF, character=None, variant_of="glb"),
    FileFormat("vrm", "VRM", ("vrm",), _is_vrm, _READ_GLTF, variant_of="glb"),
    FileFormat("glb", "GLB", ("glb",), _is_glb, _READ_GLTF, written=True, media_type="model/gltf-binary"),
    FileFormat(
        "npz", "NPZ of SMPL", ("npz",), _is_npz, "workers.formats.smpl.read:read_smpl",
        character=None, axes_guessed=True, one_clip=True, companions=("body_model.npz",),
    ),
    FileFormat(
        "npy", "NPY of joints", ("npy",), _is_npy, "workers.formats.joint_arrays.read:read_joint_array",
        character=None, axes_guessed=True, one_clip=True,
    ),
    FileFormat(
        "usd", "USD", ("usd", "usda", "usdc", "usdz"), _is_usd, "workers.formats.usd.read:read_usd", character=None
    ),
    FileFormat(
        "zip", "zip", ("zip",), _is_zip, "workers.formats.read:read_zip",
        motion=False, character=None, is_container=True,
    ),
    FileFormat("fbx", "FBX", ("fbx",), _is_fbx, "workers.formats.fbx.read:read_fbx", written=True),
    FileFormat(
        "bvh", "BVH", ("bvh",), _is_bvh, "workers.formats.bvh.read:read_bvh",
        character="skeleton", axes_guessed=True, written=True, one_clip=True,
    ),
    FileFormat(
        "gltf", "glTF", ("gltf",), _is_gltf, _READ_GLTF, needs_neighbours=True, media_type="model/gltf+json"
    ),
)  # fmt: skip


def scene_formats() -> tuple[FileFormat, ...]:
    """The formats that hold a scene themselves: all but the containers."""
    return tuple(row for row in FORMATS if not row.is_container)


def motion_formats() -> tuple[FileFormat, ...]:
    return tuple(row for row in scene_formats() if row.motion)


def character_formats() -> tuple[FileFormat, ...]:
    """The formats of characters with a surface; bare skeletons are `skeleton_formats`."""
    return tuple(row for row in scene_formats() if row.character == "surface")


def skeleton_formats() -> tuple[FileFormat, ...]:
    return tuple(row for row in scene_formats() if row.character == "skeleton")


def written_formats() -> tuple[FileFormat, ...]:
    return tuple(row for row in scene_formats() if row.written)


def format_named(name: str) -> FileFormat:
    """The row of a name, as `sniff` and `Scene.format` have it. Raises KeyError for any other."""
    return {row.name: row for row in FORMATS}[name]


def format_of_extension(extension: str) -> FileFormat | None:
    """The row of an extension without its dot."""
    return next((row for row in FORMATS if extension.lower() in row.extensions), None)


def endings(formats: Iterable[FileFormat]) -> tuple[str, ...]:
    """Their extensions with the dot, lower case."""
    return tuple(f".{extension}" for row in formats for extension in row.extensions)
