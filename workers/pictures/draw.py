"""The pictures of a job: for each clip a preview of source, result and naive copy in motion, a sheet of keyframes, and
the bodies themselves as a scene, each where it is asked for.

They show what was scored (`workers.semantics.viewed_clip`): the result with its travel, both bodies facing alike.
torch, Pillow and PyAV are imported when a picture is drawn, not before. Of many clips only the worst are drawn, and a
long clip is shown at a lower rate; a warning says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workers.contract.options import JobOptions
from workers.preparation.prepare import PreparedCharacter
from workers.scores.verdict import SEVERITY
from workers.skeleton.model import Notice

if TYPE_CHECKING:
    from workers.rendering.moving_body import MovingBody, Picture
    from workers.rendering.renderer import Renderer
    from workers.retargeting.clip import RetargetedClip
    from workers.semantics.clip_meaning import Meaning
    from workers.semantics.viewed_clip import ViewedClip

OnStep = Callable[[float], None]  # told the share of the work that is done; whatever it raises ends the job

MAX_CLIPS = 4
# WebP is assembled at the end from frames that are held until then, 1.3 MB each; WebM is encoded as they come.
MAX_FRAMES = {"webp": 150, "webm": 450}
JERKY = 0.7  # a preview with less than this share of its usual rate gets a warning
CALIBRATED = ("calibrated", "calibrated_naive_copy")  # keys of a keyframe's scores
SHEET_SHARE = 0.15  # of a clip's drawing time


@dataclass(frozen=True, eq=False)
class ScoredClip:
    """One clip of a job: how it was made, what it was found to mean, and its report."""

    retargeted: RetargetedClip
    meaning: Meaning
    report: dict[str, Any]


@dataclass(eq=False)
class Pictures:
    """File name -> bytes, and what to warn of."""

    artifacts: dict[str, bytes] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)


def draw_pictures(
    clips: Sequence[ScoredClip], target: PreparedCharacter, options: JobOptions, on_step: OnStep
) -> Pictures:
    """`preview.webp` (or `.webm`), `sheet.png` and `scene.glb` for one clip, those that are asked for. For several the
    clip's index in its file joins the names (`preview-3.webp`), and those with the worst verdicts are drawn,
    `MAX_CLIPS` at most.
    """
    worst = sorted(clips, key=lambda clip: -SEVERITY[clip.report["verdict"]["verdict"]])[:MAX_CLIPS]
    chosen = [clip for clip in clips if clip in worst]
    pictures = Pictures()
    if len(chosen) < len(clips):
        text = f"{len(chosen)} of {len(clips)} clips are shown, those with the worst verdicts; name a clip to see it"
        pictures.notices.append(Notice("preview-limited", text))
    for number, clip in enumerate(chosen):
        suffix = f"-{clip.retargeted.source.clip_index}" if len(clips) > 1 else ""
        _draw(pictures, suffix, clip, target, options, _part(on_step, number / len(chosen), 1.0 / len(chosen)))
    return pictures


def _part(on_step: OnStep, first: float, width: float) -> OnStep:
    """What tells the share done of a part of the work that begins at `first`."""
    return lambda share: on_step(first + width * share)


def _draw(
    pictures: Pictures,
    suffix: str,
    clip: ScoredClip,
    target: PreparedCharacter,
    options: JobOptions,
    on_step: OnStep,
) -> None:
    """Add scene, sheet and preview of one clip, and a warning where the preview had to be slowed."""
    from workers.rendering.renderer import choose_renderer
    from workers.semantics.viewed_clip import view_clip

    seen = clip.meaning.seen or view_clip(clip.retargeted, target, options.keyframes)
    if options.scene:
        pictures.artifacts[f"scene{suffix}.glb"] = draw_scene(clip, seen, target)
    if not (options.preview or options.sheet):
        return
    renderer = choose_renderer(seen.source.skin.positions_m.device)
    on_step(0.0)
    pictures.artifacts[f"sheet{suffix}.png"] = draw_sheet(clip, seen, renderer)
    if not options.preview:
        return
    on_frame = _part(on_step, SHEET_SHARE, 1.0 - SHEET_SHARE)
    on_frame(0.0)
    preview, notices = draw_preview(clip, seen, renderer, options.preview_format, on_frame)
    pictures.artifacts[f"preview{suffix}.{options.preview_format}"] = preview
    pictures.notices += notices


def draw_scene(clip: ScoredClip, seen: ViewedClip, target: PreparedCharacter) -> bytes:
    """Source, result and what the result is shown beside as one GLB, for viewers."""
    from workers.pictures.scene_file import write_scene
    from workers.pictures.scene_marks import marks

    retargeted = clip.retargeted
    bodies = {"source": seen.source, "result": seen.result}
    bodies |= {label.replace(" ", "_"): body for label, body in _others(clip, seen)}
    marked = {"source": marks(retargeted.source, retargeted.source.motion)}
    marked |= {name: marks(target, body.motion) for name, body in bodies.items() if name != "source"}
    return write_scene(bodies, seen.facing, marked)


def draw_preview(
    clip: ScoredClip, seen: ViewedClip, renderer: Renderer, ending: str, on_step: OnStep
) -> tuple[bytes, list[Notice]]:
    """Source, result and naive copy side by side, and where it was refined the result before; `on_step` is called after
    every frame.
    """
    from workers.pictures.animation_files import ENCODERS
    from workers.pictures.preview import RATE_HZ, Shown, choose_times, preview_frames

    motion, similarity = seen.source.motion, _similarity(clip.report["scores"])
    shown = [
        Shown(f"source: {motion.name}", "", seen.source),
        Shown("result", f"semantic similarity {similarity}" * bool(similarity), seen.result),
        *(Shown(label, "", body) for label, body in _others(clip, seen)),
    ]
    times = choose_times([item.body for item in shown], MAX_FRAMES[ending])
    notices = []
    if times.rate_hz < JERKY * min(RATE_HZ, motion.rate_hz):
        seconds, remedy = motion.frames / motion.rate_hz, "choose a part by start_s and end_s"
        remedy += ", or preview_format webm" if ending == "webp" else ""
        text = f"clip {motion.name!r} of {seconds:.0f} s is shown at {times.rate_hz:.1f} pictures a second; {remedy}"
        notices.append(Notice("preview-limited", text))

    def told() -> Iterator[Picture]:
        for number, picture in enumerate(preview_frames(renderer, shown, seen.facing, times), 1):
            on_step(number / len(times))
            yield picture

    return ENCODERS[ending](told(), times.rate_hz), notices


def _others(clip: ScoredClip, seen: ViewedClip) -> Iterator[tuple[str, MovingBody]]:
    """What the result is shown beside: itself before its refinement, if it was refined, and the naive copy."""
    if clip.retargeted.refinement is not None:
        from workers.semantics.viewed_clip import from_origin

        yield "before refinement", replace(seen.result, motion=from_origin(clip.retargeted.refinement.base))
    yield "copy_rest", seen.naive


def draw_sheet(clip: ScoredClip, seen: ViewedClip, renderer: Renderer) -> bytes:
    """The keyframes of source, result and naive copy with their calibrated scores, the worst moment marked."""
    from workers.pictures.sheet import SheetRow, sheet_png

    facts = clip.meaning.facts
    moments = facts["keyframes"] if facts else []
    calibrated = bool(moments) and moments[0]["calibrated"] is not None
    scores = {key: [moment[key] for moment in moments] if calibrated else None for key in CALIBRATED}
    of_others = {"copy_rest": scores["calibrated_naive_copy"]}
    rows = [
        SheetRow("source", seen.source),
        SheetRow("result", seen.result, scores["calibrated"]),
        *(SheetRow(label, body, of_others.get(label)) for label, body in _others(clip, seen)),
    ]
    frames = [int(frame) for frame in seen.keyframes]
    worst = facts["worst_moments"][0] if facts else None
    return sheet_png(
        renderer,
        rows,
        frames,
        seen.facing,
        title=_title(clip, worst),
        worst=None if worst is None else (1, frames.index(worst["frame"])),
    )


def _title(clip: ScoredClip, worst: Mapping[str, Any] | None) -> str:
    """What the sheet shows, in one line."""
    words = [clip.retargeted.source.motion.name, f"verdict {clip.report['verdict']['verdict']}"]
    ours, copied = (_similarity(clip.report[key]) for key in ("scores", "scores_naive_copy"))
    if ours and clip.meaning.facts:
        told = f"semantic similarity {ours} (copy_rest {copied}) by {clip.meaning.facts['encoder']['name']}"
        unsure = any(notice.code == "encoder-unsure" for notice in clip.meaning.notices)
        words.append(f"{told}, which does not know this body" if unsure else told)
    if worst is not None:
        words.append(f"worst at {worst['time_s']:.2f} s: {worst['reason']}")
    return "  ·  ".join(words)


def _similarity(scores: Mapping[str, Any]) -> str:
    """The semantic similarity, or nothing where it was not measured."""
    values = scores.get("semantic_similarity") or {}
    if values.get("calibrated") is not None:
        return f"{values['calibrated']:.2f}"
    return f"{values['raw']:.3f} raw" if values.get("raw") is not None else ""
