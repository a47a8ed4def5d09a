"""The report's rows that need a surface, for a result and the naive copy alike.

    penetration_pct                   limb vertices inside the body or another limb / limb vertices     exact
    penetration_vertices, penetration_checked   the two counts, vertices times frames
    penetration_max_cm, penetration_mean_cm     depth beyond the bind pose; the mean is over those that penetrate
    contact_error                     change of distance of the source's contact pairs, arm radii       contact_scores
    contact_recall, contact_precision
    contact_frames_source, contact_frames_held, contact_frames_result, contact_frames_right             their counts

Penetration is measured on the full mesh, in at most MOST_FRAMES frames spread evenly over the clip, so that shares are
those of the clip; pass `frames` for others, or all. Contacts are searched at 15 to 30 frames a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.geometry.carry import carry
from workers.geometry.contact_scores import contact_scores
from workers.geometry.exact import ExactPenetration
from workers.geometry.posing import pose
from workers.geometry.self_contact import find_self_contacts
from workers.geometry.surface import BodySurface, reduced
from workers.rendering.skinning import bind_skin
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Array, Indices

MOST_FRAMES = 40
SEARCH_HZ = (15.0, 30.0)
SEARCH_FRAMES = 300  # above which the lower rate is taken
SEARCH_FACES = 2500
NO_MESH = "the character has no mesh"
NO_LIMBS = "no vertex of the mesh belongs to an arm or a leg"
NO_SELF_CONTACT = "the source does not touch itself"
NO_CONTACT_MADE = "the result does not touch itself"
KEYS = (
    "penetration_pct", "penetration_vertices", "penetration_checked", "penetration_max_cm", "penetration_mean_cm",
    "contact_error", "contact_recall", "contact_precision",
    "contact_frames_source", "contact_frames_held", "contact_frames_result", "contact_frames_right",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class GeometryScores:
    """`values` by KEYS; a value of None has its reason in `not_applicable`. `by_frame` is the share of limb vertices
    that penetrate in each of `frames`, for a timeline.
    """

    values: dict[str, float | None]
    not_applicable: dict[str, str]
    frames: Indices
    by_frame: Array


def geometry_scores(
    motions: list[BodyMotion],
    source: BodyMotion,
    source_surface: BodySurface,
    surface: BodySurface | None,
    frames: Indices | None = None,
) -> list[GeometryScores]:
    """Scores of each of `motions` (the result, the naive copy, ...) of one character, on `source`'s time axis.

    `surface` is the character's full one, None where it has no mesh; `source_surface` the source's own or a generated
    one, full or reduced. `frames` are those in which penetration is measured.
    """
    if surface is None or not len(surface.limb_vertices):
        reason = NO_MESH if surface is None else NO_LIMBS
        none = GeometryScores(
            dict.fromkeys(KEYS), dict.fromkeys(KEYS, reason), np.zeros(0, dtype=np.int64), np.zeros(0)
        )
        return [none for _ in motions]
    chosen = frames if frames is not None else spread_frames(source.frames)
    exact = ExactPenetration(surface)
    light, seen = reduced(surface, SEARCH_FACES), reduced(source_surface, SEARCH_FACES)
    skin, light_skin = bind_skin(surface.mesh, surface.body.skeleton), bind_skin(light.mesh, surface.body.skeleton)
    stride = search_stride(source)
    thin = thinned(source, stride)
    contacts = find_self_contacts(thin, seen, pose(seen, thin))
    anchors = carry(contacts, surface, thin.rate_hz)
    touched = np.unique(anchors.frame.numpy())
    touched = touched[spread_frames(len(touched))]
    anchors = anchors.at(touched)
    results = []
    for motion in motions:
        inside = exact.measure(pose(surface, motion, chosen, skin))
        values: dict[str, float | None] = {
            "penetration_pct": 100.0 * inside.penetrating / max(inside.vertices, 1),
            "penetration_vertices": float(inside.penetrating),
            "penetration_checked": float(inside.vertices),
            "penetration_max_cm": 100.0 * float(inside.depth_m.max(initial=0.0)),
            "penetration_mean_cm": 100.0 * float(inside.depth_m.sum()) / max(inside.penetrating, 1),
        }
        slow = thinned(motion, stride)
        made = find_self_contacts(slow, light, pose(light, slow, skin=light_skin))
        kept = contact_scores(
            contacts, made, anchors, pose(surface, slow, touched, skin), touched, surface.arm_radius_m, slow.rate_hz
        )
        values |= {"contact_error": kept.error, "contact_recall": kept.recall, "contact_precision": kept.precision}
        values |= {
            "contact_frames_source": float(kept.source), "contact_frames_held": float(kept.held),
            "contact_frames_result": float(kept.result), "contact_frames_right": float(kept.right),
        }  # fmt: skip
        reasons = {key: NO_SELF_CONTACT for key in ("contact_error", "contact_recall") if values[key] is None}
        if kept.precision is None:
            reasons["contact_precision"] = NO_CONTACT_MADE
        results.append(GeometryScores(values, reasons, chosen, inside.by_frame))
    return results


def spread_frames(frames: int, most: int = MOST_FRAMES) -> Indices:
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
