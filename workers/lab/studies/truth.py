"""Against the truth: two characters that have the same clips, each clip retargeted from one to the other and compared.

The true clip is brought to the source's time axis. Errors are relative to the hips, over every mapped joint, in body
heights, for both naive copies, for the result with foot contacts off and auto, and where it is asked for refined;
angles are those of joints in the
world.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.contract.errors import ClipNotFound
from workers.contract.options import parse_options
from workers.contract.roles import FINGERS, SIDES, finger_roles
from workers.engine.score_files import first_frames
from workers.lab.corpus import load_character, load_scene
from workers.lab.studies.copy_local import copy_local
from workers.motion.body_motion import BodyMotion, from_clip
from workers.preparation.prepare import prepare_motion
from workers.refinement.refine import refine_clip
from workers.retargeting.clip import retarget_clip
from workers.scores import foot_scores, pose_scores
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.resample import resample

PARTS = {
    "hands": ("Hand",), "fingers": tuple(role[len("left") :] for f in FINGERS for role in finger_roles("left", f)),
    "thighs": ("UpperLeg",), "feet": ("Foot",), "arms": ("UpperArm", "LowerArm"),
}  # fmt: skip
HANDS = ("leftHand", "rightHand")
ENDS = (*HANDS, "leftFoot", "rightFoot", "head")
REFINE_BUDGET_S = 600.0


@dataclass(frozen=True)
class TruthRow:
    """One method on one clip in one direction. Speeds are in body heights / s, over the source's planted steps."""

    source: str
    target: str
    clip: str
    method: str
    error_share: float  # mean root-relative error / height
    ends_share: float  # the same of hands, feet and head alone
    hands_share: float  # of hands alone
    global_share: float  # mean error in the world / height
    angles_deg: Mapping[str, float]  # mean angle of the joints of each of PARTS that both bodies have
    skate: float | None
    skate_source: float | None
    skate_truth: float | None
    hips_height_drift_pct: float  # mean |height - true height| / mean true height
    hips_drift_from_source_pct: float  # mean |hip height - the source's|, each in leg lengths


def shared_clips(first: Path, second: Path, clip: str | None) -> list[str]:
    """Clip names that both files have. Raises ClipNotFound where there is none."""
    names = [{info.name for info in load_scene(path).clips} for path in (first, second)]
    shared = [info.name for info in load_scene(first).clips if info.name in names[1] and clip in (None, info.name)]
    if not shared:
        raise ClipNotFound(f"{first.name} and {second.name} share no clip{f' {clip!r}' if clip else ''}")
    return shared


def compare_with_truth(first: Path, second: Path, clip: str | None, refine: str = "none") -> Iterator[TruthRow]:
    """Rows for every shared clip, in both directions; `refine` is `none` or `geometry`, which adds a row."""
    for name in shared_clips(first, second, clip):
        for source, target in ((first, second), (second, first)):
            yield from _compare(source, target, name, refine)


def _compare(source_path: Path, target_path: Path, clip: str, refine: str) -> Iterator[TruthRow]:
    source_scene, target = load_scene(source_path), load_character(target_path)
    source = prepare_motion(source_scene, source_scene.find_clip(clip), parse_options(None))
    true_clip = target.scene.load_clip(target.scene.find_clip(clip), None)
    truth = from_clip(target.body, resample(true_clip, source.motion.rate_hz))
    frames = min(truth.frames, source.motion.frames)
    truth = first_frames(truth, frames)
    for method in ("off", "auto"):
        done = retarget_clip(source, target, parse_options({"foot_contact": method}))
        body = done.source.body
        motions = {f"foot_contact {method}": done.result}
        if method == "off":
            motions |= {
                "copy_rest": done.naive,
                "copy_local": copy_local(done.source.motion, target.body, done.source_floor_m),
            }
        elif refine != "none":
            options = parse_options({"refine": refine})
            refined = refine_clip(done, target, options, lambda share: None, budget_s=REFINE_BUDGET_S)
            motions["refined"] = refined.result
        track = foot_scores.source_track(done.contacts, body, target.body, done.source_floor_m)
        result_ground = foot_scores.result_track(track, body, target.body, done.source_floor_m)
        skate_source = foot_scores.foot_skate(done.source.motion, track)
        own_heights = pose_scores.hip_heights(done.source.motion, done.source_floor_m)
        cut = foot_scores.FootTrack(
            result_ground.roles,
            result_ground.planted[:frames],
            result_ground.ground_m[:frames],
            result_ground.ground_velocity_m_s,
        )
        for label, motion in motions.items():
            shown = first_frames(motion, frames)
            yield TruthRow(
                source_path.stem,
                target_path.stem,
                clip,
                label,
                float(pose_scores.position_errors(shown, truth).mean()),
                _ends_error(shown, truth, ENDS),
                _ends_error(shown, truth, HANDS),
                _global_error(shown, truth),
                _angles_deg(shown, truth, body),
                foot_scores.foot_skate(motion, result_ground),
                skate_source,
                foot_scores.foot_skate(truth, cut),
                _hips_drift_pct(shown, truth),
                100.0 * float(np.abs(pose_scores.hip_heights(motion, target.body.floor_m) - own_heights).mean()),
            )


def _hips_drift_pct(motion: BodyMotion, truth: BodyMotion) -> float:
    hips, floor_m = truth.body.hips, truth.body.floor_m
    true_height = truth.positions_m[:, hips, 1] - floor_m
    apart = motion.positions_m[:, hips, 1] - truth.positions_m[:, hips, 1]
    return float(100.0 * np.abs(apart).mean() / true_height.mean())


def _ends_error(motion: BodyMotion, truth: BodyMotion, roles: Sequence[str]) -> float:
    joints = [joint for role in roles if (joint := truth.body.joint(role)) is not None]
    hips = truth.body.hips
    ours, theirs = (each.positions_m[:, joints] - each.positions_m[:, [hips]] for each in (motion, truth))
    return float(np.linalg.norm(ours - theirs, axis=-1).mean() / truth.body.height_m)


def _global_error(motion: BodyMotion, truth: BodyMotion) -> float:
    joints = [match.joint for match in truth.body.mapping.roles.values()]
    apart = np.linalg.norm(motion.positions_m[:, joints] - truth.positions_m[:, joints], axis=-1)
    return float(apart.mean() / truth.body.height_m)


def _angles_deg(motion: BodyMotion, truth: BodyMotion, source: Body) -> dict[str, float]:
    result = {}
    for name, parts in PARTS.items():
        roles = [side + part for side in SIDES for part in parts]
        joints = [truth.body.mapping.roles[role].joint for role in roles if source.has(role) and truth.body.has(role)]
        if joints:
            apart = quat.angle_between(motion.rotations[:, joints], truth.rotations[:, joints])
            result[name] = float(np.degrees(apart).mean())
    return result
