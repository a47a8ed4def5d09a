"""`retarget samples`: write the project's own sample characters and clips into a folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from workers.contract.errors import InvalidOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write them; made where missing")
    parser.add_argument("--json", action="store_true", help="print the paths as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the samples and print one path a line."""
    paths = write_into(arguments.folder)
    if arguments.json:
        print(json.dumps({"files": [{"path": str(path), "bytes": path.stat().st_size} for path in paths]}, indent=2))
    else:
        for path in paths:
            print(path)
    return 0


def write_into(folder: Path) -> list[Path]:
    """Write the samples. Raises InvalidOptions where the folder cannot be written or a package is missing."""
    try:
        from workers.samples.write import write_samples

        return write_samples(folder)
    except ModuleNotFoundError as error:
        raise InvalidOptions(f"the samples need the package {error.name}; install the extra 'worker'") from None
    except OSError as error:
        raise InvalidOptions(f"cannot write to {folder} ({error.strerror}); choose another folder") from None
