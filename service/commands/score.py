"""`retarget score SOURCE RESULT`: what a result is worth, whoever made it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from service.commands.score_table import score_lines
from workers.contract.options import JobOptions, parse_options
from workers.formats.wording import motion_files

FLAGS = ("encoder", "keyframes", "description", "source_fps")  # job options that scoring takes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help=f"{motion_files()} file with the source motion, or a zip")
    parser.add_argument("result", help="file with the retargeted motion")
    parser.add_argument("--source-clip", metavar="C", help="clip of the source, name or index (default: the first)")
    parser.add_argument("--result-clip", metavar="C", help="clip of the result, name or index (default: the last)")
    for name in FLAGS:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="V", help=JobOptions.model_fields[name].description)
    parser.add_argument("--json", action="store_true", help="print scores, copy and verdict as JSON")


def run(arguments: argparse.Namespace) -> int:
    from workers.engine.score_files import score_files
    from workers.formats.load_bundle import bundle_from_path

    source, result = (bundle_from_path(Path(path)) for path in (arguments.source, arguments.result))
    given = {name: value for name in FLAGS if (value := getattr(arguments, name)) is not None}
    found = score_files(source, result, arguments.source_clip, arguments.result_clip, parse_options(given))
    if arguments.json:
        print(json.dumps(found, allow_nan=False, indent=1))
    else:
        print_scores(found)
    return 0


def print_scores(found: dict[str, Any]) -> None:
    """A page for people: verdict, each score beside the naive copy's, what is absent and why."""
    verdict = found["verdict"]
    decided = f" (by {', '.join(verdict['decided_by'])})" if verdict["decided_by"] else ""
    print(f"verdict: {verdict['verdict']}{decided}, {found['result']['frames']} frames")
    for line in score_lines(found["scores"], found["scores_naive_copy"]):
        print(f"  {line}")
    for moment in (found["semantics"] or {}).get("worst_moments", []):
        print(f"  at {moment['time_s']:.2f} s similarity {moment['raw']:.4f}: {moment['reason']}")
    for key, reason in found["not_applicable"].items():
        print(f"  {key:<30}{'-':>12}  {reason}")
    for warning in found["warnings"]:
        print(f"  warning: {warning['code']}: {warning['message']}")
