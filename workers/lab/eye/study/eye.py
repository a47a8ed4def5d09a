"""Does the eye see? Encoders measured side by side on held-out clips and bodies, as `retarget evaluate eye` prints it.

    eye_pairs        the same moments on two bodies          eye_negatives    moments made wrong on purpose
    eye_views        moments and cameras, pictures           eye_baselines    encoders, MobileNet, joint positions
    eye_album        every picture shown to every encoder    eye_studies      the figures
    eye_metrics      AUC, ranks, order, intervals            eye_calibration  anchors

Everything is decided by the seed and the names of the clips; two runs give the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model_store.manifest import Anchors
from workers.lab.eye.study.album import OnStep, Plan, look_at
from workers.lab.eye.study.baselines import BASELINES, Looker, make_looker
from workers.lab.eye.study.calibration import anchors_of
from workers.lab.eye.study.pairs import make_pairs, plan_groups
from workers.lab.eye.study.studies import Calibration, Row, all_rows
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
    rows: dict[str, list[Row]]
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
    lookers: Sequence[Looker],
    data: Path | None,
    clips: int = CLIPS,
    seed: int = 1,
    on_step: OnStep = lambda done, total: None,
) -> EyeReport:
    """The same for what is at hand already."""
    groups = plan_groups(data, clips, max(2, clips // FEW))
    pairs = [pair for group in groups for pair in make_pairs(group)]
    plan = Plan(HARD_MOMENTS, LADDER_EVERY, text_group=groups[0].name)
    looks = look_at(pairs, lookers, plan, on_step)
    anchors = {looker.name: anchors_of(looks[looker.name]) for looker in lookers}
    rows = {
        looker.name: all_rows(looks[looker.name], _scales(looker, anchors[looker.name]), seed) for looker in lookers
    }
    return EyeReport(data, {group.name: len(group.clips) for group in groups}, rows, anchors)


def _scales(looker: Looker, measured: Sequence[Anchors]) -> Calibration:
    """What the product calibrates with, else what was measured here."""
    known = {entry.body: entry for entry in (*measured, *looker.anchors) if entry.views == VIEWS}
    return lambda look: known.get(look.pair.source.actor.posable.kind)
