"""Self-contacts of a motion, found from its surface: hand on hip, clap, hand to face, crossed arms, hand on knee.

Hands, forearms, feet and shins may touch any part that is not of their own limb. Two parts touch from when they come
closer than `near` until they are farther apart than `far` (arm radii; wider for a generated body, whose surface is a
guess). That is a contact and no passing by when it lasts, and when at some time the two hardly move along one another.
An arm that just hangs beside the body touches nothing on purpose, nor do legs that stand side by side. Carrying
contacts to other bodies is left to `transfer_contacts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import Places, SelfContact, SelfContacts
from workers.geometry.near_body import near_body
from workers.geometry.nearest import Near, closest_places
from workers.geometry.parts import GROUP_OF, LEG_GROUPS, LIMB_PARTS, PARTS, TORSO, part_index
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import close_gaps, drop_short, hysteresis, runs
from workers.motion.smoothing import weighted_mean
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask

TOUCHING = tuple(part_index(side + part) for side in SIDES for part in ("Hand", "LowerArm", "Foot", "LowerLeg"))
MAX_GAP_S, MIN_DURATION_S = 0.1, 0.06
MIN_SLIDE_SPEED = 0.2  # body heights / s: a contact slides more slowly than this at least once
HANGING_DEG = 35.0  # both bones of a limb within this of the trunk's downward axis
ARMS: tuple[tuple[str, ...], ...] = tuple(tuple(side + part for part in LIMB_PARTS[:3]) for side in SIDES)
LEGS: tuple[tuple[str, ...], ...] = tuple(tuple(side + part for part in LIMB_PARTS[3:]) for side in SIDES)
LIMBS = ARMS + LEGS
HIP_SHARE = 0.15  # of a thigh: above, it is the hip, which on another body may belong to the trunk
FAR_END = 0.85  # share of a forearm or shin from which on it counts as wrist or ankle
MAX_POINTS, SPREAD = 4, 0.8  # points of a contact, and how far apart in arm radii
SMOOTHING_S = 0.07  # half width


@dataclass(frozen=True)
class Thresholds:
    """Distances in arm radii at which contact begins at the latest and ends."""

    near: float
    far: float


OWN_SKIN = Thresholds(0.3, 0.7)
GENERATED = Thresholds(0.7, 1.2)


def find_self_contacts(motion: BodyMotion, surface: BodySurface, vertices_m: Array) -> SelfContacts:
    """`vertices_m` `(frames, vertices, 3)` is `surface.mesh` moved by `motion` (see `pose`)."""
    limits = OWN_SKIN if surface.is_own else GENERATED
    radius = surface.arm_radius_m
    queries = surface.limb_vertices[np.isin(surface.parts[surface.limb_vertices], TOUCHING)]
    near, allowed = near_body(surface, vertices_m, queries, limits.far * radius)
    near = near.chosen((allowed == 0.0) & ~_wrist_or_ankle(surface, near))
    contacts: list[SelfContact] = []
    hanging = {limb: _hanging(motion, limb) for limb in LIMBS}
    for a, b, rows in _pairs(surface, near):
        closest = np.full(motion.frames, np.inf)
        np.minimum.at(closest, near.frame[rows], near.distance_m[rows])
        touching = _intervals(closest / radius, limits, _at_side(a, b, hanging), motion.rate_hz)
        for start, stop in runs(touching):
            contact = _describe(surface, vertices_m, near.chosen(rows), (a, b), (int(start), int(stop)), motion)
            if contact is not None:
                contacts.append(contact)
    return SelfContacts(motion.frames, tuple(sorted(contacts, key=lambda c: (c.start, c.part_a, c.part_b))))


def _wrist_or_ankle(surface: BodySurface, near: Near) -> Mask:
    """Pairs at the far end of a forearm or shin: what touches there is the hand's or the foot's contact."""
    rest = surface.mesh.positions_m
    places = np.einsum("nc,ncd->nd", near.shares, rest[surface.outer_faces[near.face]])
    result = np.zeros(len(near), dtype=np.bool_)
    for part in (part_index(side + role) for side in SIDES for role in ("LowerArm", "LowerLeg")):
        if part in surface.frames:
            along = surface.frames[part].coordinates
            result |= (surface.parts[near.vertex] == part) & (along(rest[near.vertex])[0] > FAR_END)
            result |= (surface.outer_face_parts[near.face] == part) & (along(places)[0] > FAR_END)
    return result


def _pairs(surface: BodySurface, near: Near) -> Iterator[tuple[int, int, Indices]]:
    """Pairs of parts with the rows of `near` whose vertex lies on the first and whose face on the second.

    Of two parts that may both touch, the first in the order of PARTS has the points.
    """
    a, b = surface.parts[near.vertex], surface.outer_face_parts[near.face]
    for pair in np.unique(a * len(PARTS) + b):
        first, second = int(pair) // len(PARTS), int(pair) % len(PARTS)
        if second not in TOUCHING or first < second:
            yield first, second, np.flatnonzero((a == first) & (b == second))


def _intervals(distance: Array, limits: Thresholds, not_meant: Mask, rate_hz: float) -> Mask:
    touching = hysteresis(distance < limits.near, distance < limits.far)
    touching = close_gaps(touching, round(MAX_GAP_S * rate_hz)) & ~not_meant
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
    surface: BodySurface,
    vertices_m: Array,
    near: Near,
    pair: tuple[int, int],
    interval: tuple[int, int],
    motion: BodyMotion,
) -> SelfContact | None:
    """The contact of two parts over an interval; None where they only pass by one another, or are never near."""
    part_a, part_b = pair
    start, stop = interval
    if part_a not in surface.frames or part_b not in surface.frames:
        return None
    inside = (near.frame >= start) & (near.frame < stop)
    if not inside.any():  # what is left of a gap that was closed, cut from the contacts beside it: nothing is near
        return None
    points = _spread_points(surface, near.chosen(inside), stop - start)
    faces = surface.outer_faces[surface.outer_face_parts == part_b]
    # One frame alone does not show how fast they move along one another: its neighbours do.
    wide = 1 if stop - start == 1 else 0
    first, last = max(0, start - wide), min(motion.frames, stop + wide)
    moved = vertices_m[first:last]
    face, shares, distance = closest_places(faces, moved, moved[:, points])
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


def _spread_points(surface: BodySurface, near: Near, frames: int) -> Indices:
    """A few vertices of the pairs, the closest first, apart from one another on the rest pose."""
    vertices, number = np.unique(near.vertex, return_inverse=True)
    # A vertex out of reach in a frame counts as far away there.
    far = near.distance_m.max(initial=0.0)
    sums = np.bincount(number, np.maximum(near.distance_m, 0.0) - far, len(vertices)) / frames
    order = vertices[np.argsort(sums, kind="stable")]
    chosen = [int(order[0])]
    for vertex in order[1:]:
        apart = np.linalg.norm(surface.mesh.positions_m[chosen] - surface.mesh.positions_m[vertex], axis=1)
        if apart.min() > SPREAD * surface.arm_radius_m:
            chosen.append(int(vertex))
        if len(chosen) == MAX_POINTS:
            break
    return np.array(chosen)


def places_of(surface: BodySurface, part: int, points_m: Array) -> Places:
    """Places of points `(n, 3)` of the rest pose on a part."""
    along, around, distance = surface.frames[part].coordinates(points_m)
    return Places(along, around, distance / max(float(surface.radius_m[part]), 1e-9))
