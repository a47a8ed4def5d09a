"""What a source offers: a list of files, each with a way to bring it to a path. Hub, web folder or local folder.

The hub is spoken to over its public HTTP interface, so that pulling needs no package beyond the standard library;
`HF_ENDPOINT` names a mirror. Which of the files a model needs is decided by its manifest (`choose`).
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from pydantic import ValidationError

from model_store.catalogue import MANIFEST_NAME
from model_store.manifest import FileEntry, FolderSource, HubSource, Manifest, Source, UrlSource
from model_store.transfer import Patience, Progress, download, fetch_text
from workers.contract.errors import InvalidOptions, ModelUnavailable

HUB = "https://huggingface.co"
# What a transformers model consists of, for models pulled under a name of the user's own.
TRANSFORMERS_FILES = (
    FileEntry(path="config.json"),
    FileEntry(path="*.safetensors", otherwise="pytorch_model*.bin"),
    FileEntry(path="*.json", optional=True),
    FileEntry(path="*.txt", optional=True),
    FileEntry(path="*.model", optional=True),
    FileEntry(path="qformer_tokenizer/*.json", optional=True),
    FileEntry(path="qformer_tokenizer/*.txt", optional=True),
)


@dataclass(frozen=True)
class OfferedFile:
    """`bring(target, progress)` puts it there; `bytes` and `sha256` as far as the source tells them."""

    path: str
    bytes: int | None
    sha256: str | None
    bring: Callable[[Path, Progress], None]


@dataclass(frozen=True)
class Offer:
    source: Source
    revision: str | None
    files: Sequence[OfferedFile]


def parse_source(text: str) -> Source:
    """`hub:OWNER/NAME[@REVISION]`, `http(s)://...` or a folder. Raises InvalidOptions."""
    try:
        if text.startswith("hub:"):
            identity, _, revision = text.removeprefix("hub:").partition("@")
            return HubSource(id=identity, revision=revision or "main")
        if text.startswith(("http://", "https://")):
            return UrlSource(url=text)
    except ValidationError:
        raise InvalidOptions(f"--from {text!r}: expected hub:OWNER/NAME, hub:OWNER/NAME@REVISION or a URL") from None
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise InvalidOptions(f"--from {text!r}: no such folder; give a folder, a URL or hub:OWNER/NAME")
    return FolderSource(path=str(folder))


def list_source(source: Source, files: Sequence[FileEntry], revision: str | None, patience: Patience) -> Offer:
    """What the source has. `revision` is the commit of an earlier pull, which is asked for again where given.

    Raises ModelUnavailable where the source does not answer or is not what it should be.
    """
    if isinstance(source, HubSource):
        return _list_hub(source, revision, patience)
    if isinstance(source, UrlSource):
        return _list_url(source, files, patience)
    if isinstance(source, FolderSource):
        return _list_folder(source)
    raise InvalidOptions("this model comes with the package; there is nothing to pull")


def choose(offer: Offer, entries: Sequence[FileEntry]) -> dict[str, OfferedFile]:
    """The offered files that the manifest's entries name. Raises ModelUnavailable where one that is needed is absent.

    An entry without a folder in its path matches files at the top only, `*` does not cross folders, and a manifest of
    the source is never among the files: the installed one is ours.
    """
    chosen: dict[str, OfferedFile] = {}
    for entry in entries or TRANSFORMERS_FILES:
        found = _matching(offer, entry.path) or (_matching(offer, entry.otherwise) if entry.otherwise else [])
        if not found and not entry.optional:
            raise ModelUnavailable(
                f"{_name(offer.source)} has no {entry.path}{f' or {entry.otherwise}' if entry.otherwise else ''}; "
                "name another source with --from"
            )
        for file in found:
            chosen[file.path] = file
            if entry.sha256:
                chosen[file.path] = OfferedFile(file.path, entry.bytes, entry.sha256, file.bring)
    return chosen


def _matching(offer: Offer, pattern: str) -> list[OfferedFile]:
    depth = pattern.count("/")
    return [
        file
        for file in offer.files
        if file.path.count("/") == depth and file.path != MANIFEST_NAME and fnmatch.fnmatchcase(file.path, pattern)
    ]


def _list_hub(source: HubSource, revision: str | None, patience: Patience) -> Offer:
    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    wanted = revision or source.revision
    url = f"{endpoint}/api/models/{quote(source.id)}/revision/{quote(wanted, safe='')}?blobs=true"
    try:
        listing = json.loads(fetch_text(url))
        commit = str(listing["sha"])
        files = []
        for item in listing["siblings"]:
            path, large = safe_path(str(item["rfilename"])), item.get("lfs") or {}
            address = f"{endpoint}/{quote(source.id)}/resolve/{quote(commit, safe='')}/{quote(path)}"
            files.append(_web_file(path, item.get("size"), large.get("sha256"), address, patience))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(
            f"{url}: not a hub's answer ({type(error).__name__}); check HF_ENDPOINT, or pull from a folder"
        ) from None
    return Offer(source, commit, files)


def _list_url(source: UrlSource, entries: Sequence[FileEntry], patience: Patience) -> Offer:
    base = source.url.rstrip("/")
    if not entries:
        url = f"{base}/manifest.json"
        try:
            entries = Manifest.model_validate_json(fetch_text(url)).files
        except ValidationError:
            raise ModelUnavailable(f"{url}: not a model manifest; it must list the model's files") from None
    files = []
    for entry in entries:
        if "*" in entry.path:
            raise ModelUnavailable(f"{base}: a web folder cannot be listed, so {entry.path!r} must be named in full")
        path = safe_path(entry.path)
        files.append(_web_file(path, entry.bytes, entry.sha256, f"{base}/{quote(path)}", patience))
    return Offer(source, None, files)


def _list_folder(source: FolderSource) -> Offer:
    root = Path(source.path)
    try:
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        files = [_local_file(path, path.relative_to(root).as_posix()) for path in paths]
    except OSError as error:
        raise ModelUnavailable(f"{root}: {error.strerror}; make the folder readable") from None
    return Offer(source, None, files)


def _web_file(path: str, size: int | None, sha256: str | None, address: str, patience: Patience) -> OfferedFile:
    def bring(target: Path, progress: Progress) -> None:
        download(address, target, size, progress, patience)

    return OfferedFile(path, size, sha256, bring)


def _local_file(origin: Path, path: str) -> OfferedFile:
    size = origin.stat().st_size

    def bring(target: Path, progress: Progress) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, target)
        progress(size, size)

    return OfferedFile(path, size, None, bring)


def safe_path(path: str) -> str:
    """A relative path that stays below its folder. Raises ModelUnavailable."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path or len(path) > 200:
        raise ModelUnavailable(f"the source names a file {path[:100]!r} outside its own folder; do not trust it")
    return "/".join(parts)


def _name(source: Source) -> str:
    if isinstance(source, HubSource):
        return f"hub:{source.id}"
    return source.url if isinstance(source, UrlSource) else getattr(source, "path", source.kind)
