"""Runs jobs in one process that stays: a line of JSON in, a line of JSON out. Started by `job_process`, as a script.

Of the project it uses only what every version has (the engine, its options, bundles from a path), so that another
checkout can be measured on the same files by the same code: whichever `workers` lies on PYTHONPATH is the one that
runs. Reading the files from disk is no part of a job's time, reading their bytes is.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """One job's time on the clock, of the processor and by stage, and the most memory this process has held."""
    from workers.contract.options import parse_options
    from workers.engine.engine import retarget
    from workers.formats.load_bundle import bundle_from_path

    os.environ.update(request["environment"])
    motion, character = (bundle_from_path(Path(request[name])) for name in ("motion", "character"))
    options = parse_options(request["options"])
    used, start = processor_s(), time.perf_counter()
    report = retarget(motion, character, options).report
    clock_s, used_s = time.perf_counter() - start, processor_s() - used
    return {
        "clock_s": clock_s,
        "processor_s": used_s,
        "stages_s": report["timings_s"],
        "frames": report["target"]["frames"],
        "peak_mib": peak_mib(),
    }


def processor_s() -> float:
    """Of all threads of this process and of the children it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_mib() -> float:
    """The most physical memory of this process: VmHWM, where the system tells it, as `ru_maxrss` outlives `exec`."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
