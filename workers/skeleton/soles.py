"""Soles: where the ground is under a body at rest, and how its feet lie on it.

From the mesh where there is one: the vertices that the foot and toe joints move. Else from the joints, by adult
averages (Winter 2009, "Biomechanics and Motor Control of Human Movement", fig. 4.1). All heights in metres, Y up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton import quat
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Mesh

FOOT_ROLES = ("leftFoot", "leftToes", "rightFoot", "rightToes")
ANKLE_OVER_SOLE = 0.08  # of the leg
TOES_OVER_SOLE = 0.02
# A sole that rests within the first angle of level is level (shoe soles curve); beyond the second it is tilted.
LEVEL_DEG = 4.0
TILTED_DEG = 10.0
# The edge a foot stands on spans at least this share of the foot's length, else the foot has no sole to speak of.
MIN_SOLE_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Soles:
    """`drop_m`: foot role -> height of the joint above its own sole. `tilt`: foot role -> turn that lays the sole
    level.
    """

    floor_m: float
    drop_m: Mapping[str, float]
    tilt: Mapping[str, Array]


def soles_from_mesh(mesh: Mesh, mapping: HumanoidMapping, positions: Array, facing: Array) -> Soles:
    """Soles from the surface; `positions` `(joints, 3)` and mesh are one rest pose in the world."""
    strongest = mesh.strongest
    drops: dict[str, float] = {}
    tilts: dict[str, Array] = {}
    floors = []
    for side in SIDES:
        feet = {role: j for role in FOOT_ROLES if role.startswith(side) and (j := mapping.joint(role)) is not None}
        points = mesh.positions_m[np.isin(strongest, list(feet.values()))]
        if not feet or not len(points):
            continue
        ankle = positions[next(iter(feet.values()))]
        tilt = _level(points - ankle, facing)
        level = quat.rotate(tilt, points - ankle) + ankle
        lowest = float(level[:, 1].min())
        floors.append(lowest)
        for role, joint in feet.items():
            drops[role] = float((quat.rotate(tilt, positions[joint] - ankle) + ankle)[1]) - lowest
            if quat.angle(tilt) > 0.0:
                tilts[role] = tilt
    floor = min(floors) if floors else float(mesh.positions_m[:, 1].min())
    return Soles(floor, drops, tilts)


def soles_from_joints(mapping: HumanoidMapping, positions: Array, leg_m: float) -> Soles:
    """Without a surface: toes stand a little above the sole, the ankle above the toes as the rest pose has it."""
    drops: dict[str, float] = {}
    lowest = []
    for side in SIDES:
        foot, toes = mapping.joint(f"{side}Foot"), mapping.joint(f"{side}Toes")
        if foot is not None:
            over_toes = float(positions[foot, 1] - positions[toes, 1]) if toes is not None else 0.0
            plausible = toes is not None and 0.0 < over_toes < 0.4 * leg_m
            drops[f"{side}Foot"] = over_toes + TOES_OVER_SOLE * leg_m if plausible else ANKLE_OVER_SOLE * leg_m
            lowest.append(float(positions[foot, 1]) - drops[f"{side}Foot"])
        if toes is not None:
            drops[f"{side}Toes"] = TOES_OVER_SOLE * leg_m
    if not lowest:
        shins = [j for side in SIDES if (j := mapping.joint(f"{side}LowerLeg")) is not None]
        lowest = [float(positions[shins, 1].min()) - 0.5 * leg_m]
    return Soles(min(lowest), drops, {})


def _level(points: Array, facing: Array) -> Array:
    """Turn about the body's left-right axis that lays the edge under the middle of the foot level."""
    local = quat.rotate(quat.conjugate(facing), points)
    hull = _lower_hull(local[:, [2, 1]])
    middle = 0.5 * (local[:, 2].min() + local[:, 2].max())
    length = float(np.ptp(local[:, 2]))
    for start, end in pairwise(hull):
        if start[0] <= middle <= end[0] and end[0] - start[0] >= MIN_SOLE_SHARE * length:
            pitch = float(np.arctan2(end[1] - start[1], end[0] - start[0]))
            share = np.clip((abs(np.degrees(pitch)) - LEVEL_DEG) / (TILTED_DEG - LEVEL_DEG), 0.0, 1.0)
            # A positive turn about the left axis lowers the toes, so the pitch itself levels a raised toe.
            return quat.from_axis_angle(quat.rotate(facing, [1.0, 0.0, 0.0]), pitch * share)
    return quat.IDENTITY


def _lower_hull(points: Array) -> list[Array]:
    """Lower convex hull of `(n, 2)` points from left to right (Andrew's monotone chain)."""
    hull: list[Array] = []
    for point in points[np.lexsort((points[:, 1], points[:, 0]))]:
        while len(hull) >= 2:
            a, b = hull[-2], hull[-1]
            if (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) > 0.0:
                break
            hull.pop()
        hull.append(point)
    return hull
