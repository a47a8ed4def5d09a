"""Results and baseline in their folders: a JSON file a row, its sheets beside it.

The folder of results holds what was computed, by key; the baseline holds what was accepted, a file a row under a name
made of the row's, so that a version control system shows which rows a renewal changed. Files are written whole or not
at all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from workers.contract.errors import InvalidOptions
from workers.gate.outcome import RowOutcome
from workers.platform.whole_files import write_whole

NAME_LENGTH = 60


class Results:
    """What was computed, by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str, row: str) -> RowOutcome | None:
        """What was kept under a key, for a row that may be called otherwise by now; None where it cannot be used."""
        try:
            kept = RowOutcome.model_validate_json((self.folder / f"{key}.json").read_bytes())
        except (OSError, ValidationError):
            return None
        complete = kept.key == key and all((self.folder / name).is_file() for name in kept.sheets)
        return kept.model_copy(update={"row": row}) if complete else None

    def put(self, kept: RowOutcome, sheets: Mapping[str, bytes]) -> None:
        """The JSON comes last, so that it never names a sheet that is not there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, data in sheets.items():
            write_file(self.folder / name, data)
        write_file(self.folder / f"{kept.key}.json", kept.model_dump_json(indent=1).encode())

    def drop_all_but(self, keys: Iterable[str]) -> None:
        """Remove what nothing asks for any more."""
        wanted = set(keys)
        for path in self.folder.glob("*"):
            if path.suffix in (".json", ".png") and path.name.split(".")[0] not in wanted:
                path.unlink(missing_ok=True)


def read_baseline(folder: Path) -> dict[str, RowOutcome]:
    """The accepted results by row; empty where nothing was accepted. Raises InvalidOptions for a damaged file."""
    accepted = {}
    for path in sorted(folder.glob("*.json")):
        try:
            kept = RowOutcome.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            first = str(error).splitlines()[0][:100]
            raise InvalidOptions(f"baseline {path.name!r} is damaged ({first}); restore it, or accept anew") from None
        accepted[kept.row] = kept
    return accepted


def write_baseline(folder: Path, kept: Iterable[RowOutcome], whole: bool) -> None:
    """Accept these results. `whole`: they are all of the library, so what was accepted for other rows goes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for outcome in kept:
        path = folder / _file_name(outcome.row)
        names.add(path.name)
        write_file(path, outcome.model_dump_json(indent=1).encode())
    for path in folder.glob("*.json") if whole else ():
        if path.name not in names:
            path.unlink()


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all; its folder is made where missing. Raises InvalidOptions where that does not take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise InvalidOptions(f"cannot write {str(path)!r}: {error.strerror}; choose a folder that has room") from None


def _file_name(row: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "_", row).strip("_")[:NAME_LENGTH]
    return f"{plain}-{hashlib.sha256(row.encode()).hexdigest()[:8]}.json"
