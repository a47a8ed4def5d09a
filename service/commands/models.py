"""`retarget models list | pull | verify`: the learned models, where they come from and whether they are intact."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from workers.contract.errors import InvalidOptions, ModelUnavailable

if TYPE_CHECKING:
    from model_store.manifest import Manifest, Source
    from model_store.status import ModelStatus

PRINT_EVERY_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = subparsers.add_parser("list", help="every model and retargeting method, and whether it is ready")
    listing.add_argument("--json", action="store_true", help="print as JSON, as GET /v1/models does")

    pull = subparsers.add_parser("pull", help="download a model, check it and install it")
    pull.add_argument("model", metavar="NAME", help="name, or name@version")
    pull.add_argument(
        "--from", dest="source", metavar="SOURCE", help="another source: hub:OWNER/NAME[@REVISION], a URL or a folder"
    )
    pull.add_argument(
        "--encoder", metavar="KIND", help="for a model of your own, under a new name: the kind of encoder that runs it"
    )
    pull.add_argument(
        "--accept-change", action="store_true", help="record the source's files afresh, where they have changed"
    )

    verify = subparsers.add_parser("verify", help="read every file of the installed models and compare hashes")
    verify.add_argument("models", nargs="*", metavar="NAME", help="default: all that are installed")


def run(arguments: argparse.Namespace) -> int:
    actions = {"list": run_list, "pull": run_pull, "verify": run_verify}
    return actions[arguments.action](arguments)


def run_list(arguments: argparse.Namespace) -> int:
    from model_store.catalogue import manifests
    from model_store.places import model_dir
    from model_store.status import status_of
    from service.models.schemas import model_list
    from workers.retargeting import methods

    if arguments.json:
        print(model_list().model_dump_json(indent=1))
        return 0
    statuses = [status_of(manifest) for manifest in manifests()]
    print(f"{'model':<22}{'status':<10}{'size':>10}  {'licence':<14}title")
    for status in statuses:
        size = "-" if status.bytes is None else _size(status.bytes)
        manifest = status.manifest
        print(f"{manifest.reference:<22}{status.state:<10}{size:>10}  {manifest.licence.id:<14}{manifest.title}")
        if status.state == "corrupt":
            print(f"{'':<22}{status.problem}; run: {status.remedy}")
    print(f"\n{'method':<22}status")
    for method in methods.METHODS:
        print(f"{method.name:<22}{methods.availability(method).reason or 'ready'}")
    print(f"weights are kept in {model_dir()}; to get a model: retarget models pull NAME")
    return 0


def run_pull(arguments: argparse.Namespace) -> int:
    from model_store.lock import forget_lock
    from model_store.pull import pull
    from model_store.sources import parse_source

    source = parse_source(arguments.source) if arguments.source else None
    manifest = _manifest_to_pull(arguments.model, arguments.encoder, source)
    if arguments.accept_change:
        forget_lock(manifest)
    meter = ProgressMeter()
    status = pull(manifest, source, progress=meter.show)
    meter.end()
    if manifest.licence.id == "unknown":
        note = f" ({manifest.licence.note})" if manifest.licence.note else ""
        print(f"licence of {manifest.reference} is unknown{note}")
    print(f"{manifest.reference}: {status.state}, {_size(status.bytes or 0)} in {status.folder}")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Exit code 4 where a model is not intact; those asked for by name must be there."""
    from model_store.catalogue import find_manifest, manifests
    from model_store.status import check_hashes, status_of

    chosen = [find_manifest(name) for name in arguments.models]
    if not chosen:
        chosen = [manifest for manifest in manifests() if status_of(manifest).state != "missing"]
    wrong = []
    for manifest in chosen:
        status = check_hashes(manifest)
        print(f"{manifest.reference}: {status.state}" + (f", {status.problem}" if status.problem else ""), flush=True)
        if status.state != "ready":
            wrong.append(status)
    if wrong:
        raise _unavailable(wrong[0])
    if not chosen:
        print("no model is installed")
    return 0


def _manifest_to_pull(reference: str, encoder: str | None, source: Source | None) -> Manifest:
    """The model's manifest, or a new one for a model of the user's own. Raises InvalidOptions."""
    from pydantic import ValidationError

    from model_store.catalogue import find_manifest
    from model_store.manifest import Licence, Manifest, Runs

    if encoder is None:
        return find_manifest(reference)
    if source is None:
        raise InvalidOptions("--encoder is for a model of your own: say where it is with --from")
    known = known_encoders()
    if encoder not in known:
        raise InvalidOptions(f"--encoder {encoder!r}: unknown kind; choose from {', '.join(known)}")
    name, _, version = reference.partition("@")
    try:
        return Manifest(
            name=name,
            version=version or "1",
            title=f"{name}, pulled by hand",
            runs=Runs(kind="encoder", name=encoder),
            source=source,
            licence=Licence(id="unknown"),
        )
    except ValidationError as error:
        raise InvalidOptions(f"model name {reference!r}: {error.errors()[0]['msg']}") from None


def known_encoders() -> list[str]:
    """Kinds that the project's own manifests use."""
    from model_store.catalogue import manifests

    return sorted({manifest.encoder for manifest in manifests() if manifest.encoder is not None})


def _unavailable(status: ModelStatus) -> ModelUnavailable:
    return ModelUnavailable(f"model {status.manifest.reference}: {status.problem}; run: {status.remedy}")


def _size(count: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.{2 if name == 'GB' else 1}f} {name}"
    return f"{count} B"


class ProgressMeter:
    """A bar that is redrawn on a terminal; elsewhere a line when a file begins, every few seconds, and when it ends."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._path: str | None = None
        self._printed_at = 0.0

    def show(self, path: str, done: int, total: int | None) -> None:
        now, finished = time.monotonic(), total is not None and done >= total
        if path == self._path and not finished and now - self._printed_at < (0.2 if self._terminal else PRINT_EVERY_S):
            return
        if self._terminal and self._path not in (None, path):
            print(file=sys.stderr)
        self._path, self._printed_at = path, now
        share = f"{done / total:4.0%} of {_size(total)}" if total else _size(done)
        if self._terminal:
            filled = int(24 * done / total) if total else 0
            print(f"\r{path:<40.40} [{'#' * filled}{'.' * (24 - filled)}] {share}\033[K", end="", file=sys.stderr)
        else:
            print(f"{path} {share}", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._terminal and self._path is not None:
            print(file=sys.stderr)
