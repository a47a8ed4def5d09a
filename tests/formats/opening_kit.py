"""The shortest files that are recognised as each format, by their first bytes alone."""

from __future__ import annotations

import io
import json
import struct

import numpy as np

from tests.formats.bvh.bvh_kit import person


def glb(document: dict[str, object]) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return b"glTF" + struct.pack("<III", 2, 20 + len(text), len(text)) + b"JSON" + text


def npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
    return file.getvalue()


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


BVH = person().encode()
GLB = glb({"asset": {"version": "2.0"}})
VRM = glb({"asset": {"version": "2.0"}, "extensionsUsed": ["VRMC_vrm"]})
VRM0 = glb({"asset": {"version": "2.0"}, "extensions": {"VRM": {}}})
VRMA = glb({"asset": {"version": "2.0"}, "extensions": {"VRMC_vrm_animation": {}}})
GLTF = b'{"asset": {"version": "2.0"}}'
FBX = b"Kaydara FBX Binary  \x00\x1a\x00" + bytes(40)
FBX_ASCII = b"; FBX 7.4.0 project file\n"
ZIP = b"PK\x05\x06" + bytes(18)
NPZ = npz(poses=np.zeros((1, 66)))
NPY = npy(np.zeros((1, 22, 3)))
USDZ = b"PK\x03\x04" + bytes(22) + struct.pack("<HH", 11, 0) + b"motion.usdc" + b"PXR-USDC"
