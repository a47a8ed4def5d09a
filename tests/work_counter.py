"""Counts work instead of timing it: the lines of Python that a call runs, which no other load on the machine changes.

Loops written in Python show in it, work inside NumPy, regular expressions and other compiled code does not: for those a
test gives an input at which anything worse than proportional work would run into the test's time-out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_run(work: Callable[[], object]) -> int:
    """Lines executed in all frames entered while `work` runs, in this thread."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
