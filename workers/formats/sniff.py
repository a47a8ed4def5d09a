"""What kind of file some bytes are, by their content. The name only has to agree.

Recognises what can be read (BVH, FBX, GLB, glTF JSON, VRM, zip), and names common wrong ones so that the error says
what was sent. Nothing is parsed here and no disk is touched.
"""

from __future__ import annotations

import re
import struct
from pathlib import PurePosixPath
from typing import Literal

from workers.contract.errors import UnsupportedFormat

Kind = Literal["bvh", "glb", "gltf", "fbx", "vrm", "zip"]

READABLE = "send a BVH, FBX, GLB, glTF, VRM or zip file"
# A VRM is a GLB with more in it, so these two names may stand for each other.
SAME_CONTAINER: frozenset[str] = frozenset({"glb", "vrm"})
EXTENSIONS = frozenset({"bvh", "glb", "gltf", "fbx", "vrm", "zip"})

_VRM_MARK = re.compile(rb'"(VRM|VRMC_vrm)"\s*[,:\]]')
_BVH_START = re.compile(rb"\s*hierarchy(?![^\s{])", re.IGNORECASE)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"BLENDER", "a Blender file; export it from Blender as glTF"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive or compressed Blender file"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; pack it as zip"),
    (b"Rar!", "a RAR archive; pack it as zip"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
)


def sniff(data: bytes, name: str) -> Kind:
    """The kind of file, from its content. Raises UnsupportedFormat if it is none of ours or the name says otherwise."""
    kind = _by_content(data, name)
    extension = PurePosixPath(name.replace("\\", "/")).suffix[1:].lower()
    if extension in EXTENSIONS and extension != kind and not {extension, kind} <= SAME_CONTAINER:
        raise UnsupportedFormat(
            f"{name}: the name says {extension.upper()} but the content is {kind.upper()}; rename the file"
        )
    return kind


def _by_content(data: bytes, name: str) -> Kind:
    if not data.strip():
        raise UnsupportedFormat(f"{name}: the file is empty; {READABLE}")
    if data.startswith(b"glTF"):
        return "vrm" if _VRM_MARK.search(_json_chunk(data)) else "glb"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"Kaydara FBX Binary", b"; FBX", b";FBX")) or b"FBXHeaderExtension" in head:
        return "fbx"
    if _BVH_START.match(head):
        return "bvh"
    if head.startswith(b"{") and (name.lower().endswith(".gltf") or b'"asset"' in data):
        return "gltf"
    raise UnsupportedFormat(f"{name}: this is {_describe(head)}; {READABLE}")


def _json_chunk(data: bytes) -> bytes:
    """The JSON of a GLB (header 12 bytes, chunk length and type 8), cut at the end of the file."""
    if len(data) < 20:
        return b""
    (length,) = struct.unpack_from("<I", data, 12)
    return data[20 : 20 + length]


def _describe(head: bytes) -> str:
    for magic, text in _OTHERS:
        if head.startswith(magic):
            return text
    lowered = head[:512].lower()
    if lowered.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, perhaps the page of a download or login instead of the file"
    if b"<collada" in lowered:
        return "a COLLADA file; convert it to GLB"
    if lowered.startswith(b"<"):
        return "an XML file"
    if lowered.startswith(b"{"):
        return "JSON without the 'asset' that a glTF has"
    return "no format that is known here"
