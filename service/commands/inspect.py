"""`retarget inspect FILE`: what a file holds and how its joints are understood."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from service.commands.definition_flag import add_definition_flag, read_definition
from service.commands.option_flags import read_mapping
from workers.formats.wording import readable_files

SURE = 0.9  # runners-up are shown below this


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help=readable_files())
    add_definition_flag(parser, "--definition", "the file's rig: mapping, rest pose, scale, joints to leave alone, ...")
    parser.add_argument("--mapping", metavar="FILE", help="JSON file {target: {role: joint}}, to see what it does")
    parser.add_argument("--json", action="store_true", help="print the whole inspection as JSON")


def run(arguments: argparse.Namespace) -> int:
    from workers.engine.inspection import inspect_file
    from workers.formats.load_bundle import bundle_from_path

    definition = read_definition(arguments.definition)
    override = read_mapping(arguments.mapping) if arguments.mapping else None
    found = inspect_file(bundle_from_path(Path(arguments.file)), override, definition)
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
    print(f"  skeleton: {found['skeleton_fingerprint']}")
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
        others = ", ".join(other["joint"] for other in match["alternatives"])
        reason = match["reason"] + (f" (or {others})" if others and match["confidence"] < SURE else "")
        print(f"  {role:<26}{match['joint']:<28}{match['confidence']:>10.2f}  {reason}")
    for name, chain in found["mapping"]["chains"].items():
        print(f"  chain {name}: {', '.join(chain)}")
    unmatched = found["unmatched"]
    for role in unmatched["required"]:
        names = ", ".join(unmatched["candidates"].get(role, [])) or "none by name"
        print(f"  no joint for {role}, which is needed; candidates: {names}")
    optional = [role for role in unmatched["roles"] if role not in unmatched["required"]]
    if optional:
        print(f"  no joint for: {', '.join(optional)}")
    if unmatched["joints"]:
        print(f"  unmapped: {', '.join(unmatched['joints'])}")
    if found["problem"]:
        print(f"  problem: {found['problem']['code']}: {found['problem']['detail']}")
    for warning in found["warnings"]:
        print(f"  warning: {warning['code']}: {warning['message']}")
