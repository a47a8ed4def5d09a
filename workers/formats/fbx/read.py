"""Read FBX (binary and ASCII, 5000 to 7700) into a Scene: a child process makes a GLB of it, `gltf.read` does the rest.

So an FBX behaves like a glTF file from here on, and as a character it comes back as a valid GLB. What differs: the
scene says `fbx`, units and axes are those that the file states (a guess only where they make no body), clips have the
file's frame rate, and the child's notices come along. `scene.extras["fbx"]` holds version, encoding and creator.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from workers.formats.bundle import FileBundle
from workers.formats.fbx.process import convert_fbx
from workers.formats.gltf.read import GltfSource, read_gltf
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.skeleton.fold_notices import fold_notices
from workers.skeleton.model import Notice, Scene, Units

_UNITS = {1.0: "m", 0.1: "dm", 0.01: "cm", 0.001: "mm", 0.0254: "inch", 0.3048: "foot", 0.9144: "yard", 1000.0: "km"}


def read_fbx(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of an FBX file. Raises InputErrors, and JobTimeout where the machine is too slow."""
    glb, header = convert_fbx(bundle.data, bundle.name, list(bundle.siblings), limits)
    return scene_of_glb("fbx", bundle, glb, header, limits)


def scene_of_glb(format_name: str, bundle: FileBundle, glb: bytes, header: dict[str, Any], limits: Limits) -> Scene:
    """The scene of the GLB that a child made of a file of that format, with the facts and notices of its reply."""
    scene = read_gltf(FileBundle(bundle.name, glb, bundle.siblings), limits)
    facts = header["facts"]
    units = _units(facts, scene.units)
    source = _at_own_rate(replace(scene.document, units=units), float(facts["rate_hz"]))
    notices = fold_notices(Notice(str(code), str(message), joint) for code, message, joint in header["notices"])
    return replace(
        scene,
        format=format_name,
        units=units,
        clips=tuple(clip.info() for clip in source.clips),
        load_clip=source.load_clip,
        load_mesh=source.load_mesh,
        notices=(*notices, *scene.notices),
        document=source,
        extras={**scene.extras, "clip_notices": partial(source.clip_notices), format_name: facts},
    )


def _at_own_rate(source: GltfSource, rate_hz: float) -> GltfSource:
    """Clips at the rate that they were sampled at, which the distance of their keys may not show; whole frames long."""
    return replace(
        source,
        clips=[
            replace(clip, rate_hz=rate_hz, start_s=0.0, end_s=round(clip.end_s * rate_hz) / rate_hz)
            for clip in source.clips
        ],
    )


def _units(facts: dict[str, Any], assumed: Units) -> Units:
    """What the file states. `assumed` tells whether a body of the size that follows is plausible."""
    unit_m = float(facts["unit_m"])
    named = next((name for size, name in _UNITS.items() if abs(size - unit_m) <= 1e-6 * size), f"{unit_m:.4g} m")
    up_axis = facts["up_axis"]
    stated = f"the file states {named} as its unit and {up_axis} up"
    if not assumed.guessed:
        return Units(unit_m, named, up_axis, False, stated, converted=unit_m)
    factor = unit_m * assumed.factor
    return Units(factor, f"{factor:.4g} m", up_axis, True, f"{stated}; {assumed.reason}", converted=unit_m)
