"""Every figure of a device in one table, the CPU beside it: skinning, pictures, gradients, encoder.

Each row is a piece of the product with its tensors on the device already, as its loops have them; copies between
devices and numbers read back by the host are counted while it runs, since each of them stops a GPU. Body queries and
the equations of a refinement have no device code: they run on the CPU whatever the device. None of this was run on CUDA
so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from workers.geometry.decimate import decimate, weld
from workers.lab.bench.rendering import Clock
from workers.lab.studies.gradients import pose_body, sample_motion
from workers.rendering.cameras import Camera
from workers.rendering.renderer import choose_renderer
from workers.rendering.skinning import Skin, bind_skin
from workers.semantics.encoders.loading import DeviceChoice, load_encoder

CLIP, SIZE = "walk", 224
# A number, or how many there are: the host waits for it either way.
READS = ("aten::_local_scalar_dense", "aten::nonzero", "aten::repeat_interleave", "aten::masked_select")
NO_CUDA = "no CUDA device here: not run"


@dataclass(frozen=True)
class DeviceRow:
    """Milliseconds of a piece of work, the best of several; in it `copies` between devices and `reads` by the host."""

    name: str
    device: str
    clock_ms: float
    copies: int
    reads: int


class Transfers(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, while it is entered, copies from one device to another and numbers that the host reads."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.copies = self.reads = 0

    def __torch_dispatch__(
        self, function: Any, types: Sequence[type], arguments: Sequence[Any] = (), named: dict[str, Any] | None = None
    ) -> Any:
        result = function(*arguments, **(named or {}))
        name = function.overloadpacket._qualified_op_name
        if name in READS:
            self.reads += 1
        elif name in ("aten::_to_copy", "aten::copy_"):
            other = arguments[0] if name == "aten::_to_copy" else arguments[1]
            self.copies += int(isinstance(other, Tensor) and other.device != result.device)
        return result


def bench_device(device: str, encoder: str | None, frames: int, faces: int, repeats: int) -> Iterator[DeviceRow]:
    """The rows of the CPU, then of `device` where it is another one. Raises what `load_encoder` raises."""
    for place in dict.fromkeys(("cpu", device)):
        for name, work in _pieces(place, encoder, frames, faces):
            work()  # the first run warms up
            best_s = math.inf
            for _ in range(repeats):
                clock = Clock(torch.device(place))
                work()
                best_s = min(best_s, clock.lap()[0])
            with Transfers() as seen:
                work()
            yield DeviceRow(name, place, 1000.0 * best_s, seen.copies, seen.reads)


Work = Callable[[], object]


def _pieces(device: str, encoder: str | None, frames: int, faces: int) -> Iterator[tuple[str, Work]]:
    motion, mesh = sample_motion(CLIP, stout=False)
    skin = bind_skin(decimate(weld(mesh), faces), motion.body.skeleton, device)
    chosen = np.linspace(0, motion.frames - 1, frames).round().astype(int)
    turns = torch.as_tensor(motion.rotations[chosen], dtype=torch.float32, device=device)
    places = torch.as_tensor(motion.positions_m[chosen], dtype=torch.float32, device=device)
    camera = _camera(pose_body(motion, skin_on_cpu(skin), 0, "front", SIZE).camera, frames, device)
    renderer = choose_renderer(device)
    size = f"{frames} frames, {len(skin.faces):,} faces"
    yield f"skinning, {size}", lambda: skin.deform(turns, places)
    vertices = skin.deform(turns, places)

    def seen() -> Tensor:
        with torch.no_grad():
            return renderer.render(vertices, skin.faces, camera)

    def pulled() -> None:
        leaf = turns.clone().requires_grad_()
        picture = renderer.render(skin.deform(leaf, places), skin.faces, camera)
        picture.square().mean().backward()  # type: ignore[no-untyped-call]

    yield f"pictures ({renderer.name}), {size}, {SIZE} px", seen
    yield "skinning, pictures and their gradient", pulled
    if encoder is not None:
        eye, pictures = load_encoder(encoder, _choice(device)), seen()
        yield f"encoder {encoder}, {frames} pictures", lambda: eye.embed(pictures)


def skin_on_cpu(skin: Skin) -> Skin:
    """The same skin for what is set up on the host."""
    return Skin(**{name: value.cpu() for name, value in vars(skin).items()})


def _camera(camera: Camera, frames: int, device: str) -> Camera:
    return camera[torch.zeros(frames, dtype=torch.long)].to(device)


def _choice(device: str) -> DeviceChoice:
    return "cuda" if device == "cuda" else "cpu"
