"""Limits on what a file may hold, checked before memory is taken. One place, named by what they bound."""

from __future__ import annotations

from dataclasses import dataclass

from workers.contract.errors import TooLarge


@dataclass(frozen=True)
class Limits:
    """Defaults fit game characters and long mocap takes with room to spare."""

    file_bytes: int = 256 * 2**20  # one uploaded file, and all files of a bundle together
    bundle_entries: int = 256  # files in a zip or a multipart character
    zip_ratio: int = 200  # unpacked / packed
    nodes: int = 20_000
    joints: int = 4_096
    frames: int = 200_000
    rotation_keys: int = 60_000_000  # frames x joints of one sampled clip
    vertices: int = 5_000_000
    accessor_elements: int = 50_000_000  # of one accessor, counted before it is allocated
    json_bytes: int = 64 * 2**20


DEFAULT_LIMITS = Limits()


def check_limit(count: int, limit: int, what: str, where: str) -> None:
    """Raise TooLarge unless `count` is within `limit`."""
    if count > limit:
        raise TooLarge(
            f"{where}: {count:,} {what} exceed the limit of {limit:,}; split or reduce the file", limit=limit
        )
