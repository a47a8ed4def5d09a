"""`retarget train fetch | data | encoder | retargeter`: the built-in encoder and network from public files to weights.
Nothing here is needed to use them: their weights come with the package.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from service.commands.progress import stage_printer
from workers.contract.errors import InvalidOptions

# Together an hour and a half on two cores.
PICTURES = 110_000
STEPS = 4_000
PRINT_EVERY_S = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="step", required=True, metavar="STEP")

    fetch = subparsers.add_parser("fetch", help="bring the files to train and measure on from their public sources")
    fetch.add_argument("--to", type=Path, metavar="FOLDER", help="where the files go, checked by hash")
    fetch.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help="take them from a folder, by hash, not from the web"
    )
    fetch.add_argument("--list", action="store_true", help="print every file with its source and licence; bring none")

    data = subparsers.add_parser("data", help="render the pictures to train on")
    _add_data(data)

    encoder = subparsers.add_parser("encoder", help="render, train, calibrate and write the encoder's model folder")
    _add_data(encoder)
    encoder.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="the model folder to write, named as its version"
    )
    encoder.add_argument("--steps", type=int, default=STEPS, metavar="N", help="of the picture network (%(default)s)")
    encoder.add_argument(
        "--calibration-clips", type=int, default=30, metavar="N", help="of each group of held-out bodies (%(default)s)"
    )

    retargeter = subparsers.add_parser("retargeter", help="train a stage of the network that retargets (method smt)")
    retargeter.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="what `train fetch` brought")
    retargeter.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="the model folder; goes on from what is there"
    )
    retargeter.add_argument("--stage", type=int, choices=(1, 2), required=True, help="1 skeletons alone, 2 with skin")
    retargeter.add_argument("--recipe", type=Path, metavar="JSON", help="what differs from the default")
    retargeter.add_argument("--seed", type=int, default=1, metavar="S", help="of examples and weights (%(default)s)")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="what `train fetch` brought")
    parser.add_argument("--cache", type=Path, required=True, metavar="FOLDER", help="where the pictures are kept")
    parser.add_argument("--pictures", type=int, default=PICTURES, metavar="N", help="at least (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of poses, bodies and weights (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes that render (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    steps = {"fetch": run_fetch, "data": run_data, "encoder": run_encoder, "retargeter": run_retargeter}
    return steps[arguments.step](arguments)


def run_fetch(arguments: argparse.Namespace) -> int:
    from workers.lab.eye.data.fetch import fetch, licence_texts, list_sources

    files = list_sources()
    if arguments.list:
        for file in files:
            print(f"{file.path}  {file.bytes:,} bytes  {file.licence}  {file.url()}")
        for name, text in licence_texts().items():
            print(f"{name}: {text}")
        return 0
    if arguments.to is None:
        raise InvalidOptions("--to: name the folder that the files go to, or --list them")
    if arguments.source is not None and not arguments.source.is_dir():
        raise InvalidOptions(f"--from {str(arguments.source)!r}: no such folder; name one or leave it out")
    with stage_printer(sys.stderr) as on_stage:
        try:
            came = fetch(
                files,
                arguments.to,
                arguments.source,
                lambda done, total, name: on_stage(f"{name or 'done'}", done / max(total, 1)),
            )
        except OSError as error:
            raise InvalidOptions(f"--to {str(arguments.to)!r}: {error.strerror}; choose another folder") from None
    print(f"{came} files brought, {len(files) - came} were there already: {arguments.to}")
    return 0


def run_data(arguments: argparse.Namespace) -> int:
    from workers.lab.eye.data.cache import build_cache

    if not arguments.data.is_dir():
        raise InvalidOptions(
            f"--data {str(arguments.data)!r}: no such folder; bring it: retarget train fetch --to FOLDER"
        )
    if arguments.pictures < 1 or arguments.jobs < 1:
        raise InvalidOptions("--pictures and --jobs must be at least 1")
    started = time.monotonic()
    build_cache(arguments.data, arguments.cache, arguments.pictures, arguments.seed, arguments.jobs, _telling(started))
    print(f"pictures to train on: {arguments.cache} ({time.monotonic() - started:.0f} s)")
    return 0


def run_encoder(arguments: argparse.Namespace) -> int:
    from workers.lab.eye.learn.calibrate import write_calibrated
    from workers.lab.eye.learn.encoder_training import train_encoder

    run_data(arguments)
    if arguments.steps < 1:
        raise InvalidOptions("--steps must be at least 1")
    train_encoder(arguments.cache, arguments.out, arguments.seed, arguments.steps)
    manifest = write_calibrated(arguments.out, arguments.out.name, arguments.data, arguments.calibration_clips)
    print(f"{arguments.out}: {manifest.reference}, {manifest.files[0].bytes or 0:,} bytes of weights")
    return 0


def run_retargeter(arguments: argparse.Namespace) -> int:
    from workers.lab.retargeter.recipe import read_recipe
    from workers.lab.retargeter.train import train_stage

    if not arguments.data.is_dir():
        raise InvalidOptions(
            f"--data {str(arguments.data)!r}: no such folder; bring it: retarget train fetch --to FOLDER"
        )
    train_stage(arguments.data, arguments.out, arguments.stage, read_recipe(arguments.recipe), arguments.seed, _say)
    print(f"{arguments.out}: stage {arguments.stage} done")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _telling(started: float) -> Callable[[int, int], None]:
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PRINT_EVERY_S or done >= total:
            last = now
            print(f"{done:,} of {total:,} pictures, {1000.0 * (now - started) / max(done, 1):.1f} ms each", flush=True)

    return progress
