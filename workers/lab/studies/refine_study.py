"""`retarget evaluate refine`: the table of pairs and columns, and the ablation, as lines that come one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from workers.lab.eye.study.baselines import MOBILENET_FILE
from workers.lab.eye.study.mobilenet import MobilenetEncoder
from workers.lab.studies.refine_figures import row_figures, summarise
from workers.lab.studies.refine_pairs import RefinePair
from workers.lab.studies.refine_table import Mode, RefineRow, measure_pair
from workers.refinement.losses import weight_values
from workers.semantics.encoders.base import Encoder
from workers.semantics.loaded import LoadedEncoder, open_encoder

ONE_VIEW = ("three_quarter",)


@dataclass(eq=False)
class RefineStudy:
    """Pairs, and by what they are refined and judged. `found` fills as the lines are read: every figure, JSON-ready."""

    pairs: Sequence[tuple[RefinePair, float]]
    encoder: LoadedEncoder | None
    judges: Mapping[str, Encoder]
    found: dict[str, Any] = field(default_factory=dict)

    def table(self) -> Iterator[str]:
        """Copy, analytic, geometry and, where there is an encoder, semantic."""
        modes = {"geometry": Mode()}
        if self.encoder is not None:
            modes["semantic"] = Mode(self.encoder)
        rows: list[RefineRow] = []
        self.found["pairs"] = {}
        for pair, amount in self.pairs:
            row = measure_pair(pair, modes, self.judges)
            rows.append(row)
            figures = row_figures(row)
            self.found["pairs"][pair.name] = {"to_correct": amount, "columns": figures, "windows": row.windows}
            yield f"{pair.name}: {row.frames} frames, {amount:.2f} to correct"
            yield from columns_told(figures)
        self.found["pooled"] = summarise(rows)
        yield f"pooled over {len(rows)} pairs"
        yield from columns_told(self.found["pooled"])

    def ablation(self) -> Iterator[str]:
        """Each loss off in turn; with an encoder also one view, and its features not asked."""
        for name, mode in self._variants():
            rows = [measure_pair(pair, {"refined": mode}, self.judges) for pair, _ in self.pairs]
            figures = summarise(rows)
            self.found.setdefault("copy_rest", figures["copy_rest"])
            self.found.setdefault("analytic", figures["analytic"])
            self.found[name] = figures["refined"]
            yield from columns_told({name: figures["refined"]})

    def _variants(self) -> Iterator[tuple[str, Mode]]:
        yield "geometry, all losses", Mode()
        for weight in weight_values():
            if weight != "semantics":
                yield f"geometry without {weight}", Mode(off=frozenset([weight]))
        if self.encoder is not None:
            yield "semantic, three views", Mode(self.encoder)
            yield "semantic, one view", Mode(self.encoder, views=ONE_VIEW)
            yield "semantic, features not asked", Mode(self.encoder, off=frozenset(["semantics"]))


def make_study(pairs: Iterable[tuple[RefinePair, float]], data: Path, encoder: str | None) -> RefineStudy:
    """`pairs` with what there is to correct (`refine_pairs`). With an encoder, it judges too, and so does MobileNet
    where `data` has it, which is never optimised. Raises InvalidOptions, ModelUnavailable.
    """
    loaded, judges = make_judges(data, encoder)
    return RefineStudy(list(pairs), loaded, judges)


def make_judges(data: Path, encoder: str | None) -> tuple[LoadedEncoder | None, dict[str, Encoder]]:
    """The encoder, and by name what looks at every column. Raises InvalidOptions, ModelUnavailable."""
    loaded = open_encoder(encoder) if encoder else None
    judges: dict[str, Encoder] = {}
    if loaded is not None:
        judges[loaded.manifest.name] = loaded.encoder
        if (data / MOBILENET_FILE).is_file():
            judges["mobilenet"] = MobilenetEncoder(data / MOBILENET_FILE, torch.device("cpu"))
    return loaded, judges


def columns_told(columns: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line each: what applies, with its name."""
    for name, figures in columns.items():
        told = (f"{key} {short(value)}" for key, value in figures.items() if value is not None)
        yield f"  {name}: " + ", ".join(told)


def short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(short(item) for item in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
