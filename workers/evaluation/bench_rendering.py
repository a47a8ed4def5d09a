"""How long pictures take: skinning, rendering forward and backward, by faces, resolution, batch, device and renderer.

All on a sample body in the middle of its walk. Figures are milliseconds a picture, the best of several runs (a shared
machine only ever adds time) and the median beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from workers.evaluation.render_gradients import sample_motion
from workers.rendering.cameras import follow
from workers.rendering.decimate import decimate, weld
from workers.rendering.moving_body import motion_facing
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.renderer import PYTORCH3D_INSTALLED, Renderer
from workers.rendering.skinning import Skin, bind_skin
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Mesh

FACES = (5_000, 10_000, 19_000)
SIZES = (112, 224, 448)
BATCHES = (1, 8)


@dataclass(frozen=True)
class RenderTiming:
    """Milliseconds a picture: (best, median) of skinning, forward and backward."""

    renderer: str
    device: str
    faces: int
    size: int
    batch: int
    skinning_ms: tuple[float, float]
    forward_ms: tuple[float, float]
    backward_ms: tuple[float, float]


def bench_rendering(repeats: int = 5) -> list[RenderTiming]:
    """Measure and print the table; CUDA and pytorch3d where they are present. Returns the figures."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, devices {', '.join(devices)}, ", end="")
    print("pytorch3d beside" if PYTORCH3D_INSTALLED else "pytorch3d not installed")
    head = ("renderer", "device", "faces", "px", "batch", "skinning", "forward", "backward", "sum")
    print("".join(f"{word:>11}" for word in head) + "   ms a picture, best (median)")
    timings = []
    for timing in _measure_all(devices, repeats):
        timings.append(timing)
        print(_line(timing), flush=True)
    return timings


def _line(timing: RenderTiming) -> str:
    parts = (timing.skinning_ms, timing.forward_ms, timing.backward_ms)
    total = tuple(sum(part[k] for part in parts) for k in (0, 1))
    cells = [f"{best:.1f} ({middle:.1f})" for best, middle in (*parts, total)]
    text = f"{timing.renderer:>11}{timing.device:>11}{timing.faces:>11}{timing.size:>11}{timing.batch:>11}"
    return text + "".join(f"{cell:>15}" for cell in cells)


def _measure_all(devices: list[str], repeats: int) -> Iterator[RenderTiming]:
    motion, mesh = sample_motion("walk", stout=False)
    whole = _refined(weld(mesh), max(FACES))
    settings = [(faces, 224, 8) for faces in FACES]
    settings += [(10_000, size, 8) for size in SIZES if size != 224]
    settings += [(10_000, 224, batch) for batch in BATCHES if batch != 8]
    for device in devices:
        for renderer in _renderers(device):
            for faces, size, batch in settings:
                skin = bind_skin(decimate(whole, faces), motion.body.skeleton, device)
                yield _measure(renderer, motion, skin, size, batch, repeats)


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


def _measure(renderer: Renderer, motion: BodyMotion, skin: Skin, size: int, batch: int, repeats: int) -> RenderTiming:
    device = skin.positions_m.device
    chosen = np.linspace(0, motion.frames - 1, batch + 2)[1:-1].round().astype(int).tolist()
    path = motion.positions_m[:, motion.body.hips]
    cameras = follow(
        path, motion.rate_hz, motion.body.height_m, motion.body.floor_m, motion_facing(motion), size, ["three_quarter"]
    )
    camera = cameras["three_quarter"][torch.tensor(chosen)].to(device)
    turns = torch.as_tensor(motion.rotations[chosen], dtype=torch.float32, device=device).requires_grad_()
    places = torch.as_tensor(motion.positions_m[chosen], dtype=torch.float32, device=device)
    times: list[tuple[float, float, float]] = []
    for _ in range(repeats + 1):  # the first run warms up
        clock = _Clock(device)
        vertices = skin.deform(turns, places)
        skinned = clock.lap()
        loss = renderer.render(vertices, skin.faces, camera).square().mean()
        forward = clock.lap()
        loss.backward()  # type: ignore[no-untyped-call]
        times.append((skinned, forward, clock.lap()))
    columns = [[1e3 * item[k] / batch for item in times[1:]] for k in range(3)]
    figures = [(min(column), median(column)) for column in columns]
    return RenderTiming(renderer.name, device.type, len(skin.faces), size, batch, figures[0], figures[1], figures[2])


class _Clock:
    """Seconds between laps, with the device's queue emptied first."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.last = time.perf_counter()

    def lap(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        result, self.last = now - self.last, now
        return result
