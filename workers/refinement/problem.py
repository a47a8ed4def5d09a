"""What is known of one clip before its refinement begins: what may change, when, and the surface it is judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import SelfContact, SelfContacts
from workers.geometry.near_body import near_body
from workers.geometry.parts import BODY, GROUP_OF, GROUPS, TORSO
from workers.geometry.posing import pose
from workers.geometry.prepared import surfaces_of
from workers.geometry.source_contacts import source_contacts
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import ContactAnchors, carry
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import close_gaps
from workers.motion.timeline import find_timeline
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.activity import Activity
from workers.refinement.curve import Curve, curve_at
from workers.refinement.guards import FrameSpan
from workers.refinement.held import AskedContacts, asked_contacts
from workers.refinement.leash import Leash, find_leash, known_joints, limb_length_m
from workers.refinement.limits import Elbow, find_elbows
from workers.refinement.measures import WindowMetrics
from workers.refinement.reachable import OutOfReach, way_m
from workers.refinement.resting import sort_contacts
from workers.refinement.rows import Posed, WatchedSurface
from workers.refinement.spline import Spline, fit_spline
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.ranges import stiffness_rad
from workers.retargeting.residual import DegreesOfFreedom, find_freedom, moved_motion
from workers.retargeting.twist import spread_twist
from workers.scores import foot_scores
from workers.scores.joint_limits import Limits
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices, Mask

SPACING_S = 0.15  # of the knots
LOOKED_HZ = 15.0  # frames a second that are searched for what is wrong
FRAMES_AT_ONCE = 64
ACTIVE_DEPTH = 0.05  # arm radii: what lies less deep is not worth a change


@dataclass(frozen=True, eq=False)
class ClipProblem:
    """One clip. `base` is its result with the travel; the residual is on top of it."""

    base: BodyMotion
    source: BodyMotion
    freedom: DegreesOfFreedom
    spline: Spline
    activity: Activity
    contacts: SelfContacts  # of the source, within reach, and those that rest
    asked: AskedContacts | None  # what the report asks
    out_of_reach: tuple[OutOfReach, ...]
    light: WatchedSurface  # what the losses look at, but for
    fine: WatchedSurface  # the last rounds'
    anchors: ContactAnchors  # of the contacts on `light`
    window_metrics: WindowMetrics
    leash: Leash
    elbows: list[Elbow]
    limits: Limits
    result_ground: foot_scores.FootTrack

    @property
    def arm_radius_m(self) -> float:
        return self.light.surface.arm_radius_m

    @cached_property
    def ranges_rad(self) -> Array:
        """The usual range of each value of the residual."""
        return np.array([stiffness_rad(name) for name in self.freedom.names])

    @cached_property
    def envelope(self) -> Array:
        """What is left of each value of the residual, `(frames, values)`."""
        return self.activity.envelope(self.freedom)

    @property
    def hands(self) -> Indices:
        """The joints of the hands."""
        return known_joints(self.base.body, tuple(f"{side}Hand" for side in SIDES))

    def curve(self, frames: Indices) -> Curve:
        return curve_at(self.spline, frames, self.ranges_rad, self.envelope)

    def posed(self, frames: Indices, values_rad: Array) -> Posed:
        """The body at some frames with a residual of these `(frames, values)`."""
        return Posed(self.freedom, self.base.some(frames), frames, values_rad)

    def residual(self, knots: Array, inside: Mask | None = None) -> Array:
        """Radians `(frames, values)`, within the leash; of the frames `inside` `(frames,)`, by default of all."""
        looked = np.ones(self.base.frames, dtype=np.bool_) if inside is None else self.leash.around(inside)
        frames = np.flatnonzero(looked)
        values = np.zeros((self.base.frames, self.freedom.values))
        values[frames] = self.curve(frames).values(knots)
        return self.leash.held(self.freedom, self.base, values)

    def motion(self, knots: Array) -> BodyMotion:
        """The base with its residual, twist joints following; the base itself where that is zero."""
        return self._moved(self.base, self.residual(knots))

    def part(self, knots: Array, span: FrameSpan) -> BodyMotion:
        """The same of a stretch of it."""
        inside = np.zeros(self.base.frames, dtype=np.bool_)
        inside[span.start : span.stop] = True
        return self._moved(span.cut(self.base), self.residual(knots, inside)[span.start : span.stop])

    def _moved(self, base: BodyMotion, residual: Array) -> BodyMotion:
        moved = moved_motion(self.freedom, base, residual)
        return moved if moved is base else spread_twist(moved)


def prepare_problem(retargeted: RetargetedClip, target: PreparedCharacter, on_piece: Callable[[], None]) -> ClipProblem:
    """Prepare surfaces (kept for other clips), find the source's self-contacts and what is wrong with the base.

    `on_piece` is called between pieces of work and may raise to stop.
    """
    base, source = retargeted.scored, retargeted.source.motion
    light = surfaces_of(target).light
    on_piece()
    seen = surfaces_of(retargeted.source).light
    on_piece()
    wanted = source_contacts(source, seen)
    on_piece()
    able = _able(target.body)
    wanted = SelfContacts(wanted.frames, tuple(item for item in wanted.contacts if able[_groups(item)].all()))
    found = sort_contacts(wanted, base, light)
    contacts = SelfContacts(base.frames, (*found.reached, *found.rest))
    fine = surfaces_of(target).fine
    on_piece()
    anchors = carry(contacts, light, base.rate_hz)
    reached = SelfContacts(base.frames, found.reached)
    fine_anchors = carry(reached, fine, base.rate_hz)
    on_piece()
    timeline = find_timeline(source)
    depths = _depths(base, light, on_piece)
    touched, rests = _touched(found.reached, depths), _touched(found.rest, depths)
    ways = np.zeros(depths.shape)
    for contact in found.reached:
        part, own = slice(contact.start, contact.stop), _groups(contact)
        ways[part, own] = np.maximum(ways[part, own], way_m(contact, light, base))
    active = touched | rests | ((depths > 0.0) & (np.arange(len(GROUPS)) != BODY))
    active &= able
    # Within less than lies between two knots nothing can come and go.
    gap = max(1, timeline.frames_in(SPACING_S))
    active = np.stack([close_gaps(column, gap) for column in active.T], axis=1)
    freedom = find_freedom(target.body, target.left_alone)
    track = foot_scores.source_track(retargeted.contacts, source.body, base.body, retargeted.source_floor_m)
    return ClipProblem(
        base=base,
        source=source,
        freedom=freedom,
        spline=fit_spline(timeline, SPACING_S),
        activity=Activity(active, touched, rests, np.minimum(ways / light.arm_radius_m, 1.0), timeline),
        contacts=contacts,
        asked=asked_contacts(source, seen, light),
        out_of_reach=found.out_of_reach,
        light=WatchedSurface.of(freedom, light),
        fine=WatchedSurface.of(freedom, fine),
        anchors=anchors,
        window_metrics=WindowMetrics(fine, fine_anchors, fine_anchors.carried(reached), source, seen),
        leash=find_leash(target.body, depths, touched, ways, timeline),
        elbows=find_elbows(base),
        limits=target.definition.joint_limits if target.definition is not None else {},
        result_ground=foot_scores.result_track(track, source.body, base.body, retargeted.source_floor_m),
    )


def _able(body: Body) -> Mask:
    """The groups `(GROUPS,)` that may move: a limb of which a joint is not known has no reach to be kept to, and what
    hangs on its forearm may be a hand or an axe.
    """
    return np.array([group == BODY or np.isfinite(limb_length_m(body, group)) for group in range(len(GROUPS))])


def _groups(contact: SelfContact) -> Indices:
    result: Indices = GROUP_OF[[contact.part_a, contact.part_b]]
    return result


def _touched(contacts: tuple[SelfContact, ...], like: Array) -> Mask:
    """Where groups have any of the contacts, `(frames, GROUPS)`, of the shape of `like`."""
    touched = np.zeros(like.shape, dtype=np.bool_)
    for contact in contacts:
        for part in (contact.part_a, contact.part_b):
            # A trunk that is touched stays: the limb comes to it. A head may come a little to meet a hand.
            if part != TORSO:
                touched[contact.start : contact.stop, GROUP_OF[part]] = True
    return touched


def _depths(motion: BodyMotion, surface: BodySurface, on_piece: Callable[[], None]) -> Array:
    """How deep the groups penetrate or are penetrated, metres `(frames, GROUPS)`, 0 where it is not worth a change;
    frames between those looked at follow the nearer.
    """
    stride = max(1, round(motion.rate_hz / LOOKED_HZ))
    looked = np.arange(0, motion.frames, stride)
    found = np.zeros((len(looked), len(GROUPS)))
    for start in range(0, len(looked), FRAMES_AT_ONCE):
        on_piece()
        places = pose(surface, motion, looked[start : start + FRAMES_AT_ONCE])
        near, allowed = near_body(surface, places, surface.limb_vertices, 0.0)
        depths = -near.distance_m - allowed
        deep = depths > ACTIVE_DEPTH * surface.arm_radius_m
        for parts in (surface.parts[near.vertex[deep]], surface.outer_face_parts[near.face[deep]]):
            np.maximum.at(found, (start + near.frame[deep], GROUP_OF[parts]), depths[deep])
    nearest = np.minimum((np.arange(motion.frames) + stride // 2) // stride, len(looked) - 1)
    return found[nearest]
