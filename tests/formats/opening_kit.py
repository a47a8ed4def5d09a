"""The shortest files that are recognised as each format, by their first bytes alone."""

from __future__ import annotations

import json
import struct

from tests.formats.bvh.bvh_kit import person


def glb(document: dict[str, object]) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return b"glTF" + struct.pack("<III", 2, 20 + len(text), len(text)) + b"JSON" + text


BVH = person().encode()
GLB = glb({"asset": {"version": "2.0"}})
VRM = glb({"asset": {"version": "2.0"}, "extensionsUsed": ["VRMC_vrm"]})
VRM0 = glb({"asset": {"version": "2.0"}, "extensions": {"VRM": {}}})
GLTF = b'{"asset": {"version": "2.0"}}'
FBX = b"Kaydara FBX Binary  \x00\x1a\x00" + bytes(40)
FBX_ASCII = b"; FBX 7.4.0 project file\n"
ZIP = b"PK\x05\x06" + bytes(18)
