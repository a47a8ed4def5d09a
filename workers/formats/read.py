"""`read_scene`: any bundle to a Scene. Chooses the reader by content; the readers do the work.

Readers raise typed errors. Should one let a plain exception through, the net here turns it into ParseFailed, so
that a hostile file cannot end a worker; tests show that BVH does not rely on it.
"""

from __future__ import annotations

import struct

from workers.contract.errors import ParseFailed
from workers.formats.bundle import FileBundle
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.formats.load_bundle import bundle_from_zip
from workers.formats.registry import format_named
from workers.formats.sniff import sniff
from workers.skeleton.model import Scene

UNEXPECTED = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, MemoryError, struct.error,
)  # fmt: skip


def read_scene(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene in a bundle: one of the formats of `workers.formats.registry`, with its neighbours or in a zip.

    Raises UnsupportedFormat, and what the readers raise.
    """
    reader = format_named(sniff(bundle.data, bundle.name)).load_reader()
    try:
        return reader(bundle, limits)
    except UNEXPECTED as error:
        raise ParseFailed(f"{bundle.name}: the file is damaged ({type(error).__name__}); export it again") from error


def read_zip(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of the one main file that a zip holds."""
    return read_scene(bundle_from_zip(bundle.data, limits, bundle.name), limits)
