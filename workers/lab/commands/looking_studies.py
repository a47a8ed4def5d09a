"""`retarget evaluate` of what looks and corrects: meaning, eye, gradients, renderers, exactness, refine."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from service.commands.progress import stage_printer
from workers.contract.errors import InvalidOptions
from workers.lab.commands.asked import find_asked, number, write_json


def run_meaning(arguments: argparse.Namespace) -> int:
    """Exit code 0 where every pair could be scored, else 1."""
    from workers.lab.studies import meaning

    pairs = meaning.plan(find_asked(arguments), arguments.pairs)
    rows: list[meaning.MeaningRow] = []
    for found in meaning.study_meaning(pairs, arguments.encoder, arguments.keyframes):
        rows += found
        for row in found[:1]:
            shown = row.error or "  ".join(f"{item.kind} {number(item.raw)}" for item in found)
            print(f"{Path(row.motion).name} [{row.clip}] -> {Path(row.character).name}: {shown}", flush=True)
    summary = meaning.summarise(rows)
    write_json(arguments.json, {"summary": summary, "rows": [dataclasses.asdict(row) for row in rows]})
    for kind, values in summary["distributions"].items():
        for name, quantiles in values.items():
            if quantiles is not None:
                shown = "  ".join(f"{key} {value:.3f}" for key, value in quantiles.items())
                print(f"{kind:<14} {name:<10} {shown}")
    for title in ("calibrated_below", "loss_above"):
        for limit, shares in summary[title].items():
            shown = "  ".join(f"{kind} {100.0 * share:.0f} %" for kind, share in shares.items())
            if shown:
                print(f"{title} {limit}: {shown}")
    print(f"pairs that could not be scored: {summary['errors']}")
    return 0 if summary["errors"] == 0 else 1


def run_eye(arguments: argparse.Namespace) -> int:
    if arguments.data is not None and not arguments.data.is_dir():
        raise InvalidOptions(
            f"--data: {str(arguments.data)!r} is no folder; name one that holds motions and characters"
        )
    if arguments.save and not arguments.calibrate:
        raise InvalidOptions("--save keeps a calibration; add --calibrate")
    with stage_printer(sys.stderr) as on_stage:

        def on_step(done: int, total: int) -> None:
            on_stage(f"looking, {10 * (10 * done // total)} %", done / total)

        if arguments.calibrate:
            return _calibrate_eye(arguments, on_step)
        from workers.lab.eye.study.eye import SIDE_BY_SIDE, evaluate_eye
        from workers.lab.eye.study.table import report_lines

        names = SIDE_BY_SIDE if arguments.encoder == "all" else (arguments.encoder,)
        report = evaluate_eye(names, arguments.data, arguments.clips, arguments.seed, on_step)
    for line in report_lines(report):
        print(line)
    write_json(arguments.report, report.to_dict(), "--report")
    return 0


def _calibrate_eye(arguments: argparse.Namespace, on_step: Callable[[int, int], None]) -> int:
    from model_store.calibration import save_calibration
    from model_store.status import resolve
    from workers.lab.eye.study.calibration import measure_anchors
    from workers.semantics.encoders.loading import load_encoder

    if arguments.data is None and arguments.save:
        raise InvalidOptions("--save: a calibration that counts needs held-out data; give --data")
    installed = resolve(arguments.encoder)
    anchors = measure_anchors(load_encoder(arguments.encoder), arguments.data, on_step=on_step)
    print(json.dumps({"calibration": [entry.model_dump(mode="json") for entry in anchors]}, indent=1))
    if arguments.save:
        path = save_calibration(installed.manifest, installed.identity, anchors)
        print(f"saved for {installed.manifest.reference}: {path}", file=sys.stderr)
    return 0


def run_gradients(arguments: argparse.Namespace) -> int:
    """Exit code 0 where signs, directions and sizes are good enough, or enough descents, else 1."""
    if arguments.faces < 100:
        raise InvalidOptions("--faces must be at least 100")
    if arguments.descent:
        from workers.lab.studies import descent

        left = {}
        for label, degrees in descent.descent_table(faces=arguments.faces):
            left[label] = degrees
            print(f"{label:<44}{degrees:6.2f} degrees left of 20", flush=True)
        good = sum(degrees <= descent.ENOUGH_DEG for degrees in left.values())
        print(f"within {descent.ENOUGH_DEG:g} degrees: {good} / {len(left)}")
        write_json(arguments.json, {"left_deg": left})
        return 0 if good >= 0.8 * len(left) else 1
    from workers.lab.studies import gradients

    rows = []
    print(gradients.TABLE_HEAD)
    for row in gradients.gradient_table(faces=arguments.faces, data=arguments.data):
        rows.append(row)
        print(gradients.table_line(row), flush=True)
    summary = gradients.summarise(rows)
    print("\n".join(f"{name}: {round(value, 3):g}" for name, value in summary.items()))
    write_json(arguments.json, {"summary": summary, "rows": [row.figures() for row in rows]})
    return 0 if gradients.good_enough(rows) else 1


def run_renderers(arguments: argparse.Namespace) -> int:
    """Exit code 0 where it ran, 1 where there is no second renderer."""
    from workers.rendering.renderer import PYTORCH3D_INSTALLED

    if arguments.faces < 100 or arguments.size < 16:
        raise InvalidOptions("--faces must be at least 100 and --size at least 16")
    if not PYTORCH3D_INSTALLED:
        print("pytorch3d is not installed: not run; docker/README.md says how it is built")
        return 1
    from workers.lab.studies import meaning, renderers
    from workers.rendering.pytorch3d_backend import Pytorch3dRenderer
    from workers.semantics.loaded import open_encoder

    other, data = Pytorch3dRenderer(), None if arguments.data == Path() else arguments.data
    print(f"{arguments.faces} faces, {arguments.size} px; seconds of the processor, a picture with its gradient")
    print(f"{'pose':<41}{'mean':>8}{'max':>7}{'IoU':>7}{'vertices':>10}{'angles':>8}{'own s':>8}{'other s':>9}")
    rows, scores = [], []
    for row in renderers.compare_pictures(other, arguments.faces, arguments.size, data):
        rows.append(row)
        print(
            f"{row.label[:40]:<41}{row.mean_difference:>8.4f}{row.max_difference:>7.2f}{row.silhouette_iou:>7.3f}"
            f"{row.vertex_cosine:>10.3f}{row.angle_cosine:>8.3f}{row.own_s:>8.3f}{row.other_s:>9.2f}",
            flush=True,
        )
    if arguments.pairs:
        loaded = open_encoder(arguments.encoder)
        pairs = meaning.plan(find_asked(arguments), arguments.pairs)
        for score in renderers.compare_scores(other, pairs, loaded, arguments.keyframes, loaded.views):
            scores.append(score)
            print(
                f"{score.label[:60]:<61} similarity {score.own:.3f} by the own, {score.other:.3f} by the other; "
                f"embeddings alike {score.embeddings:.3f}",
                flush=True,
            )
    write_json(
        arguments.json, {"pictures": [*map(dataclasses.asdict, rows)], "scores": [*map(dataclasses.asdict, scores)]}
    )
    return 0


def run_refine(arguments: argparse.Namespace) -> int:
    from workers.lab.studies.refine_pairs import choose_pairs, mixed_pairs
    from workers.lab.studies.refine_study import make_study

    choose = mixed_pairs if arguments.mixed else choose_pairs
    pairs = choose(find_asked(arguments), arguments.pairs, arguments.draw)
    study = make_study(pairs, arguments.data, arguments.encoder)
    for line in study.ablation() if arguments.ablate else study.table():
        print(line, flush=True)
    write_json(arguments.json, study.found)
    return 0


def run_exactness(arguments: argparse.Namespace) -> int:
    """Exit code 0 where every pair that could be retargeted scores as the exact way does, else 1."""
    from workers.lab.studies import exactness

    rows = []
    chosen = exactness.choose_pairs(find_asked(arguments), arguments.pairs, arguments.long, arguments.seed)
    for outcome in exactness.compare(chosen):
        if isinstance(outcome, tuple):
            print(f"{outcome[1]}  {outcome[0].name}", flush=True)
            continue
        rows.append(outcome)
        apart = "  ".join(f"{key} {value:.4f}" for key, value in outcome.differences.items())
        fast, exact = outcome.processor_s
        mark = "      " if outcome.is_close else "APART "
        print(
            f"{mark}{outcome.pair.name} {outcome.pair.frames} frames  {fast:.2f} s of {exact:.2f}  {apart}", flush=True
        )
    summary = exactness.summarise(rows)
    largest = "  ".join(f"{key} {value:.4f}" for key, value in summary["largest"].items())
    print(
        f"{summary['pairs']} pairs, {summary['long']} long: {summary['close']} close, {summary['verdicts_changed']} "
        f"verdicts changed, {summary['times_cheaper']:.1f} x cheaper; largest differences: {largest}"
    )
    write_json(arguments.json, {"summary": _finite(summary), "pairs": [_exactness_json(row) for row in rows]})
    return 0 if rows and all(row.is_close for row in rows) else 1


def _exactness_json(row: Any) -> dict[str, Any]:
    return {
        "motion": str(row.pair.motion), "clip": row.pair.clip, "character": str(row.pair.character),
        "frames": row.pair.frames, "fast": list(row.fast), "exact": list(row.exact), "verdicts": list(row.verdicts),
        "processor_s": list(row.processor_s), "is_close": row.is_close,
    }  # fmt: skip


def _finite(summary: dict[str, Any]) -> dict[str, Any]:
    """Where only one way had a value the difference is infinite, which JSON has not: null."""
    largest = {key: value if value != float("inf") else None for key, value in summary["largest"].items()}
    return {**summary, "largest": largest}


STUDIES: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "meaning": run_meaning,
    "eye": run_eye,
    "gradients": run_gradients,
    "renderers": run_renderers,
    "exactness": run_exactness,
    "refine": run_refine,
}
