"""`retarget bench`: how fast reading, retargeting and writing are, or rendering and seeing, and where the time goes."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.contract.errors import InvalidOptions

if TYPE_CHECKING:
    from workers.lab.bench.engine import Timing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=int, default=1000, metavar="N", help="frames of the motion (default: 1000)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="runs of each measurement (default: 5)")
    parser.add_argument("--no-gateway", action="store_true", help="leave out import time and memory of the gateway")
    parser.add_argument(
        "--rendering", action="store_true", help="how long pictures and encoders take, instead of the engine"
    )
    parser.add_argument(
        "--parts", action="store_true", help="single steps, each beside a plain way or a smaller case, instead"
    )
    parser.add_argument("--refinement", action="store_true", help="how long refinement takes, and its memory, instead")
    parser.add_argument(
        "--encoder",
        metavar="NAME",
        help="with --rendering, --refinement: a model of the store, or none (default: the built-in one)",
    )
    parser.add_argument(
        "--random-blip", action="store_true", help="with --rendering: time a full-size BLIP ViT-B with random weights"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")


def run(arguments: argparse.Namespace) -> int:
    if arguments.frames < 4 or arguments.repeats < 1:
        raise InvalidOptions("--frames must be at least 4 and --repeats at least 1")
    if arguments.refinement:
        work = run_refinement
    elif arguments.rendering:
        work = run_rendering
    else:
        work = run_parts if arguments.parts else run_engine
    figures = work(arguments)
    if arguments.json is not None:
        try:
            arguments.json.write_text(json.dumps(figures, indent=1))
        except OSError as error:
            raise InvalidOptions(f"--json: cannot write {str(arguments.json)!r}: {error.strerror}") from None
    return 0


def run_rendering(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.semantics.choice import choose_encoder

    choice = choose_encoder(arguments.encoder)
    if choice.reference is None:
        print(f"no encoder's time: {choice.reason}")
    from workers.lab.bench.rendering import bench_rendering

    figures: dict[str, Any] = {"encoder": choice.reference}
    timings = bench_rendering(arguments.repeats, choice.reference)
    figures["rendering"] = [dataclasses.asdict(timing) for timing in timings]
    if arguments.random_blip:
        from workers.lab.bench.blip import bench_blip

        figures["random_blip"] = []
        for timing in bench_blip():
            figures["random_blip"].append(dataclasses.asdict(timing))
            print(
                f"BLIP ViT-B, random weights, {timing.parameters / 1e6:.0f} M parameters, batch {timing.batch}: "
                f"{timing.forward_s[0]:.2f} s a frame forward ({timing.forward_s[1]:.2f} of the processor), "
                f"{timing.forward_backward_s[0]:.2f} ({timing.forward_backward_s[1]:.2f}) forward and backward",
                flush=True,
            )
    return figures


def run_refinement(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.lab.bench.refinement import bench_refinement
    from workers.semantics.choice import choose_encoder

    choice = choose_encoder(arguments.encoder)
    figures: dict[str, Any] = {"encoder": choice.reference, "refinement": []}
    for timing in bench_refinement(choice.reference):
        figures["refinement"].append(dataclasses.asdict(timing))
        print(
            f"{timing.mode}, {timing.frames} frames, {timing.vertices:,} vertices: "
            f"{timing.seconds_per_100_frames:.1f} s per 100 frames "
            f"({100.0 * timing.processor_s / timing.frames:.1f} of the processor), surfaces {timing.prepared_s:.1f} s, "
            f"{timing.accepted} of {timing.windows} windows accepted, memory {timing.peak_mib:.0f} MiB",
            flush=True,
        )
    return figures


def run_parts(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.lab.bench.files import make_bench_files
    from workers.lab.bench.parts import bench_parts

    files = make_bench_files(arguments.frames)
    print(f"{files.joints} joints x {files.frames} frames; best processor time of {arguments.repeats}")
    figures: dict[str, Any] = {"joints": files.joints, "frames": files.frames, "parts": []}
    for part in bench_parts(files, arguments.repeats):
        figures["parts"].append(dataclasses.asdict(part) | {"ratio": part.ratio})
        print(
            f"{part.name}: {1000 * part.seconds:.1f} ms, {part.ratio:.2f} x {part.opponent} "
            f"({1000 * part.opponent_s:.1f} ms)",
            flush=True,
        )
    return figures


def run_engine(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.lab.bench import engine as speed
    from workers.lab.bench.files import make_bench_files

    files = make_bench_files(arguments.frames)
    print(f"{files.joints} joints x {files.frames} frames onto a character of {files.vertices:,} vertices, IK on")
    figures: dict[str, Any] = {"joints": files.joints, "frames": files.frames, "vertices": files.vertices}
    for name, motion in (("BVH in", files.bvh), ("GLB in", files.glb)):
        timing = speed.time_engine(motion, files.character, arguments.repeats)
        scoring = timing.stages.get("scoring", 0.0)
        figures[name] = _entry(timing, files.frames)
        without = files.frames / (timing.median_s - scoring)
        print(_line(f"{name}: read + retarget + write + score", timing, files.frames))
        print(f"  without the scores {without:,.0f} frames/s; " + _stages(timing))
    methods = speed.time_methods(files, arguments.repeats)
    for name, timing in methods.items():
        figures[name] = _entry(timing, files.frames)
        times = timing.median_s / methods["copy_rest"].median_s
        print(_line(f"retargeting alone, {name}", timing, files.frames) + f", {times:.1f} x copy_rest's time")
    for name, timing in speed.time_start_up(arguments.repeats).items():
        figures[name] = _entry(timing, None)
        print(
            f"process, {name}: best {timing.best_s:.3f} s, median {timing.median_s:.3f} s, "
            f"{timing.processor_median_s:.3f} s of processor"
        )
    if not arguments.no_gateway:
        gateway = figures["gateway"] = speed.measure_gateway()
        print(
            f"gateway: import {gateway['import_s']:.2f} s ({gateway['import_processor_s']:.2f} s of processor), "
            f"resident memory {gateway['resident_mib']:.0f} MiB"
        )
    return figures


def _line(name: str, timing: Timing, frames: int) -> str:
    return (
        f"{name}: {frames / timing.median_s:,.0f} frames/s median ({timing.median_s:.3f} s), "
        f"{frames / timing.best_s:,.0f} best, {frames / timing.processor_median_s:,.0f} by processor time"
    )


def _stages(timing: Timing) -> str:
    return ", ".join(f"{stage} {seconds * 1000:.0f} ms" for stage, seconds in timing.stages.items())


def _entry(timing: Timing, frames: int | None) -> dict[str, Any]:
    rate = {} if frames is None else {"frames_per_s": frames / timing.median_s}
    return {"seconds": timing.seconds, "processor_s": timing.processor_s, "stages": timing.stages, **rate}
