"""`retarget submit`: have a running service retarget files, wait, and download what comes of it.

One motion and one character make a job; several a batch, which is gone on with when the same command is given again.
Imports neither the engine nor anything that only POSIX systems have.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.commands.option_flags import read_json
from workers.contract.errors import InvalidOptions, RetargetError, SourceFileNotFound, Unavailable

if TYPE_CHECKING:
    from service.client import Batch, Client, Item, Job

WORST = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motions", nargs="+", metavar="MOTION", help="motion files")
    parser.add_argument("--character", "-c", action="append", required=True, metavar="FILE", help="may be given again")
    parser.add_argument("--output", "-o", type=Path, default=Path("results"), metavar="FOLDER", help="(%(default)s)")
    parser.add_argument("--url", help="address of the service (RETARGET_URL, default http://127.0.0.1:8000)")
    parser.add_argument("--key", help="key of the caller; better in RETARGET_KEY, which other users cannot see")
    parser.add_argument("--options", metavar="FILE", help="JSON file of options")
    parser.add_argument("--only", action="append", metavar="NAME", help="download files of this name alone")
    parser.add_argument("--name", help="name of the batch, instead of one made of its content")
    parser.add_argument("--retry", action="store_true", help="have what failed in an earlier run done again")


def run(arguments: argparse.Namespace) -> int:
    """0 where everything succeeded; 3 where some of a batch did not; else as the service's error."""
    try:
        from service.client import Client, ServiceError
        from service.client.flows import Broken
    except ImportError:
        raise InvalidOptions("the client needs httpx2; install the extra 'client'") from None
    for path in [*arguments.motions, *arguments.character]:
        if not Path(path).is_file():
            raise SourceFileNotFound(f"no file {path!r}; check the path")
    options = read_json(arguments.options, "--options") if arguments.options is not None else {}
    try:
        with Client(arguments.url, arguments.key) as client:
            if len(arguments.motions) == len(arguments.character) == 1 and arguments.name is None:
                return _one(client, arguments, options)
            return _many(client, arguments, options)
    except ServiceError as error:
        raise RetargetError.from_dict(
            {"code": error.code, "detail": error.problem.get("detail", "the service refused")}
        ) from None
    except Broken as error:
        raise Unavailable(f"the service does not answer ({error}); is it running, and is --url right?") from None


def _one(client: Client, arguments: argparse.Namespace, options: dict[str, Any]) -> int:
    job = client.submit(arguments.motions[0], arguments.character[0], **options)
    seen: list[tuple[str, str | None]] = []

    def tell(job: Job) -> None:
        if (job.status, job.stage) not in seen:
            seen.append((job.status, job.stage))
            print(f"{job.id} {job.status} {job.stage or ''}".rstrip(), file=sys.stderr)

    job = client.wait(job, tell)
    if job.error is not None:
        raise RetargetError.from_dict(job.error)
    if job.result is None:
        raise Unavailable(f"job {job.id} ended {job.status}; send it again")
    for path in client.download(job, arguments.output, arguments.only):
        print(path)
    print(f"verdict {job.result.verdict}")
    return 0


def _many(client: Client, arguments: argparse.Namespace, options: dict[str, Any]) -> int:
    batch = client.batch(arguments.motions, arguments.character, name=arguments.name, **options)
    print(f"{batch.id}: {batch.counts['total']} items", file=sys.stderr)
    if arguments.retry:
        print(f"done again: {client.retry_batch(batch)}", file=sys.stderr)
    bad: list[Item] = []
    for item in client.results(batch, arguments.output, arguments.only):
        print(f"{item.index:5d} {item.status:9s} {item.verdict or '-':6s} {item.motion_name} to {item.character_name}")
        if item.status != "succeeded" or item.verdict == "fail":
            bad.append(item)
    _table(client.get_batch(batch), bad)
    return 3 if any(item.status != "succeeded" for item in bad) else 0


def _table(batch: Batch, bad: list[Item]) -> None:
    told = ", ".join(f"{number} {name}" for name, number in batch.counts.items() if number and name != "total")
    print(f"{batch.counts['total']} items: {told}", file=sys.stderr)
    for item in sorted(bad, key=lambda item: item.status == "succeeded")[:WORST]:
        why = (item.error or {}).get("detail", "the verdict is fail")
        print(f"look at {item.index}: {item.motion_name} to {item.character_name}: {why}", file=sys.stderr)
