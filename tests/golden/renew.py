"""Keeps what the engine's jobs give now as golden: `python -m tests.golden.renew`, from the project's root.

For a change that is meant to change results: raise ENGINE_VERSION in workers/contract/engine_version.py first, say in
the change log what differs for users, then run this. It refuses where results changed under the same version.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.golden.golden_results import GOLDEN, Result, changes, is_raised, read_golden, run_jobs, write_golden
from workers.contract.engine_version import ENGINE_VERSION


def renew(results: dict[str, Result], path: Path = GOLDEN, version: str = ENGINE_VERSION) -> int:
    """Write the results of `version` where they may be written; the exit code."""
    if path.exists():
        kept_version, kept = read_golden(path)
        changed = changes(kept, results)
        for line in changed:
            print(line)
        if not is_raised(kept_version, version) and (changed or version != kept_version):
            print(
                f"refused: results or version differ, and {version} is not above {kept_version}: "
                "raise ENGINE_VERSION in workers/contract/engine_version.py",
                file=sys.stderr,
            )
            return 1
        if not changed and version == kept_version:
            print(f"nothing to renew: the results of {version} are as they were")
            return 0
    write_golden(results, path, version)
    print(f"{len(results)} results of {version} kept in {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(renew(run_jobs()))
