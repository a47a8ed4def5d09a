"""`retarget bench`: what jobs cost, beside three.js and the naive copy; or rendering, refinement, single steps."""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

from workers.contract.errors import InvalidOptions
from workers.lab.commands.asked import write_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=("speed", "compare", "standards"), default="speed",
        help="speed (default); compare: quality and speed beside other ways, on --motions and --characters; standards: "
        "22 naming standards of skeletons, each on every other",
    )  # fmt: skip
    parser.add_argument("--motions", type=Path, nargs="+", metavar="FILE", help="compare: default our own clips")
    parser.add_argument("--characters", type=Path, nargs="+", metavar="FILE", help="compare: default our own")
    parser.add_argument("--csv", type=Path, metavar="OUT", help="compare, standards: every pair as a line")
    parser.add_argument("--picture", type=Path, metavar="OUT", help="compare: bars, standards: all pairs, as a PNG")
    parser.add_argument(
        "--blender", metavar="PROGRAM", help="compare: Blender, or a Python with bpy (RETARGET_BLENDER)"
    )
    parser.add_argument("--memory", action="store_true", help="compare: also the most memory of each")
    parser.add_argument(
        "--frames", type=int, nargs="+", metavar="N", help="lengths of the motions (default: 100 3000; --parts: 1000)"
    )
    parser.add_argument(
        "--compared-frames", type=int, nargs=2, metavar="N", help="two lengths by time and memory (default: 300 10000)"
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="runs of each measurement (default: 3; others 5)")
    parser.add_argument("--jobs", type=int, default=10, metavar="N", help="jobs through the service (%(default)s)")
    parser.add_argument("--motion", type=Path, metavar="FILE", help="its first clip, cut or played to and fro")
    parser.add_argument("--character", type=Path, metavar="FILE", help="who receives it")
    parser.add_argument("--formats", nargs="+", choices=("bvh", "glb"), help="of the motions (default: both)")
    parser.add_argument("--only", metavar="PART,...", help="of jobs, three, copy, service, overhead, lengths, start")
    parser.add_argument("--no-gateway", action="store_true", help="leave out the service, start-up and the gateway")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another checkout, on the same files in turn")
    parser.add_argument("--three", type=Path, metavar="FOLDER", help="the npm package three (RETARGET_THREE)")
    parser.add_argument("--seed", type=int, metavar="N", help="the same motions again; caches may know them then")
    parser.add_argument(
        "--rendering", action="store_true", help="how long pictures and encoders take, instead of the engine"
    )
    parser.add_argument(
        "--parts", action="store_true", help="single steps, each beside a plain way or a smaller case, instead"
    )
    parser.add_argument("--batches", type=int, metavar="N", help="N cheap jobs posted as batches to a service, instead")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="all figures of a device beside the CPU's, instead")
    parser.add_argument("--refinement", action="store_true", help="how long refinement takes, and its memory, instead")
    parser.add_argument(
        "--encoder",
        metavar="NAME",
        help="with --rendering, --refinement, compare: a model of the store, or none (default: the built-in one)",
    )
    parser.add_argument(
        "--random-blip", action="store_true", help="with --rendering: time a full-size BLIP ViT-B with random weights"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures here")


def run(arguments: argparse.Namespace) -> int:
    if (
        min(arguments.frames or [4]) < 4
        or (arguments.repeats or 1) < 1
        or min(arguments.jobs, arguments.batches or 1) < 1
    ):
        raise InvalidOptions("--frames must be at least 4, --repeats, --jobs and --batches at least 1")
    if arguments.what == "compare":
        work = run_compare
    elif arguments.what == "standards":
        work = run_standards
    elif arguments.batches is not None:
        work = run_batches
    elif arguments.device is not None:
        work = run_device
    elif arguments.refinement:
        work = run_refinement
    elif arguments.rendering:
        work = run_rendering
    else:
        work = run_parts if arguments.parts else run_speed
    figures = work(arguments)
    if arguments.json is not None:
        _write("--json", arguments.json, json.dumps(figures, indent=1))
    return 0


def _write(flag: str, path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise InvalidOptions(f"{flag}: cannot write {str(path)!r}: {error.strerror}") from None


def run_compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Ours and others on the same pairs, scored alike."""
    from workers.lab.bench.compare import as_csv, compare, markdown, pooled
    from workers.lab.bench.compare_picture import bars_picture
    from workers.lab.bench.opponents import opponents
    from workers.samples.write import write_samples

    found, absent = opponents(arguments.three, arguments.blender)
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as folder:
        own = write_samples(Path(folder)) if None in (arguments.motions, arguments.characters) else []
        names = [path.stem for path in own if path.suffix == ".bvh"]  # each clip is there as BVH and on a body
        motions = arguments.motions or [path for path in own if path.suffix == ".glb" and path.stem in names]
        characters = arguments.characters or [path for path in own if path.suffix == ".glb" and path.stem not in names]
        print(f"{len(motions)} motions on {len(characters)} characters")
        for opponent in found:
            print(f"  {opponent.name}: {opponent.settings}")
        for words in absent:
            print(f"  {words}")
        results = []
        for result in compare(found, motions, characters, arguments.encoder, arguments.memory):
            results.append(result)
            if result.failure:
                print(f"  {result.opponent}, {result.motion} on {result.character}: {result.failure}", flush=True)
    figures = pooled(results)
    print(f"means over the {figures.pairs} pairs that all could do\n\n{markdown(figures)}")
    if arguments.csv is not None:
        _write("--csv", arguments.csv, as_csv(results))
    if arguments.picture is not None:
        write_picture(arguments.picture, bars_picture(figures))
    return dataclasses.asdict(figures)


def run_standards(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every naming standard of skeletons on every other."""
    from workers.lab.standards.rigs import standards
    from workers.lab.standards.study import StandardPair, study_standards
    from workers.lab.standards.table import as_csv, matrix_picture, summary

    pairs: list[StandardPair] = []
    mapped = study_standards(standards(), pairs.append)
    print(summary(pairs, mapped))
    if arguments.csv is not None:
        _write("--csv", arguments.csv, as_csv(pairs))
    if arguments.picture is not None:
        write_picture(arguments.picture, matrix_picture(pairs))
    return {"standards": [dataclasses.asdict(pair) for pair in pairs]}


def run_batches(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.lab.bench.batches import bench_batches

    figures = bench_batches(arguments.batches)
    print(figures.row(), flush=True)
    return {"batches": dataclasses.asdict(figures)}


def run_rendering(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.semantics.choice import choose_encoder

    choice = choose_encoder(arguments.encoder)
    if choice.reference is None:
        print(f"no encoder's time: {choice.reason}")
    from workers.lab.bench.rendering import bench_rendering

    figures: dict[str, Any] = {"encoder": choice.reference}
    timings = bench_rendering(arguments.repeats or 5, choice.reference)
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


def run_device(arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    from workers.lab.bench.device import NO_CUDA, bench_device
    from workers.semantics.choice import choose_encoder

    if arguments.device == "cuda" and not torch.cuda.is_available():
        print(NO_CUDA)
        return {"device": "cuda", "rows": NO_CUDA}
    chosen = torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu"
    print(f"torch {torch.__version__}, {chosen}, {torch.get_num_threads()} threads; best of several runs")
    print("body queries have no device code: they run on the CPU")
    frames, repeats = (arguments.frames or [32])[0], arguments.repeats or 5
    rows = []
    for row in bench_device(arguments.device, choose_encoder(arguments.encoder).reference, frames, 10_000, repeats):
        rows.append(dataclasses.asdict(row))
        print(
            f"{row.device:5} {row.clock_ms:10.1f} ms  {row.name}; {row.copies} copies between devices, "
            f"{row.reads} numbers read by the host",
            flush=True,
        )
    return {"device": arguments.device, "rows": rows}


def run_parts(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.lab.bench.files import make_bench_files
    from workers.lab.bench.parts import bench_parts

    repeats = arguments.repeats or 5
    files = make_bench_files((arguments.frames or [1000])[0])
    print(f"{files.joints} joints x {files.frames} frames; best processor time of {repeats}")
    figures: dict[str, Any] = {"joints": files.joints, "frames": files.frames, "parts": []}
    for part in bench_parts(files, repeats):
        figures["parts"].append(dataclasses.asdict(part) | {"ratio": part.ratio})
        print(
            f"{part.name}: {1000 * part.seconds:.1f} ms, {part.ratio:.2f} x {part.opponent} "
            f"({1000 * part.opponent_s:.1f} ms)",
            flush=True,
        )
    return figures


def run_speed(arguments: argparse.Namespace) -> dict[str, Any]:
    from workers.lab.bench.job_process import other_tree, this_tree
    from workers.lab.bench.speed import PARTS, Request, bench_speed

    parts = PARTS if arguments.only is None else tuple(arguments.only.split(","))
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise InvalidOptions(f"--only: no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    if arguments.no_gateway:
        parts = tuple(part for part in parts if part not in ("service", "start"))
    before = [] if arguments.before is None else [other_tree(arguments.before)]
    names = ("motion", "character", "three", "repeats", "seed", "jobs", "formats")
    given = {name: getattr(arguments, name) for name in names}
    given |= {"lengths": arguments.frames, "compared_lengths": arguments.compared_frames}
    return bench_speed(
        Request([this_tree(), *before], parts=parts, **{k: v for k, v in given.items() if v is not None})
    )
