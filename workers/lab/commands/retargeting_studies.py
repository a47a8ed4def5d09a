"""`retarget evaluate` of what is retargeted: sweep, truth, contacts, loops, hostile, spoilt."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workers.contract.errors import InvalidOptions
from workers.lab.commands.asked import counts, find_asked, number, write_json, write_picture


def run_sweep(arguments: argparse.Namespace) -> int:
    """Exit code 0 where every pair succeeded, else 1."""
    from workers.lab.studies import sweep

    corpus = find_asked(arguments)
    tasks = sweep.plan(corpus, arguments.clips, arguments.validate)
    outcomes = []
    for outcome in sweep.run_sweep(tasks, arguments.jobs):
        outcomes.append(outcome)
        print(_sweep_line(outcome), flush=True)
    summary = sweep.summarise(outcomes)
    left_out = [{"path": str(item.path), "reason": item.reason} for item in corpus.left_out]
    write_json(
        arguments.json, {"summary": summary, "left_out": left_out, "pairs": [dataclasses.asdict(o) for o in outcomes]}
    )
    for item in left_out:
        print(f"left out before running: {item['path']}: {item['reason']}")
    for name, figures in summary["characters"].items():
        mean = figures["limb_error_deg_mean"]
        worst = figures["limb_error_deg_max"]
        shown = "no figure" if mean is None else f"{mean:.2f} degrees (worst clip {worst:.2f})"
        verdicts = counts(figures["verdicts"])
        print(f"{name}: {figures['successes']} / {figures['pairs']}, mean limb angle {shown}, {verdicts}")
    for row, spread in summary["values"].items():
        if spread is not None:
            print(f"  {row:<28}" + "  ".join(f"{name} {value:.3g}" for name, value in spread.items()))
    print(f"verdicts: {counts(summary['verdicts'])}; decided by: {counts(summary['decided_by'])}")
    print(f"failures: {counts(summary['failures']) or 'none'}; validated: {summary['validated']}")
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
    print("clip, direction, method: error, of ends, of hands, in the world / height; degrees of parts;")
    print("  skate (source's, truth's), hips height drift from truth, source")
    for row in compare_with_truth(arguments.first, arguments.second, arguments.clip, arguments.refine):
        rows.append(dataclasses.asdict(row))
        skates = ", ".join(number(value) for value in (row.skate_source, row.skate_truth))
        drifts = f"{row.hips_height_drift_pct:.2f} %, {row.hips_drift_from_source_pct:.2f} %"
        angles = " ".join(f"{part} {value:.1f}" for part, value in row.angles_deg.items())
        errors = f"{row.error_share:.4f} {row.ends_share:.4f} {row.hands_share:.4f} {row.global_share:.4f}"
        print(
            f"{row.clip} {row.source} -> {row.target} {row.method:<17} {errors}  {angles}  "
            f"{number(row.skate)} ({skates})  {drifts}",
            flush=True,
        )
    write_json(arguments.json, {"rows": rows})
    return 0


def run_contacts(arguments: argparse.Namespace) -> int:
    from workers.lab.studies import contacts as contact_study

    corpus = find_asked(arguments)
    try:
        chosen = contact_study.find_labelled(corpus, arguments.labels or contact_study.DEFAULT_LABELS)
    except re.error as error:
        raise InvalidOptions(f"--labels: {error}; give a regular expression") from None
    rows = []
    for row in contact_study.study_contacts(chosen, corpus.characters):
        rows.append(row)
        shown = "  ".join(f"{name} {number(value)}" for name, value in row.figures.items()) or f"FAIL {row.code}"
        print(f"{row.label} [{row.clip}] -> {Path(row.character).name}: {shown}", flush=True)
    summary = contact_study.summarise(rows)
    write_json(arguments.json, {"summary": summary, "rows": [dataclasses.asdict(row) for row in rows]})
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
    for row in study_loops(find_asked(arguments)):
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
    write_json(arguments.json, {"rows": [dataclasses.asdict(row) for row in rows]})
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
        print(f"  {way}: {counts(codes)}")
    print(f"worker crashes: {tally.crashes}; tracebacks shown: {tally.tracebacks}; hangs over 30 s: {tally.hangs}")
    print(f"internal errors: {tally.internal}; slowest case: {tally.slowest_s:.1f} s")
    print(f"parsing processes ended by a file: {tally.parser_deaths}; most memory of one: {tally.parser_peak_mib} MiB")
    print(f"most memory of a command-line process: {tally.command_peak_mib} MiB")
    if study.validates:
        print(f"glTF accepted and validated: {tally.validated}; structurally broken among them: {tally.fatal_accepted}")
        print(f"  with other errors, handed back as they came: {counts(tally.accepted_with_errors) or 'none'}")
    else:
        print("no gltf-validator here: accepted files were not validated")
    bad_rows = [{**dataclasses.asdict(outcome), "validator": sorted(outcome.validator)} for outcome in bad]
    write_json(arguments.json, {"tally": tally.to_dict(), "bad": bad_rows})
    return 0 if tally.clean else 1


def run_spoilt(arguments: argparse.Namespace) -> int:
    """Exit code 0 where at most 2 of 40 spoilt results pass and at most 1 % of the good pairs got worse, else 1."""
    from workers.lab.studies import spoilt

    corpus = find_asked(arguments)
    if arguments.picture is not None:
        from workers.lab.studies.spoilt_picture import draw_spoilt

        write_picture(arguments.picture, draw_spoilt(corpus, arguments.seed))
        return 0
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
        before, after = counts(summary["before"]), counts(summary["after"])
        print(
            f"pairs: {summary['pairs']}, failed: {summary['failed']}; without the new rows {before}; with them {after}"
        )
        print(f"worse: {summary['worse_pct']:.1f} % ({counts(summary['by_row']) or 'none'})")
    write_json(
        arguments.json,
        {
            "spoilt": [dataclasses.asdict(row) for row in damaged],
            "pairs": [dataclasses.asdict(pair) for pair in pairs],
            "summary": summary,
        },
    )
    enough = all(of - found <= spoilt.MAY_PASS * of for found, of in seen.values())
    return 0 if enough and summary["worse_pct"] <= spoilt.MAY_WORSEN_PCT else 1


STUDIES: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "sweep": run_sweep,
    "truth": run_truth,
    "contacts": run_contacts,
    "loops": run_loops,
    "hostile": run_hostile,
    "spoilt": run_spoilt,
}
