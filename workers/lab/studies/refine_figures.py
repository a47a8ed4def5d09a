"""Figures of the refinement study, pooled over pairs; intervals bootstrapped over pairs (percentiles, Efron 1979)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workers.lab.studies.refine_table import BASE, COPY, Column, RefineRow
from workers.skeleton.model import Array, Indices, Mask

DRAWS = 2000
INTERVAL = (0.025, 0.975)

Parts = Callable[[RefineRow, Column], tuple[float, float]]  # of a ratio of sums


def summarise(rows: Sequence[RefineRow], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Pooled figures of every column."""
    names = list(dict.fromkeys(name for row in rows for name in row.columns))
    return {name: _pooled(rows, name, seed) for name in names}


def _pooled(rows: Sequence[RefineRow], name: str, seed: int) -> dict[str, Any]:
    draws = np.random.default_rng(seed).integers(0, len(rows), (DRAWS, len(rows)))
    result: dict[str, Any] = {"pairs": len(rows)}
    for figure, parts in RATIOS.items():
        own, of = (np.array(values) for values in zip(*(parts(row, row.columns[name]) for row in rows), strict=True))
        result[figure] = _ratio(own.sum(), of.sum())
        if figure in OVER_COPY:
            copy = np.array([parts(row, row.columns[COPY])[0] for row in rows])
            result[f"{figure}_over_copy"] = _ratio(own.sum(), copy.sum())
            result[f"{figure}_over_copy_interval"] = interval(own, copy, draws)
    result |= _relations(rows, name, seed)
    result["deepest_cm"] = max(row.columns[name].geometry.values["penetration_max_cm"] or 0.0 for row in rows)
    loops = [row.columns[name].loops for row in rows if row.columns[name].loops is not None]
    result["loops"] = f"{sum(map(bool, loops))} of {len(loops)}"
    for judge in rows[0].columns[name].meaning:
        result |= {f"{judge}_{figure}": value for figure, value in _meaning(rows, name, judge, draws).items()}
    windows = [window for row in rows for window in row.windows.get(name, [])]
    if any(name in row.windows for row in rows):
        result["windows_accepted"] = f"{sum(window['accepted'] for window in windows)} of {len(windows)}"
        result["idle_arms_deg"] = _mean([row.idle_arms_deg[name] for row in rows if name in row.idle_arms_deg])
        seconds, frames = (
            sum(values) for values in zip(*((row.seconds[name], row.frames) for row in rows), strict=True)
        )
        result["seconds_per_100_frames"] = 100.0 * seconds / frames
    return result


def _relations(rows: Sequence[RefineRow], name: str, seed: int) -> dict[str, Any]:
    """Mean over pairs, and by how much it is more than the analytic result's, of the pairs in which it was measured."""
    columns = [(row.columns[name].relation_error, row.columns[BASE].relation_error) for row in rows]
    kept = np.array([(own, base) for own, base in columns if own is not None and base is not None]).reshape(-1, 2)
    if not len(kept):
        return {"relation_error": None}
    own, rise = kept[:, 0], kept[:, 0] - kept[:, 1]
    again = np.random.default_rng(seed).integers(0, len(kept), (DRAWS, len(kept)))
    return {
        "relation_error": float(own.mean()),
        "relation_error_interval": np.quantile(own[again].mean(axis=1), INTERVAL).tolist(),
        "relation_error_rise": float(rise.mean()),
        "relation_error_rise_interval": np.quantile(rise[again].mean(axis=1), INTERVAL).tolist(),
    }


def _meaning(rows: Sequence[RefineRow], name: str, judge: str, draws: Indices) -> dict[str, Any]:
    own, base = (np.array([row.columns[column].meaning[judge] for row in rows]) for column in (name, BASE))
    gain = own[:, 0] - base[:, 0]
    return {
        "similarity": float(own[:, 0].mean()),
        "scl": float(own[:, 1].mean()),
        "gain": float(gain.mean()),
        "gain_interval": np.quantile(gain[draws].mean(axis=1), INTERVAL).tolist(),
        "least_gain": float(gain.min()),
    }


def _penetration(row: RefineRow, column: Column) -> tuple[float, float]:
    """Share of penetrating limb vertices over the frames in which the copy penetrates or the source touches itself."""
    copy = row.columns[COPY].geometry
    frames = (copy.by_frame > 0.0) | copy.touching
    return float(column.geometry.by_frame[frames].sum()), float(frames.sum())


def _contact_error(row: RefineRow, column: Column) -> tuple[float, float]:
    return float(column.geometry.missed.sum()), float(len(column.geometry.missed))


def _counts(part: str, of: str) -> Parts:
    def parts(row: RefineRow, column: Column) -> tuple[float, float]:
        values = column.geometry.values
        return float(values[part] or 0.0), float(values[of] or 0.0)

    return parts


def _within_reach(row: RefineRow, column: Column) -> tuple[float, float]:
    """What is held of the contacts whose place lies within the arm's length."""
    near = _reach(column)
    return float(np.count_nonzero(column.geometry.kept & near)), float(np.count_nonzero(near))


def _beyond_reach(row: RefineRow, column: Column) -> tuple[float, float]:
    near = _reach(column)
    return float(np.count_nonzero(~near)), float(len(near))


def _by_arms(row: RefineRow, column: Column) -> tuple[float, float]:
    """What is held of the contacts that an arm takes part in."""
    arms = np.ones(len(column.geometry.kept), dtype=np.bool_) if column.of_arms is None else column.of_arms
    return float(np.count_nonzero(column.geometry.kept & arms)), float(np.count_nonzero(arms))


def _reach(column: Column) -> Mask:
    return np.ones(len(column.geometry.kept), dtype=np.bool_) if column.in_reach is None else column.in_reach


def _kinematic(key: str) -> Parts:
    def parts(row: RefineRow, column: Column) -> tuple[float, float]:
        own, source = column.kinematic[f"{key}_result"], column.kinematic[f"{key}_source"]
        return (0.0, 0.0) if own is None or source is None else (float(own), float(source))

    return parts


RATIOS: Mapping[str, Parts] = {
    "penetration": _penetration,
    "contact_error": _contact_error,
    "contact_recall": _counts("contact_frames_held", "contact_frames_source"),
    "recall_within_reach": _within_reach,
    "recall_of_arms": _by_arms,
    "contacts_beyond_reach": _beyond_reach,
    "contact_precision": _counts("contact_frames_right", "contact_frames_result"),
    "jerk_over_source": _kinematic("jerk"),
    "skate_over_source": _kinematic("foot_skate"),
}
OVER_COPY = ("penetration", "contact_error")


def _ratio(part: float, of: float) -> float | None:
    return float(part / of) if of > 0.0 else None


def interval(own: Array, of: Array, draws: Indices) -> list[float] | None:
    """The 95 % interval of a ratio of sums over pairs, by `draws` `(DRAWS, pairs)` of them; None for one of nothing."""
    sums = of[draws].sum(axis=1)
    kept = sums > 0.0
    if not kept.any():
        return None
    low, high = np.quantile(own[draws].sum(axis=1)[kept] / sums[kept], INTERVAL)
    return [float(low), float(high)]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def row_figures(row: RefineRow) -> dict[str, dict[str, Any]]:
    """The same figures of one pair, without intervals."""
    found = {}
    for name, figures in summarise([row]).items():
        found[name] = {key: value for key, value in figures.items() if "interval" not in key and key != "pairs"}
    return found
