"""BodyMotion: a body moving, in world space, and the way back to a clip of local rotations.

World arrays are what retargeting, foot contacts and scores work on; `to_clip` turns them into what a writer keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.followers import place_followers
from workers.skeleton.model import Array, Clip, Indices, Mask

SAME_PLACE_M = 1e-5  # a follower nearer than this to where its parent holds it needs no key


@dataclass(frozen=True, eq=False)
class BodyMotion:
    """`rotations` `(frames, joints, 4)` and `positions_m` `(frames, joints, 3)`, both world; frame f at start_s + f /
    rate_hz.
    """

    body: Body
    name: str
    rate_hz: float
    start_s: float
    rotations: Array
    positions_m: Array

    @property
    def frames(self) -> int:
        return len(self.rotations)

    def some(self, frames: Indices | Mask | slice) -> BodyMotion:
        """The motion in some of its frames alone; rate and start are told as before."""
        return replace(self, rotations=self.rotations[frames], positions_m=self.positions_m[frames])

    def role_positions(self, role: str) -> Array | None:
        """World positions `(frames, 3)` of a role's joint, None where the rig lacks it."""
        joint = self.body.joint(role)
        return None if joint is None else self.positions_m[:, joint]


def hip_centre(motion: BodyMotion) -> Array:
    """Middle between the upper leg joints, `(frames, 3)`, world."""
    joints = [motion.body.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]
    centre: Array = motion.positions_m[:, joints].mean(axis=1)
    return centre


def from_clip(body: Body, clip: Clip) -> BodyMotion:
    """A clip of the body's skeleton in world space."""
    rotations, positions = kinematics.clip_world(body.skeleton, clip)
    return BodyMotion(body, clip.name, clip.rate_hz, clip.start_s, rotations, positions)


def from_rotations(body: Body, like: BodyMotion, rotations: Array, hips_positions_m: Array) -> BodyMotion:
    """World rotations plus the path of the hips joint `(frames, 3)`; bones keep their lengths.

    Every joint but the hips stands at its node offset below its parent; a joint that hangs outside its limb
    (`Body.attachments`) goes where the limb carries it, a follower where its leader does, whatever turn is given for
    it. `like` lends name and time axis.
    """
    skeleton, hips = body.skeleton, body.hips
    positions = kinematics.world_positions(skeleton, rotations, skeleton.node_offsets_m)
    positions[:, kinematics.subtree(skeleton, hips)] += (hips_positions_m - positions[:, hips])[:, None]
    for joint, carrier in body.attachments.items():
        offset = quat.rotate(
            quat.conjugate(body.rest_rotations[carrier]), body.rest_positions_m[joint] - body.rest_positions_m[carrier]
        )
        place = positions[:, carrier] + quat.rotate(rotations[:, carrier], offset)
        positions[:, kinematics.subtree(skeleton, joint)] += (place - positions[:, joint])[:, None]
    return with_followers(BodyMotion(body, like.name, like.rate_hz, like.start_s, rotations, positions))


def with_followers(motion: BodyMotion) -> BodyMotion:
    """The motion with its body's followers where their leaders are; itself where there are none."""
    body = motion.body
    if not body.followers.leaders:
        return motion
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    rest = body.rest_rotations, body.rest_positions_m
    keyed = {body.hips, *body.attachments}
    place_followers(body.skeleton, body.followers.leaders, body.own, keyed, rest, rotations, positions)
    return replace(motion, rotations=rotations, positions_m=positions)


def to_clip(motion: BodyMotion, root: int | None = None) -> Clip:
    """Local rotations, continuous in sign, and local translations of the joints that move through space.

    These are the hips, joints outside their limbs, the joint `root` that carries the travel, if any, and followers that
    do not keep their place below their parent.
    """
    skeleton = motion.body.skeleton
    rotations = quat.make_continuous(kinematics.local_rotations(skeleton, motion.rotations))
    moved = {motion.body.hips, *motion.body.attachments} | ({root} if root is not None else set())
    paths = {joint: local_path(motion, joint) for joint in sorted(moved)}
    for joint in motion.body.followers.leaders:
        path = local_path(motion, joint)
        if np.abs(path - skeleton.node_offsets_m[joint]).max(initial=0.0) > SAME_PLACE_M:
            paths[joint] = path
    return Clip(motion.name, motion.rate_hz, motion.start_s, rotations, dict(sorted(paths.items())))


def local_path(motion: BodyMotion, joint: int) -> Array:
    """Translation `(frames, 3)` of a joint in its parent's frame, metres."""
    parent = int(motion.body.skeleton.parents[joint])
    if parent < 0:
        return motion.positions_m[:, joint]
    offset = motion.positions_m[:, joint] - motion.positions_m[:, parent]
    return quat.rotate(quat.conjugate(motion.rotations[:, parent]), offset)
