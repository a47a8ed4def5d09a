"""`side_by_side`: two pieces of work that know nothing of each other, on two threads where the process has two.

It pays where both spend their time in code that lets other threads run: compiled functions and torch. Only the calling
thread hears how far they are, so what it is told with need not be made for threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from typing import TypeVar

from workers.platform.threads import OPENMP

HEARD_EVERY_S = 0.1  # while the calling thread only waits

A = TypeVar("A")
B = TypeVar("B")
OnShare = Callable[[float], None]  # told the share that is done; may raise to stop


class _StoppedError(Exception):
    """The other piece failed, or whoever listens wants no more."""


def side_by_side(first: Callable[[OnShare], A], second: Callable[[OnShare], B], on_step: OnShare) -> tuple[A, B]:
    """What both give; `first` runs in the calling thread. The first of them that raises stops the other, and what it
    raised is raised here. `on_step` is told of the share of `second`, which is the longer one.
    """
    stopped, done = False, 0.0

    def told(share: float) -> None:
        nonlocal done
        done = share
        if stopped:
            raise _StoppedError

    def heard(share: float) -> None:
        if later.done():
            later.result()
        on_step(done)

    with ThreadPoolExecutor(1) as pool:  # leaving it waits for the thread
        later = pool.submit(second, told)
        try:
            one = first(heard)
            while True:
                try:
                    return one, later.result(HEARD_EVERY_S)
                except StillWorking:
                    if later.done():  # it raised that itself
                        raise
                    on_step(done)
        finally:
            stopped = True


def one_by_one(first: Callable[[OnShare], A], second: Callable[[OnShare], B], on_step: OnShare) -> tuple[A, B]:
    """The same in one thread, `first` before `second`."""
    return first(lambda share: on_step(0.0)), second(on_step)


def has_two_threads() -> bool:
    """Whether numerical libraries may take two threads in this process (`workers.platform.threads`)."""
    given = os.environ.get(OPENMP, "").split(",")[0].strip()
    return given.isdigit() and int(given) > 1
