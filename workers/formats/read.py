"""`read_scene`: any bundle to a Scene. Chooses the reader by content; the readers do the work.

Readers raise typed errors. Should one let a plain exception through, the net here turns it into ParseFailed, so
that a hostile file cannot end a worker; tests show that BVH does not rely on it.
"""

from __future__ import annotations

import struct

from workers.contract.errors import ParseFailed
from workers.formats.bundle import FileBundle
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.formats.sniff import sniff
from workers.skeleton.model import Scene

UNEXPECTED = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, MemoryError, struct.error,
)  # fmt: skip


def read_scene(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene in a bundle: BVH, FBX, GLB, glTF with its neighbours, VRM, or a zip that holds one of them.

    Raises UnsupportedFormat, and what the readers raise.
    """
    kind = sniff(bundle.data, bundle.name)
    try:
        if kind == "zip":
            from workers.formats.load_bundle import bundle_from_zip

            return read_scene(bundle_from_zip(bundle.data, limits, bundle.name), limits)
        if kind == "bvh":
            from workers.formats.bvh.read import read_bvh

            return read_bvh(bundle, limits)
        if kind == "fbx":
            from workers.formats.fbx.read import read_fbx

            return read_fbx(bundle, limits)
        from workers.formats.gltf.read import read_gltf

        return read_gltf(bundle, limits)
    except UNEXPECTED as error:
        raise ParseFailed(f"{bundle.name}: the file is damaged ({type(error).__name__}); export it again") from error
