"""Read the skeletal animation of USD (`.usd`, `.usda`, `.usdc`, `.usdz`) into a Scene.

A child process makes a GLB of it, and `gltf.read` does the rest. Units and up axis are those that the stage states, a
guess only where they make no body; clips have its rate.
"""

from __future__ import annotations

from workers.formats.bundle import FileBundle
from workers.formats.fbx.process import USD_CHILD, convert
from workers.formats.fbx.read import scene_of_glb
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.skeleton.model import Scene


def read_usd(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of a USD file that stands alone. Raises InputErrors, and JobTimeout where the machine is too slow."""
    glb, header = convert(bundle.data, bundle.name, [], limits, program=USD_CHILD)
    return scene_of_glb("usd", bundle, glb, header, limits)
