"""`retarget`: the command line. This module picks the subcommand, and turns errors into one line and an exit code.

Exit codes: 0 done; 1 our own bug; 2 wrong usage; 3 bad input; 4 the engine refused its own result or had no resources;
5 the verdict is at least `--fail-on`; 130 interrupted. Subcommands are imported only when asked for, so that `--help`
and the analytic path start fast and never load torch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workers.contract.errors import InvalidOptions, RetargetError
from workers.platform.threads import settle_threads


class Command(NamedTuple):
    """`module` has `add_arguments(parser)` and `run(arguments) -> exit code`; it is imported when it is asked for.

    One that computes nothing itself but starts workers gives each of them its share of the threads.
    """

    module: str
    text: str
    starts_workers: bool = False


# The lab is named here and imported nowhere else: it measures and trains the product, which does without it.
COMMANDS: Mapping[str, Command] = {
    "run": Command("service.commands.run", "retarget a motion file onto a character file, in this process"),
    "inspect": Command("service.commands.inspect", "show what a file holds: skeleton, mapping, units, clips"),
    "score": Command("service.commands.score", "score a result against its source motion"),
    "gate": Command("service.commands.gate", "retarget a library and compare it with what was accepted", True),
    "serve": Command("service.commands.serve", "gateway, worker and an embedded Redis with one command", True),
    "gateway": Command("service.commands.gateway", "the HTTP gateway alone"),
    "worker": Command("service.commands.worker", "one worker alone, or one a device", True),
    "submit": Command("service.commands.submit", "have a running service retarget files, wait and download"),
    "keys": Command("service.commands.keys", "make, list and revoke the keys of callers"),
    "status": Command("service.commands.status", "the workers, what each can do, and the queues"),
    "doctor": Command("service.commands.doctor", "check an installation and name what is wrong with it"),
    "models": Command("service.commands.models", "list, pull and verify the learned models"),
    "samples": Command("service.commands.samples", "write the project's own sample characters and clips"),
    "demo": Command(
        "service.commands.demo", "start everything, post a sample over HTTP, print states and scores", True
    ),
    "train": Command("workers.lab.commands.train", "train the built-in encoder: files, pictures, network"),
    "evaluate": Command("workers.lab.commands.evaluate", "measure quality over many files"),
    "bench": Command("workers.lab.commands.bench", "measure speed beside an opponent in the same run"),
}


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The whole parser; only the chosen subcommand's module is imported."""
    parser = argparse.ArgumentParser(
        prog="retarget",
        description="Motion retargeting: a motion and a character in, the character moving out, with scores.",
        epilog="exit codes: 0 done, 1 internal error, 2 usage, 3 bad input, 4 engine refused or had no resources, "
        "5 verdict at least --fail-on, 130 interrupted",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = command.text
        sub = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == chosen:
            importlib.import_module(command.module).add_arguments(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in arguments if word in COMMANDS), None)
    try:
        if chosen is not None and not COMMANDS[chosen].starts_workers:
            _settle_threads()  # before the command's imports load any library that has threads
        parsed = build_parser(chosen).parse_args(arguments)
        code: int = importlib.import_module(COMMANDS[parsed.command].module).run(parsed)
        return code
    except RetargetError as error:
        print(f"error: {error.code}: {error.detail}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("RETARGET_TRACEBACK"):
            traceback.print_exc()
        text = " ".join(str(error).split())[:200]
        print(
            f"error: internal: {type(error).__name__}: {text}; this is a bug: set RETARGET_TRACEBACK=1 for details",
            file=sys.stderr,
        )
        return 1


def _settle_threads() -> None:
    try:
        settle_threads()
    except ValueError as error:
        raise InvalidOptions(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
