"""How long refinement takes, and its memory by the length of a clip: hands put on hips over and over, so that there is
something to correct all the time, onto the stout sample with a surface of 10,000 vertices.

Each figure is a process of its own: memory is the most that one held, and one clip does not pay for another's imports.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from workers.contract.options import JobOptions, parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.lab.bench.files import lengthened, subdivided
from workers.platform.processes import peak_bytes
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.samples.body import build_body
from workers.samples.clips import hands_on_hips
from workers.samples.glb import rig_to_glb
from workers.samples.rig import RigStyle, build_rig
from workers.samples.shape import STOUT, TALL

VERTICES = 10_000
FRAMES = 300
LONGER = (300, 1200)  # frames of clips whose memory is compared
TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class RefinementTiming:
    """`seconds` on the clock and `processor_s` of one refinement; `prepared_s` for what clips of a character share."""

    mode: str
    frames: int
    vertices: int
    windows: int
    accepted: int
    prepared_s: float
    seconds: float
    processor_s: float
    peak_mib: float

    @property
    def seconds_per_100_frames(self) -> float:
        return 100.0 * self.seconds / self.frames


def bench_refinement(encoder: str | None) -> Iterator[RefinementTiming]:
    """By geometry, with an encoder also by meaning; then by geometry for clips of other lengths."""
    yield _measure("geometry", FRAMES, None)
    if encoder is not None:
        yield _measure("semantic", FRAMES, encoder)
    for frames in LONGER:
        if frames != FRAMES:
            yield _measure("geometry", frames, None)


def _measure(mode: str, frames: int, encoder: str | None) -> RefinementTiming:
    code = f"from workers.lab.bench.refinement import tell; tell({mode!r}, {frames}, {encoder!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    return RefinementTiming(**json.loads(done.stdout.splitlines()[-1]))


def tell(mode: str, frames: int, encoder: str | None) -> None:
    """Refine one clip in this process and print its timing."""
    from workers.geometry.prepared import surfaces_of
    from workers.refinement.refine import refine_clip
    from workers.semantics.loaded import open_encoder

    tall, stout = build_body(TALL), subdivided(build_body(STOUT), VERTICES)
    motion = rig_to_glb(build_rig(tall, RigStyle()), [lengthened(hands_on_hips(tall), frames)])
    source = prepare_motion(read_scene(FileBundle("motion.glb", motion)), 0, parse_options(None))
    target = prepare_character(read_scene(FileBundle("stout.glb", rig_to_glb(build_rig(stout, RigStyle())))), {})
    done = retarget_clip(source, target, parse_options(None))
    loaded = None if encoder is None else open_encoder(encoder)
    begin = time.perf_counter()
    for surface in (surfaces_of(target).light, surfaces_of(source).light, surfaces_of(target).fine):
        assert len(surface.limb_vertices)
    prepared = time.perf_counter()
    used = time.process_time()
    refined = refine_clip(
        done,
        target,
        JobOptions.model_validate({"refine": mode}),
        lambda share: None,
        budget_s=TIMEOUT_S,
        loaded=loaded,
    )
    seconds, processor_s = time.perf_counter() - prepared, time.process_time() - used
    assert refined.refinement is not None
    windows = refined.refinement.summary["windows"]
    timing = RefinementTiming(
        mode=mode,
        frames=frames,
        vertices=len(stout.positions_m),
        windows=len(windows),
        accepted=sum(window["accepted"] for window in windows),
        prepared_s=prepared - begin,
        seconds=seconds,
        processor_s=processor_s,
        peak_mib=peak_bytes() / 2**20,
    )
    print(json.dumps(asdict(timing)))
