"""Scores of a result file against its source file, whoever made the result.

The naive copy is made on the result's own character, so that both stand on the same body. Both motions are brought to
the source's frame rate; a frame or so that one has more at its end is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workers.contract.errors import SourceMismatch
from workers.contract.options import JobOptions, parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import find_contacts
from workers.motion.ground import estimate_floor
from workers.motion.level_feet import level_feet
from workers.preparation.prepare import PreparedMotion, prepare_motion
from workers.retargeting.clip import claimed_floor
from workers.retargeting.copy_rest import copy_rest
from workers.scores.failures import Attempts
from workers.scores.report import json_ready
from workers.scores.scores import kinematic_scores, put_meaning
from workers.scores.surface_scores import SurfaceScores, surface_scores
from workers.scores.verdict import judge
from workers.semantics.clip_meaning import Meaning
from workers.semantics.meaning import MeaningStage
from workers.skeleton.fold_notices import fold_notices

if TYPE_CHECKING:
    from workers.semantics.viewed_clip import ViewedClip

# What two exports of one motion may differ by: a frame at the end, or rounding of the frame time.
DURATION_TOLERANCE = 0.02
DURATION_TOLERANCE_S = 0.1


def score_files(
    source: FileBundle,
    result: FileBundle,
    source_clip: str | None = None,
    result_clip: str | None = None,
    options: JobOptions | None = None,
) -> dict[str, Any]:
    """`{source, result, scores, scores_naive_copy, not_applicable, verdict, semantics, warnings}`, the objects of a
    job's report.

    `source_clip` defaults to the first clip, `result_clip` to the last; of the options count `encoder`, `keyframes`,
    `description` and `source_fps`. Raises what reading and mapping raise, SourceMismatch where the clips do not last
    equally long, and what the encoder raises.
    """
    chosen = options or parse_options(None)
    stage = MeaningStage(chosen.encoder)
    source_scene, result_scene = read_scene(source), read_scene(result)
    source_index = source_scene.find_clip(source_clip)
    result_index = result_scene.find_clip(len(result_scene.clips) - 1 if result_clip is None else result_clip)
    prepared = prepare_motion(source_scene, source_index, JobOptions(source_fps=chosen.source_fps))
    rate = {"fps": prepared.motion.rate_hz}
    made = prepare_motion(result_scene, result_index, parse_options(rate))
    source_motion, result_motion = on_one_axis(prepared, made, 1.0 / result_scene.clips[result_index].rate_hz)
    contacts = find_contacts(source_motion)
    if prepared.rest.kind != "bind":
        source_motion = level_feet(source_motion, contacts)
    base = estimate_floor(source_motion, contacts).base_m
    floor_m = claimed_floor(source_motion) if base is None else base
    scores = kinematic_scores(result_motion, source_motion, contacts, floor_m)
    copied = copy_rest(source_motion, made.body, floor_m)
    naive = kinematic_scores(copied, source_motion, contacts, floor_m)

    def see(views: tuple[str, ...], device: str) -> ViewedClip:
        from workers.semantics.viewed_clip import see as show

        shown = replace(prepared, motion=source_motion, body=source_motion.body)
        return show(shown, contacts, floor_m, made, result_motion, copied, chosen.keyframes, views, device)

    attempts = Attempts([*scores.failures, *naive.failures])
    meaning = attempts.attempt("meaning", lambda: stage.measure(see, chosen.description), Meaning.failed)
    put_meaning(scores, meaning.result)
    put_meaning(naive, meaning.naive)
    surface = attempts.attempt(
        "penetration and self-contact",
        lambda: surface_scores([result_motion, copied], made, prepared, source_motion),
        lambda reason: [SurfaceScores.absent(reason)] * 2,
    )
    for values, of in zip(surface, (scores, naive), strict=True):
        values.put(of)
    failed = (failure.notice() for failure in attempts.failures)
    notices = (*prepared.notices, *made.notices, *meaning.notices, *surface[0].notices, *failed)
    return {
        "source": {"file": source.name, "clip": source_motion.name, "frames": source_motion.frames},
        "result": {"file": result.name, "clip": result_motion.name, "frames": result_motion.frames},
        "scores": scores.values,
        "scores_naive_copy": naive.values,
        "not_applicable": scores.not_applicable,
        "semantics": json_ready(meaning.facts),
        "verdict": judge(scores.values, scores.not_applicable, made.body.height_m, naive.values),
        "warnings": [notice.to_dict() for notice in fold_notices(dict.fromkeys(notices))],
    }


def on_one_axis(source: PreparedMotion, result: PreparedMotion, period_s: float) -> tuple[BodyMotion, BodyMotion]:
    """Both motions with the same number of frames. Raises SourceMismatch where their durations differ, by more than
    a frame of the result's file, which lasts `period_s`.
    """
    first, second = source.motion, result.motion
    durations = [(motion.frames - 1) / motion.rate_hz for motion in (first, second)]
    tolerance_s = max(DURATION_TOLERANCE_S, period_s) + DURATION_TOLERANCE * durations[0]
    if abs(durations[0] - durations[1]) > tolerance_s:
        raise SourceMismatch(
            f"the source clip {first.name!r} lasts {durations[0]:.2f} s, the result's {second.name!r} "
            f"{durations[1]:.2f} s; name the clips with --source-clip and --result-clip"
        )
    frames = min(first.frames, second.frames)
    return first_frames(first, frames), first_frames(second, frames)


def first_frames(motion: BodyMotion, frames: int) -> BodyMotion:
    return motion.some(slice(frames))
