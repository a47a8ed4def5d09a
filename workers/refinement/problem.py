"""What is known of one clip before its refinement begins: what may change, when, and the surface it is judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.geometry.contact_model import SelfContacts
from workers.geometry.parts import GROUP_OF, GROUPS
from workers.geometry.penetration import find_pairs
from workers.geometry.posing import pose
from workers.geometry.source_contacts import source_contacts
from workers.geometry.transfer_contacts import ContactAnchors, carry
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import close_gaps
from workers.motion.timeline import find_timeline
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.activity import Activity
from workers.refinement.body_terms import WindowMetrics
from workers.refinement.guards import FrameSpan
from workers.refinement.leash import Leash, find_leash
from workers.refinement.limits import Elbow, find_elbows
from workers.refinement.losses import curve_at, scales
from workers.refinement.reachable import OutOfReach, within_reach
from workers.refinement.residual import DegreesOfFreedom, find_freedom, moved_motion
from workers.refinement.spline import Spline, fit_spline
from workers.refinement.surfaces import MovingSurface, fine_surface, moving_surface
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.twist import spread_twist
from workers.scores import foot_scores
from workers.scores.joint_limits import Limits
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
    contacts: SelfContacts  # of the source, within reach
    out_of_reach: tuple[OutOfReach, ...]
    moving: MovingSurface  # what the losses look at, but for
    fine: MovingSurface  # the last steps'
    anchors: ContactAnchors  # of the contacts on `moving`
    window_metrics: WindowMetrics
    leash: Leash
    elbows: list[Elbow]
    limits: Limits
    result_ground: foot_scores.FootTrack

    @property
    def scales(self) -> Tensor:
        return scales(self.freedom)

    def residual(self, knots: Tensor, inside: Mask | None = None) -> Array:
        """Radians `(frames, values)`, within the leash; of the frames `inside` `(frames,)`, by default of all."""
        looked = np.ones(self.base.frames, dtype=np.bool_) if inside is None else self.leash.around(inside)
        frames = np.flatnonzero(looked)
        values = np.zeros((self.base.frames, self.freedom.values))
        values[frames] = values_at(self.spline, frames, knots, self.scales)
        return self.leash.held(self.freedom, self.base, values)

    def motion(self, knots: Tensor) -> BodyMotion:
        """The base with its residual, twist joints following; the base itself where that is zero."""
        return self._moved(self.base, self.residual(knots))

    def part(self, knots: Tensor, span: FrameSpan) -> BodyMotion:
        """The same of a stretch of it."""
        inside = np.zeros(self.base.frames, dtype=np.bool_)
        inside[span.start : span.stop] = True
        return self._moved(span.cut(self.base), self.residual(knots, inside)[span.start : span.stop])

    def _moved(self, base: BodyMotion, residual: Array) -> BodyMotion:
        moved = moved_motion(self.freedom, base, residual)
        return moved if moved is base else spread_twist(moved)


def values_at(spline: Spline, frames: Indices, knots: Tensor, scale: Tensor) -> Array:
    with torch.no_grad():
        values: Array = curve_at(spline, frames, scale.double()).values(knots.double()).numpy()
    return values


def prepare_problem(retargeted: RetargetedClip, target: PreparedCharacter, on_piece: Callable[[], None]) -> ClipProblem:
    """Prepare surfaces (kept for other clips), find the source's self-contacts and what is wrong with the base.

    `on_piece` is called between pieces of work and may raise to stop.
    """
    base, source = retargeted.scored, retargeted.source.motion
    moving = moving_surface(target)
    on_piece()
    seen = moving_surface(retargeted.source)
    on_piece()
    contacts, out_of_reach = within_reach(source_contacts(source, seen.surface), moving.surface, base)
    fine = fine_surface(target)
    on_piece()
    anchors, fine_anchors = (carry(contacts, body.surface, base.rate_hz) for body in (moving, fine))
    on_piece()
    timeline = find_timeline(source)
    depths = _depths(base, moving, on_piece)
    touched = np.zeros(depths.shape, dtype=np.bool_)
    for contact in contacts.contacts:
        groups = GROUP_OF[[contact.part_a, contact.part_b]]
        touched[contact.start : contact.stop, groups] = True
    active = touched | (depths > 0.0)
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
        activity=Activity(active, timeline),
        contacts=contacts,
        out_of_reach=out_of_reach,
        moving=moving,
        fine=fine,
        anchors=anchors,
        window_metrics=WindowMetrics(fine.surface, fine_anchors, fine_anchors.carried(contacts)),
        leash=find_leash(target.body, depths, touched, timeline),
        elbows=find_elbows(base),
        limits=target.definition.joint_limits if target.definition is not None else {},
        result_ground=foot_scores.result_track(track, source.body, base.body, retargeted.source_floor_m),
    )


def _depths(motion: BodyMotion, moving: MovingSurface, on_piece: Callable[[], None]) -> Array:
    """How deep the groups penetrate or are penetrated, metres `(frames, GROUPS)`, 0 where it is not worth a change;
    frames between those looked at follow the nearer.
    """
    surface = moving.surface
    stride = max(1, round(motion.rate_hz / LOOKED_HZ))
    looked = np.arange(0, motion.frames, stride)
    found = np.zeros((len(looked), len(GROUPS)))
    for start in range(0, len(looked), FRAMES_AT_ONCE):
        on_piece()
        vertices = torch.as_tensor(pose(surface, motion, looked[start : start + FRAMES_AT_ONCE]))
        pairs = find_pairs(surface, vertices, reach=0.0)
        depths = pairs.depths_m(vertices)
        deep = depths > ACTIVE_DEPTH * surface.arm_radius_m
        frame = start + pairs.frame[deep].numpy()
        for vertex in (pairs.vertex[deep], pairs.corners[deep, 0]):
            np.maximum.at(found, (frame, GROUP_OF[surface.parts[vertex.numpy()]]), depths[deep].numpy())
    nearest = np.minimum((np.arange(motion.frames) + stride // 2) // stride, len(looked) - 1)
    return found[nearest]
