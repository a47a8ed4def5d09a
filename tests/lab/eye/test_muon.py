"""Muon: what an update looks like, and that it goes downhill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from workers.lab.eye.learn.muon import Muon, orthogonal


@pytest.mark.parametrize("form", [(40, 8), (8, 40), (16, 16)])
def test_singular_values_come_near_one_and_directions_stay(form: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(form) @ torch.diag(torch.logspace(-1, 1, form[1]))
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ orthogonal(matrix) @ right.T
    kept = sizes > 0.05 * sizes.max()
    assert ((found.diagonal() > 0.5) & (found.diagonal() < 1.4))[kept].all()
    assert (found - torch.diag(found.diagonal())).abs().max() < 0.1


def test_an_update_does_not_depend_on_the_size_of_the_gradient() -> None:
    torch.manual_seed(1)
    gradient = torch.randn(6, 3, 2, 2)
    moved = []
    for size in (1e-3, 1.0, 1e3):
        kernel = torch.zeros(6, 3, 2, 2)
        kernel.grad = size * gradient
        Muon([kernel], weight_decay=0.0).step(0.1)
        moved.append(kernel)
    torch.testing.assert_close(moved[0], moved[1], atol=2e-3, rtol=0.02)
    torch.testing.assert_close(moved[2], moved[1], atol=2e-3, rtol=0.02)


def test_it_goes_downhill_and_a_pool_changes_nothing() -> None:
    def fit(pool: ThreadPoolExecutor | None) -> tuple[float, list[torch.Tensor]]:
        torch.manual_seed(2)
        inputs, truth = torch.randn(64, 12), torch.randn(12, 5)
        weights = [torch.nn.Parameter(0.1 * torch.randn(12, 20)), torch.nn.Parameter(0.1 * torch.randn(20, 5))]
        muon = Muon(weights, weight_decay=0.01)
        for step in range(200):
            loss = (inputs @ weights[0] @ weights[1] - inputs @ truth).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
            muon.step(0.1 * (1.0 - step / 200), pool.map if pool is not None else map)
            for weight in weights:
                weight.grad = None
        return float(loss.detach()), [weight.detach() for weight in weights]

    with ThreadPoolExecutor(2) as pool:
        (alone, first), (_, second) = fit(None), fit(pool)
    assert alone < 0.05
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_parameter_without_gradient_stays() -> None:
    weight = torch.ones(3, 3)
    Muon([weight], weight_decay=0.1).step(0.1)
    assert torch.equal(weight, torch.ones(3, 3))
