"""`retarget evaluate learned`: networks beside copy, analytic and refined results, on what none of them was trained on.

Characters and motions of the training split are taken out of the corpus first, whole files at a time: a file that holds
one training clip offers none. Pairs are `refine_pairs.mixed_pairs`; all is measured as the refinement study does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from workers.contract.options import JobOptions
from workers.lab.corpus import Corpus
from workers.lab.eye.data.families import FILES
from workers.lab.eye.data.motions import CLIP_FILES
from workers.lab.eye.data.split import load_split
from workers.lab.studies.refine_figures import DRAWS, interval, summarise
from workers.lab.studies.refine_pairs import RefinePair, retargeted
from workers.lab.studies.refine_study import columns_told, short
from workers.lab.studies.refine_table import BASE, Mode, RefineRow, measure_pair
from workers.retargeting.clip import retarget_clip
from workers.retargeting.methods import Method, choose_method
from workers.retargeting.network.retargeter import NetworkRetargeter
from workers.retargeting.network.weights import WEIGHTS_NAME, read_network
from workers.semantics.encoders.base import Encoder

FALLS = ("penetration", "contact_error")


@dataclass(frozen=True)
class NetworkAt(Method):
    """A method whose weights lie in a folder that need not be in the model store."""

    folder: Path = Path()

    def open(self) -> NetworkRetargeter:
        return NetworkRetargeter(read_network(self.folder / WEIGHTS_NAME))


def network_methods(folders: Mapping[str, Path]) -> dict[str, Method]:
    """A method for each folder of weights, by name. Raises what reading raises."""
    return {name: NetworkAt(name, name, None, learned=True, folder=folder) for name, folder in folders.items()}


def held_out(corpus: Corpus) -> Corpus:
    """Without the files that hold a training clip or a body of a training family."""
    split = load_split()
    trained = {
        str(Path(CLIP_FILES[folder][0]) / rest.partition("/")[0])
        for folder, _, rest in (clip.partition("/") for clip in split.train_clips)
        if folder in CLIP_FILES
    }
    trained |= {FILES[family] for family in split.train_families if family in FILES}

    def is_trained(path: Path) -> bool:
        return any(path.match(pattern) for pattern in trained)

    return replace(
        corpus,
        characters=tuple(path for path in corpus.characters if not is_trained(path)),
        motions=tuple(motion for motion in corpus.motions if not is_trained(motion.path)),
    )


@dataclass(eq=False)
class LearnedStudy:
    """`found` fills as the lines are read: every figure, JSON-ready."""

    pairs: Iterable[tuple[RefinePair, float]]
    methods: Mapping[str, Method]
    judges: Mapping[str, Encoder]
    refine: bool
    found: dict[str, Any] = field(default_factory=dict)

    def table(self) -> Iterator[str]:
        modes = {"geometry": Mode()} if self.refine else {}
        rows: list[RefineRow] = []
        for pair, amount in self.pairs:
            rows.append(measure_pair(pair, modes, self.judges, self.methods))
            yield f"{pair.name}: {rows[-1].frames} frames, {amount:.2f} to correct"
        self.found["pooled"] = figures = summarise(rows)
        self.found["gains"] = gains = {
            name: {score: fall(rows, name, score) for score in FALLS} for name in figures if name != BASE
        }
        yield from columns_told(figures)
        for name, falls in gains.items():
            told = (f"{score} {short(list(value))}" for score, value in falls.items())
            yield f"  {name}, fall against {BASE} with its 95 % interval: " + ", ".join(told)
        self.found["milliseconds"] = milliseconds(self.methods, [row.pair for row in rows[:6]])
        for name, value in self.found["milliseconds"].items():
            yield f"  {name}: {value:.3f} ms of processor time a frame beyond the analytic transfer"


def fall(rows: Sequence[RefineRow], name: str, score: str) -> tuple[float, float, float]:
    """Share by which a pooled score is less than the analytic result's, with its 95 % interval over pairs (bootstrap,
    percentiles).
    """
    own, base = (np.array([_sum(row, column, score) for row in rows]) for column in (name, BASE))
    draws = np.random.default_rng(0).integers(0, len(rows), (DRAWS, len(rows)))
    ratios = interval(own, base, draws)
    if ratios is None:
        return 0.0, 0.0, 0.0
    return float(1.0 - own.sum() / base.sum()), 1.0 - ratios[1], 1.0 - ratios[0]


def _sum(row: RefineRow, column: str, score: str) -> float:
    geometry = row.columns[column].geometry
    if score == "contact_error":
        return float(geometry.missed.sum())
    return float(geometry.by_frame.sum())


def milliseconds(methods: Mapping[str, Method], pairs: Sequence[RefinePair]) -> dict[str, float]:
    """Processor time a frame that each method takes beyond the analytic one, the bodies prepared before."""
    spent = dict.fromkeys((BASE, *methods), 0.0)
    frames = 0
    for pair in pairs:
        target, done = retargeted(pair)
        frames += done.scored.frames
        for name, method in {BASE: choose_method(BASE), **methods}.items():
            retarget_clip(done.source, target, JobOptions(), method)
            begin = time.process_time()
            retarget_clip(done.source, target, JobOptions(), method)
            spent[name] += time.process_time() - begin
    return {name: 1e3 * (spent[name] - spent[BASE]) / max(frames, 1) for name in methods}
