"""Muon: momentum made orthogonal, for the matrices and kernels of a network; the rest is left to Adam.

Each update has all its singular values near one, so that rare directions are learned as fast as common ones; small
networks need about half the steps. After Jordan et al., "Muon: An optimizer for hidden layers in neural networks"
(2024); step sizes relative to a matrix's form as in Liu et al., arXiv 2502.16982. `torch.optim.Muon` takes matrices
only, and most of this network are convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
# A polynomial whose repeated use brings singular values from (0, 1] to about 1 (Jordan et al.).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ROUNDS = 5
ADAM_SIZE = 0.2  # root mean square of an Adam step's entries at learning rate 1 (Liu et al.)


ForEach = Callable[[Callable[[int], None], Iterable[int]], Iterator[Any]]


class Muon:
    """`step` moves the parameters along their gradients; a kernel `(out, in, h, w)` counts as `(out, in * h * w)`."""

    def __init__(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
        self._parameters = list(parameters)
        self._momenta = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._weight_decay = weight_decay

    def step(self, learning_rate: float, for_each: ForEach = map) -> None:
        """`for_each` is `map`, or that of a pool: parameters are updated independently of one another."""
        for _ in for_each(lambda number: self._update(number, learning_rate), range(len(self._parameters))):
            pass

    @torch.no_grad()
    def _update(self, number: int, learning_rate: float) -> None:
        parameter, momentum = self._parameters[number], self._momenta[number]
        gradient = parameter.grad
        if gradient is None:
            return
        momentum.lerp_(gradient, 1.0 - MOMENTUM)
        wanted = gradient.lerp(momentum, MOMENTUM).flatten(1)
        size = ADAM_SIZE * max(wanted.shape) ** 0.5
        parameter.mul_(1.0 - learning_rate * self._weight_decay)
        parameter.add_(orthogonal(wanted).view(parameter.shape), alpha=-learning_rate * size)


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with all singular values near one (0.7 to 1.2), by Newton-Schulz rounds in bfloat16."""
    a, b, c = COEFFICIENTS
    x = (matrix / (torch.linalg.matrix_norm(matrix) + 1e-7)).bfloat16()
    is_tall = x.shape[0] > x.shape[1]
    if is_tall:
        x = x.T
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = (x.T if is_tall else x).to(matrix.dtype)
    return result
