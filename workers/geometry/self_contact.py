"""Self-contacts of a motion, found from its surface: hand on hip, clap, hand to face, crossed arms, hand on knee.

Hands, forearms, feet and shins may touch any part that is not of their own limb. Two parts touch from when they come
closer than `near` until they are farther apart than `far` (arm radii; wider for a generated body, whose surface is a
guess). That is a contact and no passing by when it lasts, and when at some time the two hardly move along one another.
An arm that just hangs beside the body touches nothing on purpose, nor do legs that stand side by side. Carrying
contacts to other bodies is left to `transfer_contacts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import ContactSpans, Places, SelfContact, SelfContacts
from workers.geometry.parts import GROUP_OF, LEG_GROUPS, LIMB_PARTS, PARTS, TORSO, part_index
from workers.geometry.queries.places import follow_points, least_speeds
from workers.geometry.surface import BodySurface
from workers.geometry.touches import TOUCHING, Intervals, Search, Touches, look_where_it_counts, may_touch
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import close_gaps, drop_short, runs
from workers.motion.smoothing import raised_cosine
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask

MAX_GAP_S, MIN_DURATION_S = 0.1, 0.06
MIN_SLIDE_SPEED = 0.2  # body heights / s: a contact slides more slowly than this at least once
HANGING_DEG = 35.0  # both bones of a limb within this of the trunk's downward axis
ARMS: tuple[tuple[str, ...], ...] = tuple(tuple(side + part for part in LIMB_PARTS[:3]) for side in SIDES)
LEGS: tuple[tuple[str, ...], ...] = tuple(tuple(side + part for part in LIMB_PARTS[3:]) for side in SIDES)
LIMBS = ARMS + LEGS
HIP_SHARE = 0.15  # of a thigh: above, it is the hip, which on another body may belong to the trunk
POINT_FRAMES = 3  # of a contact, where only its time is asked for
SMOOTHING_S = 0.07  # half width


@dataclass(frozen=True)
class Thresholds:
    """Distances in arm radii at which contact begins at the latest and ends."""

    near: float
    far: float


OWN_SKIN = Thresholds(0.3, 0.7)
GENERATED = Thresholds(0.7, 1.2)


@dataclass(frozen=True, eq=False)
class _Found:
    """Contacts, and of each the points of its part a `(n, MAX_POINTS)`, -1 for none, with the closest places on its
    part b, frame by frame: at rest `(rows, MAX_POINTS, 3)`, and how far away `(rows, MAX_POINTS)`. A contact's rows
    stand from `starts[n]` on, one a frame.
    """

    intervals: Intervals
    points: Indices
    starts: Indices
    rest_m: Array
    distance_m: Array

    def rows(self, number: int) -> slice:
        start = self.starts[number]
        return slice(start, start + self.intervals.stop[number] - self.intervals.start[number])


def find_self_contacts(
    motion: BodyMotion, surface: BodySurface, look: Callable[[Search], Touches] = look_where_it_counts
) -> SelfContacts:
    """The contacts of a motion of the body whose surface this is; `look` is how touches are searched."""
    found = _find(motion, surface, look, motion.frames)
    intervals = found.intervals
    counts = (found.points >= 0).sum(axis=1)
    a, b = _Described(surface, intervals.part_a), _Described(surface, intervals.part_b)
    on_a = a.places([surface.mesh.positions_m[found.points[n, :count]] for n, count in enumerate(counts)])
    on_b = b.places([found.rest_m[found.rows(n), :count] for n, count in enumerate(counts)])
    # A generated skin is a guess: what counts as touching there must be kept as touching.
    slack = 0.0 if surface.is_own else GENERATED.near - OWN_SKIN.near
    gap = np.maximum(found.distance_m / surface.arm_radius_m - slack, 0.0)
    contacts = []
    for n, count in enumerate(counts):
        part_a, part_b, start, stop = (int(values[n]) for values in vars(intervals).values())
        own_gap = gap[found.rows(n), :count].copy()
        contacts.append(SelfContact(part_a, part_b, start, stop, on_a[n], on_b[n], own_gap))
    return SelfContacts(motion.frames, tuple(sorted(contacts, key=lambda c: (c.start, c.part_a, c.part_b))))


def find_contact_spans(
    motion: BodyMotion, surface: BodySurface, look: Callable[[Search], Touches] = look_where_it_counts
) -> ContactSpans:
    """When which parts touch in `find_self_contacts`; points that show whether they slide are found in fewer frames."""
    return ContactSpans(motion.frames, *vars(_find(motion, surface, look, POINT_FRAMES).intervals).values())


def _find(motion: BodyMotion, surface: BodySurface, look: Callable[[Search], Touches], point_frames: int) -> _Found:
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
    search = Search(motion, surface, limits.near * radius, limits.far * radius, not_meant, slack)
    touches = look(search)
    spans: list[tuple[int, int, int, int]] = []
    for (a, b), touching in touches.touching().items():
        if a not in surface.frames or b not in surface.frames:
            continue
        meant = ~not_meant.get((a, b), np.zeros(motion.frames, dtype=np.bool_))
        spans += [(a, b, int(start), int(stop)) for start, stop in runs(_lasting(touching, meant, motion.rate_hz))]
    intervals = Intervals(*np.array(spans, dtype=np.int64).reshape(-1, 4).T.copy())
    points = touches.points(intervals, point_frames)
    # What is left of a gap that was closed, cut from the contacts beside it: nothing is near there.
    near = points[:, 0] >= 0
    return _that_hold(search, intervals.chosen(near), points[near])


def _that_hold(search: Search, intervals: Intervals, points: Indices) -> _Found:
    """Those of the contacts in which the parts do not only pass by one another."""
    motion, surface = search.motion, search.surface
    # One frame alone does not show how fast they move along one another: its neighbours do.
    wide = np.where(intervals.stop - intervals.start == 1, 1, 0)
    first, last = np.maximum(0, intervals.start - wide), np.minimum(motion.frames, intervals.stop + wide)
    followed = follow_points(search.moving, points, intervals.part_b, first, last)
    corners = surface.rest_m[surface.outer_faces[followed.face]]
    rest = np.einsum("rkc,rkcd->rkd", followed.shares, corners)
    least = np.empty(len(intervals))
    window = raised_cosine(round(SMOOTHING_S * motion.rate_hz))
    least_speeds(rest, followed.starts, (points >= 0).sum(axis=1), window, least)
    starts = followed.starts[:-1] + intervals.start - first
    hold = np.flatnonzero(least * motion.rate_hz <= MIN_SLIDE_SPEED * surface.body.height_m)
    found = _Found(intervals.chosen(hold), points[hold], starts[hold], rest, followed.distance)
    return _hips_are_trunk(surface, found)


def _hips_are_trunk(surface: BodySurface, found: _Found) -> _Found:
    """Contacts high on a thigh are the trunk's."""
    part_b = found.intervals.part_b.copy()
    for number, part in enumerate(part_b):
        if PARTS[part].endswith("UpperLeg") and TORSO in surface.frames:
            count = (found.points[number] >= 0).sum()
            along = surface.frames[int(part)].coordinates(found.rest_m[found.rows(number), :count].reshape(-1, 3))[0]
            if np.median(along) < HIP_SHARE:
                part_b[number] = TORSO
    return replace(found, intervals=replace(found.intervals, part_b=part_b))


@dataclass(frozen=True, eq=False)
class _Described:
    """Places on parts `(contacts,)` of a surface."""

    surface: BodySurface
    parts: Indices

    def places(self, points_m: list[Array]) -> list[Places]:
        """Of the points `(..., 3)` of each contact; those on one part together."""
        result: list[Places | None] = [None] * len(points_m)
        for part in np.unique(self.parts):
            own = np.flatnonzero(self.parts == part)
            ends = np.cumsum([points_m[number].size // 3 for number in own])
            found = places_of(self.surface, int(part), np.concatenate([points_m[n].reshape(-1, 3) for n in own]))
            pieces = [np.split(values, ends[:-1]) for values in vars(found).values()]
            for number, *values in zip(own, *pieces, strict=True):
                result[number] = Places(*(value.reshape(points_m[number].shape[:-1]).copy() for value in values))
        return [places for places in result if places is not None]


def _lasting(touching: Mask, meant: Mask, rate_hz: float) -> Mask:
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


def places_of(surface: BodySurface, part: int, points_m: Array) -> Places:
    """Places of points `(n, 3)` of the rest pose on a part."""
    along, around, distance = surface.frames[part].coordinates(points_m)
    return Places(along, around, distance / max(float(surface.radius_m[part]), 1e-9))
