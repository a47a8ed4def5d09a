"""A clip as its difference from a pose, for engines that add it to another.

The difference of a joint is `conjugate(base) * turn` of its local rotation and `place - base` of its local
translation, as in three.js's `AnimationUtils.makeClipAdditive`; so the base pose, turned further by the difference, is
the clip. It is kept bare (nothing moves: identity, zero) or on the rest pose of the nodes (nothing moves: the rest
pose), which viewers and engines that subtract the rest pose themselves expect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.skeleton import quat
from workers.skeleton.model import Array, Clip, Skeleton


@dataclass(frozen=True, eq=False)
class Pose:
    """Local rotations `(joints, 4)` and the translations `(3,)` of the joints that a clip moves."""

    rotations: Array
    translations_m: Mapping[int, Array]


def rest_pose(skeleton: Skeleton, clip: Clip) -> Pose:
    """The pose in which the nodes stand."""
    return Pose(skeleton.node_rotations, {joint: skeleton.node_offsets_m[joint] for joint in clip.translations_m})


def frame_pose(clip: Clip, frame: int) -> Pose:
    """A frame of the clip. Raises InvalidOptions for one that it does not have."""
    if not 0 <= frame < clip.frames:
        raise InvalidOptions(
            f"additive: clip {clip.name!r} has no frame {frame}; it has {clip.frames}, counted from 0 at the result's "
            "frame rate"
        )
    return Pose(clip.rotations[frame], {joint: path[frame] for joint, path in clip.translations_m.items()})


def subtract(clip: Clip, base: Pose, skeleton: Skeleton, keyed: Collection[int], *, onto: Pose | None) -> Clip:
    """The clip's difference from `base`, bare or put onto a pose. Joints that are not `keyed` stand as their nodes."""
    joints = sorted(keyed)
    rotations = np.broadcast_to(skeleton.node_rotations, clip.rotations.shape).copy()
    away = quat.multiply(quat.conjugate(base.rotations[joints]), clip.rotations[:, joints])
    away *= np.where(away[:, :, 3:].mean(axis=0) < 0.0, -1.0, 1.0)  # near the identity, where adding weights them
    rotations[:, joints] = away if onto is None else quat.multiply(onto.rotations[joints], away)
    moved = {joint: path - base.translations_m[joint] for joint, path in clip.translations_m.items()}
    if onto is not None:
        moved = {joint: path + onto.translations_m[joint] for joint, path in moved.items()}
    return replace(clip, rotations=quat.make_continuous(rotations), translations_m=moved)
