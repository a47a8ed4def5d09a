"""Legs of a body as inverse kinematics moves them: which joints each part carries along.

A foot is held by bending the leg above it. Joints between those of the leg are carried by the part they belong to; so
is a foot that hangs outside its leg (`Body.attachments`), which moves by translation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES, side_roles
from workers.skeleton import quat
from workers.skeleton.body import LEFT, Body
from workers.skeleton.model import Array, Indices, Notice


@dataclass(frozen=True, eq=False)
class Leg:
    """Joints of one leg; each of `thigh`, `shin`, `sole` lists the joints that move rigidly with that part."""

    side: str
    upper: int
    lower: int
    foot: int
    thigh: Indices
    shin: Indices
    sole: Indices
    hinge: Array  # (3,) the axis the knee flexes about, in the rest pose's world

    def posed_hinge(self, body: Body, rotations: Array) -> Array:
        """The knee's axis `(frames, 3)` as the upper leg carries it; `rotations` are the body's world rotations."""
        turn = quat.multiply(rotations[:, self.upper], quat.conjugate(body.rest_rotations[self.upper]))
        return quat.rotate(turn, self.hinge)


def find_legs(body: Body) -> tuple[list[Leg], list[Notice]]:
    """The legs that can be held, and a notice for each that cannot."""
    legs, notices = [], []
    for side in SIDES:
        joints = [body.joint(role) for role in side_roles(side, ("UpperLeg", "LowerLeg", "Foot"))]
        if any(joint is None for joint in joints):
            message = f"the {side} foot is not held on the ground: the rig has no joint for it; map {side}Foot"
            notices.append(Notice("foot-not-held", message))
            continue
        upper, lower, foot = (int(joint) for joint in joints if joint is not None)
        hips, thigh, shin, sole = (carried(body, joint) for joint in (body.hips, upper, lower, foot))
        if not (upper in hips and lower in thigh and foot in shin):
            message = f"the {side} foot is not held on the ground: its joint is not part of the leg's chain"
            notices.append(Notice("foot-not-held", message, joint=body.skeleton.names[foot]))
            continue
        thigh, shin = np.setdiff1d(thigh, shin), np.setdiff1d(shin, sole)
        hinge = quat.rotate(body.facing, LEFT)
        legs.append(Leg(side, upper, lower, foot, thigh, shin, sole, hinge))
    return legs, notices


def carried(body: Body, joint: int) -> Indices:
    """The joint and all that moves with it: its descendants, and what is attached to or follows any of these."""
    parents = body.carriers
    inside = np.zeros(len(parents), dtype=bool)
    inside[joint] = True
    count = 0
    while count < np.count_nonzero(inside):
        count = int(np.count_nonzero(inside))
        inside |= (parents >= 0) & inside[parents]
        inside[joint] = True
    return np.flatnonzero(inside)


def turn_part(
    rotations: Array, positions_m: Array, joints: Indices, turn: Array, old_pivot: Array, new_pivot: Array
) -> None:
    """Turn joints rigidly, in place: what stood at `old_pivot` `(frames, 3)` comes to stand at `new_pivot`.

    `rotations` and `positions_m` are the whole body's world arrays, `turn` is `(frames, 4)`.
    """
    turn = turn[:, None]
    rotations[:, joints] = quat.multiply(turn, rotations[:, joints])
    positions_m[:, joints] = new_pivot[:, None] + quat.rotate(turn, positions_m[:, joints] - old_pivot[:, None])
