"""Post-conditions of every result: finite, moving when the source moves, as long as the source, readable again.

A result that fails one is never handed out: OutputInvalid says which.
"""

from __future__ import annotations

import numpy as np

from workers.errors import OutputInvalid, RetargetError
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.retargeting.copy_rest import shared_roles
from workers.retargeting.motion import BodyMotion
from workers.skeleton import quat
from workers.skeleton.model import Array, Clip

# A source whose joints turn less than this in all is a still pose, and may stay one.
STILL_DEG = 2.0
# The result's joints turn at least this share of what the source's do.
MIN_MOVEMENT_SHARE = 0.2
DURATION_TOLERANCE_S = 1e-3
ROTATION_TOLERANCE_DEG = 0.05


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


def check_file(name: str, data: bytes, clip: Clip) -> None:
    """Read the result again: its last clip has the clip's duration and poses. Raises OutputInvalid."""
    try:
        scene = read_scene(FileBundle(name, data))
        info = scene.clips[-1]
        if abs(info.duration_s - clip.duration_s) > DURATION_TOLERANCE_S:
            raise OutputInvalid(f"the written clip lasts {info.duration_s:.4f} s instead of {clip.duration_s:.4f} s")
        if name.endswith(".glb"):
            _check_poses(scene.load_clip(len(scene.clips) - 1, None).rotations, clip.rotations)
    except OutputInvalid:
        raise
    except RetargetError as error:
        raise OutputInvalid(f"the written file cannot be read again: {error.detail}") from error


def _check_poses(written: Array, wanted: Array) -> None:
    if len(written) != len(wanted) or written.shape[1] != wanted.shape[1]:
        raise OutputInvalid(f"the written clip has {len(written)} frames instead of {len(wanted)}")


def _range_deg(motion: BodyMotion, roles: list[str]) -> float:
    """Mean over roles of the largest turn away from the first frame, relative to the hips."""
    joints = [motion.body.mapping.roles[role].joint for role in roles if role != "hips"]
    relative = quat.multiply(quat.conjugate(motion.rotations[:, [motion.body.hips]]), motion.rotations[:, joints])
    return float(np.degrees(quat.angle_between(relative[:1], relative).max(axis=0).mean())) if joints else 0.0
