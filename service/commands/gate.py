"""`retarget gate MANIFEST`: a library retargeted again and held against what was accepted (`workers.gate`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from workers.contract.errors import InvalidOptions
from workers.platform.threads import thread_settings, usable_cores

if TYPE_CHECKING:
    from workers.gate.compare import Judgement
    from workers.gate.manifest import Library, Pair

EXIT_LOSS = 5
BASELINE, OUT = "baseline", "gate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="the library: TOML or JSON")
    parser.add_argument("--accept", action="store_true", help="renew the baseline by what comes out now")
    parser.add_argument("--only", metavar="PATTERN", help="rows whose name matches, such as 'walk*' or '*-> hero.glb'")
    parser.add_argument("--jobs", type=int, default=usable_cores(), metavar="N", help="processes (%(default)s)")
    parser.add_argument("--baseline", type=Path, metavar="DIR", help="accepted results (MANIFEST.baseline)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="page, JUnit XML and what was computed (MANIFEST.gate)")
    parser.add_argument("--all", action="store_true", help="print the rows that stayed the same too")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every judgement here")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 5 where something was lost."""
    if arguments.jobs < 1:
        raise InvalidOptions("--jobs: at least one process is needed")
    _share_threads(arguments.jobs)
    from workers.gate.compare import judge_rows
    from workers.gate.junit import junit_xml
    from workers.gate.manifest import read_library
    from workers.gate.page import gate_page
    from workers.gate.results import Results, read_baseline, write_baseline, write_file
    from workers.gate.run_rows import run_rows

    manifest: Path = arguments.manifest
    library = read_library(manifest)
    pairs = _chosen(library, arguments.only)
    baseline = arguments.baseline or manifest.with_suffix(f".{BASELINE}")
    out = arguments.out or manifest.with_suffix(f".{OUT}")
    accepted = {} if arguments.accept and not arguments.only else read_baseline(baseline)
    if not accepted and not arguments.accept:
        raise InvalidOptions(f"nothing was accepted yet in {str(baseline)!r}; look at the results and use --accept")
    results = Results(out / "results")
    now, computed = run_rows(pairs, results, arguments.jobs, _told)
    whole = arguments.only is None
    if arguments.accept:
        write_baseline(baseline, now, whole)
        accepted = read_baseline(baseline)
    judged = judge_rows(now, accepted, library.tolerances, whole)
    if whole:
        results.drop_all_but({outcome.key for outcome in (*now, *accepted.values())})
    there = frozenset(path.name for path in results.folder.glob("*.png"))
    write_file(out / "index.html", gate_page(manifest.name, judged, results.folder.name, there).encode())
    write_file(out / "junit.xml", junit_xml(manifest.name, judged))
    if arguments.json:
        write_file(arguments.json, _json(judged).encode())
    for line in table(judged, arguments.all):
        print(line)
    print(f"{len(now)} rows, {computed} computed; page: {out / 'index.html'}; JUnit: {out / 'junit.xml'}")
    if arguments.accept:
        print(f"accepted: {baseline}")
    return EXIT_LOSS if any(item.is_loss for item in judged) else 0


def _share_threads(jobs: int) -> None:
    """Before any numerical library is loaded: each process has its share."""
    import os

    try:
        os.environ.update(thread_settings(workers=jobs))
    except ValueError as error:
        raise InvalidOptions(str(error)) from None


def _chosen(library: Library, pattern: str | None) -> Sequence[Pair]:
    pairs = [pair for pair in library.pairs if pattern is None or fnmatchcase(pair.name, pattern)]
    if not pairs:
        raise InvalidOptions(f"--only: no row is called {pattern!r}; rows are called 'MOTION -> CHARACTER'")
    return pairs


def _told(done: int, of: int, row: str) -> None:
    print(f"{done}/{of} {row}", file=sys.stderr, flush=True)


def table(judged: Sequence[Judgement], with_same: bool) -> Iterator[str]:
    """A line for each row that did not stay the same, the worst first, then how many of each there are."""
    shown = [item for item in judged if with_same or item.status != "same"]
    if shown:
        width = max(len(item.row) for item in shown)
        yield f"{'status':<8}  {'verdict':<16}  {'row':<{width}}  what"
        for item in shown:
            what = "; ".join([*(change.text for change in item.changes[:3]), *item.notes[:2]])
            yield f"{item.status:<8}  {_verdict(item):<16}  {item.row:<{width}}  {what}".rstrip()
    counts = Counter(item.status for item in judged)
    yield ", ".join(f"{count} {status}" for status, count in counts.items())


def _verdict(item: Judgement) -> str:
    from workers.gate.compare import verdict_of

    was = item.verdict if item.before is None else verdict_of(item.before)
    return item.verdict if was == item.verdict or item.now is None else f"{was} > {item.verdict}"


def _json(judged: Sequence[Judgement]) -> str:
    rows = [
        {
            "row": item.row,
            "status": item.status,
            "verdict": item.verdict,
            "changes": [{"what": c.what, "amount": round(c.amount, 4), "text": c.text} for c in item.changes],
            "notes": list(item.notes),
        }
        for item in judged
    ]
    return json.dumps({"rows": rows}, indent=1)
