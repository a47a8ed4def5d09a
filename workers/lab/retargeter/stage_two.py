"""Stage two: bodies with skin. The network learns to do in one pass what refinement minimises by search.

Every step takes some examples, asks the network for their turns, and holds the moved bodies against the losses of
refinement (`geometry_losses`): penetration, the source's contacts, places kept, the leash, hinges; and against jerk.
An example counts by the root of what there is to gain in it, so that neither the one body whose arm is buried in its
belly nor the many that stand free decide alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workers.lab.retargeter.batches import Batch, make_batch
from workers.lab.retargeter.examples import Example
from workers.lab.retargeter.geometry_losses import find_losses, handed_on
from workers.lab.retargeter.semantic_losses import Eyes
from workers.lab.schedule import schedule
from workers.refinement.losses import weight_values
from workers.retargeting.network.rate import RATE_HZ
from workers.retargeting.network.retargeter import said_by
from workers.retargeting.network.weights import Network, make_network
from workers.skeleton.model import Indices

Say = Callable[[str], None]
KNOTS_HZ = 1.0 / 0.15  # of refinement, by which smoothness is weighed
PIECE = 100  # steps between which the state is kept
OFF = frozenset({"semantics", "fine_penetration", "smoothness"})


@dataclass(frozen=True)
class StageTwo:
    """All that decides the training beside data, seed and length."""

    batch: int = 14
    length: int = 48
    asked: int = 8  # frames of each window whose bodies are looked at
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    warm_up: float = 0.03
    average: float = 0.995
    typical: float = 200.0  # loss a second at which an example counts half as much
    smoothness: float = 3.0
    contact: float = 4.0  # times refinement's weight: what lies deep would else outweigh every touch
    off: tuple[str, ...] = ()  # losses left out (ablation)


@dataclass(eq=False)
class Training:
    """Where a training stands: what is kept to go on from (`train.keep`)."""

    network: Network
    average: Network
    optimiser: torch.optim.Optimizer
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def begin(network: Network, recipe: StageTwo) -> Training:
    average = make_network(network.architecture)
    average.load_state_dict(network.state_dict())
    matrices = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
    )
    return Training(network, average, optimiser)


def train(
    training: Training,
    examples: Sequence[Example],
    watched: Sequence[Example],
    recipe: StageTwo,
    steps: int,
    seed: int,
    say: Say,
    eyes: Eyes | None = None,
    every_s: float = 60.0,
    until: int | None = None,
    on_piece: Callable[[], None] = lambda: None,
) -> None:
    """From where the training stands up to `until`, by default to the end of all `steps`; with an encoder one example
    a step is looked at. `on_piece` is called every `PIECE` steps.
    """
    until = steps if until is None else until
    weights = {name: value for name, value in weight_values(OFF | set(recipe.off)).items() if value > 0.0}
    if "contact" in weights:
        weights["contact"] *= recipe.contact
    zero = {id(example): _zero_loss(example, weights) for example in examples}
    started = last = time.monotonic()
    smooth: dict[str, float] = {}
    while training.step < until:
        random = np.random.default_rng((seed, training.step))
        for group in training.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(training.step / steps, recipe.warm_up)
        chosen = [examples[int(k)] for k in random.choice(len(examples), recipe.batch, replace=False)]
        batch = make_batch(chosen, recipe.length, random)
        loss, told = batch_loss(training.network, batch, recipe, weights, random, [zero[id(e)] for e in chosen], eyes)
        training.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(training.network.parameters(), 1.0)
        training.optimiser.step()
        training.step += 1
        follow(training.average, training.network, min(recipe.average, training.step / (training.step + 10.0)))
        if training.step % PIECE == 0:
            on_piece()
        smooth = {name: 0.97 * smooth.get(name, value) + 0.03 * value for name, value in told.items()}
        if time.monotonic() - last >= every_s or training.step == until:
            last = time.monotonic()
            entry = {"step": training.step, "seconds": round(last - started), **_rounded(smooth)}
            entry |= {
                f"watched_{name}": value for name, value in _rounded(watch(training.average, watched, weights)).items()
            }
            training.history.append(entry)
            say("  ".join(f"{name} {value:.4g}" for name, value in entry.items()))


def batch_loss(
    network: Network,
    batch: Batch,
    recipe: StageTwo,
    weights: dict[str, float],
    random: np.random.Generator,
    zero: Sequence[float],
    eyes: Eyes | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Something whose gradient is the batch's, and the losses a second by name, as a share of those of no residual."""
    turns = batch.turns(network)
    total = recipe.smoothness * jerk(network, turns)
    told: dict[str, float] = {"jerk": float(total.detach())}
    before = after = 0.0
    for number, example in enumerate(batch.examples):
        rows = _asked(batch.real[number], recipe.asked, random)
        values = batch.values(turns, number)[torch.from_numpy(rows)]
        found = find_losses(example, batch.frames[number][rows], values.detach().double().numpy(), weights)
        counts = 1.0 / (recipe.typical * math.sqrt(1.0 + zero[number] / recipe.typical)) / len(batch.examples)
        total = total + counts * handed_on(values, found.gradient)
        before, after = before + counts * zero[number], after + counts * sum(found.losses.values())
        for name, value in found.losses.items():
            told[name] = told.get(name, 0.0) + counts * value
    told["share"] = after / max(before, 1e-9)
    if eyes is not None:
        number = int(random.integers(len(batch.examples)))
        said = batch.values(turns, number)[: int(batch.real[number])]
        rows = batch.frames[number][: int(batch.real[number])]
        seen = eyes.find(batch.examples[number], rows, said.detach().double().numpy(), random)
        if seen is not None:
            total = total + handed_on(said, seen.gradient)
            told |= seen.losses
    return total, told


def jerk(network: Network, turns: Tensor) -> Tensor:
    """Mean square of the third differences, in usual ranges a knot spacing cubed, as refinement's smoothness."""
    third = turns[:, 3:] - 3.0 * turns[:, 2:-1] + 3.0 * turns[:, 1:-2] - turns[:, :-3]
    ranges = network.ranges.clamp_min(1e-3)[:, None]
    scaled = third / ranges * (RATE_HZ / KNOTS_HZ) ** 1.5
    mean: Tensor = 0.5 * (scaled**2).sum(dim=(-1, -2)).mean() / 100.0
    return mean


def watch(network: Network, watched: Sequence[Example], weights: dict[str, float]) -> dict[str, float]:
    """Losses a second over whole examples, as a share of those of no residual, by the mean of the roots' weights."""
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for example in watched:
        rows = np.arange(0, len(example.frames), 3)
        values = example.values.values(said_by(network, example.features))[rows]
        for sums, asked in ((before, np.zeros_like(values)), (after, values)):
            for name, value in find_losses(example, rows, asked, weights).losses.items():
                sums[name] = sums.get(name, 0.0) + value / len(watched)
    told = dict(after)
    told["share"] = sum(after.values()) / max(sum(before.values()), 1e-9)
    for name in ("penetration", "contact"):
        told[f"{name}_share"] = after.get(name, 0.0) / max(before.get(name, 0.0), 1e-9)
    return told


def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Weights that follow the network's slowly."""
    with torch.no_grad():
        for kept, now in zip(average.parameters(), network.parameters(), strict=True):
            kept.lerp_(now, 1.0 - decay)


def _zero_loss(example: Example, weights: dict[str, float]) -> float:
    rows = np.arange(0, len(example.frames), 5)
    found = find_losses(example, rows, np.zeros((len(rows), example.problem.freedom.values)), weights)
    return sum(found.losses.values())


def _asked(real: int, count: int, random: np.random.Generator) -> Indices:
    """Some rows of a window, spread over it."""
    return np.unique(((np.arange(count) + random.random()) * real / count).astype(np.int64).clip(0, real - 1))


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
