"""What refinement brings: copy, analytic result and refined ones on pairs of motion and character, measured exactly.

Pairs are chosen by rule before anything runs: the motions of the folder in order, of each file the clip in the middle
of its list, take turns with the characters; the project's own gestures go onto its stout body. Of long clips the first
seconds are taken. Penetration is that of the full mesh by libigl and not the loss's own test; contacts are found anew
on every result. Figures are pooled over frames: penetration where the copy penetrates, contact error where the source
touches. Intervals are bootstrapped over pairs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workers.engine import RetargetedClip, retarget_clip
from workers.evaluation.corpus import Corpus, load_character, load_scene
from workers.evaluation.scores import kinematic_scores
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.exact import ExactPenetration
from workers.geometry.posing import pose
from workers.geometry.self_contact import find_self_contacts
from workers.geometry.surface import BodySurface, build_surface
from workers.options import JobOptions
from workers.preparation import PreparedCharacter, prepare_character, prepare_motion
from workers.refinement.problem import Problem, set_up
from workers.refinement.refine import refine_clip
from workers.refinement.weights import WEIGHTS
from workers.restate import posed
from workers.retargeting.motion import BodyMotion
from workers.retargeting.timeline import find_timeline
from workers.samples.write import sample_files
from workers.semantics.loaded import LoadedEncoder
from workers.skeleton.model import Array

OWN_CLIPS = ("hands_on_hips", "clap", "wave")
SECONDS = 4.0  # of each clip
MEASURED_HZ = 10.0
DRAWS = 2000


@dataclass(frozen=True)
class Pair:
    """A clip and a character; `motion` None names a sample clip onto the stout sample."""

    motion: Path | None
    clip: int | str
    character: Path | None

    @property
    def name(self) -> str:
        motion = self.clip if self.motion is None else f"{self.motion.stem}:{self.clip}"
        return f"{motion} -> {'stout' if self.character is None else self.character.stem}"


@dataclass(frozen=True, eq=False)
class Column:
    """One method on one pair, by measured frame."""

    penetration: Array  # (frames,) share of limb vertices inside
    deepest_cm: Array  # (frames,)
    missed: Array  # (anchors,) arm radii between a contact's points and where they belong
    touching: dict[str, int]
    scores: dict[str, Any]
    loops: bool | None


@dataclass(eq=False)
class Row:
    pair: Pair
    frames: int
    columns: dict[str, Column] = field(default_factory=dict)
    windows: list[dict[str, Any]] = field(default_factory=list)
    idle_arms_deg: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def choose_pairs(corpus: Corpus, count: int) -> list[Pair]:
    """The project's gestures on its stout body, then the motions in order, each on the next character."""
    pairs = [Pair(None, clip, None) for clip in OWN_CLIPS]
    motions = corpus.motions[:: max(1, len(corpus.motions) // max(1, count - len(pairs)))]
    step = max(1, len(corpus.characters) // max(1, count - len(pairs)))
    for motion, character in zip(motions, cycle(corpus.characters[::step]), strict=False):
        pairs.append(Pair(motion.path, len(motion.clips) // 2, character))
    return pairs[:count]


def measure_pair(pair: Pair, modes: dict[str, LoadedEncoder | None], off: frozenset[str] = frozenset()) -> Row:
    """`modes` are names of columns beside copy and analytic, each with its encoder, None for geometry alone."""
    target, done = _retargeted(pair)
    surface = _full_surface(target)
    exact = ExactPenetration(surface)
    problem = set_up(done, target, lambda: None)
    row = Row(pair, done.scored.frames)
    stride = max(1, round(done.scored.rate_hz / MEASURED_HZ))

    def add(name: str, motion: BodyMotion) -> None:
        row.columns[name] = _column(done, motion, surface, exact, problem, stride)

    add("copy_rest", done.naive)
    add("analytic", done.scored)
    for name, loaded in modes.items():
        options = JobOptions(refine="geometry" if loaded is None else "semantic")
        begin = time.perf_counter()
        refined = refine_clip(done, target, options, lambda share: None, budget_s=600.0, loaded=loaded, off=off)
        row.seconds[name] = time.perf_counter() - begin
        add(name, refined.scored)
        assert refined.refinement is not None
        summary = refined.refinement.summary
        row.windows += [{"mode": name, **window} for window in summary["windows"]]
        if summary["idle_arms_deg"] is not None:
            row.idle_arms_deg[name] = summary["idle_arms_deg"]
    return row


def _retargeted(pair: Pair) -> tuple[PreparedCharacter, RetargetedClip]:
    if pair.motion is None:
        files = sample_files()
        scene = read_scene(FileBundle(f"{pair.clip}.glb", files[f"{pair.clip}.glb"]))
        target = prepare_character(read_scene(FileBundle("stout.glb", files["stout.glb"])), {})
        source = prepare_motion(scene, 0, JobOptions())
    else:
        assert pair.character is not None
        assert isinstance(pair.clip, int)
        scene, target = load_scene(pair.motion), load_character(pair.character)
        longer = scene.clips[pair.clip].duration_s > SECONDS
        source = prepare_motion(scene, pair.clip, JobOptions(end_s=SECONDS if longer else None))
    return target, retarget_clip(source, target, JobOptions())


def _full_surface(target: PreparedCharacter) -> BodySurface:
    mesh = target.scene.load_mesh()
    if mesh is not None and target.body.skeleton is not target.scene.skeleton:
        mesh = posed(mesh, target.scene.skeleton, target.body.skeleton)
    return build_surface(target.body, mesh)


def _column(
    done: RetargetedClip,
    motion: BodyMotion,
    surface: BodySurface,
    exact: ExactPenetration,
    problem: Problem,
    stride: int,
) -> Column:
    found = exact.measure(pose(surface, motion, range(0, motion.frames, stride)))
    missed, touching = _missed(motion, problem)
    scores = kinematic_scores(motion, done.source.motion, done.contacts, done.source_floor_m).values
    return Column(
        found.by_frame,
        100.0 * found.depth_m.max(axis=1, initial=0.0),
        missed,
        touching,
        scores,
        _loops(motion) if _loops(done.source.motion) else None,
    )


def _loops(motion: BodyMotion) -> bool:
    return find_timeline(motion).period is not None


def _missed(motion: BodyMotion, problem: Problem) -> tuple[Array, dict[str, int]]:
    """How far each point of a contact is from where it belongs, and frames in which parts touch: in the source, in the
    result, in both.
    """
    stick = problem.yardstick
    vertices = pose(stick.surface, motion, skin=stick.skin)
    offset, normal = stick.anchors.offsets_m(torch.as_tensor(vertices))
    away = (offset - stick.anchors.gap_m[:, None] * normal).norm(dim=-1) / stick.surface.arm_radius_m
    wanted, made = (c.touching() for c in (problem.contacts, find_self_contacts(motion, stick.surface, vertices)))
    none = np.zeros(motion.frames, dtype=np.bool_)
    both = sum(int((mask & made.get(pair, none)).sum()) for pair, mask in wanted.items())
    counts = [sum(int(mask.sum()) for mask in masks.values()) for masks in (wanted, made)]
    return away.numpy(), {"source": counts[0], "result": counts[1], "both": both}


def summarise(rows: Sequence[Row], seed: int = 0) -> dict[str, Any]:
    """Pooled figures of every column, with their ratio to the copy and its interval."""
    names = list(dict.fromkeys(name for row in rows for name in row.columns))
    return {name: _pooled([row for row in rows if name in row.columns], name, seed) for name in names}


def _pooled(rows: Sequence[Row], name: str, seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    draws = [generator.integers(0, len(rows), len(rows)) for _ in range(DRAWS)]
    result: dict[str, Any] = {"pairs": len(rows)}
    for figure, parts in (("penetration", _penetration), ("contact_error", _contact_error)):
        sums = np.array([[*parts(row, name), *parts(row, "copy_rest")[:1]] for row in rows])
        own, count, copy = sums.T
        ratios = [own[draw].sum() / copy[draw].sum() for draw in draws if copy[draw].sum() > 0.0]
        result[figure] = own.sum() / count.sum() if count.sum() else None
        result[f"{figure}_over_copy"] = own.sum() / copy.sum() if copy.sum() else None
        result[f"{figure}_interval"] = np.quantile(ratios, [0.025, 0.975]).tolist() if ratios else None
    touching = {key: sum(row.columns[name].touching[key] for row in rows) for key in ("source", "result", "both")}
    for figure, of in (("contact_recall", "source"), ("contact_precision", "result")):
        result[figure] = touching["both"] / touching[of] if touching[of] else None
    result["deepest_cm"] = max((float(row.columns[name].deepest_cm.max(initial=0.0)) for row in rows), default=0.0)
    for key in ("jerk", "foot_skate"):
        pairs = [(row.columns[name].scores[f"{key}_result"], row.columns[name].scores[f"{key}_source"]) for row in rows]
        known = np.array([pair for pair in pairs if None not in pair], dtype=np.float64).reshape(-1, 2)
        result[f"{key}_ratio"] = float(known[:, 0].sum() / known[:, 1].sum()) if known.size else None
    loops = [row.columns[name].loops for row in rows if row.columns[name].loops is not None]
    result["loops"] = f"{sum(map(bool, loops))} / {len(loops)}"
    windows = [window for row in rows for window in row.windows if window["mode"] == name]
    result["accepted"] = f"{sum(window['accepted'] for window in windows)} / {len(windows)}" if windows else None
    idle = [row.idle_arms_deg[name] for row in rows if name in row.idle_arms_deg]
    result["idle_arms_deg"] = float(np.mean(idle)) if idle else None
    spent = [(row.seconds[name], row.frames) for row in rows if name in row.seconds]
    result["seconds_per_100_frames"] = 100.0 * sum(s for s, _ in spent) / sum(f for _, f in spent) if spent else None
    return result


def _penetration(row: Row, name: str) -> tuple[float, int]:
    """Sum over the frames in which the copy penetrates, and how many these are."""
    frames = row.columns["copy_rest"].penetration > 0.0
    return float(row.columns[name].penetration[frames].sum()), int(frames.sum())


def _contact_error(row: Row, name: str) -> tuple[float, int]:
    missed = row.columns[name].missed
    return float(missed.sum()), len(missed)


def ablations(pairs: Sequence[Pair]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each loss off in turn: name and pooled figures of the refined column."""
    for off in (None, *(name for name in WEIGHTS if name != "semantics")):
        rows = [measure_pair(pair, {"geometry": None}, frozenset([off] if off else [])) for pair in pairs]
        yield "all losses" if off is None else f"without {off}", summarise(rows)["geometry"]
