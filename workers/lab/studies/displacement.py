"""How far refinement moves what nothing asked it to move: hands without a contact, heads, and moments that are fine.

Each clip is retargeted once and refined; both results are compared frame by frame, seen from the hips. What was there
to correct is measured anew, by other means than refinement's: the depth of each arm and leg on the full surface in
every frame, and the contacts of the source. A hand is `free` where the source's arm touches nothing within NEAR_S; its
bound is `TIMES_DEPTH` of the depth that its arm has within NEAR_S, and `SLACK` of the height. A frame is `quiet` where
no limb touches or lies inside anything within NEAR_S.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import JobOptions
from workers.contract.roles import SIDES
from workers.geometry.parts import ARM_GROUPS, BODY, GROUP_OF, GROUPS
from workers.geometry.posing import pose
from workers.geometry.prepared import surfaces_of
from workers.geometry.source_contacts import source_contacts
from workers.lab.corpus import load_character, load_scene
from workers.lab.studies.choices import SECONDS, Drawn
from workers.motion.body_motion import BodyMotion
from workers.motion.smoothing import running_maximum
from workers.preparation.prepare import PreparedCharacter, prepare_motion
from workers.refinement.stage import RefiningStage
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.skeleton import quat
from workers.skeleton.model import Array, Mask

NEAR_S = 0.3
TIMES_DEPTH, SLACK = 2.0, 0.01
UNCHANGED = 1e-4  # of the height
FRAMES_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class Displacement:
    """Of one clip on one character, in heights; arrays over the frames of both hands that count."""

    drawn: Drawn
    free_m: Array  # how far free hands were moved
    bound_m: Array  # and how far they may be
    head_deg: Array  # how far the head was turned where nothing touches it
    quiet_m: Array  # the farthest that any joint was moved in quiet frames


def measure(drawn: Drawn, options: JobOptions) -> Displacement:
    """Raises RetargetError."""
    target, scene = load_character(drawn.character), load_scene(drawn.motion)
    if scene.clips[drawn.clip].duration_s > SECONDS:
        options = options.model_copy(update={"end_s": SECONDS})
    clip = retarget_clip(prepare_motion(scene, drawn.clip, options), target, options)
    base = clip.scored
    refined = RefiningStage(options).refine(clip, target, 1, lambda _: None).scored
    touching, depth_m = _touching(clip), _depths(base, target)
    height, rate_hz = base.body.height_m, base.rate_hz
    near = max(1, round(NEAR_S * rate_hz))

    def around(values: Array | Mask) -> Array:
        return running_maximum(values.astype(np.float64), near)

    free, bounds = [], []
    for side, group in zip(SIDES, ARM_GROUPS, strict=True):
        joint = base.body.joint(f"{side}Hand")
        if joint is None:
            continue
        away = _moved(base, refined, [joint])[:, 0] / height
        untouched = around(touching[:, group]) == 0.0
        free.append(away[untouched])
        bounds.append((TIMES_DEPTH * around(depth_m[:, group]) / height + SLACK)[untouched])
    wrong = np.asarray((touching | (depth_m > 0.0)).any(axis=1))
    quiet = around(wrong) == 0.0
    own = np.flatnonzero(base.body.own)
    none = np.zeros(0)
    return Displacement(
        drawn,
        np.concatenate(free or [none]),
        np.concatenate(bounds or [none]),
        _head_deg(base, refined)[around(touching[:, BODY]) == 0.0],
        _moved(base, refined, own.tolist()).max(axis=1, initial=0.0)[quiet] / height,
    )


def measure_all(
    pairs: Iterable[Drawn], options: JobOptions, count: int
) -> Iterable[Displacement | tuple[Drawn, RetargetError]]:
    """The first `count` pairs, or why one could not be measured."""
    for _, drawn in zip(range(count), pairs, strict=False):
        try:
            yield measure(drawn, options)
        except RetargetError as error:
            yield drawn, error


def summary(found: Iterable[Displacement]) -> dict[str, Any]:
    """Figures over all frames of these clips; None where there is no frame of a kind."""
    items = list(found)
    none = np.zeros(0)
    free, bound, head, quiet = (
        np.concatenate([getattr(item, name) for item in items] or [none])
        for name in ("free_m", "bound_m", "head_deg", "quiet_m")
    )
    return {
        "clips": len(items),
        "free_hand_frames": len(free),
        "mean": float(free.mean()) if len(free) else None,
        "p95": float(np.quantile(free, 0.95)) if len(free) else None,
        "p99": float(np.quantile(free, 0.99)) if len(free) else None,
        "worst": float(free.max()) if len(free) else None,
        "beyond_bound_pct": 100.0 * float((free > bound).mean()) if len(free) else None,
        "worst_over_bound": float((free / bound).max()) if len(free) else None,
        "head_deg": float(head.max()) if len(head) else None,
        "quiet_frames": len(quiet),
        "quiet_worst": float(quiet.max()) if len(quiet) else None,
        "quiet_changed_pct": 100.0 * float((quiet > UNCHANGED).mean()) if len(quiet) else None,
    }


def _moved(base: BodyMotion, refined: BodyMotion, joints: list[int]) -> Array:
    """How far joints were moved `(frames, joints)` in metres, seen from the hips."""
    seen = [motion.positions_m[:, joints] - motion.positions_m[:, [base.body.hips]] for motion in (base, refined)]
    away: Array = np.linalg.norm(seen[0] - seen[1], axis=-1)
    return away


def _head_deg(base: BodyMotion, refined: BodyMotion) -> Array:
    joint = base.body.joint("head")
    if joint is None:
        return np.zeros(base.frames)
    turned: Array = np.degrees(quat.angle_between(base.rotations[:, joint], refined.rotations[:, joint]))
    return turned


def _touching(clip: RetargetedClip) -> Mask:
    """Where the source has a contact of each group `(frames, GROUPS)`."""
    source = clip.source.motion
    found = source_contacts(source, surfaces_of(clip.source).light)
    touching = np.zeros((source.frames, len(GROUPS)), dtype=np.bool_)
    for contact in found.contacts:
        touching[contact.start : contact.stop, GROUP_OF[[contact.part_a, contact.part_b]]] = True
    return touching


def _depths(motion: BodyMotion, target: PreparedCharacter) -> Array:
    """How deep each group lies in the rest of the body at most, metres `(frames, GROUPS)`."""
    surfaces = surfaces_of(target)
    groups = GROUP_OF[surfaces.full.parts[surfaces.full.limb_vertices]]
    depths = np.zeros((motion.frames, len(GROUPS)))
    for start in range(0, motion.frames, FRAMES_AT_ONCE):
        frames = np.arange(start, min(start + FRAMES_AT_ONCE, motion.frames))
        inside = surfaces.penetration.measure(pose(surfaces.full, motion, frames)).depth_m
        for group in np.unique(groups):
            depths[frames, group] = inside[:, groups == group].max(axis=1, initial=0.0)
    return depths
