"""The engine: (motion, character, options) -> (artifacts, report), a pure function of its arguments.

Stages: loading, mapping, retargeting, scoring, exporting. No disk, no Redis, no HTTP: callers hand in bytes
(`FileBundle`) and get bytes back. `on_stage(stage, fraction)` tells how far the job is; whatever it raises ends the
job. One clip in gives one clip out; `clip: all` retargets every clip of the motion file onto one character.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from workers.contract.definitions import CharacterDefinition
from workers.contract.engine_version import ENGINE_VERSION
from workers.contract.errors import ClipNotFound
from workers.contract.options import JobOptions
from workers.contract.stages import in_order
from workers.engine.learned import retarget_by
from workers.engine.postconditions import check_clip
from workers.engine.prepared_files import Preparation
from workers.engine.write_clips import Base, events_artifact, what_was_shaped, write_clips, write_variants
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion
from workers.pictures.draw import Pictures, ScoredClip, draw_pictures
from workers.pictures.packages import check_pictures, wants_pictures
from workers.platform.side_by_side import OnShare, one_by_one, side_by_side
from workers.preparation.mapping_choice import PresetLookup
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.refinement.stage import RefiningStage
from workers.retargeting.analytic import travel_scale
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.methods import Method, choose_method
from workers.scores.failures import Attempts
from workers.scores.joint_limits import limit_summary
from workers.scores.report import FileFacts, build_report, join_reports
from workers.scores.scores import MeaningValues, Scores, kinematic_scores, put_meaning
from workers.scores.stance_scores import switched_off
from workers.scores.surface_scores import SurfaceScores, surface_scores
from workers.scores.timeline import absent_timeline, build_timeline
from workers.scores.verdict import judge
from workers.semantics.clip_meaning import Meaning
from workers.semantics.meaning import MeaningStage
from workers.skeleton.fingerprint import skeleton_fingerprint
from workers.skeleton.model import Array, Notice, Scene
from workers.variants.shape import closed_source, shape_clip

OnStage = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class EngineResult:
    """`artifacts`: file name -> bytes: first `result.glb`, `.fbx` or `.bvh`, then the pictures
    (`workers.pictures.draw`). `report` is JSON-ready, without NaN. `motions` are what was written, a clip each.
    """

    artifacts: dict[str, bytes]
    report: dict[str, Any]
    motions: tuple[BodyMotion, ...] = ()


@dataclass
class Stopwatch:
    """Seconds by stage, summed over clips."""

    on_stage: OnStage  # hears of each stage once, in order
    timings_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, fraction: float, told: str | None = None) -> Iterator[None]:
        """`told` is what is told of it, where that is the stage before."""
        self.on_stage(told or name, fraction)
        start = time.perf_counter()
        yield
        self.timings_s[name] = self.timings_s.get(name, 0.0) + time.perf_counter() - start

    def within(self, name: str, fraction: float, width: float) -> Callable[[float], None]:
        """What tells how far a stage is, by the share of it that is done; the stage is `width` of the whole job."""
        return lambda share: self.on_stage(name, fraction + width * share)


def retarget(
    motion: FileBundle,
    character: FileBundle,
    options: JobOptions,
    *,
    source_character: FileBundle | None = None,
    definition: CharacterDefinition | None = None,
    source_definition: CharacterDefinition | None = None,
    find_preset: PresetLookup | None = None,
    on_stage: OnStage | None = None,
) -> EngineResult:
    """Retarget files. `definition` is the character's, `source_definition` the motion rig's, `find_preset` finds
    stored mappings. Raises the InputErrors and EngineErrors of `workers.contract.errors`.
    """
    watch = Stopwatch(in_order(on_stage or _silent))
    with watch.stage("loading", 0.02):
        scenes = [read_scene(bundle) for bundle in (motion, character)]
        original = read_scene(source_character) if source_character is not None else None
    return retarget_scenes(
        scenes[0],
        scenes[1],
        options,
        source_character=original,
        definition=definition,
        source_definition=source_definition,
        find_preset=find_preset,
        watch=watch,
    )


def retarget_scenes(
    motion: Scene,
    character: Scene,
    options: JobOptions,
    *,
    source_character: Scene | None = None,
    definition: CharacterDefinition | None = None,
    source_definition: CharacterDefinition | None = None,
    find_preset: PresetLookup | None = None,
    prepared: PreparedCharacter | None = None,
    preparation: Preparation | None = None,
    watch: Stopwatch | None = None,
) -> EngineResult:
    """Retarget files that are read already; `prepared` saves preparing a character again for each of many motions,
    `preparation` says how files are prepared: by default anew.
    """
    method = choose_available(options)
    stage, refining = MeaningStage(options.encoder), RefiningStage(options)
    watch, preparation = watch or Stopwatch(_silent), preparation or Preparation()
    with watch.stage("mapping", 0.1):
        target = prepared or preparation.character(character, options.mapping, definition, find_preset)
    chosen = _chosen_clips(motion, options, source_definition)
    bases: list[Base] = []
    clips: list[RetargetedClip] = []
    source: PreparedMotion | None = None
    for number, index in enumerate(chosen):
        share = 0.15 + 0.4 * number / len(chosen)
        with watch.stage("mapping", share):
            known = (source_definition, find_preset)
            source = preparation.motion(motion, index, options, source_character, source, *known)
        with watch.stage("retargeting", share):
            own, loop = closed_source(source, options)
            made = retarget_by(method, own, target, options)
            check_clip(made.result, own.motion)
        if refining.is_on:
            with watch.stage("refining", share):
                on_step = watch.within("refining", share, 0.4 / len(chosen))
                made = refining.refine(made, target, len(chosen) - number, on_step)
                check_clip(made.result, own.motion)
        bases.append(Base(source, made, loop))
        clips.append(shape_clip(made, loop, options))
    with watch.stage("exporting", 0.55, told="scoring"):  # what is scored is what was written
        written = write_clips(target, clips, options)
        exported, variants = written.exported, write_variants(target, bases, options, method, written)
    scored: list[ScoredClip] = []
    scoring = 0.15 if options.preview else 0.38  # of the job's progress; the rest goes to the pictures
    for number, item in enumerate(clips):
        share, width = 0.6 + scoring * number / len(clips), scoring / len(clips)
        with watch.stage("scoring", share):
            told = (*exported.notices, *written.notices)
            scored.append(score_clip(item, target, told, options, stage, watch.within("scoring", share, width)))
    pictures = Pictures()
    if wants_pictures(options):
        with watch.stage("drawing", 0.75):
            pictures = draw_pictures(scored, target, options, watch.within("drawing", 0.75, 0.23))
    report = join_reports([clip.report for clip in scored], watch.timings_s)
    report["warnings"] += [notice.to_dict() for notice in (*variants.notices, *pictures.notices)]
    report |= what_was_shaped(bases, written, variants)
    motions = tuple(clip.result for clip in clips)
    files = {exported.name: exported.data, **variants.artifacts, **events_artifact(exported.name, written, variants)}
    return EngineResult({**files, **pictures.artifacts}, report, motions)


def _chosen_clips(motion: Scene, options: JobOptions, definition: CharacterDefinition | None) -> Sequence[int]:
    """Indices of the clips to retarget: the option's, else the definition's, else the first."""
    if options.clip == "all" and motion.clips:
        return range(len(motion.clips))
    if options.clip is None and definition is not None and definition.clip is not None:
        try:
            return [motion.find_clip(definition.clip)]
        except ClipNotFound as error:
            raise definition.refuse("/clip", error.detail) from None
    return [motion.find_clip(options.clip)]


def score_clip(
    item: RetargetedClip,
    target: PreparedCharacter,
    written: tuple[Notice, ...],
    options: JobOptions,
    stage: MeaningStage,
    on_step: OnShare,
) -> ScoredClip:
    """Scores and report of one clip. What fails of them is absent from the report (`workers.scores.failures`)."""
    refined = item.refinement
    motions = [item.scored, item.naive] if refined is None else [item.scored, item.naive, refined.base]
    measuring, looking = Attempts(), Attempts()

    def measure(on_step: OnShare) -> list[SurfaceScores]:
        told = measuring.passing(on_step)
        return measuring.attempt(
            "penetration and self-contact",
            lambda: surface_scores(motions, target, item.source, item.source.motion, lambda: told(0.0)),
            lambda reason: [SurfaceScores.absent(reason) for _ in motions],
        )

    def look(on_step: OnShare) -> tuple[Meaning, Meaning]:
        def meaning_of(clip: RetargetedClip, on_step: OnShare) -> Meaning:
            told = looking.passing(on_step)
            return looking.attempt("meaning", lambda: stage.measure_clip(clip, target, options, told), Meaning.failed)

        whole = meaning_of(item, on_step)
        return whole, Meaning() if refined is None else meaning_of(
            replace(item, scored=refined.base), lambda _: on_step(1.0)
        )

    surface, (meaning, before) = (side_by_side if stage.shares_cores else one_by_one)(measure, look, on_step)
    attempts = Attempts([*measuring.failures, *looking.failures])
    return ScoredClip(item, meaning, report_clip(item, target, written, meaning, before, surface, attempts, options))


def report_clip(
    retargeted: RetargetedClip,
    target: PreparedCharacter,
    written: tuple[Notice, ...],
    meaning: Meaning,
    before: Meaning,
    surface: Sequence[SurfaceScores],
    attempts: Attempts,
    options: JobOptions,
) -> dict[str, Any]:
    """Scores of the result and of the naive copy, verdict and facts of one clip; `written` is what the writer tells,
    `before` the meaning of the clip before its refinement, if it was refined; `surface` is of result, copy and, if it
    was refined, of the clip before. `attempts` holds what failed so far.
    """
    source, motion = retargeted.source, retargeted.source.motion
    limits = target.definition.joint_limits if target.definition is not None else {}
    travel = travel_scale(motion.body, target.body, options.root_scale)

    def score(result: BodyMotion, values: MeaningValues, on_surface: SurfaceScores) -> Scores:
        contacts, floor_m = retargeted.contacts, retargeted.source_floor_m
        scores = kinematic_scores(result, motion, contacts, floor_m, limits=limits, travel_scale=travel)
        put_meaning(scores, values)
        on_surface.put(scores)
        attempts.failures.extend(scores.failures)
        scores.leave_out(switched_off(options))
        return scores

    def timeline(result: BodyMotion, similarity: Array | None, on_surface: SurfaceScores) -> dict[str, Any]:
        floor_m, contacts = retargeted.source_floor_m, retargeted.contacts
        inside, related = on_surface.per_frame, on_surface.relation_per_frame
        return attempts.attempt(
            "the timeline",
            lambda: build_timeline(result, motion, contacts, floor_m, similarity, inside, related),
            lambda _: absent_timeline(result),
        )

    scores = score(retargeted.scored, meaning.result, surface[0])
    naive = score(retargeted.naive, meaning.naive, surface[1])
    refined = retargeted.refinement
    unrefined = None if refined is None else score(refined.base, before.result, surface[2])
    timelines = [
        timeline(retargeted.scored, meaning.per_frame, surface[0]),
        timeline(retargeted.naive, meaning.per_frame_naive, surface[1]),
    ]
    if refined is not None:
        timelines.append(timeline(refined.base, before.per_frame, surface[2]))
    kept_limits = attempts.attempt("joint limits", lambda: limit_summary(retargeted.scored, limits), lambda _: {})
    failed = tuple(failure.notice() for failure in attempts.failures)
    return build_report(
        engine={"version": ENGINE_VERSION, "method": retargeted.method},
        source=replace(_facts(source, retargeted.source_floor_m, motion), floor=retargeted.floor.to_dict()),
        target=replace(
            _facts(target, target.body.floor_m, retargeted.result),
            left_alone=tuple(target.body.skeleton.names[joint] for joint in sorted(target.left_alone)),
            joint_limits=kept_limits,
        ),
        scores=scores,
        scores_naive_copy=naive,
        verdict=judge(
            scores.values,
            scores.not_applicable,
            target.body.height_m,
            naive.values,
            None if unrefined is None else unrefined.values,
        ),
        timeline=timelines[0],
        timeline_naive_copy=timelines[1],
        notices=(*retargeted.notices, *written, *meaning.notices, *surface[0].notices, *failed),
        timings_s={},
        semantics=meaning.facts,
        refinement=None if refined is None else refined.summary,
        scores_before_refinement=unrefined,
        timeline_before_refinement=None if refined is None else timelines[2],
    )


def _facts(file: PreparedMotion | PreparedCharacter, floor_m: float, motion: BodyMotion) -> FileFacts:
    scene, rest = file.scene, file.rest
    return FileFacts(
        motion.body,
        scene.format,
        scene.units,
        rest.kind,
        rest.guessed,
        floor_m,
        motion.name,
        motion.rate_hz,
        motion.frames,
        fingerprint=skeleton_fingerprint(scene.skeleton),
        preset=file.preset.to_dict() if file.preset is not None else None,
        definition=file.definition.model_dump(mode="json", exclude_defaults=True) if file.definition else None,
    )


def choose_available(options: JobOptions) -> Method:
    """The job's method. Refuses what this version cannot do, rather than leave it out silently."""
    method = choose_method(options.method)
    if wants_pictures(options):
        check_pictures(options)
    return method


def _silent(stage: str, fraction: float) -> None:
    """Nobody is listening."""
