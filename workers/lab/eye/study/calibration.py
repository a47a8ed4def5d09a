"""Anchors of an encoder: what a calibrated similarity of 0 and of 1 is, by the views and the kind of source body.

0 is the median of other moments on another body, 1 that of the same moment on another body, over held-out clips and
bodies, with the quartiles beside them. They go into the manifest of a model, or beside an installed one's weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model_store.manifest import Anchors
from workers.contract.errors import OutputInvalid
from workers.lab.eye.study.baselines import EncoderObserver
from workers.lab.eye.study.pairs import make_pairs, plan_groups
from workers.lab.eye.study.results import CLEAN, OTHER_CLIP, OTHER_MOMENT, Look, LookPlan, OnStep, look_at
from workers.lab.eye.study.studies import half_each, scored
from workers.semantics.encoders.base import Encoder
from workers.semantics.viewed_clip import VIEWS, BodyKind
from workers.skeleton.model import Array

VIEW_SETS: tuple[tuple[str, ...], ...] = (("front",), VIEWS, ("front", "three_quarter"))
KINDS: tuple[BodyKind, ...] = ("skinned", "generated")
CLIPS = 30  # of each group


def measure_anchors(
    encoder: Encoder, data: Path | None, clips: int = CLIPS, on_step: OnStep = lambda done, total: None
) -> tuple[Anchors, ...]:
    """For all view sets and kinds of source bodies. Without `data` on the project's own samples, which says little.

    Raises OutputInvalid where the encoder scores the same moment no higher than others.
    """
    pairs = [pair for group in plan_groups(data, clips, clips) for pair in make_pairs(group)]
    observer = EncoderObserver(encoder)
    looks = look_at(pairs, [observer], LookPlan(), on_step)[observer.name]
    found = anchors_of(looks)
    if len(found) < len(VIEW_SETS) * len(KINDS):
        raise OutputInvalid(
            f"encoder {encoder.name} scores the same moment on another body no higher than other moments, so its "
            "scores have no scale; check its weights: retarget models verify " + encoder.name
        )
    return found


def anchors_of(looks: Sequence[Look]) -> tuple[Anchors, ...]:
    """Of what one observer made of pairs; those view sets and kinds are left out whose medians are no scale."""
    found = []
    for kind in KINDS:
        members = [look for look in looks if look.pair.source.rendered_body.posable.kind == kind]
        for views in VIEW_SETS if members else ():
            chosen = [VIEWS.index(view) for view in views] if members[0].source.shape[1] == len(VIEWS) else None
            same = scored(members, CLEAN, chosen).values
            other = half_each(scored(members, OTHER_MOMENT, chosen), scored(members, OTHER_CLIP, chosen)).values
            if len(other) and np.median(same) > np.median(other):
                found.append(_anchors(views, kind, same, other, members))
    return tuple(found)


def _anchors(views: tuple[str, ...], kind: BodyKind, same: Array, other: Array, looks: Sequence[Look]) -> Anchors:
    low, middle, high = np.quantile(other, [0.25, 0.5, 0.75]).round(4).tolist()
    least, usual, most = np.quantile(same, [0.25, 0.5, 0.75]).round(4).tolist()
    bodies = {take.rendered_body.posable.name for look in looks for take in (look.pair.source, look.pair.other)}
    return Anchors(
        views=views, body=kind, other_median=middle, other_quartiles=(low, high), same_median=usual,
        same_quartiles=(least, most), clips=len({look.pair.clip for look in looks}), bodies=len(bodies),
    )  # fmt: skip
