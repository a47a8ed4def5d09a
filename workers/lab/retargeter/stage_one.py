"""Stage one: skeletons alone, unpaired, as in the paper. No skin is known; the network learns what a pose is and how it
reads on other proportions.

A motion is taken from one example and a skeleton from another, its bones as long as there and as the first rests. The
losses are the paper's (SMT, stage 1): reconstruction (onto its own skeleton nothing may change), cycle (there and back
again is the same motion), smoothness, adversarial (a small network tells windows of turns from recorded ones; least
squares, Mao et al. 2017), the matrix of distances between arms and body, and speeds of the ends of limbs. Windows are
contiguous. Since the network says a residual, what it learns here is a start for stage two and changes little itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from workers.lab.retargeter.batches import make_batch
from workers.lab.retargeter.examples import Example
from workers.lab.retargeter.stage_two import Training, follow, jerk
from workers.lab.schedule import schedule
from workers.retargeting.network.features import (
    BONE,
    CHAINS,
    STATIC,
    TARGET_DYNAMIC,
    WAYS,
)
from workers.retargeting.network.nodes import NODES, NUMBER, PARENTS
from workers.retargeting.network.paper import matrix_of
from workers.retargeting.network.weights import Network
from workers.skeleton.quat_torch import from_rotation_vector, to_matrix

Say = Callable[[str], None]
ENDS = [NUMBER[role] for role in ("leftHand", "rightHand", "leftFoot", "rightFoot", "head")]
ARMS = [NUMBER[side + part] for side in ("left", "right") for part in ("LowerArm", "Hand")]
BODY = [
    NUMBER[role]
    for role in ("hips", "spine", "head", "leftUpperArm", "rightUpperArm", "leftLowerLeg", "rightLowerLeg", "leftHand",
                 "rightHand")
]  # fmt: skip
FAR_PROBE = 1.0  # what a height says that is far from all skin


@dataclass(frozen=True)
class StageOne:
    """Weights as in the paper, but for smoothness, whose unit is another."""

    batch: int = 12
    length: int = 32
    learning_rate: float = 1e-3
    warm_up: float = 0.05
    average: float = 0.99
    reconstruction: float = 100.0
    cycle: float = 10.0
    smoothness: float = 1.0
    adversarial: float = 1.0
    distances: float = 1000.0
    ends: float = 100.0


class Critic(nn.Module):
    """Whether a window of turns as seen from the hips is recorded: convolutions along time."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(len(NODES) * 6, width, 5, stride=2), nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 5, stride=2), nn.LeakyReLU(0.2), nn.Conv1d(width, 1, 3),
        )  # fmt: skip

    def forward(self, turns: Tensor) -> Tensor:
        """`turns` `(batch, frames, nodes, 3, 3)`; one number a place in time."""
        said: Tensor = self.layers(six(turns).flatten(2).transpose(1, 2))
        return said


def train_skeletal(
    training: Training, examples: Sequence[Example], recipe: StageOne, steps: int, seed: int, say: Say,
    every_s: float = 60.0,
) -> None:  # fmt: skip
    """`steps` of both networks; the network's state is `training`'s."""
    torch.manual_seed(seed)
    critic = Critic()
    judge = torch.optim.Adam(critic.parameters(), lr=recipe.learning_rate, betas=(0.5, 0.99))
    started = last = time.monotonic()
    smooth: dict[str, float] = {}
    for step in range(steps):
        random = np.random.default_rng((seed, step))
        for group in training.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(step / steps, recipe.warm_up)
        losses, made, real = skeletal_losses(training.network, critic, examples, recipe, random)
        training.optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(training.network.parameters(), 1.0)
        training.optimiser.step()
        follow(training.average, training.network, min(recipe.average, (step + 1) / (step + 11.0)))
        judge.zero_grad()
        told = ((critic(real) - 1.0) ** 2).mean() + (critic(made.detach()) ** 2).mean()
        told.backward()
        judge.step()
        values = {name: float(value.detach()) for name, value in losses.items()} | {"critic": float(told.detach())}
        smooth = {name: 0.95 * smooth.get(name, value) + 0.05 * value for name, value in values.items()}
        if time.monotonic() - last >= every_s or step + 1 == steps:
            last = time.monotonic()
            entry = {"step": step + 1, "seconds": round(last - started), **{k: round(v, 4) for k, v in smooth.items()}}
            training.history.append({"stage": 1, **entry})
            say("  ".join(f"{name} {value:.4g}" for name, value in entry.items()))


def skeletal_losses(
    network: Network, critic: Critic, examples: Sequence[Example], recipe: StageOne,
    random: np.random.Generator,
) -> tuple[dict[str, Tensor], Tensor, Tensor]:  # fmt: skip
    """Weighted losses by name, the turns that were made and those that were recorded `(batch, frames, nodes, 3, 3)`."""
    chosen, others = (
        [examples[int(k)] for k in random.choice(len(examples), recipe.batch, replace=False)] for _ in range(2)
    )
    source = make_batch(chosen, recipe.length, random).inputs[0]
    given, bones = matrices(source), source[:, 0, :, :BONE]
    lengths = torch.stack([torch.from_numpy(other.features.target[0, :, :BONE]).norm(dim=-1) for other in others])
    same = torch.from_numpy(random.random(recipe.batch) < 0.25)  # onto its own skeleton
    lengths = torch.where(same[:, None] | (lengths < 1e-6), bones.norm(dim=-1), lengths)
    other_bones = nn.functional.normalize(bones, dim=-1) * lengths[..., None]
    height, other_height = (reach(it) for it in (bones, other_bones))
    turned, said = onto(network, given, bones, other_bones)
    back, said_back = onto(network, turned, other_bones, bones)
    places = positions(given, bones) / height
    made = positions(turned, other_bones) / other_height
    wanted_far, far = (distances(it) for it in (places, made))
    close = torch.exp(-wanted_far / 0.15)
    ends, wanted_ends = made[:, :, ENDS].diff(dim=1), places[:, :, ENDS].diff(dim=1)
    losses = {
        "reconstruction": recipe.reconstruction * (said[same] ** 2).sum() / max(int(same.sum()) * recipe.length, 1),
        "cycle": recipe.cycle * ((back - given) ** 2).sum(dim=(-1, -2, -3)).mean(),
        "smoothness": recipe.smoothness * (jerk(network, said) + jerk(network, said_back)),
        "adversarial": recipe.adversarial * ((critic(turned) - 1.0) ** 2).mean(),
        "distances": recipe.distances * (close * (far - wanted_far) ** 2).mean(),
        "ends": recipe.ends * ((ends - wanted_ends) ** 2).sum(-1).mean(),
    }
    return losses, turned, given


def onto(network: Network, turns: Tensor, bones: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Turns on another skeleton `(batch, frames, nodes, 3, 3)`, and the residual said `(batch, frames, nodes, 3)`."""
    frames = turns.shape[1]
    source, target = source_input(turns, bones), target_input(turns, other)
    offered = turns.new_zeros((*turns.shape[:3], WAYS, 3))
    near = turns.new_ones((len(turns), frames, len(CHAINS)))  # all is open: what is near is not known without a skin
    present = torch.ones((len(turns), len(NODES)), dtype=torch.bool)
    said = network(source, target, offered, near, present)
    residual = to_matrix(from_rotation_vector(said))
    moved: list[Tensor] = []
    for node, parent in enumerate(PARENTS):
        own = turns[:, :, node]
        if parent < 0:
            moved.append(own)
            continue
        local = turns[:, :, parent].transpose(-1, -2) @ own
        moved.append(moved[parent] @ residual[:, :, node] @ local)
    return torch.stack(moved, dim=2), said


def positions(turns: Tensor, bones: Tensor) -> Tensor:
    """Joints from the hips `(batch, frames, nodes, 3)`: forward kinematics of turns and bones `(batch, nodes, 3)`."""
    places: list[Tensor] = []
    for node, parent in enumerate(PARENTS):
        if parent < 0:
            places.append(torch.zeros_like(turns[:, :, 0, 0]))
        else:
            places.append(places[parent] + (turns[:, :, parent] @ bones[:, None, node, :, None])[..., 0])
    return torch.stack(places, dim=2)


def distances(places: Tensor) -> Tensor:
    """Between arms and body `(batch, frames, arms, body)` (the paper's joint distance matrix)."""
    apart = places[:, :, ARMS, None] - places[:, :, None, BODY]
    found: Tensor = (apart.square().sum(-1) + 1e-8).sqrt()
    return found


def reach(bones: Tensor) -> Tensor:
    """What positions of a skeleton are measured in `(batch, 1, 1, 1)`: its bones' whole length."""
    whole: Tensor = bones.norm(dim=-1).sum(-1)[:, None, None, None]
    return whole


def source_input(turns: Tensor, bones: Tensor) -> Tensor:
    """`Features.source` of a body without a skin."""
    static = turns.new_zeros((len(turns), len(NODES), STATIC))
    static[..., :BONE], static[..., -1] = bones, 1.0
    above = [max(int(parent), 0) for parent in PARENTS]
    local = turns[:, :, above].transpose(-1, -2) @ turns
    places = positions(turns, bones)
    probes = _far(turns, 6)
    relative = turns[:, :, [0]].transpose(-1, -2) @ turns
    parts = [static[:, None].expand(-1, turns.shape[1], -1, -1), six(relative), six(local), places, probes]
    return torch.cat(parts, dim=-1)


def target_input(turns: Tensor, bones: Tensor) -> Tensor:
    """`Features.target` of a body without a skin."""
    static = turns.new_zeros((len(turns), len(NODES), STATIC))
    static[..., :BONE], static[..., -1] = bones, 1.0
    probes = _far(turns, TARGET_DYNAMIC - 3)
    return torch.cat([static[:, None].expand(-1, turns.shape[1], -1, -1), positions(turns, bones), probes], dim=-1)


def _far(turns: Tensor, count: int) -> Tensor:
    """What is said of probes that are near to nothing: the first of each is its height."""
    values = turns.new_zeros((*turns.shape[:3], count))
    values[..., 0] = FAR_PROBE
    return values


def matrices(source: Tensor) -> Tensor:
    """Turns `(batch, frames, nodes, 3, 3)` as seen from the hips, from `Features.source`."""
    return matrix_of(source[..., STATIC : STATIC + 6])


def six(turns: Tensor) -> Tensor:
    return torch.cat([turns[..., 0], turns[..., 1]], dim=-1)
