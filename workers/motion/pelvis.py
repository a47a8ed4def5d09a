"""How a pelvis turns, read from where the thighs and the spine stand.

The hips joint says it on most rigs. On some its turn is undone by its children, or theirs is the only one: a control
that spins while joints in its place below it counter it, a root that never turns above a waist that does. Then both
thigh roots stand elsewhere than where the hips joint would have carried them, with the base of the spine they still
make the triangle of the rest pose, and the turn of that triangle is the pelvis's (Kabsch, "A solution for the best
rotation to relate two sets of vectors", 1976). A triangle that changes its shape is an animator's stretching of the
body: then the hips joint keeps the word.
"""

from __future__ import annotations

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array

UNDONE_DEG = 20.0  # so far apart the hips joint and the triangle do not say the same
MOVED = 0.3  # of a thigh root's distance from the hips joint: further off, the joint has not carried it
RIGID = 0.02  # of the width between the thighs: how far the triangle's corners are off its rest shape
SHARE = 0.05  # of the frames, above which the triangle is taken for all of them
FLAT = 0.15  # of the width: points nearer to the line of the thighs do not tell a turn about it


def pelvis_turns(motion: BodyMotion) -> Array:
    """World turns of the pelvis away from rest `(frames, 4)`: the hips joint's, or the triangle's where that is
    undone.
    """
    body, hips = motion.body, motion.body.hips
    own: Array = quat.multiply(motion.rotations[:, hips], quat.conjugate(body.rest_rotations[hips]))
    thighs = [body.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]
    trunk = _trunk_point(body, thighs)
    if trunk is None:
        return own
    corners = [*thighs, trunk]
    rest, stand = _centred(body.rest_positions_m[corners]), _centred(motion.positions_m[:, corners])
    fitted = best_turns(rest, stand)
    width = float(np.linalg.norm(rest[0] - rest[1]))
    off = np.linalg.norm(quat.rotate(fitted[:, None], rest) - stand, axis=-1).max(axis=1)
    lever = body.rest_positions_m[thighs] - body.rest_positions_m[hips]
    carried = motion.positions_m[:, [hips]] + quat.rotate(own[:, None], lever)
    moved = np.linalg.norm(motion.positions_m[:, thighs] - carried, axis=-1)
    undone = (
        (np.degrees(quat.angle_between(own, fitted)) > UNDONE_DEG)
        & (moved > MOVED * np.linalg.norm(lever, axis=-1)).all(axis=1)
        & (off < RIGID * width)
    )
    return quat.make_continuous(fitted) if undone.mean() >= SHARE else own


def best_turns(rest: Array, stand: Array) -> Array:
    """The turns `(frames, 4)` that bring centred points `rest` `(points, 3)` nearest to `stand`
    `(frames, points, 3)`.
    """
    return quat.from_matrix(quat.closest_rotation(np.einsum("fpi,pj->fij", stand, rest)))


def _centred(points: Array) -> Array:
    return np.asarray(points - points.mean(axis=-2, keepdims=True))


def _trunk_point(body: Body, thighs: list[int]) -> int | None:
    """The first joint of the trunk that does not stand in line with the thighs."""
    left, right = body.rest_positions_m[thighs]
    width = float(np.linalg.norm(left - right))
    across = (right - left) / max(width, 1e-9)
    for joint in body.mapping.chains.get("spine") or filter(None, map(body.joint, ("spine", "chest"))):
        away = body.rest_positions_m[joint] - left
        if float(np.linalg.norm(away - (away @ across) * across)) > FLAT * width:
            return joint
    return None
