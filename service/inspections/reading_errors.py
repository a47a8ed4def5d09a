"""What reading a file can end in; the other errors belong to retargeting or to the command line."""

from __future__ import annotations

from workers.contract.errors import ERRORS_BY_CODE, InputError, SourceFileNotFound

READING_ERRORS = tuple(
    kind for kind in ERRORS_BY_CODE.values() if issubclass(kind, InputError) and kind is not SourceFileNotFound
)
