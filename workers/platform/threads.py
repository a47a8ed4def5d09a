"""How many threads numerical libraries take in this process, and how they wait: the one place that decides it.

`RETARGET_THREADS` says how many; else what the user set in `OMP_NUM_THREADS`; else the cores that this process may use,
shared among the workers that run side by side, at least one. Threads that have nothing to do sleep: libraries' own
choice is to spin, and beside other work spinning threads take the cores from those that have something to do.

Libraries read these variables when they are loaded, so `settle_threads` must run before numpy or torch is imported;
processes that are started later inherit them. A process that embeds the engine may call it too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

VARIABLE = "RETARGET_THREADS"
OPENMP = "OMP_NUM_THREADS"  # torch, and whatever else is built with OpenMP
COUNTS = (
    OPENMP,
    "OPENBLAS_NUM_THREADS",  # numpy and scipy
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "IGL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
WAITING = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",  # the same for Intel's OpenMP
    "OPENBLAS_THREAD_TIMEOUT": "4",  # the least: 2^4 processor cycles
}
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = _QUOTA) -> int:
    """Cores that this process may run on: those of its affinity, or fewer where a control group allows less time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(cores, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError):  # no control group, or no limit in it
        return max(1, cores)


def thread_settings(environment: Mapping[str, str] | None = None, workers: int = 1) -> dict[str, str]:
    """The variables for one of `workers` processes side by side. What the user has set of a library's own stays, where
    `RETARGET_THREADS` does not overrule it.

    Raises ValueError where `RETARGET_THREADS` is no whole number of at least 1.
    """
    environment = os.environ if environment is None else environment
    given = environment.get(VARIABLE, "")
    if given:
        if not given.isascii() or not given.isdigit() or int(given) < 1:
            raise ValueError(f"{VARIABLE}={given}: write a whole number of at least 1, or leave it out")
        count = given
    else:
        first = environment.get(OPENMP, "").split(",")[0].strip()  # one number a level of nesting
        count = first if first.isdigit() and int(first) > 0 else str(max(1, usable_cores() // workers))
    chosen = {name: count if given else environment.get(name) or count for name in COUNTS}
    return chosen | {name: environment.get(name) or value for name, value in WAITING.items()}


def settle_threads(environment: MutableMapping[str, str] | None = None) -> None:
    """Set the variables of this process and of those it starts. Raises ValueError as `thread_settings`."""
    environment = os.environ if environment is None else environment
    environment.update(thread_settings(environment))


def one_thread() -> dict[str, str]:
    """The variables for a helper process that must not have more than one thread."""
    return dict.fromkeys(COUNTS, "1") | WAITING
