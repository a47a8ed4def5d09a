"""The renderer's gradients against central finite differences of much finer pictures.

The loss is the mean squared difference to a picture of another pose, an integral over the picture plane: it tends to
one value as pixels shrink, so its true derivative can be measured at high resolution and compared with the analytic
one at working resolution. Which poses and bodies are compared is left to `workers.lab.studies.gradients`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.rendering.cameras import Camera
from workers.rendering.renderer import Renderer
from workers.skeleton.model import Array

Pose = Callable[[Tensor], Tensor]  # parameters (B, n) -> vertices (B, V, 3)


# A derivative has a sign to speak of where it is more than this many standard errors of its measurement from 0 (a
# picture's gradient has an error of the same size, so of the derivatives just above this one in 60 may be wrong),
ERRORS_FROM_ZERO = 3.0
# and larger than this share of the largest one: less hardly turns the gradient.
SMALL = 0.03


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """Derivatives of the loss in each parameter, `(n,)`: from the pixels, and measured, with the measurement's standard
    error and, to see what the step does to it, with the half step alone.
    """

    analytic: Array
    measured: Array
    measured_half: Array
    error: Array

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which derivatives have a sign that could be measured; the rule knows nothing of the analytic ones."""
        size = np.abs(self.measured)
        return np.asarray((size > ERRORS_FROM_ZERO * self.error) & (size > SMALL * size.max()))

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which have the wrong sign, whether they count or not."""
        return np.asarray(np.sign(self.analytic) != np.sign(self.measured))

    @property
    def largest_wrong(self) -> float:
        """The largest counted derivative of wrong sign, as a share of the largest of all; 0 where all are right."""
        return self._largest(self.counted & self.wrong)

    @property
    def largest_left_out(self) -> float:
        """The same of those that do not count."""
        return self._largest(~self.counted & self.wrong)

    def _largest(self, chosen: NDArray[np.bool_]) -> float:
        return float(np.abs(self.measured[chosen]).max(initial=0.0) / np.abs(self.measured).max())

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
    that is compared with. Parameters come in threes that move the same part (or there are fewer).
    """
    full, half = _measure_twice(renderer, pose, steps, faces, camera.with_size(fine_size), target_m)
    measured = (4.0 * half - full) / 3.0  # the error of a central difference falls with the step's square
    checks = {}
    for size in sizes:
        view = camera.with_size(size)
        zero = torch.zeros(1, len(steps), requires_grad=True)
        with torch.no_grad():
            target = renderer.render(target_m, faces, view)
        picture_loss(renderer, pose(zero), faces, view, target).sum().backward()  # type: ignore[no-untyped-call]
        assert zero.grad is not None
        coarse = _measure_twice(renderer, pose, steps, faces, view, target_m)
        error = _standard_error(measured, full - half, coarse)
        checks[size] = GradientCheck(zero.grad[0].double().numpy(), measured, half, error)
    return checks


def _standard_error(measured: Array, between_steps: Array, coarse: tuple[Array, Array]) -> Array:
    """Of the measured derivatives, as signs of pictures of a working size, `(n,)`.

    Two things: what the step does to the measurement; and how far the same finite differences, taken in pictures of the
    working size, are off. Where fingers are two pixels wide, what those pictures show is partly chance, and no gradient
    of them can be expected to be more right than that. Parameters that move the same part share its pixels and so its
    error, which is their root mean square: one alone may be small by luck.
    """
    squares = between_steps**2 + np.mean([(found - measured) ** 2 for found in coarse], axis=0)
    parts = squares.reshape(-1, 3 if len(squares) % 3 == 0 else len(squares))
    return np.asarray(np.repeat(np.sqrt(parts.mean(axis=1)), parts.shape[1]))


def _measure_twice(
    renderer: Renderer, pose: Pose, steps: Array, faces: Tensor, view: Camera, target_m: Tensor
) -> tuple[Array, Array]:
    """With the full and with half the steps."""
    full, half = (_measure(renderer, pose, share * steps, faces, view, target_m) for share in (1.0, 0.5))
    return full, half


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
