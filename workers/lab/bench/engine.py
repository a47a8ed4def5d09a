"""What lies around a job: retargeting alone beside the naive copy, start-up of processes, import of the gateway.

Each figure is taken over several repeats; machines are noisy, so best and median are both reported, and the
processor time beside the time on the clock: the first is what the work costs, the second also holds what else the
machine was doing.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import to_clip
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.retargeting.copy_rest import copy_rest

START_UP = {
    "python alone": "",
    "import of the engine": "import workers.engine.engine, workers.formats.bvh.read, workers.formats.gltf.read",
    "retarget --help": "import service.cli\ntry: service.cli.main(['--help'])\nexcept SystemExit: pass",
}
# Prints the seconds and the processor seconds that importing the gateway took, and the most memory the process held.
GATEWAY = """
import time
start, used = time.perf_counter(), time.process_time()
import service.app
print(time.perf_counter() - start, time.process_time() - used)
from workers.platform.processes import peak_bytes
print(peak_bytes())
"""


@dataclass(frozen=True)
class Timing:
    """Seconds on the clock and of the processor, a value a repeat."""

    seconds: list[float]
    processor_s: list[float]

    @property
    def best_s(self) -> float:
        return min(self.seconds)

    @property
    def median_s(self) -> float:
        return median(self.seconds)

    @property
    def processor_median_s(self) -> float:
        return median(self.processor_s)


def time_methods(motion: FileBundle, character: FileBundle, repeats: int) -> dict[str, Timing]:
    """The step from a prepared motion to a clip alone: ours with foot contacts, ours without, and the naive copy."""
    source = prepare_motion(read_scene(motion), 0, parse_options(None))
    target = prepare_character(read_scene(character), {})
    floor_m = source.body.floor_m
    held, free = parse_options({"foot_contact": "auto"}), parse_options({"foot_contact": "off"})
    return {
        "contacts auto": _repeat(lambda: retarget_clip(source, target, held), repeats),
        "contacts off": _repeat(lambda: retarget_clip(source, target, free), repeats),
        "copy_rest": _repeat(lambda: to_clip(copy_rest(source.motion, target.body, floor_m)), repeats),
    }


def time_start_up(repeats: int) -> dict[str, Timing]:
    """Whole processes, from start to end."""
    return {
        name: _repeat(lambda code=code: _python(code), repeats)  # type: ignore[misc]
        for name, code in START_UP.items()
    }


def measure_gateway() -> dict[str, float]:
    """Import time of the gateway in a fresh process, on the clock and of the processor, and its memory after that."""
    seconds, processor_s, peak_bytes = (float(word) for word in _python(GATEWAY).split())
    return {"import_s": seconds, "import_processor_s": processor_s, "resident_mib": peak_bytes / 2**20}


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def _repeat(work: Callable[[], object], repeats: int) -> Timing:
    seconds, processor = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), _processor_s()
        work()
        seconds.append(time.perf_counter() - start)
        processor.append(_processor_s() - used)
    return Timing(seconds, processor)


def _processor_s() -> float:
    """Processor time of this process and of the children it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
