"""`retarget inspect FILE`: what a file holds and how its joints are understood."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="BVH, GLB, glTF or zip")
    parser.add_argument("--json", action="store_true", help="print the whole inspection as JSON")


def run(arguments: argparse.Namespace) -> int:
    from workers.formats.load_bundle import bundle_from_path
    from workers.inspection import inspect_file

    found = inspect_file(bundle_from_path(Path(arguments.file)))
    if arguments.json:
        print(json.dumps(found, allow_nan=False, indent=1))
    else:
        print_inspection(found)
    return 0


def print_inspection(found: dict[str, Any]) -> None:
    """A page for people."""
    units, rest = found["units"], found["rest_pose"]
    guessed = " (guessed)" if units["guessed"] else ""
    print(
        f"{found['file']}: {found['format']}, {found['joints']} joints, "
        f"{found['skins']} skins, {found['meshes']} meshes"
    )
    print(f"  units: 1 = {units['factor']:g} m, {units['up_axis']} up{guessed}: {units['reason']}")
    print(f"  rest pose: {rest['kind']}{' (guessed)' if rest['guessed'] else ''}")
    if found["body"]:
        body = found["body"]
        print(
            f"  body: {body['height_m']} m tall, legs {body['leg_length_m']} m, "
            f"faces {body['facing_deg']} degrees from +Z"
        )
    for clip in found["clips"]:
        print(f"  clip {clip['name']!r}: {clip['frames']} frames at {clip['fps']:g} fps, {clip['duration_s']:g} s")
    print(f"  {'role':<26}{'joint':<28}{'confidence':>10}  reason")
    for role, match in found["mapping"]["roles"].items():
        print(f"  {role:<26}{match['joint']:<28}{match['confidence']:>10.2f}  {match['reason']}")
    for name, chain in found["mapping"]["chains"].items():
        print(f"  chain {name}: {', '.join(chain)}")
    if found["mapping"]["unmapped"]:
        print(f"  unmapped: {', '.join(found['mapping']['unmapped'])}")
    if found["problem"]:
        print(f"  problem: {found['problem']['code']}: {found['problem']['detail']}")
    for warning in found["warnings"]:
        print(f"  warning: {warning['code']}: {warning['message']}")
