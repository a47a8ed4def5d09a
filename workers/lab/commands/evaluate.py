"""`retarget evaluate SUBCOMMAND`: measure quality over many files. The measuring is in `workers.lab`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from service.commands.progress import stage_printer
from workers.contract.errors import InvalidOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="study", required=True, metavar="STUDY")

    sweep = subparsers.add_parser("sweep", help="every motion onto every character, checked and validated")
    _add_corpus(sweep)
    sweep.add_argument("--clips", choices=("all", "first"), default="first", help="clips of each motion file")
    sweep.add_argument("--validate", choices=("all", "first", "none"), default="first", help="ask gltf-validator about")
    sweep.add_argument("--jobs", type=int, default=2, metavar="N", help="processes")
    _add_json(sweep)

    truth = subparsers.add_parser("truth", help="two characters with the same clips, each against the other's truth")
    truth.add_argument("first", type=Path, metavar="CHARACTER_A")
    truth.add_argument("second", type=Path, metavar="CHARACTER_B")
    truth.add_argument("--clip", metavar="NAME", help="default: every clip that both have")
    _add_json(truth)

    contacts = subparsers.add_parser("contacts", help="foot contacts of labelled clips on every character")
    _add_corpus(contacts)
    contacts.add_argument("--labels", default=None, metavar="REGEX", help="clips whose label matches; default: gaits")
    _add_json(contacts)

    loops = subparsers.add_parser("loops", help="clips that loop must still loop")
    _add_corpus(loops)
    _add_json(loops)

    hostile = subparsers.add_parser("hostile", help="malformed and mutated files, over HTTP and the command line")
    hostile.add_argument("--data", type=Path, metavar="DIR", help="folder with malformed, characters and motions")
    hostile.add_argument("--mutations", type=int, default=2000, metavar="N", help="of good files (%(default)s)")
    hostile.add_argument("--malformed", choices=("all", "none"), default="all", help="files of DIR/malformed")
    hostile.add_argument("--seed", type=int, default=1, metavar="S", help="of the mutations (%(default)s)")
    hostile.add_argument("--through", choices=("cli", "http", "both"), default="both", help="(%(default)s)")
    hostile.add_argument(
        "--combinations", choices=("all", "one"), default="all", help="of role and way, for each file (%(default)s)"
    )
    hostile.add_argument("--jobs", type=int, default=2, metavar="N", help="at the same time (%(default)s)")
    _add_json(hostile)

    eye = subparsers.add_parser("eye", help="whether an encoder sees what a motion shows, on held-out clips and bodies")
    eye.add_argument("--encoder", required=True, metavar="NAME", help="a model, mobilenet, joints, or all (beside eye)")
    eye.add_argument("--data", type=Path, metavar="DIR", help="real data; default: own samples, to see that it runs")
    eye.add_argument("--clips", type=int, default=50, metavar="N", help="of the main group (%(default)s)")
    eye.add_argument("--seed", type=int, default=1, metavar="S", help="of the intervals (%(default)s)")
    eye.add_argument("--report", type=Path, metavar="OUT", help="write every figure here")
    eye.add_argument("--calibrate", action="store_true", help="print the calibration block of the model's manifest")
    eye.add_argument("--save", action="store_true", help="with --calibrate: use it here from now on")

    gradients = subparsers.add_parser("gradients", help="the renderer's gradients against finite differences")
    gradients.add_argument("--descent", action="store_true", help="turn arms back by the pictures' loss alone instead")
    gradients.add_argument("--data", type=Path, metavar="DIR", help="folder with real characters, for further cases")
    gradients.add_argument("--faces", type=int, default=5000, metavar="N", help="of each body (%(default)s)")
    _add_json(gradients)

    renderers = subparsers.add_parser("renderers", help="the own renderer beside pytorch3d, where it is installed")
    _add_corpus(renderers)
    renderers.add_argument("--faces", type=int, default=5000, metavar="N", help="of each body (%(default)s)")
    renderers.add_argument("--size", type=int, default=224, metavar="PX", help="of the pictures (%(default)s)")
    renderers.add_argument("--pairs", type=int, default=0, metavar="N", help="whose scores are compared (%(default)s)")
    renderers.add_argument("--keyframes", type=int, default=2, metavar="N", help="of each pair (%(default)s)")
    renderers.add_argument("--encoder", default="eye", metavar="NAME", help="a model of the store (%(default)s)")
    _add_json(renderers)

    meaning = subparsers.add_parser("meaning", help="semantic scores of good results and of spoilt ones")
    _add_corpus(meaning)
    meaning.add_argument("--encoder", default="eye", metavar="NAME", help="a model of the store (%(default)s)")
    meaning.add_argument("--pairs", type=int, default=24, metavar="N", help="clips, each on a character (%(default)s)")
    meaning.add_argument("--keyframes", type=int, default=8, metavar="N", help="of each clip (%(default)s)")
    _add_json(meaning)

    spoilt = subparsers.add_parser("spoilt", help="whether the verdict sees spoilt results, and lets good ones pass")
    _add_corpus(spoilt)
    spoilt.add_argument("--bodies", type=int, default=4, metavar="B", help="whose results are spoilt (%(default)s)")
    spoilt.add_argument("--pairs", type=int, default=0, metavar="N", help="good pairs to judge beside (%(default)s)")
    spoilt.add_argument("--seed", type=int, default=1, metavar="S", help="of bodies, clips and pairs (%(default)s)")
    spoilt.add_argument("--encoder", default="none", metavar="NAME", help="for the good pairs (%(default)s)")
    _add_json(spoilt)

    exactness = subparsers.add_parser("exactness", help="surface scores by compiled queries against the exact ones")
    _add_corpus(exactness)
    exactness.add_argument("--pairs", type=int, default=200, metavar="N", help="drawn (%(default)s)")
    exactness.add_argument("--long", type=int, default=40, metavar="N", help="of them of long clips (%(default)s)")
    exactness.add_argument("--seed", type=int, default=1, metavar="S", help="of the pairs (%(default)s)")
    _add_json(exactness)

    refine = subparsers.add_parser("refine", help="copy, analytic and refined results, measured exactly")
    _add_corpus(refine)
    refine.add_argument("--pairs", type=int, default=14, metavar="N", help="of motion and character (%(default)s)")
    refine.add_argument(
        "--draw", type=int, default=3, metavar="D", help="of the pairs; 0 to 2 were developed on (%(default)s)"
    )
    refine.add_argument("--encoder", metavar="NAME", help="refine by this encoder too: a model of the store")
    refine.add_argument("--ablate", action="store_true", help="each loss off in turn instead; one view; no features")
    _add_json(refine)

    choices = subparsers.add_parser("choices", help="blind sheets of two sets of options, and what people chose")
    choices.add_argument("folder", type=Path, metavar="FOLDER", help="where the sheets and their key lie")
    choices.add_argument("--answers", type=Path, metavar="FILE", help="tell what was chosen; else sheets are drawn")
    choices.add_argument("--a", default='{"refine": "none"}', metavar="JSON", help="options (%(default)s)")
    choices.add_argument("--b", default='{"refine": "geometry"}', metavar="JSON", help="options (%(default)s)")
    choices.add_argument("--sheets", type=int, default=60, metavar="N", help="how many (%(default)s)")
    choices.add_argument("--seed", type=int, default=1, metavar="S", help="of pairs and order (%(default)s)")
    choices.add_argument(
        "--moved", type=float, default=0.03, metavar="H", help="least way between hands, in heights (%(default)s)"
    )
    _add_corpus(choices)
    _add_json(choices)


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path(), metavar="DIR", help="folder that the patterns are under")
    parser.add_argument("--characters", default="characters/**/*", metavar="GLOB", help="default: %(default)s")
    parser.add_argument("--motions", default="motions/**/*", metavar="GLOB", help="default: %(default)s")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure here")


def run(arguments: argparse.Namespace) -> int:
    studies = {
        "sweep": run_sweep, "truth": run_truth, "contacts": run_contacts, "loops": run_loops, "hostile": run_hostile,
        "eye": run_eye, "meaning": run_meaning, "gradients": run_gradients, "refine": run_refine,
        "spoilt": run_spoilt, "choices": run_choices, "renderers": run_renderers, "exactness": run_exactness,
    }  # fmt: skip
    return studies[arguments.study](arguments)


def run_sweep(arguments: argparse.Namespace) -> int:
    """Exit code 0 where every pair succeeded, else 1."""
    from workers.lab.studies import sweep

    corpus = _corpus(arguments)
    tasks = sweep.plan(corpus, arguments.clips, arguments.validate)
    outcomes = []
    for outcome in sweep.run_sweep(tasks, arguments.jobs):
        outcomes.append(outcome)
        print(_sweep_line(outcome), flush=True)
    summary = sweep.summarise(outcomes)
    left_out = [{"path": str(item.path), "reason": item.reason} for item in corpus.left_out]
    _write_json(
        arguments.json, {"summary": summary, "left_out": left_out, "pairs": [dataclasses.asdict(o) for o in outcomes]}
    )
    for item in left_out:
        print(f"left out before running: {item['path']}: {item['reason']}")
    for name, figures in summary["characters"].items():
        mean = figures["limb_error_deg_mean"]
        worst = figures["limb_error_deg_max"]
        shown = "no figure" if mean is None else f"{mean:.2f} degrees (worst clip {worst:.2f})"
        verdicts = _counts(figures["verdicts"])
        print(f"{name}: {figures['successes']} / {figures['pairs']}, mean limb angle {shown}, {verdicts}")
    for row, spread in summary["values"].items():
        if spread is not None:
            print(f"  {row:<28}" + "  ".join(f"{name} {value:.3g}" for name, value in spread.items()))
    print(f"verdicts: {_counts(summary['verdicts'])}; decided by: {_counts(summary['decided_by'])}")
    print(f"failures: {_counts(summary['failures']) or 'none'}; validated: {summary['validated']}")
    print(f"successes / pairs: {summary['successes']} / {summary['pairs']}")
    return 0 if summary["successes"] == summary["pairs"] else 1


def _sweep_line(outcome: Any) -> str:
    pair = f"{Path(outcome.motion).name} [{outcome.clip}] -> {Path(outcome.character).name}"
    if not outcome.ok:
        return f"FAIL {outcome.seconds:6.2f} s  {pair}: {outcome.code}: {outcome.detail}"
    decided = f" ({', '.join(outcome.decided_by)})" if outcome.decided_by else ""
    return (
        f"ok   {outcome.seconds:6.2f} s  {outcome.frames:5d} frames  {outcome.limb_error_deg:6.2f} deg  "
        f"{outcome.verdict}{decided}  {pair}"
    )


def run_truth(arguments: argparse.Namespace) -> int:
    from workers.lab.studies.truth import compare_with_truth

    rows = []
    print("clip, direction, method: error, of ends, in the world / height; degrees of parts;")
    print("  skate (source's, truth's), hips height drift from truth, source")
    for row in compare_with_truth(arguments.first, arguments.second, arguments.clip):
        rows.append(dataclasses.asdict(row))
        skates = ", ".join(_number(value) for value in (row.skate_source, row.skate_truth))
        drifts = f"{row.hips_height_drift_pct:.2f} %, {row.hips_drift_from_source_pct:.2f} %"
        angles = " ".join(f"{part} {value:.1f}" for part, value in row.angles_deg.items())
        errors = f"{row.error_share:.4f} {row.ends_share:.4f} {row.global_share:.4f}"
        print(
            f"{row.clip} {row.source} -> {row.target} {row.method:<17} {errors}  {angles}  "
            f"{_number(row.skate)} ({skates})  {drifts}",
            flush=True,
        )
    _write_json(arguments.json, {"rows": rows})
    return 0


def run_contacts(arguments: argparse.Namespace) -> int:
    from workers.lab.studies import contacts as contact_study

    corpus = _corpus(arguments)
    try:
        chosen = contact_study.find_labelled(corpus, arguments.labels or contact_study.DEFAULT_LABELS)
    except re.error as error:
        raise InvalidOptions(f"--labels: {error}; give a regular expression") from None
    rows = []
    for row in contact_study.study_contacts(chosen, corpus.characters):
        rows.append(row)
        shown = "  ".join(f"{name} {_number(value)}" for name, value in row.figures.items()) or f"FAIL {row.code}"
        print(f"{row.label} [{row.clip}] -> {Path(row.character).name}: {shown}", flush=True)
    summary = contact_study.summarise(rows)
    _write_json(arguments.json, {"summary": summary, "rows": [dataclasses.asdict(row) for row in rows]})
    for word, figures in summary.items():
        print(
            f"{word}: {figures['pairs']} pairs, {figures['failures']} failed, skate at most "
            f"{contact_study.SKATE_LIMIT} x the source's in {figures['within_limit']} of {figures['with_ratio']}"
        )
        for name in contact_study.FIGURES:
            if figures[name] is not None:
                print(f"  {name:<24}" + "  ".join(f"{key} {value:.3f}" for key, value in figures[name].items()))
    return 0


def run_loops(arguments: argparse.Namespace) -> int:
    """Exit code 0 where every loop still closes and is smooth, else 1."""
    from workers.lab.studies.loops import study_loops

    rows = []
    for row in study_loops(_corpus(arguments)):
        rows.append(row)
        mark = "ok  " if row.closes and row.smooth else "FAIL"
        print(
            f"{mark} {row.angle_deg:.4f} deg {row.place_mm:.3f} mm, velocity step over the seam {row.seam_step:.3f} "
            f"(inside {row.inner_step:.3f}; source {row.source_seam_step:.3f}, {row.source_inner_step:.3f})  "
            f"{row.code or ''} "
            f"{Path(row.motion).name} [{row.clip}] -> {Path(row.character).name}",
            flush=True,
        )
    closed, smooth = (sum(getattr(row, name) for row in rows) for name in ("closes", "smooth"))
    _write_json(arguments.json, {"rows": [dataclasses.asdict(row) for row in rows]})
    print(f"closed / pairs: {closed} / {len(rows)}; smooth over the seam: {smooth} / {len(rows)}")
    return 0 if closed == smooth == len(rows) else 1


def run_hostile(arguments: argparse.Namespace) -> int:
    """Exit code 0 where nothing crashed, hung, showed a traceback or passed without a word, else 1."""
    from workers.lab.hostile.files import malformed_files, mutations, source_files
    from workers.lab.hostile.run import WAYS, HostileStudy, Outcome, plan, shuffled

    if arguments.data is not None and not arguments.data.is_dir():
        raise InvalidOptions(f"--data: {str(arguments.data)!r} is no folder; name one or leave it out")
    files = []
    if arguments.data is not None and arguments.malformed == "all":
        files += shuffled(malformed_files(arguments.data / "malformed"), arguments.seed)
    malformed = len(files)
    files += mutations(source_files(arguments.data), arguments.mutations, arguments.seed)
    ways = WAYS if arguments.through == "both" else tuple(way for way in WAYS if way == arguments.through)
    bad: list[Outcome] = []

    def on_outcome(outcome: Outcome) -> None:
        if outcome.crashed or outcome.traced or outcome.hung or outcome.fatal or outcome.code in ("internal", "none"):
            bad.append(outcome)
            marks = "crash " * outcome.crashed + "hang " * outcome.hung + "fatal " * outcome.fatal
            where = f"{outcome.way} {outcome.role} {outcome.label}"
            print(f"BAD {marks}{where}: {outcome.code}: {outcome.detail}", flush=True)

    with HostileStudy(arguments.jobs, with_http="http" in ways) as study:
        tally = study.run(plan(files, ways, arguments.combinations == "all"), on_outcome)
    print(f"{malformed} malformed files, {arguments.mutations} mutations (seed {arguments.seed}): {tally.cases} cases")
    for way, codes in tally.codes.items():
        print(f"  {way}: {_counts(codes)}")
    print(f"worker crashes: {tally.crashes}; tracebacks shown: {tally.tracebacks}; hangs over 30 s: {tally.hangs}")
    print(f"internal errors: {tally.internal}; slowest case: {tally.slowest_s:.1f} s")
    print(f"parsing processes ended by a file: {tally.parser_deaths}; most memory of one: {tally.parser_peak_mib} MiB")
    print(f"most memory of a command-line process: {tally.command_peak_mib} MiB")
    if study.validates:
        print(f"glTF accepted and validated: {tally.validated}; structurally broken among them: {tally.fatal_accepted}")
        print(f"  with other errors, handed back as they came: {_counts(tally.accepted_with_errors) or 'none'}")
    else:
        print("no gltf-validator here: accepted files were not validated")
    bad_rows = [{**dataclasses.asdict(outcome), "validator": sorted(outcome.validator)} for outcome in bad]
    _write_json(arguments.json, {"tally": tally.to_dict(), "bad": bad_rows})
    return 0 if tally.clean else 1


def run_meaning(arguments: argparse.Namespace) -> int:
    """Exit code 0 where every pair could be scored, else 1."""
    from workers.lab.studies import meaning

    pairs = meaning.plan(_corpus(arguments), arguments.pairs)
    rows: list[meaning.MeaningRow] = []
    for found in meaning.study_meaning(pairs, arguments.encoder, arguments.keyframes):
        rows += found
        for row in found[:1]:
            shown = row.error or "  ".join(f"{item.kind} {_number(item.raw)}" for item in found)
            print(f"{Path(row.motion).name} [{row.clip}] -> {Path(row.character).name}: {shown}", flush=True)
    summary = meaning.summarise(rows)
    _write_json(arguments.json, {"summary": summary, "rows": [dataclasses.asdict(row) for row in rows]})
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


def run_spoilt(arguments: argparse.Namespace) -> int:
    """Exit code 0 where at most 2 of 40 spoilt results pass and at most 1 % of the good pairs got worse, else 1."""
    from workers.lab.studies import spoilt

    corpus = _corpus(arguments)
    damaged, pairs = [], []
    for row in spoilt.spoil(corpus, arguments.bodies, arguments.seed):
        damaged.append(row)
        shown = f"{row.kind} x {row.size:g} on {Path(row.character).name} [{row.clip}]"
        print(f"{row.verdict:<7} {shown:<70} {', '.join(row.decided_by)}", flush=True)
    if arguments.bodies and not damaged:
        raise InvalidOptions("--data: no body has a clip that walks on flat ground and moves every limb; give others")
    seen = spoilt.table(damaged) if damaged else {}
    for size, (found, of) in seen.items():
        print(f"not pass at {size:g} of the size: {found} / {of}")
    for pair in spoilt.compare(corpus, arguments.pairs, arguments.seed, arguments.encoder):
        pairs.append(pair)
        if pair.is_worse or pair.code is not None:
            shown = f"{Path(pair.motion).name} [{pair.clip}] -> {Path(pair.character).name}"
            print(
                f"{pair.before or 'FAIL'} -> {pair.code or pair.after}  {shown}: {', '.join(pair.decided_by)}",
                flush=True,
            )
    summary = spoilt.summarise(pairs)
    if pairs:
        before, after = _counts(summary["before"]), _counts(summary["after"])
        print(
            f"pairs: {summary['pairs']}, failed: {summary['failed']}; without the new rows {before}; with them {after}"
        )
        print(f"worse: {summary['worse_pct']:.1f} % ({_counts(summary['by_row']) or 'none'})")
    _write_json(
        arguments.json,
        {
            "spoilt": [dataclasses.asdict(row) for row in damaged],
            "pairs": [dataclasses.asdict(pair) for pair in pairs],
            "summary": summary,
        },
    )
    enough = all(of - found <= spoilt.MAY_PASS * of for found, of in seen.values())
    return 0 if enough and summary["worse_pct"] <= spoilt.MAY_WORSEN_PCT else 1


def run_choices(arguments: argparse.Namespace) -> int:
    """Draws the sheets, or tells what was chosen."""
    from workers.lab.commands.choices import draw_choices, tell_choices

    if arguments.answers is not None:
        _write_json(arguments.json, tell_choices(arguments.folder, arguments.answers))
    else:
        draw_choices(_corpus(arguments), arguments)
    return 0


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
    _write_json(arguments.report, report.to_dict(), "--report")
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
        _write_json(arguments.json, {"left_deg": left})
        return 0 if good >= 0.8 * len(left) else 1
    from workers.lab.studies import gradients

    rows = []
    print(gradients.TABLE_HEAD)
    for row in gradients.gradient_table(faces=arguments.faces, data=arguments.data):
        rows.append(row)
        print(gradients.table_line(row), flush=True)
    summary = gradients.summarise(rows)
    print("\n".join(f"{name}: {round(value, 3):g}" for name, value in summary.items()))
    _write_json(arguments.json, {"summary": summary, "rows": [row.figures() for row in rows]})
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
        pairs = meaning.plan(_corpus(arguments), arguments.pairs)
        for score in renderers.compare_scores(other, pairs, loaded, arguments.keyframes, loaded.views):
            scores.append(score)
            print(
                f"{score.label[:60]:<61} similarity {score.own:.3f} by the own, {score.other:.3f} by the other; "
                f"embeddings alike {score.embeddings:.3f}",
                flush=True,
            )
    _write_json(
        arguments.json, {"pictures": [*map(dataclasses.asdict, rows)], "scores": [*map(dataclasses.asdict, scores)]}
    )
    return 0


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _corpus(arguments: argparse.Namespace) -> Any:
    from workers.lab.corpus import find_corpus

    if not arguments.data.is_dir():
        raise InvalidOptions(
            f"--data: {str(arguments.data)!r} is no folder; name one that holds motions and characters"
        )
    corpus = find_corpus(arguments.data, arguments.characters, arguments.motions)
    if not corpus.characters or not corpus.motions:
        raise InvalidOptions(
            f"--data: {len(corpus.characters)} characters and {len(corpus.motions)} motions match under "
            f"{str(arguments.data)!r}; give --data, --characters and --motions"
        )
    return corpus


def _counts(counts: dict[Any, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))


def _write_json(path: Path | None, content: dict[str, Any], flag: str = "--json") -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(content, allow_nan=False, indent=1))
    except OSError as error:
        raise InvalidOptions(f"{flag}: cannot write {str(path)!r}: {error.strerror}; choose another file") from None


def run_refine(arguments: argparse.Namespace) -> int:
    from workers.lab.studies.refine_study import make_study

    study = make_study(_corpus(arguments), arguments.data, arguments.pairs, arguments.draw, arguments.encoder)
    for line in study.ablation() if arguments.ablate else study.table():
        print(line, flush=True)
    _write_json(arguments.json, study.found)
    return 0


def run_exactness(arguments: argparse.Namespace) -> int:
    """Exit code 0 where every pair that could be retargeted scores as the exact way does, else 1."""
    from workers.lab.studies import exactness

    rows = []
    chosen = exactness.choose_pairs(_corpus(arguments), arguments.pairs, arguments.long, arguments.seed)
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
    _write_json(arguments.json, {"summary": _finite(summary), "pairs": [_exactness_json(row) for row in rows]})
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
