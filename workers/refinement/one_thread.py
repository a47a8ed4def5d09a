"""`one_thread`: torch on one thread while a clip is refined, so that a result does not depend on how many there are.

Threads add floats up in another order, which changes their last digits; a hundred steps of an optimiser make tenths of
a millimetre of that, and some choice between two attempts then falls otherwise. A second thread gained a fifth of the
time at twice the processor's; jobs side by side use the cores better.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """The number of threads of this process is as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
