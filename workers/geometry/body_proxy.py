"""A surface for a bare skeleton: capsules and ellipsoids along its bones, so that a motion without a mesh can be seen.

Widths are shares of the body's height, adult averages (Winter 2009, "Biomechanics and Motor Control of Human Movement",
and the NASA-STD-3000 segment breadths, rounded), held to the rig's own shoulder and hip spacing. Each part hangs on one
joint and overlaps its neighbours with round ends, as a jointed doll's. Feet lie on the soles that the body was measured
with. The face has a nose, so that pictures tell front from back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.contract.roles import FINGERS, SIDES, SPINE, finger_roles
from workers.skeleton import quat
from workers.skeleton.body import FORWARD, LEFT, UP, Body
from workers.skeleton.model import Array, Indices, Mask, Mesh

SEGMENTS, CAP_RINGS = 14, 4
# Limb bones: from role, to role, radius at both ends, length where the far joint is missing (shares of the height).
LIMBS = (
    ("Shoulder", "UpperArm", 0.026, 0.032, 0.0),
    ("UpperArm", "LowerArm", 0.032, 0.024, 0.17),
    ("LowerArm", "Hand", 0.025, 0.017, 0.15),
    ("UpperLeg", "LowerLeg", 0.050, 0.034, 0.24),
    ("LowerLeg", "Foot", 0.035, 0.023, 0.24),
)
# Half widths and depths of the trunk by share of the way from hips to neck.
TRUNK_AT = np.array([0.0, 0.35, 0.75, 1.0])
TRUNK_WIDTH = np.array([0.085, 0.072, 0.090, 0.060])
TRUNK_DEPTH = np.array([0.060, 0.055, 0.064, 0.042])
NECK, YOKE = 0.032, 0.034
HEAD_RADII = (0.046, 0.070, 0.056)  # half breadth, height, depth
HAND = (0.024, 0.011, 0.052)  # half width, thickness, length
FINGER = 0.0055
FOOT = (0.027, 0.020, 0.105)  # half width, half height, length before the ankle
HEEL = 0.03
SOLE_STEP = 0.002


@dataclass(frozen=True, eq=False)
class _Part:
    joint: int
    positions_m: Array
    faces: Indices


def coarse_body(body: Body) -> Body:
    """The body as `build_proxy` is to be asked for it, so that all clips of one skeleton share a surface: without what
    soles were measured to be in its clip but for their heights, in steps that no picture shows.
    """
    step = SOLE_STEP * body.height_m
    drops = {role: step * round(drop / step) for role, drop in body.sole_drop_m.items()}
    return replace(body, sole_drop_m=drops, sole_tilt={})


def build_proxy(body: Body) -> Mesh:
    """A closed surface around the body in its rest pose, `len(parts)` rigid parts with weight 1 on one joint each."""
    parts = list(_parts(_Measures(body)))
    starts = np.cumsum([0] + [len(part.positions_m) for part in parts])
    joints = np.concatenate([np.full(len(part.positions_m), part.joint) for part in parts])[:, None]
    return Mesh(
        positions_m=np.concatenate([part.positions_m for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]),
        joints=joints,
        weights=np.ones(joints.shape),
    )


def lies_in_part(part_m: Array, points_m: Array) -> Mask:
    """Which of `points_m` `(points, 3)` lie inside one part of a body that `build_proxy` made, whose vertices are
    `part_m`: by height along the part's axis, and there against the polygon of its ring.
    """
    rings, south, north = part_m[:-2].reshape(-1, SEGMENTS, 3), part_m[-2], part_m[-1]
    centres = rings.mean(axis=1)
    axis = quat.unit(north - south)
    widest = int(np.linalg.norm(rings[:, 0] - centres, axis=1).argmax())
    u = quat.unit(rings[widest, 0] - centres[widest])
    v = np.cross(axis, u)
    quarter = SEGMENTS // 4
    first = (rings[:, 0] - centres) @ u
    second = (rings[:, quarter] - centres) @ v / np.sin(2.0 * np.pi * quarter / SEGMENTS)
    away = points_m - south
    height, top = away @ axis, float((north - south) @ axis)
    levels = np.concatenate([[0.0], (centres - south) @ axis, [top]])
    radii = [np.interp(height, levels, np.concatenate([[0.0], ring, [0.0]])) for ring in (first, second)]
    x, y = (away @ way / np.maximum(radius, 1e-12) for way, radius in zip((u, v), radii, strict=True))
    half = np.pi / SEGMENTS
    edge = np.cos(half) / np.cos(np.mod(np.arctan2(y, x), 2.0 * half) - half)
    inside: Mask = (height > 0.0) & (height < top) & (np.hypot(x, y) < edge)
    return inside


class _Measures:
    """Rest places by role, and the body's directions there."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.height = body.height_m
        self.left = quat.rotate(body.facing, LEFT)
        self.forward = quat.rotate(body.facing, FORWARD)

    def joint(self, role: str) -> int:
        return self.body.mapping.roles[role].joint

    def place(self, role: str) -> Array | None:
        joint = self.body.joint(role)
        return None if joint is None else self.body.rest_positions_m[joint]

    def spacing(self, part: str, default: float) -> float:
        """Between the joints of both sides in metres; a share of the height where one is missing."""
        left, right = self.place(f"left{part}"), self.place(f"right{part}")
        if left is None or right is None:
            return default * self.height
        return float(np.linalg.norm(left - right))


def _parts(m: _Measures) -> Iterator[_Part]:
    yield from _trunk(m)
    yield from _head(m)
    for side in SIDES:
        for start, end, first, last, length in LIMBS:
            yield from _limb(m, side + start, side + end, first, last, length)
        yield from _hand(m, side)
        yield from _foot(m, side)


def _spine(m: _Measures) -> tuple[list[str], list[Array]]:
    """Spine roles from the hips up, and the places where their parts start, with the top of the trunk at the end: the
    neck, or where there is none the middle of the shoulders.
    """
    hips = [place for role in ("leftUpperLeg", "rightUpperLeg") if (place := m.place(role)) is not None]
    shoulders = [place for role in ("leftUpperArm", "rightUpperArm") if (place := m.place(role)) is not None]
    chain = [role for role in SPINE if role not in ("neck", "head") and m.place(role) is not None]
    places = [np.mean(hips, axis=0), *(m.body.rest_positions_m[m.joint(role)] for role in chain[1:])]
    neck = m.place("neck")
    places.append(neck if neck is not None else np.mean(shoulders, axis=0))
    return chain, places


def _trunk(m: _Measures) -> Iterator[_Part]:
    """Pelvis, one part for each bone of the spine, and a yoke from its top to the shoulders."""
    chain, places = _spine(m)
    lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
    ways = np.concatenate([[0.0], np.cumsum(lengths)]) / max(float(lengths.sum()), 1e-9)
    breadth = np.clip(m.spacing("UpperArm", 0.22) / (0.215 * m.height), 0.7, 1.4)
    widths = np.interp(ways, TRUNK_AT, TRUNK_WIDTH) * m.height * breadth
    depths = np.interp(ways, TRUNK_AT, TRUNK_DEPTH) * m.height
    pelvis = max(0.5 * m.spacing("UpperLeg", 0.1) + 0.038 * m.height, 0.08 * m.height)
    yield _ellipsoid(m.joint("hips"), places[0], m.left, UP, (pelvis, 0.062 * m.height, 0.066 * m.height))
    for number, role in enumerate(chain):
        radii = [(widths[k], depths[k]) for k in (number, number + 1)]
        yield _rounded(m.joint(role), places[number], places[number + 1], m.left, radii[0], radii[1])
    radius = (YOKE * m.height,) * 2
    for side in SIDES:
        shoulder = m.place(f"{side}Shoulder")
        end = shoulder if shoulder is not None else m.place(f"{side}UpperArm")
        if end is not None:
            yield _rounded(m.joint(chain[-1]), places[-1], end, m.forward, radius, radius)


def _head(m: _Measures) -> Iterator[_Part]:
    """Neck, head and nose."""
    head = m.place("head")
    if head is None:
        return
    chain, places = _spine(m)
    below = places[-1]
    carrier = "neck" if m.place("neck") is not None else chain[-1]
    up = quat.unit(head - below) if np.linalg.norm(head - below) > 1e-6 else UP
    # A neck that leans forward carries an upright head.
    up = quat.unit(up + 2.0 * UP) if up @ UP > 0.5 else up
    breadth, height, depth = (share * m.height for share in HEAD_RADII)
    forward = quat.unit(np.cross(m.left, up))
    radius = (NECK * m.height,) * 2
    yield _rounded(m.joint(carrier), below, head + 0.3 * height * up, m.left, radius, radius)
    joint = m.joint("head")
    centre = head + up * (height * 0.82) + forward * 0.1 * depth
    yield _ellipsoid(joint, centre, m.left, up, (breadth, height, depth))
    nose = centre + forward * depth - up * 0.12 * height
    yield _ellipsoid(joint, nose, m.left, up, (0.16 * breadth, 0.2 * height, 0.25 * depth))


def _limb(m: _Measures, start_role: str, end_role: str, first: float, last: float, length: float) -> Iterator[_Part]:
    start, end = m.place(start_role), m.place(end_role)
    if start is None or (end is None and length == 0.0):
        return
    if end is None:
        end = start + _outward(m, start_role) * length * m.height
    yield _rounded(m.joint(start_role), start, end, m.forward, (first * m.height,) * 2, (last * m.height,) * 2)


def _outward(m: _Measures, role: str) -> Array:
    """Where a bone without a far end points: on from the bone before it, in the rest pose."""
    joint = m.joint(role)
    before = int(m.body.skeleton.parents[joint])
    way = m.body.rest_positions_m[joint] - m.body.rest_positions_m[before] if before >= 0 else np.zeros(3)
    return quat.unit(way) if np.linalg.norm(way) > 1e-6 else -UP


def _hand(m: _Measures, side: str) -> Iterator[_Part]:
    """A flat palm towards the middle finger, or on from the forearm, and a capsule for each finger bone."""
    wrist = m.place(f"{side}Hand")
    if wrist is None:
        return
    width, thickness, half = (share * m.height for share in HAND)
    joint = m.joint(f"{side}Hand")
    knuckle = m.place(f"{side}MiddleProximal")
    lower = m.place(f"{side}LowerArm")
    way = knuckle - wrist if knuckle is not None else wrist - lower if lower is not None else _outward(m, f"{side}Hand")
    along = quat.unit(way)
    # Palms of a rest pose face down (T) or in (A and N): the flat side is at right angles to forward.
    across = quat.unit(m.forward - along * (m.forward @ along) + 1e-9 * m.left)
    reach = 0.55 * float(np.linalg.norm(way)) if knuckle is not None else half
    centre = wrist + along * reach
    yield _ellipsoid(joint, centre, across, along, (width, max(reach, 0.5 * half) * 1.1, thickness))
    for finger in FINGERS:
        chain = [role for role in finger_roles(side, finger) if m.place(role) is not None]
        places = [m.body.rest_positions_m[m.joint(role)] for role in chain]
        for number, role in enumerate(chain):
            start = places[number]
            before = places[number - 1] if number else wrist
            on = quat.unit(start - before) * 0.018 * m.height
            end = places[number + 1] if number + 1 < len(chain) else start + on
            radius = (FINGER * m.height,) * 2
            yield _rounded(m.joint(role), start, end, m.forward, radius, radius)


def _foot(m: _Measures, side: str) -> Iterator[_Part]:
    """A foot from heel to toes, as high above its sole as the body was measured; the toes move apart where there are
    any.
    """
    ankle, toes, knee = m.place(f"{side}Foot"), m.place(f"{side}Toes"), m.place(f"{side}LowerLeg")
    if ankle is None:
        return
    width, height, length = (share * m.height for share in FOOT)
    shin = quat.unit(ankle - knee) if knee is not None else -UP
    down = -UP if shin @ -UP > 0.7 else shin
    way = toes - ankle if toes is not None else m.forward
    ahead = quat.unit(way - down * (way @ down) + 1e-9 * m.forward)
    drop = float(m.body.sole_drop_m.get(f"{side}Foot", 0.045 * m.height))
    sole = ankle + down * max(drop - height, 0.0)
    across = np.cross(down, ahead)
    ball = float(np.clip((toes - ankle) @ ahead, 0.3 * length, 1.5 * length)) if toes is not None else length
    radii = (width, height)
    yield _rounded(m.joint(f"{side}Foot"), sole - ahead * HEEL * m.height, sole + ahead * ball, across, radii, radii)
    yield _rounded(m.joint(f"{side}Foot"), ankle, sole, across, (0.8 * width,) * 2, (width, 1.2 * width))
    if toes is not None:
        start = sole + ahead * ball
        tip = start + ahead * 0.035 * m.height
        yield _rounded(m.joint(f"{side}Toes"), start, tip, across, radii, (0.9 * width, 0.7 * height))


def _ellipsoid(joint: int, centre: Array, u: Array, axis: Array, radii: tuple[float, float, float]) -> _Part:
    """Radii along u, along the axis, and along the third direction."""
    return _surface(joint, centre, centre, axis, u, (radii[0], radii[2]), (radii[0], radii[2]), radii[1])


def _rounded(joint: int, start: Array, end: Array, u: Array, first: Sequence[float], last: Sequence[float]) -> _Part:
    """An elliptic tube with round ends; radii along u (made square to the axis) and along the third direction."""
    axis = quat.unit(end - start) if np.linalg.norm(end - start) > 1e-9 else UP
    return _surface(joint, start, end, axis, u, first, last, None)


def _surface(
    joint: int,
    start: Array,
    end: Array,
    axis: Array,
    u: Array,
    first: Sequence[float],
    last: Sequence[float],
    cap: float | None,
) -> _Part:
    """Rings of SEGMENTS vertices from pole to pole; `cap` is the ends' height, by default their smaller radius."""
    u = u - axis * (u @ axis)
    u = quat.unit(u) if np.linalg.norm(u) > 1e-6 else quat.perpendicular(axis)
    v = np.cross(axis, u)
    angles = np.linspace(0.0, 0.5 * np.pi, CAP_RINGS + 1)[1:]
    heights = [min(first) if cap is None else cap, min(last) if cap is None else cap]
    rings = [(start - axis * heights[0] * np.cos(a), np.sin(a) * np.asarray(first)) for a in angles]
    back = angles[::-1] if np.linalg.norm(end - start) > 1e-9 else angles[-2::-1]
    rings += [(end + axis * heights[1] * np.cos(a), np.sin(a) * np.asarray(last)) for a in back]
    turn = 2.0 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    body = [centre + (circle * radii) @ np.stack([u, v]) for centre, radii in rings]
    poles = np.stack([start - axis * heights[0], end + axis * heights[1]])
    return _Part(joint, np.concatenate([*body, poles]), _tube(len(rings)))


def _tube(rings: int) -> Indices:
    """Outward faces of stacked rings and of the two poles that follow them."""
    around = np.arange(SEGMENTS)
    after = (around + 1) % SEGMENTS
    low = np.arange(rings - 1)[:, None] * SEGMENTS
    a, b = (low + around).ravel(), (low + after).ravel()
    c, d = a + SEGMENTS, b + SEGMENTS
    top = (rings - 1) * SEGMENTS
    south, north = np.full(SEGMENTS, rings * SEGMENTS), np.full(SEGMENTS, rings * SEGMENTS + 1)
    faces = [(a, b, d), (a, d, c), (south, after, around), (north, top + around, top + after)]
    return np.concatenate([np.stack(corners, axis=1) for corners in faces]).astype(np.int64)
