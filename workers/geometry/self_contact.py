"""Self-contacts of a motion, found from its surface: hand on hip, clap, hand to face, crossed arms, hand on knee.

Hands, forearms, feet and shins may touch any part that is not of their own limb. Two parts touch from when they come
closer than `near` until they are farther apart than `far` (arm radii; wider for a generated body, whose surface is a
guess). That is a contact and no passing by when it lasts, and when at some time the two hardly move along one another.
An arm that just hangs beside the body touches nothing on purpose, nor do legs that stand side by side. Carrying
contacts to other bodies is left to `transfer_contacts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import Places, SelfContact, SelfContacts
from workers.geometry.parts import GROUP_OF, LEG_GROUPS, LIMB_PARTS, PARTS, TORSO, part_index
from workers.geometry.posing import pose
from workers.geometry.queries.places import closest_places
from workers.geometry.surface import BodySurface
from workers.geometry.touches import FRAMES_AT_ONCE, TOUCHING, Search, Touches, look_where_it_counts, may_touch
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import close_gaps, drop_short, hysteresis, runs
from workers.motion.smoothing import weighted_mean
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask

MAX_GAP_S, MIN_DURATION_S = 0.1, 0.06
MIN_SLIDE_SPEED = 0.2  # body heights / s: a contact slides more slowly than this at least once
HANGING_DEG = 35.0  # both bones of a limb within this of the trunk's downward axis
ARMS: tuple[tuple[str, ...], ...] = tuple(tuple(side + part for part in LIMB_PARTS[:3]) for side in SIDES)
LEGS: tuple[tuple[str, ...], ...] = tuple(tuple(side + part for part in LIMB_PARTS[3:]) for side in SIDES)
LIMBS = ARMS + LEGS
HIP_SHARE = 0.15  # of a thigh: above, it is the hip, which on another body may belong to the trunk
MAX_POINTS, SPREAD = 4, 0.8  # points of a contact, and how far apart in arm radii
SMOOTHING_S = 0.07  # half width


@dataclass(frozen=True)
class Thresholds:
    """Distances in arm radii at which contact begins at the latest and ends."""

    near: float
    far: float


OWN_SKIN = Thresholds(0.3, 0.7)
GENERATED = Thresholds(0.7, 1.2)


def find_self_contacts(
    motion: BodyMotion, surface: BodySurface, look: Callable[[Search], Touches] = look_where_it_counts
) -> SelfContacts:
    """The contacts of a motion of the body whose surface this is; `look` is how touches are searched."""
    limits = OWN_SKIN if surface.is_own else GENERATED
    radius = surface.arm_radius_m
    hanging = {limb: _hanging(motion, limb) for limb in LIMBS}
    not_meant = {
        (a, b): mask
        for a in TOUCHING
        for b in range(len(PARTS))
        if may_touch(a, b) and (mask := _at_side(a, b, hanging)).any()
    }
    slack = round(MAX_GAP_S * motion.rate_hz) + 1
    touches = look(Search(motion, surface, limits.far * radius, not_meant, slack))
    contacts: list[SelfContact] = []
    for a, b, rows in _pairs(surface, touches):
        closest = np.full(motion.frames, np.inf)
        np.minimum.at(closest, touches.frame[rows], touches.distance_m[rows])
        meant = ~not_meant.get((a, b), np.zeros(motion.frames, dtype=np.bool_))
        for start, stop in runs(_intervals(closest / radius, limits, meant, motion.rate_hz)):
            contact = _describe(surface, touches.chosen(rows), (a, b), (int(start), int(stop)), motion)
            if contact is not None:
                contacts.append(contact)
    return SelfContacts(motion.frames, tuple(sorted(contacts, key=lambda c: (c.start, c.part_a, c.part_b))))


def _pairs(surface: BodySurface, touches: Touches) -> Iterator[tuple[int, int, Indices]]:
    """Pairs of parts with the rows whose vertex lies on the first and is near to the second."""
    pair = surface.parts[touches.vertex] * len(PARTS) + touches.part_b
    order = np.argsort(pair, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(pair[order])) + 1):
        if len(rows):
            yield int(pair[rows[0]]) // len(PARTS), int(pair[rows[0]]) % len(PARTS), rows


def _intervals(distance: Array, limits: Thresholds, meant: Mask, rate_hz: float) -> Mask:
    touching = hysteresis(distance < limits.near, distance < limits.far)
    touching = close_gaps(touching, round(MAX_GAP_S * rate_hz)) & meant
    return drop_short(touching, max(1, round(MIN_DURATION_S * rate_hz)))


def _hanging(motion: BodyMotion, limb: tuple[str, ...]) -> Mask:
    """Frames `(frames,)` in which both bones of a limb, by its joints' roles, point down along the trunk."""
    places = [motion.role_positions(role) for role in limb]
    legs = [motion.role_positions(f"{s}UpperLeg") for s in SIDES]
    arms = [motion.role_positions(f"{s}UpperArm") for s in SIDES]
    known = [place for place in places if place is not None]
    middle = [np.mean([place for place in pair if place is not None], axis=0) for pair in (legs, arms)]
    down = quat.unit(middle[0] - middle[1])
    cosine = np.cos(np.radians(HANGING_DEG))
    bones = [quat.unit(after - before) for before, after in pairwise(known)]
    result: Mask = np.all([np.einsum("fi,fi->f", bone, down) > cosine for bone in bones], axis=0)
    return result


def _at_side(a: int, b: int, hanging: dict[tuple[str, ...], Mask]) -> Mask:
    """Frames in which contact of an arm with trunk or leg only says that the arm hangs, or contact of two legs that
    both stand.
    """
    (left_arm, right_arm), (left_leg, right_leg) = ([hanging[limb] for limb in pair] for pair in (ARMS, LEGS))
    for side, hangs in zip(SIDES, (left_arm, right_arm), strict=True):
        arm = (part_index(f"{side}Hand"), part_index(f"{side}LowerArm"))
        if a in arm and (b == TORSO or GROUP_OF[b] in LEG_GROUPS):
            return hangs
    if {int(GROUP_OF[a]), int(GROUP_OF[b])} == set(LEG_GROUPS):
        return left_leg & right_leg
    return np.zeros_like(left_arm)


def _describe(
    surface: BodySurface, touches: Touches, pair: tuple[int, int], interval: tuple[int, int], motion: BodyMotion
) -> SelfContact | None:
    """The contact of two parts over an interval; None where they only pass by one another, or are never near."""
    part_a, part_b = pair
    start, stop = interval
    if part_a not in surface.frames or part_b not in surface.frames:
        return None
    inside = (touches.frame >= start) & (touches.frame < stop)
    if not inside.any():  # what is left of a gap that was closed, cut from the contacts beside it: nothing is near
        return None
    points = _spread_points(surface, touches.chosen(inside), stop - start)
    faces, used, corners = _part_faces(surface, part_b)
    vertices = np.concatenate([used, points])
    numbers = np.arange(len(used), len(vertices))
    # One frame alone does not show how fast they move along one another: its neighbours do.
    wide = 1 if stop - start == 1 else 0
    first, last = max(0, start - wide), min(motion.frames, stop + wide)
    found = [
        closest_places(
            corners, pose(surface, motion, range(begin, min(begin + FRAMES_AT_ONCE, last)), vertices), numbers
        )
        for begin in range(first, last, FRAMES_AT_ONCE)
    ]
    face, shares, distance = (np.concatenate(values) for values in zip(*found, strict=True))
    rest = np.einsum("fkc,fkcd->fkd", shares, surface.mesh.positions_m[faces[face]])
    rest = weighted_mean(rest, round(SMOOTHING_S * motion.rate_hz))
    if len(rest) > 1:
        speeds = np.linalg.norm(np.diff(rest, axis=0), axis=-1).mean(axis=1) * motion.rate_hz
        if speeds.min() > MIN_SLIDE_SPEED * surface.body.height_m:
            return None
    rest, distance = rest[start - first : stop - first], distance[start - first : stop - first]
    a = places_of(surface, part_a, surface.mesh.positions_m[points])
    b = places_of(surface, part_b, rest.reshape(-1, 3))
    if PARTS[part_b].endswith("UpperLeg") and np.median(b.along) < HIP_SHARE and TORSO in surface.frames:
        part_b, b = TORSO, places_of(surface, TORSO, rest.reshape(-1, 3))
    b = Places(*(values.reshape(rest.shape[:2]) for values in vars(b).values()))
    # A generated skin is a guess: what counts as touching there must be kept as touching.
    slack = 0.0 if surface.is_own else GENERATED.near - OWN_SKIN.near
    gap = np.maximum(distance / surface.arm_radius_m - slack, 0.0)
    return SelfContact(part_a, part_b, start, stop, a, b, gap)


@lru_cache(maxsize=128)
def _part_faces(surface: BodySurface, part: int) -> tuple[Indices, Indices, Indices]:
    """Outer faces of a part, the vertices that these use, and the faces by the places of these."""
    faces = surface.outer_faces[surface.outer_face_parts == part]
    used, corners = np.unique(faces, return_inverse=True)
    return faces, used, corners.reshape(-1, 3)


def _spread_points(surface: BodySurface, near: Touches, frames: int) -> Indices:
    """A few vertices of the pairs, the closest first, apart from one another on the rest pose."""
    vertices, number = np.unique(near.vertex, return_inverse=True)
    # A vertex out of reach in a frame counts as far away there.
    far = near.distance_m.max(initial=0.0)
    sums = np.bincount(number, np.maximum(near.distance_m, 0.0) - far, len(vertices)) / frames
    order = vertices[np.argsort(sums, kind="stable")]
    rest = surface.mesh.positions_m[order]
    chosen, apart = [0], np.ones(len(order), dtype=np.bool_)
    while len(chosen) < MAX_POINTS:
        apart &= np.linalg.norm(rest - rest[chosen[-1]], axis=1) > SPREAD * surface.arm_radius_m
        if not apart.any():
            break
        chosen.append(int(apart.argmax()))
    return order[chosen]


def places_of(surface: BodySurface, part: int, points_m: Array) -> Places:
    """Places of points `(n, 3)` of the rest pose on a part."""
    along, around, distance = surface.frames[part].coordinates(points_m)
    return Places(along, around, distance / max(float(surface.radius_m[part]), 1e-9))
