"""Post-conditions of every result: finite, moving when the source moves, as long as the source, readable again.

A result that fails one is never handed out: OutputInvalid says which.
"""

from __future__ import annotations

import numpy as np

from workers.contract.errors import OutputInvalid, RetargetError
from workers.engine.export import Exported
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion
from workers.retargeting.copy_rest import shared_roles
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Clip, Scene

# A source whose joints turn less than this in all is a still pose, and may stay one.
STILL_DEG = 2.0
# The result's joints turn at least this share of what the source's do.
MIN_MOVEMENT_SHARE = 0.2
DURATION_TOLERANCE_S = 1e-3
PLACE_TOLERANCE = 1e-3  # of body height: float32 and the writer's rounding stay far below
CHECKED_FRAMES = 5


def check_clip(result: BodyMotion, source: BodyMotion) -> None:
    """Raises OutputInvalid for a result that is not finite or that froze."""
    for what, values in (("rotations", result.rotations), ("positions", result.positions_m)):
        bad = ~np.isfinite(values).all(axis=(0, 2))
        if bad.any():
            joint = result.body.skeleton.names[int(np.flatnonzero(bad)[0])]
            raise OutputInvalid(f"the result's {what} of joint {joint!r} are not finite; please report this file")
    roles = shared_roles(source.body, result.body)
    moved_deg, source_deg = _range_deg(result, roles), _range_deg(source, roles)
    if source_deg > STILL_DEG and moved_deg < MIN_MOVEMENT_SHARE * source_deg:
        raise OutputInvalid(
            f"the result hardly moves: {moved_deg:.1f} degrees where the source turns {source_deg:.1f}; "
            "check the mapping with `retarget inspect` and override it"
        )


def check_file(exported: Exported, clip: Clip, wanted: BodyMotion) -> None:
    """Read a written file again: its last clip is the one that was meant, in length and, but for a BVH, in where the
    mapped joints go. What a reader guesses of the unit does not count. The clip is not sampled whole again: all that it
    holds is read and must be finite, and some frames of it are posed.
    """
    scene = _read_again(exported.name, exported.data)
    _check_duration(scene, clip)
    if exported.format == "bvh":
        return
    number = len(scene.clips) - 1
    if scene.clips[number].frames != clip.frames:
        raise OutputInvalid(f"the written clip has {scene.clips[number].frames} frames instead of {clip.frames}")
    frames = np.unique(np.linspace(0, clip.frames - 1, CHECKED_FRAMES).astype(np.int64))
    try:
        local, moved = scene.document.poses(number, frames)
    except RetargetError as error:
        raise _unreadable(error) from error
    rotations = kinematics.world_rotations(scene.skeleton, local)
    positions = kinematics.world_positions(scene.skeleton, rotations, scene.skeleton.node_offsets_m, moved)
    joints = [match.joint for match in wanted.body.mapping.roles.values()] + list(wanted.body.followers.leaders)
    there = _places(exported, scene, [int(wanted.body.skeleton.file_indices[joint]) for joint in joints])
    metres = positions[:, there] * (exported.unit_m / scene.units.document_factor)
    apart = np.linalg.norm(metres - wanted.positions_m[frames][:, joints], axis=-1)
    worst = int(np.argmax(apart.max(axis=0)))
    if apart.max() > PLACE_TOLERANCE * wanted.body.height_m:
        name = wanted.body.skeleton.names[joints[worst]]
        raise OutputInvalid(f"the written clip puts joint {name!r} {apart.max():.4f} m away from where it belongs")


def _places(exported: Exported, scene: Scene, nodes: list[int]) -> list[int]:
    """The joints of the file read again that these nodes of the character are: by name where it has names for them."""
    if exported.names:
        named = {name: place for place, name in enumerate(scene.skeleton.names)}
        return [named[exported.names[node]] for node in nodes]
    numbered = {int(index): place for place, index in enumerate(scene.skeleton.file_indices)}
    return [numbered[node] for node in nodes]


def _read_again(name: str, data: bytes) -> Scene:
    try:
        return read_scene(FileBundle(name, data))
    except RetargetError as error:
        raise _unreadable(error) from error


def _unreadable(error: RetargetError) -> OutputInvalid:
    return OutputInvalid(f"the written file cannot be read again: {error.detail}")


def _check_duration(scene: Scene, clip: Clip) -> None:
    found = scene.clips[-1].duration_s if scene.clips else 0.0
    if abs(found - clip.duration_s) > DURATION_TOLERANCE_S:
        raise OutputInvalid(f"the written clip lasts {found:.4f} s instead of {clip.duration_s:.4f} s")


def _range_deg(motion: BodyMotion, roles: list[str]) -> float:
    """Mean over roles of the largest turn away from the first frame, relative to the hips."""
    joints = [motion.body.mapping.roles[role].joint for role in roles if role != "hips"]
    relative = quat.multiply(quat.conjugate(motion.rotations[:, [motion.body.hips]]), motion.rotations[:, joints])
    return float(np.degrees(quat.angle_between(relative[:1], relative).max(axis=0).mean())) if joints else 0.0
