"""`retarget run MOTION CHARACTER -o OUT`: the engine in this process, no server."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.commands.definition_flag import add_definition_flag, read_definition
from service.commands.option_flags import add_option_flags, read_options
from service.commands.progress import stage_printer
from service.commands.score_table import score_lines
from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.formats.registry import endings, format_named, format_of_extension, written_formats
from workers.formats.wording import alternatives, character_files, motion_files, skeleton_files
from workers.platform.whole_files import write_whole

if TYPE_CHECKING:
    from workers.formats.bundle import FileBundle

EXIT_VERDICT = 5
PICTURES = (".png", ".webp", ".webm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", help=f"{motion_files()} file with the motion, or a zip")
    parser.add_argument(
        "character", help=f"{character_files()} file of the character, a skeleton as {skeleton_files()}, or a zip"
    )
    results = "|".join(endings(written_formats()))
    parser.add_argument(
        "-o", "--out", required=True, metavar=f"OUT{results}", help="result file; its ending picks the format"
    )
    parser.add_argument(
        "--source-character", metavar="FILE", help="the character the motion was made on, for its rest pose"
    )
    parser.add_argument(
        "--body-model", metavar="MODEL.npz", help="your own SMPL model file, for the limbs of this person (NPZ of SMPL)"
    )
    add_definition_flag(parser, "--definition", "the character: mapping, rest pose, scale, joints to leave alone, ...")
    add_definition_flag(parser, "--source-definition", "the same of the motion's rig")
    parser.add_argument("--report", metavar="R.json", help="write the quality report here")
    parser.add_argument("--json", action="store_true", help="print the whole report instead of a summary")
    add_option_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 5 where the verdict is at least `--fail-on`."""
    from workers.engine.engine import retarget
    from workers.formats.load_bundle import bundle_from_path
    from workers.scores.verdict import at_least

    options = _with_format(read_options(arguments), Path(arguments.out))
    motion, character = (bundle_from_path(Path(path)) for path in (arguments.motion, arguments.character))
    if arguments.body_model:
        motion = _with_body_model(motion, Path(arguments.body_model))
    original = bundle_from_path(Path(arguments.source_character)) if arguments.source_character else None
    definition = read_definition(arguments.definition)
    source_definition = read_definition(arguments.source_definition)
    with stage_printer(sys.stderr) as on_stage:
        outcome = retarget(
            motion,
            character,
            options,
            source_character=original,
            definition=definition,
            source_definition=source_definition,
            on_stage=on_stage,
        )
    paths = artifact_paths(list(outcome.artifacts), Path(arguments.out))
    for name, data in outcome.artifacts.items():
        write_file(paths[name], data)
    if arguments.report:
        write_file(Path(arguments.report), json.dumps(outcome.report, allow_nan=False, indent=1).encode())
    if arguments.json:
        print(json.dumps(outcome.report, allow_nan=False, indent=1))
    else:
        print_summary(outcome.report, arguments.out)
        for path in list(paths.values())[1:]:
            print(f"  {'picture' if path.suffix in PICTURES else 'also'}: {path}")
    verdict = outcome.report["verdict"]["verdict"]
    return EXIT_VERDICT if options.fail_on is not None and at_least(verdict, options.fail_on) else 0


def _with_body_model(motion: FileBundle, model: Path) -> FileBundle:
    """The motion with the model file beside it. Raises InvalidOptions where its format has no use for one."""
    from workers.formats.load_bundle import with_companion
    from workers.formats.sniff import sniff

    companions = format_named(sniff(motion.data, motion.name)).companions
    if not companions:
        raise InvalidOptions(f"--body-model: {motion.name!r} is no NPZ of SMPL; leave the model away")
    return with_companion(motion, companions[0], model)


def _with_format(options: JobOptions, out: Path) -> JobOptions:
    """The ending of the result file picks the format; a `--format` that contradicts it is wrong usage."""
    picked = format_of_extension(out.suffix.removeprefix("."))
    if picked not in written_formats():
        raise InvalidOptions(f"-o: {out.name!r} must end in {alternatives(endings(written_formats()))}")
    if options.format not in ("auto", picked.name):
        raise InvalidOptions(f"-o: {out.name!r} contradicts --format {options.format}")
    return options.model_copy(update={"format": picked.name})


def artifact_paths(names: list[str], out: Path) -> dict[str, Path]:
    """Where each artifact is written: the first, which is the result, to `out`, the others beside it."""
    return {name: out.with_name(f"{out.stem}.{name}") if number else out for number, name in enumerate(names)}


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all. Raises InvalidOptions where the folder does not take it."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise InvalidOptions(
            f"cannot write {str(path)!r}: {error.strerror}; choose a folder that exists and has room"
        ) from None


def print_summary(report: dict[str, Any], out: str) -> None:
    """What a person wants to see: verdict, what decided it, scores beside the naive copy, warnings."""
    verdict = report["verdict"]
    decided = f" (by {', '.join(verdict['decided_by'])})" if verdict["decided_by"] else ""
    print(
        f"{out}: {report['target']['frames']} frames at {report['target']['fps']:.4g} fps, "
        f"verdict {verdict['verdict']}{decided}"
    )
    if len(report.get("clips", [])) > 1:
        counts = [item["verdict"]["verdict"] for item in report["clips"]]
        print(
            f"  {len(counts)} clips: "
            + ", ".join(f"{counts.count(word)} {word}" for word in ("pass", "review", "fail"))
        )
    for line in score_lines(report["scores"], report["scores_naive_copy"]):
        print(f"  {line}")
    for warning in report["warnings"]:
        print(f"  warning: {warning['code']}: {warning['message']}")
