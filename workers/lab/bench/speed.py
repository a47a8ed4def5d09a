"""The default bench: jobs as users run them, beside three.js and the naive copy in the same run, as printed tables.

Parts can be asked for alone (`PARTS`). Figures of another machine say little, so each table ends with ratios; where two
checkouts are measured, with those of the one before to this one. Processor seconds come first: they are what the work
costs, while the clock also counts what else the machine does.
"""

from __future__ import annotations

import dataclasses
import os
import random
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.contract.errors import InvalidOptions
from workers.formats.bundle import FileBundle
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.bench import engine
from workers.lab.bench.files import fine_character
from workers.lab.bench.job_process import DEFAULT, WITHOUT_SCORES, Tree
from workers.lab.bench.jobs import JobRow, Workload, time_jobs, time_lengths
from workers.lab.bench.motions import MotionFormat, given_motion, own_walk
from workers.lab.bench.overhead import time_overhead
from workers.lab.bench.service import WARM_UPS, time_service
from workers.lab.bench.three import ThreeTiming, find_three, time_three

PARTS = ("jobs", "three", "copy", "service", "overhead", "lengths", "start")
MANY_JOBS = 3_000  # over which the service's memory is watched
SHORT, LONG = 100, 3_000
COMPARED_LENGTHS = (300, 10_000)


@dataclass(frozen=True)
class Request:
    """What to measure. `motion` and `character` are files, or None for our own; `three` the package's folder."""

    trees: Sequence[Tree]
    lengths: Sequence[int] = (SHORT, LONG)
    compared_lengths: Sequence[int] = COMPARED_LENGTHS
    repeats: int = 3
    jobs: int = 10
    motion: Path | None = None
    character: Path | None = None
    formats: Sequence[MotionFormat] = ("bvh", "glb")
    three: Path | None = None
    parts: Sequence[str] = PARTS
    seed: int = field(default_factory=lambda: random.randrange(2**32))


def bench_speed(request: Request) -> dict[str, Any]:
    """Measure and print, part by part; returns all figures. Raises what reading the given files does."""
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as folder:
        work, kinds, vertices = _workload(request, Path(folder))
        names = " and ".join(f"{tree.name}" for tree in request.trees)
        print(
            f"{work.maker.label}, {work.maker.joints} joints, onto {work.character.name}, {vertices:,} vertices; "
            f"seed {request.seed}; code: {names}"
        )
        print(_machine())
        figures: dict[str, Any] = {"seed": request.seed, "joints": work.maker.joints, "vertices": vertices}
        rows: list[JobRow] = []
        if "jobs" in request.parts:
            rows = _jobs(request, work, kinds)
            figures["jobs"] = [dataclasses.asdict(row) for row in rows]
        if "three" in request.parts:
            figures["three"] = _three(request, work, kinds, rows)
        if "copy" in request.parts:
            figures["retargeting alone"] = _copy(request, work, kinds[0])
        if "service" in request.parts:
            figures["service"] = _service(request, work, kinds[0])
        if "overhead" in request.parts:
            figures["overhead"] = _overhead(request, work, kinds[0])
        if "lengths" in request.parts:
            figures["lengths"] = _lengths(request, work, kinds)
        if "start" in request.parts:
            figures["start"] = _start(request.repeats)
        print(_machine())
    return figures


def _workload(request: Request, folder: Path) -> tuple[Workload, tuple[MotionFormat, ...], int]:
    """With it the formats of its motions, and how many vertices the character has."""
    longest = max(*request.lengths, *request.compared_lengths)
    if request.motion is None:
        maker = own_walk(longest, request.seed)
    else:
        maker = given_motion(bundle_from_path(request.motion), request.seed)
    if request.character is None:
        character = folder / "stout.glb"
        character.write_bytes(fine_character().data)
    else:
        character = request.character.resolve()
    kinds = tuple(kind for kind in maker.formats if kind in request.formats)
    if not kinds:
        raise InvalidOptions(f"--formats: {maker.label} can be written as {', '.join(maker.formats)} only")
    return Workload(maker, character, folder), kinds, _vertices(bundle_from_path(character))


def _vertices(character: FileBundle) -> int:
    mesh = read_scene(character).load_mesh()
    return 0 if mesh is None else len(mesh.positions_m)


def _machine() -> str:
    words = [f"{os.cpu_count()} cores"]
    with suppress(OSError):
        words.append("load {:.1f} {:.1f} {:.1f}".format(*os.getloadavg()))
    set_threads = [
        f"{name}={os.environ[name]}" for name in ("RETARGET_THREADS", "OMP_NUM_THREADS") if name in os.environ
    ]
    return ", ".join([*words, *(set_threads or ["no thread setting"])])


def _jobs(request: Request, work: Workload, kinds: Sequence[MotionFormat]) -> list[JobRow]:
    print(f"\nwhole jobs: processor s (clock s), median of {request.repeats} motions if warm; frames/s by processor")
    rows = []
    for row in time_jobs(work, request.trees, kinds, request.lengths, request.repeats):
        rows.append(row)
        stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row.middle.stages_s.items())
        print(
            f"{row.kind} {row.frames:6,} {row.setting:14} {row.state:4} {row.tree:6} "
            f"{row.processor_s:8.2f} ({row.clock_s:.2f}) {row.frames / row.processor_s:9,.0f}/s  {stages}",
            flush=True,
        )
    for row in rows:
        if row.setting == DEFAULT.name and row.state == "warm":
            without = _find(rows, row, setting=WITHOUT_SCORES.name)
            print(f"{_name(row)}: {row.processor_s / without.processor_s:.2f} x the time without scores", flush=True)
    for row in rows:
        if row.tree == "this" and len(request.trees) > 1:
            before = _find(rows, row, tree="before")
            print(f"{_name(row)}, {row.setting}: before took {before.processor_s / row.processor_s:.2f} x", flush=True)
    return rows


def _find(rows: Sequence[JobRow], like: JobRow, **changed: str) -> JobRow:
    wanted = dataclasses.replace(like, timings=[], **changed)  # type: ignore[arg-type]
    return next(row for row in rows if dataclasses.replace(row, timings=[]) == wanted)


def _name(row: JobRow) -> str:
    return f"{row.kind} {row.frames:,} {row.state} {row.tree}"


def _three(
    request: Request, work: Workload, kinds: Sequence[MotionFormat], rows: Sequence[JobRow]
) -> dict[str, Any] | str:
    """Beside the cold rows stands the whole program, beside the warm ones a lap within it."""
    print("\nthree.js SkeletonUtils.retargetClip under node, bytes to bytes: processor s (clock s)")
    three = find_three(request.three)
    if isinstance(three, str):
        print(f"  {three}")
        return three
    figures: dict[str, Any] = {}
    for kind in kinds:
        for frames in request.lengths:
            (motion,) = work.motions(1, frames, kind)
            timing = time_three(three, motion, work.character, request.repeats)
            if isinstance(timing, str):
                print(f"{kind} {frames:6,} {timing}")
                figures[f"{kind} {frames}"] = timing
                continue
            figures[f"{kind} {frames}"] = dataclasses.asdict(timing)
            steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in timing.steps_s.items())
            print(
                f"{kind} {frames:6,} whole program {timing.processor_s:.2f} ({timing.clock_s:.2f}); warm "
                f"{timing.warm_processor_s:.2f} ({timing.warm_clock_s:.2f}) {frames / timing.warm_processor_s:,.0f}/s  "
                f"{steps}; {timing.tracks} tracks, {timing.frames:,} frames",
                flush=True,
            )
            for row in rows:
                if (row.kind, row.frames, row.tree) == (kind, frames, "this"):
                    print(f"  {row.setting}, {row.state}: three.js takes {_times(timing, row):.2f} x our time")
    return figures


def _times(three: ThreeTiming, row: JobRow) -> float:
    return (three.processor_s if row.state == "cold" else three.warm_processor_s) / row.processor_s


def _copy(request: Request, work: Workload, kind: MotionFormat) -> dict[str, Any]:
    frames = max(request.lengths)
    (motion,) = work.motions(1, frames, kind)
    print(f"\nretargeting alone, {frames:,} frames, no file read or written: processor s, median of {request.repeats}")
    timings = engine.time_methods(bundle_from_path(motion), bundle_from_path(work.character), request.repeats)
    copy_s = timings["copy_rest"].processor_median_s
    for name, timing in timings.items():
        spent = timing.processor_median_s
        print(f"  {name}: {spent:.3f}, {frames / spent:,.0f} frames/s, {spent / copy_s:.1f} x copy_rest in numpy")
    return {name: dataclasses.asdict(timing) for name, timing in timings.items()}


def _service(request: Request, work: Workload, kind: MotionFormat) -> list[dict[str, Any]]:
    """The rows alternate between trees, so that the machine's other work falls on both."""
    frames = min(request.lengths)
    print(
        f"\nthrough the service (gateway, embedded Redis, one worker): {request.jobs} motions, none seen before, "
        f"{frames} frames, one character"
    )
    figures = []
    for setting in (DEFAULT, WITHOUT_SCORES):
        motions = work.motions(request.jobs + WARM_UPS, frames, kind)
        for tree in request.trees:
            timing = time_service(tree, setting, motions, work.character)
            figures.append({"tree": tree.name, "setting": setting.name, **dataclasses.asdict(timing)})
            per_core = timing.jobs_per_core_s
            spent = "processor time unknown here"
            if timing.processor_s is not None and per_core is not None:
                spent = f"{per_core:.2f} jobs/s per core ({timing.processor_s / timing.jobs:.2f} processor s a job)"
            print(f"  {setting.name:14} {tree.name:6} {spent}, {timing.jobs_per_s:.2f} jobs/s by the clock", flush=True)
    return figures


def _overhead(request: Request, work: Workload, kind: MotionFormat) -> list[dict[str, Any]]:
    frames = min(request.lengths)
    print(f"\nwhat the service adds, jobs of {frames} frames without scores, one after the other")
    figures = []
    for tree in request.trees:
        found = time_overhead(tree, work.motions(4 * request.jobs + 2, frames, kind), work.character, MANY_JOBS)
        figures.append({"tree": tree.name, **dataclasses.asdict(found)})
        added = ", ".join(f"{name} {1000.0 * value:.0f} ms" for name, value in found.overhead_s.items())
        print(
            f"  {tree.name:6} beyond the engine, {found.jobs} jobs: {added}; gateway {1000.0 * found.gateway_s:.1f} ms"
        )
        print(
            f"  {tree.name:6} {found.reads_per_core_s:,.0f} reads of a job's state a second of the gateway's processor"
        )
        print(
            f"  {tree.name:6} {found.many:,} jobs on stored files: gateway {1000.0 * found.many_gateway_s:.1f} ms, "
            f"memory of the gateway {found.gateway_kib:+.2f} KiB, of Redis {found.redis_kib:+.2f} KiB a job",
            flush=True,
        )
    return figures


def _lengths(request: Request, work: Workload, kinds: Sequence[MotionFormat]) -> list[dict[str, Any]]:
    print("\nby length, default job, warm, a process each: processor ms a frame, most memory of the process")
    rows = []
    for row in time_lengths(work, request.trees, kinds, request.compared_lengths):
        rows.append(row)
        first = next(other for other in rows if (other.kind, other.tree) == (row.kind, row.tree))
        compared = ""
        if first is not row:
            times, memory = row.processor_s_a_frame / first.processor_s_a_frame, row.peak_mib / first.peak_mib
            compared = f"; {times:.2f} x the time and {memory:.2f} x the memory at {first.frames:,}"
        print(
            f"  {row.kind} {row.frames:6,} {row.tree:6} {1000 * row.processor_s_a_frame:.2f} ms, "
            f"{row.peak_mib:.0f} MiB{compared}",
            flush=True,
        )
    return [dataclasses.asdict(row) for row in rows]


def _start(repeats: int) -> dict[str, Any]:
    print("\nprocesses: processor s (clock s), median")
    figures: dict[str, Any] = {}
    for name, timing in engine.time_start_up(repeats).items():
        figures[name] = dataclasses.asdict(timing)
        print(f"  {name}: {timing.processor_median_s:.3f} ({timing.median_s:.3f})")
    gateway = figures["gateway"] = engine.measure_gateway()
    print(
        f"  gateway: import {gateway['import_processor_s']:.2f} ({gateway['import_s']:.2f}), "
        f"resident memory {gateway['resident_mib']:.0f} MiB"
    )
    return figures
