"""The renderer's gradients against central finite differences of much finer pictures.

The loss is the mean squared difference to a picture of another pose, an integral over the picture plane: it tends to
one value as pixels shrink, so its true derivative can be measured at high resolution and compared with the analytic
one at working resolution. Which poses and bodies are compared is left to `workers.evaluation.render_gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.rendering.cameras import Camera
from workers.rendering.renderer import Renderer
from workers.skeleton.model import Array

Pose = Callable[[Tensor], Tensor]  # parameters (B, n) -> vertices (B, V, 3)


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """Derivatives of the loss in each parameter, `(n,)`: from the pixels, and measured."""

    analytic: Array
    measured: Array

    @property
    def signs_right(self) -> float:
        """Share of parameters; one whose derivative is under 3 % of the largest counts as right either way."""
        matters = np.abs(self.measured) > 0.03 * np.abs(self.measured).max()
        return float(np.mean(np.sign(self.analytic[matters]) == np.sign(self.measured[matters])))

    @property
    def magnitude_error(self) -> float:
        """Length of the difference over the length of the measured gradient."""
        return float(np.linalg.norm(self.analytic - self.measured) / np.linalg.norm(self.measured))

    @property
    def cosine(self) -> float:
        return float(
            self.analytic @ self.measured / (np.linalg.norm(self.analytic) * np.linalg.norm(self.measured) + 1e-30)
        )


def picture_loss(renderer: Renderer, vertices_m: Tensor, faces: Tensor, camera: Camera, target: Tensor) -> Tensor:
    """Mean squared difference `(B,)` to the target picture `(1, 3, H, W)`."""
    return ((renderer.render(vertices_m, faces, camera) - target) ** 2).mean((1, 2, 3))


def check_gradient(
    renderer: Renderer,
    pose: Pose,
    steps: Array,
    faces: Tensor,
    camera: Camera,
    target_m: Tensor,
    sizes: Sequence[int],
    fine_size: int = 896,
) -> dict[int, GradientCheck]:
    """Gradients at parameters 0 in pictures of several sizes. `steps` `(n,)` are the half widths of the differences, in
    each parameter's unit; `camera` is one view, `target_m` `(1, V, 3)` the pose that is compared with.
    """
    analytic = {}
    for size in sizes:
        view = camera.with_size(size)
        zero = torch.zeros(1, len(steps), requires_grad=True)
        with torch.no_grad():
            target = renderer.render(target_m, faces, view)
        picture_loss(renderer, pose(zero), faces, view, target).sum().backward()  # type: ignore[no-untyped-call]
        assert zero.grad is not None
        analytic[size] = zero.grad[0].double().numpy()
    fine = camera.with_size(fine_size)
    measured = []
    with torch.no_grad():
        target = renderer.render(target_m, faces, fine)
        for number, step in enumerate(steps):
            shift = torch.zeros(1, len(steps))
            shift[0, number] = float(step)
            above, below = (
                picture_loss(renderer, pose(sign * shift), faces, fine, target).double() for sign in (1.0, -1.0)
            )
            measured.append(float((above - below) / (2.0 * step)))
    return {size: GradientCheck(gradient, np.array(measured)) for size, gradient in analytic.items()}
