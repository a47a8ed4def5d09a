"""Bundles from a path, uploaded parts or a zip, within limits. The only module of `formats` that touches a disk.

A format may name neighbours (`.gltf` does), and gets them from its own folder (or below), from the other parts, or
from the same zip, each loaded only when asked for. Looking up a name that is not there raises KeyError; a name that
leads outside raises ParseFailed. All files of a bundle together stay within `Limits.file_bytes`. Which neighbours are
needed is left to the readers.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from workers.contract.errors import FileTooLarge, ParseFailed, SourceFileNotFound, UnsupportedFormat
from workers.formats.bundle import FileBundle
from workers.formats.entry_names import clean_name, shown
from workers.formats.limits import DEFAULT_LIMITS, Limits, check_limit
from workers.formats.registry import endings, format_named, scene_formats
from workers.formats.sniff import sniff
from workers.formats.wording import what_to_send
from workers.formats.zip_entries import zip_entries


class ByteBudget:
    """Counts the bytes of all files of one bundle against the limit."""

    def __init__(self, limit: int, where: str) -> None:
        self.left, self.limit, self.where = limit, limit, where

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            mebibytes = self.limit / 2**20
            raise FileTooLarge(
                f"{self.where}: more than the limit of {mebibytes:g} MiB; split or reduce it", limit=self.limit
            )


def bundle_from_path(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> FileBundle:
    """A file on disk; a zip is opened. Raises SourceFileNotFound, FileTooLarge or UnsupportedFormat."""
    file = Path(path)
    budget = ByteBudget(limits.file_bytes, str(file))
    data = _read_file(file, budget)
    found = format_named(sniff(data, file.name))
    if found.is_container:
        return bundle_from_zip(data, limits, file.name)
    if not found.needs_neighbours:
        return FileBundle(file.name, data)
    return FileBundle(file.name, data, FolderSiblings(file.parent, file.name, budget, limits.bundle_entries))


def with_companion(
    bundle: FileBundle, name: str, path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS
) -> FileBundle:
    """The bundle with one more file beside the main one, under that name, read when asked for. Raises
    SourceFileNotFound where there is none.
    """
    file = Path(path)
    if not file.is_file():
        raise SourceFileNotFound(f"{file}: no such file; check the path")
    budget = ByteBudget(limits.file_bytes, str(file))
    return FileBundle(bundle.name, bundle.data, {**bundle.siblings, name: lambda: _read_file(file, budget)})


def bundle_of_upload(parts: Mapping[str, Callable[[], bytes]], limits: Limits = DEFAULT_LIMITS) -> FileBundle:
    """Uploaded files by name: one main file and what it refers to, or one zip, which stays packed for `read_scene`.

    Uploads often lose their folders, so a neighbour is also found by its bare name where only one part has it.
    """
    check_limit(len(parts), limits.bundle_entries, "files", "upload")
    named: dict[str, Callable[[], bytes]] = {}
    for name, load in parts.items():
        clean = clean_name(name, "upload")
        if clean in named:
            raise ParseFailed(f"upload: two files are named {shown(name)}; give each its own name")
        named[clean] = load
    budget = ByteBudget(limits.file_bytes, "upload")
    if len(named) == 1:
        name, load = next(iter(named.items()))
        data = load()
        budget.take(len(data))
        return FileBundle(name, data)
    main = main_name(list(named), "upload")
    data = named[main]()
    budget.take(len(data))
    counted = {name: _counted(load, budget) for name, load in below(named, main).items()}
    return FileBundle(PurePosixPath(main).name, data, PartSiblings(counted))


def bundle_from_zip(data: bytes, limits: Limits = DEFAULT_LIMITS, name: str = "zip") -> FileBundle:
    """The one main file of a zip, with its neighbours unpacked lazily. Raises as `workers.formats.zip_entries` does."""
    budget = ByteBudget(limits.file_bytes, name)
    entries = zip_entries(data, name, limits, budget.take)
    main = main_name(list(entries), name)
    return FileBundle(PurePosixPath(main).name, entries[main](), below(entries, main))


def main_name(names: list[str], where: str) -> str:
    """The only name with a main file's extension."""
    mains, beside = endings(scene_formats()), {name for row in scene_formats() for name in row.companions}
    found = [name for name in names if name.lower().endswith(mains) and PurePosixPath(name).name not in beside]
    if not found:
        raise UnsupportedFormat(
            f"{where}: no motion or character among {len(names)} files; {what_to_send()} with its neighbours"
        )
    if len(found) > 1:
        listed = ", ".join(shown(name) for name in found[:5])
        raise UnsupportedFormat(
            f"{where}: {len(found)} main files ({listed}); send exactly one, with the files it refers to"
        )
    return found[0]


def below(files: Mapping[str, Callable[[], bytes]], main: str) -> dict[str, Callable[[], bytes]]:
    """The other files in the main file's folder or below, named relative to it."""
    folder = PurePosixPath(main).parent
    return {
        PurePosixPath(name).relative_to(folder).as_posix(): load
        for name, load in files.items()
        if name != main and PurePosixPath(name).is_relative_to(folder)
    }


class PartSiblings(Mapping[str, Callable[[], bytes]]):
    """Parts by relative name, or by bare name where only one part has it."""

    def __init__(self, parts: Mapping[str, Callable[[], bytes]]) -> None:
        self._parts = parts

    def __getitem__(self, name: str) -> Callable[[], bytes]:
        clean = clean_name(name, "upload")
        if clean in self._parts:
            return self._parts[clean]
        same = [part for part in self._parts if PurePosixPath(part).name == PurePosixPath(clean).name]
        if len(same) != 1:
            raise KeyError(name)
        return self._parts[same[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


class FolderSiblings(Mapping[str, Callable[[], bytes]]):
    """Files in one folder and below, read when called; symbolic links must not lead out of it."""

    def __init__(self, folder: Path, main: str, budget: ByteBudget, most: int) -> None:
        self._folder, self._main, self._budget, self._most = folder, main, budget, most

    def __getitem__(self, name: str) -> Callable[[], bytes]:
        clean = clean_name(name, self._main)
        file = self._folder / clean
        try:
            inside = file.resolve().is_relative_to(self._folder.resolve())
            present = file.is_file()
        except (OSError, RuntimeError, ValueError):  # too long a name, a loop of links, no permission
            raise KeyError(name) from None
        if not inside:
            raise ParseFailed(f"{self._main}: {shown(name)} is a link out of its folder; put the file itself there")
        if not present:
            raise KeyError(name)
        return lambda: _read_file(file, self._budget)

    def __iter__(self) -> Iterator[str]:
        """Names for error messages, at most as many as a bundle may have."""
        found = 0
        for folder, _, files in os.walk(self._folder):
            for file in sorted(files):
                if found == self._most:
                    return
                relative = (Path(folder) / file).relative_to(self._folder).as_posix()
                if relative != self._main:
                    found += 1
                    yield relative

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _read_file(file: Path, budget: ByteBudget) -> bytes:
    """The bytes of a regular file, never more than the budget allows."""
    try:
        # Opening a pipe would wait for a writer: ask what it is first, without blocking.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
                raise SourceFileNotFound(f"{file}: is {kind}; name a motion or character file")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                data = stream.read(budget.left + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise SourceFileNotFound(f"{file}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceFileNotFound(f"{file}: cannot be read ({reason}); check the path and its permissions") from None
    budget.take(len(data))
    return data


def _counted(load: Callable[[], bytes], budget: ByteBudget) -> Callable[[], bytes]:
    def load_and_count() -> bytes:
        data = load()
        budget.take(len(data))
        return data

    return load_and_count
