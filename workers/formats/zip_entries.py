"""The files inside an untrusted zip: names checked at once, contents unpacked lazily and counted while they are.

Headers may lie about sizes, so every unpacked byte is counted against the budget of the bundle. Encrypted entries,
links, nested archives, names that lead outside and duplicates are refused. Which entry is the main file is left to
`load_bundle`.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath

from workers.contract.errors import ParseFailed, TooLarge, UnsupportedFeature
from workers.formats.entry_names import clean_name, shown
from workers.formats.limits import Limits, check_limit

CHUNK = 1 << 20
HARMLESS = 1 << 20  # unpacked bytes up to which the ratio does not matter
IGNORED_FOLDERS = frozenset({"__MACOSX"})
IGNORED_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
ARCHIVES = (".zip", ".7z", ".rar", ".gz", ".tar")
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

# What zipfile lets through on damaged archives.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)


def zip_entries(data: bytes, where: str, limits: Limits, take: Callable[[int], None]) -> dict[str, Callable[[], bytes]]:
    """Relative posix name -> loader. `take` is told of every unpacked byte and raises when there are too many.

    Raises ParseFailed, UnsupportedFeature or TooLarge.
    """
    # The directory is counted before zipfile builds an object for each of its records.
    check_limit(data.count(b"PK\x01\x02"), 2 * limits.bundle_entries, "zip entries", where)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DAMAGE as error:
        raise ParseFailed(f"{where}: the zip is damaged ({_reason(error)}); pack it again") from None
    entries: dict[str, Callable[[], bytes]] = {}
    for info in archive.infolist():
        name = _checked_name(info, where)
        if name is None:
            continue
        if name in entries:
            raise ParseFailed(f"{where}: two entries are named {name[:80]!r}; pack it again")
        entries[name] = _loader(archive, info, where, limits, take)
    check_limit(len(entries), limits.bundle_entries, "zip entries", where)
    return entries


def _checked_name(info: zipfile.ZipInfo, where: str) -> str | None:
    """The clean name of a usable entry, None for folders and the litter of file managers."""
    entry = f"{where}: entry {shown(info.filename)}"
    if not info.filename.strip("/"):
        return None
    name = clean_name(info.filename, where)
    path = PurePosixPath(name)
    if info.is_dir() or path.parts[0] in IGNORED_FOLDERS or path.name in IGNORED_FILES:
        return None
    if info.flag_bits & 0x1:
        raise UnsupportedFeature(f"{entry} is encrypted; pack the zip without a password")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UnsupportedFeature(f"{entry} is a symbolic link; pack the file itself")
    if name.lower().endswith(ARCHIVES):
        raise UnsupportedFeature(f"{entry} is an archive inside an archive; pack its files directly")
    if info.compress_type not in METHODS:
        raise UnsupportedFeature(f"{entry} uses compression method {info.compress_type}; pack the zip with deflate")
    return name


def _loader(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, limits: Limits, take: Callable[[int], None]
) -> Callable[[], bytes]:
    entry = f"{where}: entry {shown(info.filename)}"

    def load() -> bytes:
        check_limit(info.file_size, limits.file_bytes, "unpacked bytes", entry)
        chunks: list[bytes] = []
        unpacked = 0
        try:
            with archive.open(info) as stream:
                while chunk := stream.read(CHUNK):
                    take(len(chunk))
                    unpacked += len(chunk)
                    if unpacked > max(HARMLESS, limits.zip_ratio * max(info.compress_size, 1)):
                        message = f"{entry} unpacks to more than {limits.zip_ratio} times its size"
                        raise TooLarge(f"{message}; pack it again", limit=limits.zip_ratio)
                    chunks.append(chunk)
        except DAMAGE as error:
            message = f"{entry} is damaged ({_reason(error)}); pack it again"
            raise ParseFailed(message) from None
        return b"".join(chunks)

    return load


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:120]
