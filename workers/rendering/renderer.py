"""The interface of a renderer, and the choice between this project's own and pytorch3d's.

pytorch3d has no wheel for most platforms, so it is never required: it is used where it is installed and a CUDA device
is asked for. On a CPU it takes seconds a picture, and the own renderer is the default there.
"""

from __future__ import annotations

import importlib.util
from typing import Protocol

import torch
from torch import Tensor

from workers.rendering.cameras import Camera
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import NUMBA_INSTALLED

PYTORCH3D_INSTALLED = importlib.util.find_spec("pytorch3d") is not None


class Renderer(Protocol):
    """`name` goes into reports: pictures of different renderers are not the same to the last bit."""

    @property
    def name(self) -> str: ...

    def render(self, vertices_m: Tensor, faces: Tensor, camera: Camera) -> Tensor:
        """Pictures `(B, 3, size, size)`, 0 to 1, differentiable in the vertices `(B, V, 3)`; `faces` `(F, 3)` int64."""
        ...


def choose_renderer(device: torch.device | str = "cpu") -> Renderer:
    """pytorch3d on CUDA where it is installed, else the own renderer; on a CPU compiled, where numba is installed."""
    if PYTORCH3D_INSTALLED and torch.device(device).type == "cuda":
        from workers.rendering.pytorch3d_backend import Pytorch3dRenderer

        return Pytorch3dRenderer()
    if NUMBA_INSTALLED and torch.device(device).type == "cpu":
        from workers.rendering.compiled.renderer import CompiledRenderer

        return CompiledRenderer()
    return TorchRenderer()
