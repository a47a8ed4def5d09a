"""Progress on stderr: one line that is drawn over on a terminal, a plain line a stage when piped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

WIDTH = 24


@contextmanager
def stage_printer(stream: TextIO) -> Iterator[Callable[[str, float], None]]:
    """Yields `on_stage(stage, fraction)`; clears its line at the end."""
    terminal = stream.isatty()
    last = ""

    def on_stage(stage: str, fraction: float) -> None:
        nonlocal last
        if terminal:
            bar = "#" * round(WIDTH * fraction)
            print(f"\r\x1b[K[{bar:<{WIDTH}}] {stage}", end="", file=stream, flush=True)
        elif stage != last:
            print(f"{stage} ({fraction:.0%})", file=stream, flush=True)
        last = stage

    try:
        yield on_stage
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=stream, flush=True)
