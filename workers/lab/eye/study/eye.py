"""Encoders measured side by side on held-out clips and bodies, as `retarget evaluate eye` prints it.

The parts are modules beside, listed in the package's docstring.
Everything is decided by the seed and the names of the clips; two runs give the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model_store.manifest import Anchors
from workers.lab.eye.study.baselines import BASELINES, Observer, make_looker
from workers.lab.eye.study.calibration import anchors_of
from workers.lab.eye.study.pairs import make_pairs, plan_groups
from workers.lab.eye.study.results import LookPlan, OnStep, look_at
from workers.lab.eye.study.studies import Calibration, StudyRow, all_rows
from workers.semantics.viewed_clip import VIEWS

SIDE_BY_SIDE = ("eye", *BASELINES)  # what `--encoder all` names
HARD_MOMENTS = 1
LADDER_EVERY = 3
CLIPS = 50  # of the main group, for retrieval
FEW = 4  # groups but the main one have this share of its clips
SCHEMA = 1


@dataclass(frozen=True, eq=False)
class EyeReport:
    """`rows` and `anchors` by encoder."""

    data: Path | None
    groups: dict[str, int]  # clips by name
    rows: dict[str, list[StudyRow]]
    anchors: dict[str, tuple[Anchors, ...]]

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "held_out": self.data is not None,
            "views": list(VIEWS),
            "groups": self.groups,
            "encoders": {
                name: {
                    "rows": [asdict(row) for row in rows],
                    "anchors": [entry.model_dump(mode="json") for entry in self.anchors[name]],
                }
                for name, rows in self.rows.items()
            },
        }


def evaluate_eye(
    names: Sequence[str],
    data: Path | None,
    clips: int = CLIPS,
    seed: int = 1,
    on_step: OnStep = lambda done, total: None,
) -> EyeReport:
    """Every study for encoders by name. Raises InvalidOptions, ModelUnavailable, and what reading the data raises."""
    return compare([make_looker(name, data) for name in names], data, clips, seed, on_step)


def compare(
    observers: Sequence[Observer],
    data: Path | None,
    clips: int = CLIPS,
    seed: int = 1,
    on_step: OnStep = lambda done, total: None,
) -> EyeReport:
    """The same for what is at hand already."""
    groups = plan_groups(data, clips, max(2, clips // FEW))
    pairs = [pair for group in groups for pair in make_pairs(group)]
    plan = LookPlan(HARD_MOMENTS, LADDER_EVERY, text_group=groups[0].name)
    looks = look_at(pairs, observers, plan, on_step)
    anchors = {observer.name: anchors_of(looks[observer.name]) for observer in observers}
    rows = {
        observer.name: all_rows(looks[observer.name], _scales(observer, anchors[observer.name]), seed)
        for observer in observers
    }
    return EyeReport(data, {group.name: len(group.clips) for group in groups}, rows, anchors)


def _scales(observer: Observer, measured: Sequence[Anchors]) -> Calibration:
    """What the product calibrates with, else what was measured here."""
    known = {entry.body: entry for entry in (*measured, *observer.anchors) if entry.views == VIEWS}
    return lambda look: known.get(look.pair.source.rendered_body.posable.kind)
