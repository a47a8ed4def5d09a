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


# Derivatives smaller than this share of the largest one have no sign to speak of.
SMALL = 0.03


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """Derivatives of the loss in each parameter, `(n,)`: from the pixels, and measured, with the full and half step."""

    analytic: Array
    measured: Array
    measured_half: Array

    @property
    def _wrong(self) -> Array:
        """Size of each derivative with the wrong sign, as a share of the largest; 0 for the others.

        Where the two measurements differ in sign themselves there is none to compare with.
        """
        wrong = np.sign(self.analytic) != np.sign(self.measured)
        known = np.sign(self.measured) == np.sign(self.measured_half)
        return np.where(wrong & known, np.abs(self.measured) / np.abs(self.measured).max(), 0.0)

    @property
    def signs_right(self) -> float:
        """Share of parameters; one whose derivative is under `SMALL` of the largest is not counted."""
        matters = np.abs(self.measured) > SMALL * np.abs(self.measured).max()
        return float(np.mean(self._wrong[matters] == 0.0))

    @property
    def largest_wrong(self) -> float:
        """The largest derivative with the wrong sign, as a share of the largest of all; 0 where all are right."""
        return float(self._wrong.max())

    @property
    def magnitude_error(self) -> float:
        """Length of the difference over the length of the measured gradient."""
        return float(np.linalg.norm(self.analytic - self.measured) / np.linalg.norm(self.measured))

    @property
    def cosine(self) -> float:
        return _cosine(self.analytic, self.measured)

    @property
    def reference_cosine(self) -> float:
        """How well the two measurements agree: what lies between it and 1 is not the renderer's."""
        return _cosine(self.measured_half, self.measured)


def _cosine(a: Array, b: Array) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-30))


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
    each parameter's unit (measured with half of them as well); `camera` is one view, `target_m` `(1, V, 3)` the pose
    that is compared with.
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
    measured = [
        _measure(renderer, pose, share * steps, faces, camera.with_size(fine_size), target_m) for share in (1.0, 0.5)
    ]
    return {size: GradientCheck(gradient, *measured) for size, gradient in analytic.items()}


def _measure(renderer: Renderer, pose: Pose, steps: Array, faces: Tensor, view: Camera, target_m: Tensor) -> Array:
    """Central differences, `(n,)`."""
    measured = []
    with torch.no_grad():
        target = renderer.render(target_m, faces, view)
        for number, step in enumerate(steps):
            shift = torch.zeros(1, len(steps))
            shift[0, number] = float(step)
            above, below = (
                picture_loss(renderer, pose(sign * shift), faces, view, target).double() for sign in (1.0, -1.0)
            )
            measured.append(float((above - below) / (2.0 * step)))
    return np.array(measured)
