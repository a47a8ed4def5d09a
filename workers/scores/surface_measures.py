"""The report's rows that need a surface, for a result and the naive copy alike.

    penetration_pct                   limb vertices inside the body or another limb / limb vertices     exact
    penetration_vertices, penetration_checked   the two counts, vertices times frames
    penetration_max_cm, penetration_mean_cm     depth beyond the bind pose; the mean is over those that penetrate
    contact_error                     change of distance of the source's contact pairs, arm radii       contact_scores
    contact_recall, contact_precision
    contact_frames_source, contact_frames_held, contact_frames_result, contact_frames_right             their counts

Penetration is measured on the full mesh, in frames spread evenly over the clip, so that shares are those of the clip:
as many as VERTICES allow, within FRAMES; pass `frames` for others, or all. Contacts are searched at 15 to 30 frames a
second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.geometry.all_touches import look_everywhere
from workers.geometry.contact_model import SelfContacts
from workers.geometry.contact_scores import contact_scores
from workers.geometry.exact import ExactPenetration
from workers.geometry.measured_penetration import MeasuredPenetration
from workers.geometry.posing import pose
from workers.geometry.prepared import BodySurfaces
from workers.geometry.self_contact import find_contact_spans, find_self_contacts
from workers.geometry.source_contacts import source_contacts
from workers.geometry.surface import BodySurface
from workers.geometry.touches import Search, Touches, look_where_it_counts
from workers.geometry.transfer_contacts import carried_frames, carry
from workers.motion.body_motion import BodyMotion
from workers.scores.scores import SURFACE_KEYS
from workers.skeleton.model import Array, Indices, Mask

FRAMES = (8, 24)  # of a clip, in which penetration is measured
VERTICES = 200_000  # of the mesh, over all these frames
SEARCH_HZ = (15.0, 30.0)
SEARCH_FRAMES = 75  # above which the lower rate is taken
NO_MESH = "the character has no mesh"
NO_LIMBS = "no vertex of the mesh belongs to an arm or a leg"
NO_SELF_CONTACT = "the source does not touch itself"
NO_CONTACT_MADE = "the result does not touch itself"


@dataclass(frozen=True, eq=False)
class GeometryScores:
    """`values` by `SURFACE_KEYS`; a value of None has its reason in `not_applicable`. For timelines and pooling: the
    share of limb vertices that penetrate in each of `frames`, whether the source touches itself there, and by how much
    each pair of points of the source's contacts `missed` its distance, in arm radii; and which contacts were `kept` of
    those `asked`, a number and a frame at the rate of the search each (`contact_scores`).
    """

    values: dict[str, float | None]
    not_applicable: dict[str, str]
    frames: Indices
    by_frame: Array  # (frames,)
    touching: Mask  # (frames,)
    missed: Array  # (pairs,)
    asked: Indices  # (n, 2)
    kept: Mask  # (n,)

    @staticmethod
    def absent(reason: str) -> GeometryScores:
        none = np.zeros(0)
        whole, never = none.astype(np.int64), none.astype(np.bool_)
        return GeometryScores(
            dict.fromkeys(SURFACE_KEYS),
            dict.fromkeys(SURFACE_KEYS, reason),
            whole,
            none,
            never,
            none,
            np.zeros((0, 2), dtype=np.int64),
            never,
        )


@dataclass(frozen=True)
class Ways:
    """How the source's contacts are found, touches are searched and penetration is measured."""

    contacts: Callable[[BodyMotion, BodySurface], SelfContacts]
    look: Callable[[Search], Touches]
    penetration: Callable[[BodySurfaces], MeasuredPenetration | ExactPenetration]


def _everywhere(motion: BodyMotion, surface: BodySurface) -> SelfContacts:
    return find_self_contacts(motion, surface, look_everywhere)


FAST = Ways(source_contacts, look_where_it_counts, lambda surfaces: surfaces.penetration)
EXACT = Ways(_everywhere, look_everywhere, lambda surfaces: surfaces.exact)  # for reference: many times slower


def geometry_scores(
    motions: Sequence[BodyMotion],
    source: BodyMotion,
    source_surface: BodySurface,
    surfaces: BodySurfaces,
    frames: Indices | None = None,
    on_step: Callable[[], None] = lambda: None,
    ways: Ways = FAST,
) -> list[GeometryScores]:
    """Scores of each of `motions` (the result, the naive copy, ...) of one character, on `source`'s time axis.

    `surfaces` are the character's, `source_surface` the source's own or a generated one, reduced. `frames` are those in
    which penetration is measured. `on_step` is called between pieces of work and may raise to stop. `ways` are how it
    is all measured.
    """
    surface = surfaces.full
    if not surface.is_own or not len(surface.limb_vertices):
        none = GeometryScores.absent(NO_LIMBS if surface.is_own else NO_MESH)
        return [none for _ in motions]
    most = int(np.clip(VERTICES // len(surface.parts), *FRAMES))
    chosen = frames if frames is not None else spread_frames(source.frames, most)
    stride = search_stride(source)
    thin = thinned(source, stride)
    contacts = ways.contacts(thin, source_surface)
    on_step()
    touched = carried_frames(contacts, surface)
    touching = np.isin(chosen // stride, touched)
    if frames is None:
        touched = touched[spread_frames(len(touched), FRAMES[1])] if len(touched) else touched
    anchors = carry(contacts, surface, thin.rate_hz, touched)
    results = []
    for motion in motions:
        on_step()
        inside = ways.penetration(surfaces).measure(pose(surface, motion, chosen))
        values: dict[str, float | None] = {
            "penetration_pct": 100.0 * inside.penetrating / max(inside.vertices, 1),
            "penetration_vertices": float(inside.penetrating),
            "penetration_checked": float(inside.vertices),
            "penetration_max_cm": 100.0 * float(inside.depth_m.max(initial=0.0)),
            "penetration_mean_cm": 100.0 * float(inside.depth_m.sum()) / max(inside.penetrating, 1),
        }
        on_step()
        slow = thinned(motion, stride)
        made = find_contact_spans(slow, surfaces.light, ways.look)
        kept = contact_scores(
            contacts, made, anchors, pose(surface, slow, touched), touched, surface.arm_radius_m, slow.rate_hz
        )
        values |= {"contact_error": kept.error, "contact_recall": kept.recall, "contact_precision": kept.precision}
        values |= {
            "contact_frames_source": float(kept.source), "contact_frames_held": float(kept.held),
            "contact_frames_result": float(kept.result), "contact_frames_right": float(kept.right),
        }  # fmt: skip
        reasons = {key: NO_SELF_CONTACT for key in ("contact_error", "contact_recall") if values[key] is None}
        if kept.precision is None:
            reasons["contact_precision"] = NO_CONTACT_MADE
        results.append(
            GeometryScores(values, reasons, chosen, inside.by_frame, touching, kept.missed, kept.asked, kept.kept)
        )
    return results


def spread_frames(frames: int, most: int) -> Indices:
    """At most `most` frame numbers evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, frames - 1, min(frames, most)).round().astype(np.int64))


def search_stride(motion: BodyMotion) -> int:
    """Every how many frames contacts are searched."""
    low, high = SEARCH_HZ
    stride = max(1, int(motion.rate_hz / high + 1e-6))
    return stride if motion.frames / stride <= SEARCH_FRAMES else max(stride, int(motion.rate_hz / low + 1e-6))


def thinned(motion: BodyMotion, stride: int) -> BodyMotion:
    """Every `stride`-th frame."""
    if stride == 1:
        return motion
    return replace(
        motion,
        rate_hz=motion.rate_hz / stride,
        rotations=motion.rotations[::stride],
        positions_m=motion.positions_m[::stride],
    )
