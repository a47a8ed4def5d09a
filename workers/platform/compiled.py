"""`compiled`: a function of numbers and arrays, compiled by numba when it is first called, and kept on disk.

Compiled once a machine, beside the source or, where that cannot be written, in the user's cache folder
(`NUMBA_CACHE_DIR` names another); where neither can be, once a process. On one thread, and without reordering of
sums: the same numbers in give the same numbers out, whatever the machine is set to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """The function, compiled for the types that it is called with. Division by zero gives infinity, as in numpy."""
    try:
        made: Function = njit(function, cache=True, error_model="numpy")
    except RuntimeError:  # numba's "no locator available": nowhere to keep what it compiles
        made = njit(function, error_model="numpy")
    return made
