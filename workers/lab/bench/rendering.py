"""How long pictures take: skinning, rendering forward and backward, by faces, resolution, batch, device and renderer.

All on a sample body in the middle of its walk. Figures are milliseconds a picture, the best of several runs (a shared
machine only ever adds time), and the processor's time of all threads beside it, which tells when a machine was busy.
`forward` is a picture as it is scored, `forward+` one that keeps what `backward` needs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from workers.geometry.decimate import decimate, weld
from workers.lab.studies.gradients import sample_motion
from workers.motion.body_motion import BodyMotion
from workers.rendering.cameras import follow
from workers.rendering.moving_body import motion_facing
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.renderer import PYTORCH3D_INSTALLED, Renderer
from workers.rendering.skinning import Skin, bind_skin
from workers.semantics.encoders.base import Encoder
from workers.semantics.encoders.loading import load_encoder
from workers.skeleton.model import Mesh

FACES = (5_000, 10_000, 19_000)
SIZES = (112, 224, 448)
BATCHES = (1, 8)


@dataclass(frozen=True)
class RenderTiming:
    """Milliseconds a picture: best on the clock, best of the processor; `encoder_ms` where one was given."""

    renderer: str
    device: str
    faces: int
    size: int
    batch: int
    skinning_ms: tuple[float, float]
    forward_ms: tuple[float, float]
    graph_ms: tuple[float, float]
    backward_ms: tuple[float, float]
    encoder_ms: tuple[float, float] | None

    @property
    def scored_ms(self) -> float:
        """Skinning, picture and encoder at best."""
        return self.skinning_ms[0] + self.forward_ms[0] + (self.encoder_ms[0] if self.encoder_ms else 0.0)


def bench_rendering(repeats: int = 5, encoder: str | None = None) -> list[RenderTiming]:
    """Measure and print the table; CUDA and pytorch3d where they are present. Returns the figures.

    Raises what `load_encoder` raises.
    """
    devices: list[Literal["cpu", "cuda"]] = ["cpu"]
    if torch.cuda.is_available():
        devices.append("cuda")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, devices {', '.join(devices)}, ", end="")
    print("pytorch3d beside" if PYTORCH3D_INSTALLED else "pytorch3d not installed")
    print(f"encoder: {encoder or 'none'}; ms a picture, best (processor); scored = skinning + forward + encoder")
    print("".join(f"{word:>9}" for word in HEAD[:5]) + "".join(f"{word:>15}" for word in HEAD[5:]))
    timings = []
    for timing in _measure_all(devices, repeats, encoder):
        timings.append(timing)
        print(_line(timing), flush=True)
    return timings


HEAD = (
    "renderer", "device", "faces", "px", "batch", "skinning", "forward", "encoder", "scored", "forward+", "backward"
)  # fmt: skip


def _line(timing: RenderTiming) -> str:
    def cell(figure: tuple[float, float] | None) -> str:
        return "-" if figure is None else f"{figure[0]:.1f} ({figure[1]:.1f})"

    cells = [cell(timing.skinning_ms), cell(timing.forward_ms), cell(timing.encoder_ms), f"{timing.scored_ms:.1f}"]
    cells += [cell(timing.graph_ms), cell(timing.backward_ms)]
    setting = (timing.renderer, timing.device, timing.faces, timing.size, timing.batch)
    return "".join(f"{value:>9}" for value in setting) + "".join(f"{value:>15}" for value in cells)


def _measure_all(devices: list[Literal["cpu", "cuda"]], repeats: int, encoder: str | None) -> Iterator[RenderTiming]:
    motion, mesh = sample_motion("walk", stout=False)
    whole = _refined(weld(mesh), max(FACES))
    settings = [(faces, 224, 8) for faces in FACES]
    settings += [(10_000, size, 8) for size in SIZES if size != 224]
    settings += [(10_000, 224, batch) for batch in BATCHES if batch != 8]
    for device in devices:
        eye = load_encoder(encoder, device) if encoder else None
        for renderer in _renderers(device):
            for faces, size, batch in settings:
                skin = bind_skin(decimate(whole, faces), motion.body.skeleton, device)
                yield _measure(renderer, motion, skin, size, batch, repeats, eye)


def _refined(mesh: Mesh, least_faces: int) -> Mesh:
    """Faces cut in four at the middles of their edges until there are enough; weights are those of the first corner."""
    while len(mesh.faces) < least_faces:
        corners = mesh.faces
        count = len(mesh.positions_m)
        ends = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
        edges, number = np.unique(ends, axis=0, return_inverse=True)
        ab, bc, ca = count + number.reshape(3, -1)
        a, b, c = corners.T
        faces = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
        mesh = Mesh(
            np.concatenate([mesh.positions_m, mesh.positions_m[edges].mean(axis=1)]),
            faces,
            np.concatenate([mesh.joints, mesh.joints[edges[:, 0]]]),
            np.concatenate([mesh.weights, mesh.weights[edges[:, 0]]]),
        )
    return mesh


def _renderers(device: str) -> Iterator[Renderer]:
    yield TorchRenderer()
    if PYTORCH3D_INSTALLED and device == "cuda":
        from workers.rendering.pytorch3d_backend import Pytorch3dRenderer

        yield Pytorch3dRenderer()


def _measure(
    renderer: Renderer, motion: BodyMotion, skin: Skin, size: int, batch: int, repeats: int, eye: Encoder | None
) -> RenderTiming:
    device = skin.positions_m.device
    chosen = np.linspace(0, motion.frames - 1, batch + 2)[1:-1].round().astype(int).tolist()
    path = motion.positions_m[:, motion.body.hips]
    cameras = follow(
        path, motion.rate_hz, motion.body.height_m, motion.body.floor_m, motion_facing(motion), size, ["three_quarter"]
    )
    camera = cameras["three_quarter"][torch.tensor(chosen)].to(device)
    turns = torch.as_tensor(motion.rotations[chosen], dtype=torch.float32, device=device).requires_grad_()
    places = torch.as_tensor(motion.positions_m[chosen], dtype=torch.float32, device=device)
    laps: list[tuple[Lap, ...]] = []
    for _ in range(repeats + 1):  # the first run warms up
        clock = Clock(device)
        with torch.no_grad():
            vertices = skin.deform(turns, places)
            skinned = clock.lap()
            pictures = renderer.render(vertices, skin.faces, camera)
            forward = clock.lap()
            if eye is not None:
                eye.embed(pictures)
            seen = clock.lap()
        vertices = skin.deform(turns, places)
        clock.lap()
        loss = renderer.render(vertices, skin.faces, camera).square().mean()
        graph = clock.lap()
        loss.backward()  # type: ignore[no-untyped-call]
        laps.append((skinned, forward, seen, graph, clock.lap()))
    skinned_ms, forward_ms, seen_ms, graph_ms, backward_ms = (
        (min(lap[0] for lap in column) * 1e3 / batch, min(lap[1] for lap in column) * 1e3 / batch)
        for column in zip(*laps[1:], strict=True)
    )
    return RenderTiming(
        renderer.name, device.type, len(skin.faces), size, batch, skinned_ms, forward_ms, graph_ms, backward_ms,
        seen_ms if eye is not None else None,
    )  # fmt: skip


Lap = tuple[float, float]


class Clock:
    """Seconds between laps, on the clock and of the processor, with the device's queue emptied first."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.last = time.perf_counter(), time.process_time()

    def lap(self) -> Lap:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter(), time.process_time()
        result = now[0] - self.last[0], now[1] - self.last[1]
        self.last = now
        return result
