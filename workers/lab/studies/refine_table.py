"""What refinement brings: copy, analytic result and refined ones on pairs of motion and character, measured exactly.

Which pairs is `refine_pairs`' choice. Geometry is the report's own measure (`workers.scores.surface_measures`):
penetration of the full mesh by libigl, contacts found anew on every result; none of it is the loss's own test. Meaning
is looked at in the keyframes that refinement sees and midway between them, by the encoder that was optimised and by
others.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from workers.contract.options import JobOptions
from workers.geometry.contact_model import SelfContacts
from workers.geometry.parts import ARM_GROUPS, GROUP_OF
from workers.geometry.prepared import surfaces_of
from workers.geometry.source_contacts import source_contacts
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import carried_contacts
from workers.lab.studies.refine_pairs import RefinePair, retargeted
from workers.motion.body_motion import BodyMotion
from workers.motion.timeline import find_timeline
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.arm_length import in_arm_length
from workers.refinement.refine import refine_clip
from workers.rendering.renderer import choose_renderer
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.retargeting.methods import Method
from workers.scores.relation_scores import relation_scores
from workers.scores.scores import kinematic_scores
from workers.scores.surface_measures import GeometryScores, geometry_scores, search_stride, thinned
from workers.semantics import similarity
from workers.semantics.encoders.base import Encoder
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.scoring import render
from workers.semantics.viewed_clip import ViewedClip, view_clip
from workers.skeleton.model import Indices, Mask

MEASURED_HZ = 10.0
BUDGET_S = 600.0
BASE, COPY = "analytic", "copy_rest"
NO_METHODS: Mapping[str, Method] = MappingProxyType({})


@dataclass(frozen=True)
class Mode:
    """A refined column: by geometry, or by an encoder; `off` are weights set to zero, `views` other than its own."""

    encoder: LoadedEncoder | None = None
    off: frozenset[str] = frozenset()
    views: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Column:
    """One method on one pair. `meaning` by encoder: mean cosine and the paper's loss. `relation_error` is the report's
    over the clip, None where the bodies share no limb. Of the contacts that were asked (`GeometryScores.asked`), `(n,)`
    each: `in_reach` whether the place lies within the arm's own length of its shoulder in the analytic result;
    `of_arms` whether an arm takes part, since legs, whose feet stay, are hardly moved by refinement.
    """

    geometry: GeometryScores
    kinematic: Mapping[str, Any]
    loops: bool | None
    meaning: Mapping[str, tuple[float, float]]
    relation_error: float | None = None
    in_reach: Mask | None = None
    of_arms: Mask | None = None


@dataclass(eq=False)
class RefineRow:
    """One pair; `windows`, `idle_arms_deg` and `seconds` by refined column."""

    pair: RefinePair
    frames: int
    columns: dict[str, Column] = field(default_factory=dict)
    windows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    idle_arms_deg: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def measure_pair(
    pair: RefinePair,
    modes: Mapping[str, Mode],
    judges: Mapping[str, Encoder],
    methods: Mapping[str, Method] = NO_METHODS,
) -> RefineRow:
    """`modes` are the columns beside copy and analytic, `judges` the encoders that look at every column, `methods`
    other ways to retarget, each a column of its own and one refined by geometry.
    """
    target, done = retargeted(pair)
    row = RefineRow(pair, done.scored.frames)
    motions = {COPY: done.naive, BASE: done.scored}
    _refined(row, motions, done, target, modes)
    for name, method in methods.items():
        other = retarget_clip(done.source, target, JobOptions(), method)
        motions[name] = other.scored
        if modes:
            _refined(row, motions, other, target, {f"{name}, refined": Mode()})
    _measure(row, done, target, motions, judges)
    return row


def _refined(
    row: RefineRow,
    motions: dict[str, BodyMotion],
    done: RetargetedClip,
    target: PreparedCharacter,
    modes: Mapping[str, Mode],
) -> None:
    """A column a mode, of the clip `done`."""
    for name, mode in modes.items():
        options = JobOptions(refine="geometry" if mode.encoder is None else "semantic")
        begin = time.perf_counter()
        refined = refine_clip(
            done,
            target,
            options,
            lambda share: None,
            budget_s=BUDGET_S,
            loaded=mode.encoder,
            off=mode.off,
            views=mode.views,
        )
        row.seconds[name] = time.perf_counter() - begin
        assert refined.refinement is not None
        summary = refined.refinement.summary
        row.windows[name] = summary["windows"]
        if summary["idle_arms_deg"] is not None:
            row.idle_arms_deg[name] = summary["idle_arms_deg"]
        motions[name] = refined.scored


def _measure(
    row: RefineRow,
    retargeted: RetargetedClip,
    target: PreparedCharacter,
    motions: Mapping[str, BodyMotion],
    judges: Mapping[str, Encoder],
) -> None:
    source = retargeted.source.motion
    frames = np.arange(0, row.frames, max(1, round(retargeted.scored.rate_hz / MEASURED_HZ)))
    surfaces = surfaces_of(target)
    seen = surfaces_of(retargeted.source).light
    found = geometry_scores(list(motions.values()), source, seen, surfaces, frames)
    related = relation_scores(list(motions.values()), source, seen, surfaces.light)
    looked = look(retargeted, target, motions, judges) if judges else {}
    stride = search_stride(source)
    contacts = source_contacts(thinned(source, stride), seen)
    in_reach = in_arm_length(contacts, surfaces.full, thinned(retargeted.scored, stride), found[0].asked)
    of_arms = _of_arms(contacts, surfaces.full, found[0].asked)
    for (name, motion), geometry, relation in zip(motions.items(), found, related, strict=True):
        kinematic = kinematic_scores(motion, source, retargeted.contacts, retargeted.source_floor_m).values
        loops = _loops(motion) if _loops(source) else None
        meaning, relation_error = looked.get(name, {}), relation.values["relation_error"]
        row.columns[name] = Column(geometry, kinematic, loops, meaning, relation_error, in_reach, of_arms)


def _of_arms(contacts: SelfContacts, surface: BodySurface, asked: Indices) -> Mask:
    parts = [[contact.part_a, contact.part_b] for contact in carried_contacts(contacts, surface)]
    arms = np.asarray(np.isin(GROUP_OF[np.array(parts, dtype=np.int64).reshape(-1, 2)], ARM_GROUPS).any(axis=1))
    result: Mask = arms[asked[:, 0]]
    return result


def _loops(motion: BodyMotion) -> bool:
    return find_timeline(motion).period is not None


def look(
    retargeted: RetargetedClip,
    target: PreparedCharacter,
    motions: Mapping[str, BodyMotion],
    judges: Mapping[str, Encoder],
) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean cosine with the source and the paper's loss, by motion and encoder, over all views."""
    seen = {name: _between(view_clip(replace(retargeted, scored=motion), target)) for name, motion in motions.items()}
    first = next(iter(seen.values()))
    values: dict[str, dict[str, list[tuple[float, float]]]] = {
        name: {judge: [] for judge in judges} for name in motions
    }
    with torch.no_grad():
        for view in first.views:
            renderer = choose_renderer(first.source.skin.positions_m.device)
            pictures = render(first.source, first, view, renderer)
            guided = {judge: encoder.guided_by(pictures) for judge, encoder in judges.items()}
            wanted = {judge: encoder.embed(pictures) for judge, encoder in guided.items()}
            for name, clip in seen.items():
                pictures = render(clip.result, clip, view, renderer)
                for judge, encoder in guided.items():
                    made = encoder.embed(pictures)
                    cosine = float(similarity.cosines(wanted[judge], made).mean())
                    values[name][judge].append((cosine, float(similarity.consistency_loss(wanted[judge], made))))
    return {name: {judge: _mean(views) for judge, views in of.items()} for name, of in values.items()}


def _mean(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    cosine, loss = np.mean(pairs, axis=0)
    return float(cosine), float(loss)


def _between(seen: ViewedClip) -> ViewedClip:
    """The clip with the frames midway between its keyframes as keyframes too."""
    middles = (seen.keyframes[1:] + seen.keyframes[:-1]) // 2
    return replace(seen, keyframes=np.unique(np.concatenate([seen.keyframes, middles])))
