"""Part frames: where on a body part a point lies, said so that it means the same on another body.

A point has a share along the part's axis, an angle around it and a distance from it. Axes run from hips to neck, from
chin to crown, from joint to joint, wrist to finger tips, heel to toes. Angle 0 points where the body faces; on hands
out of the back of the hand, on feet up. A forearm is turned with its hand's knuckles, so the roll of a rest pose does
not matter. All in the rest pose's world; finding contacts and posing are left to others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.parts import HEAD, PARTS, TORSO
from workers.skeleton import quat
from workers.skeleton.body import FORWARD, UP, Body
from workers.skeleton.model import Array, Indices

ENDS_PCT = (2.0, 98.0)  # of a part's vertices along its axis: stray ones do not set its length
MIN_LENGTH = 1e-3  # of the body's height
NEXT = {"UpperArm": "LowerArm", "LowerArm": "Hand", "UpperLeg": "LowerLeg", "LowerLeg": "Foot"}


@dataclass(frozen=True, eq=False)
class PartFrame:
    """`origin_m`, unit `axis` and `zero` (angle 0, at right angles to the axis), and the part's length, at rest."""

    origin_m: Array
    axis: Array
    zero: Array
    length_m: float

    def coordinates(self, points_m: Array) -> tuple[Array, Array, Array]:
        """Share along the axis, angle around it in radians, distance from it in metres, each `(points,)`."""
        away = points_m - self.origin_m
        x, y = away @ self.zero, away @ np.cross(self.axis, self.zero)
        return away @ self.axis / self.length_m, np.arctan2(y, x), np.hypot(x, y)

    def place(self, along: Array, around: Array, distance_m: Array) -> Array:
        """Inverse of `coordinates`, `(points, 3)`."""
        outward = self.outward(around)
        result: Array = self.origin_m + (along * self.length_m)[:, None] * self.axis + distance_m[:, None] * outward
        return result

    def outward(self, around: Array) -> Array:
        """Unit directions `(points, 3)` away from the axis."""
        aside = np.cross(self.axis, self.zero)
        result: Array = np.cos(around)[:, None] * self.zero + np.sin(around)[:, None] * aside
        return result


def find_part_frames(body: Body, positions_m: Array, parts: Indices) -> dict[int, PartFrame]:
    """Frames of the parts that have both vertices (`positions_m` `(vertices, 3)` of `parts`) and joints."""
    frames = {}
    for part in range(len(PARTS)):
        frame = _frame(body, part, positions_m[parts == part])
        if frame is not None:
            frames[part] = frame
    return frames


def _frame(body: Body, part: int, points: Array) -> PartFrame | None:
    if not len(points):
        return None
    forward = quat.rotate(body.facing, FORWARD)
    if part in (TORSO, HEAD):
        return _trunk_frame(body, part, points, forward)
    name = PARTS[part]
    side = "left" if name.startswith("left") else "right"
    role = name[len(side) :]
    start = _place(body, name)
    if start is None:
        return None
    if role == "Foot":
        return _foot_frame(body, side, start, points, forward)
    if role == "Hand":
        axis = quat.unit(_hand_direction(body, side, points))
        return _spanned(start, axis, _back_of_hand(body, side, axis, forward), points, from_origin=True)
    end = _place(body, side + NEXT[role])
    if end is None:
        return _spanned(start, quat.unit(points.mean(axis=0) - start), forward, points, from_origin=True)
    length = float(np.linalg.norm(end - start))
    if length < MIN_LENGTH * body.height_m:
        return None
    axis = (end - start) / length
    zero = _knuckles(body, side) if role == "LowerArm" else None
    return PartFrame(start, axis, _square(forward if zero is None else zero, axis), length)


def _trunk_frame(body: Body, part: int, points: Array, forward: Array) -> PartFrame:
    if part == HEAD:
        joint = body.joint("head")
        start = body.rest_positions_m[joint] if joint is not None else points.min(axis=0)
        centre = np.median(points, axis=0)
        # The axis stands upright through the middle of the head, which lies before the joint.
        return _spanned(np.array([centre[0], start[1], centre[2]]), UP, forward, points, from_origin=False)
    legs = [place for side in SIDES if (place := _place(body, f"{side}UpperLeg")) is not None]
    start = np.mean(legs, axis=0)
    neck = _place(body, "neck")
    shoulders = [place for side in SIDES if (place := _place(body, f"{side}UpperArm")) is not None]
    end = neck if neck is not None else np.mean(shoulders, axis=0)
    length = max(float(np.linalg.norm(end - start)), MIN_LENGTH * body.height_m)
    axis = quat.unit(end - start)
    # Angles are taken around the middle of the trunk: joints of the spine lie near its back.
    depth = points @ forward
    middle = forward * (0.5 * (np.percentile(depth, 5.0) + np.percentile(depth, 95.0)) - start @ forward)
    return PartFrame(start + middle - axis * (middle @ axis), axis, _square(forward, axis), length)


def _foot_frame(body: Body, side: str, ankle: Array, points: Array, forward: Array) -> PartFrame:
    toes = _place(body, f"{side}Toes")
    ahead = toes - ankle if toes is not None else forward
    ahead = ahead - UP * (ahead @ UP)
    axis = quat.unit(ahead) if np.linalg.norm(ahead) > MIN_LENGTH * body.height_m else forward
    return _spanned(ankle * [1.0, 0.0, 1.0] + UP * np.median(points[:, 1]), axis, UP, points, from_origin=False)


def _spanned(origin: Array, axis: Array, zero: Array, points: Array, *, from_origin: bool) -> PartFrame:
    """A frame as long as its points reach: from its origin, or from the first of them."""
    low, high = np.percentile((points - origin) @ axis, ENDS_PCT)
    first = 0.0 if from_origin else float(low)
    return PartFrame(origin + first * axis, axis, _square(zero, axis), max(float(high) - first, 1e-6))


def _hand_direction(body: Body, side: str, points: Array) -> Array:
    wrist, middle, elbow = (_place(body, side + role) for role in ("Hand", "MiddleProximal", "LowerArm"))
    assert wrist is not None
    if middle is not None:
        return middle - wrist
    return wrist - elbow if elbow is not None else points.mean(axis=0) - wrist


def _knuckles(body: Body, side: str) -> Array | None:
    """From the little finger to the index at rest, None where the rig has no such fingers."""
    index, little = (_place(body, f"{side}{finger}Proximal") for finger in ("Index", "Little"))
    if little is None:
        little = _place(body, f"{side}RingProximal")
    if index is None or little is None:
        return None
    way = index - little
    return way if np.linalg.norm(way) > MIN_LENGTH * body.height_m else None


def _back_of_hand(body: Body, side: str, axis: Array, forward: Array) -> Array:
    """Out of the back of the hand; without fingers the thumb is taken to rest forward, as in T, A and N poses."""
    knuckles = _knuckles(body, side)
    across = forward if knuckles is None else knuckles
    back = np.cross(across, axis)
    return back if side == "left" else -back


def _square(zero: Array, axis: Array) -> Array:
    """The part of `zero` at right angles to the axis, as a unit vector."""
    rest = zero - axis * (zero @ axis)
    return quat.unit(rest) if np.linalg.norm(rest) > 0.1 * np.linalg.norm(zero) else quat.perpendicular(axis)


def _place(body: Body, role: str) -> Array | None:
    joint = body.joint(role)
    return None if joint is None else body.rest_positions_m[joint]
