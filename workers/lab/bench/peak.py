"""One of our opponents' rows run once in a process of its own, so that its memory is known: `python -m ...peak`."""

from __future__ import annotations

import sys
from pathlib import Path

from workers.lab.bench.another_program import run_program


def peak_mib(name: str, motion: Path, character: Path) -> float:
    """The most memory of a process that brings a motion onto a character by a row of `opponents`."""
    return run_program([sys.executable, "-m", "workers.lab.bench.peak", name, str(motion), str(character)]).peak_mib


if __name__ == "__main__":
    from workers.lab.bench.opponents import own_ways

    own_ways()[sys.argv[1]].once(Path(sys.argv[2]), Path(sys.argv[3]))
