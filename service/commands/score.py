"""`retarget score SOURCE RESULT`: what a result is worth, whoever made it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="BVH, GLB or glTF file with the source motion")
    parser.add_argument("result", help="file with the retargeted motion")
    parser.add_argument("--source-clip", metavar="C", help="clip of the source, name or index (default: the first)")
    parser.add_argument("--result-clip", metavar="C", help="clip of the result, name or index (default: the last)")
    parser.add_argument("--json", action="store_true", help="print scores, copy and verdict as JSON")


def run(arguments: argparse.Namespace) -> int:
    from workers.evaluation.score_files import score_files
    from workers.formats.load_bundle import bundle_from_path

    source, result = (bundle_from_path(Path(path)) for path in (arguments.source, arguments.result))
    found = score_files(source, result, arguments.source_clip, arguments.result_clip)
    if arguments.json:
        print(json.dumps(found, allow_nan=False, indent=1))
    else:
        print_scores(found)
    return 0


def print_scores(found: dict[str, Any]) -> None:
    """A page for people: verdict, each score beside the naive copy's, what is absent and why."""
    verdict, naive = found["verdict"], found["scores_naive_copy"]
    decided = f" (by {', '.join(verdict['decided_by'])})" if verdict["decided_by"] else ""
    print(f"verdict: {verdict['verdict']}{decided}, {found['result']['frames']} frames")
    print(f"  {'score':<30}{'result':>12}{'copy':>12}")
    for key, value in found["scores"].items():
        if isinstance(value, float):
            other = naive[key]
            print(f"  {key:<30}{value:>12.4g}{'-' if other is None else format(other, '.4g'):>12}")
    for key, reason in found["not_applicable"].items():
        print(f"  {key:<30}{'-':>12}  {reason}")
    for warning in found["warnings"]:
        print(f"  warning: {warning['code']}: {warning['message']}")
