"""Training of the built-in encoder on a cache of renders: the picture network first, then words on its features.

A step takes several moments, of each a few poses: clean ones on several bodies and damaged ones, each from every view.
Two heads that are dropped at the end (directions of the limbs, contacts) teach the features what a pose is; the
embedding learns to compare poses. The same seed, cache and number of steps give the same weights on the same kind of
processor.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workers.lab.eye.learn import losses
from workers.lab.eye.learn.augment import augment
from workers.lab.eye.learn.encoder_measures import Measures, measure
from workers.lab.eye.learn.encoder_package import write_network
from workers.lab.eye.learn.encoder_poses import (
    VIEWS,
    Integers,
    Poses,
    batches,
    groups_of,
    read_poses,
    split_by_clip,
)
from workers.lab.eye.learn.student import Average, Copies, Optimiser, Student
from workers.lab.eye.learn.text_training import TextRecipe, train_words
from workers.lab.schedule import schedule
from workers.semantics.encoders.builtin import WEIGHTS_NAME
from workers.semantics.encoders.eye_network import Architecture

Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """All that decides the training beside data, seed and length."""

    architecture: Architecture = field(default_factory=Architecture)
    copies: int = 2  # of the network, each with a batch of its own
    moments: int = 8  # in a batch, and of each so many poses
    clean: int = 2
    damaged: int = 2
    matrix_rate: float = 0.01  # learning rate of matrices and kernels (Muon), and of the rest (Adam)
    learning_rate: float = 2e-3
    weight_decay: float = 0.05  # of the former
    warm_up: float = 0.03  # share of the training
    average_decay: float = 0.998
    watched_share: float = 0.08  # of the clips
    same_rad: float = 0.35  # the same moment farther apart than this is not taught as the same
    different_rad: float = 0.06  # damaged poses closer than this are no damage
    far_share: float = 0.4  # weight of all pairs of other moments beside the damaged ones
    weight_directions: float = 10.0
    weight_contacts: float = 1.0
    weight_regression: float = 10.0
    weight_telling: float = 1.0
    weight_ranking: float = 1.0
    ranking_temperature: float = 0.1
    text: TextRecipe = field(default_factory=TextRecipe)


def train_encoder(
    cache: Path,
    out: Path,
    seed: int,
    steps: int,
    recipe: Recipe | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Trains on the render cache and writes `weights.safetensors` and `training.json` into `out`; returns the latter.

    `steps` are the picture network's; words take a minute more. Raises InvalidOptions for a folder that is no cache.
    """
    recipe = recipe or Recipe()
    poses = read_poses(cache)
    student, metrics = train_pictures(poses, recipe, seed, steps, say)
    train, watched = split_by_clip(poses, recipe.watched_share, seed)
    metrics["words"] = train_words(student.network, train, watched, recipe.text, seed)
    say("words: " + _line(metrics["words"]))
    metrics["cache"] = {"poses": len(poses), "pictures": poses.rows.size, "clips": len(np.unique(poses.clip))}
    out.mkdir(parents=True, exist_ok=True)
    write_network(student.network, out / WEIGHTS_NAME)
    (out / "training.json").write_text(json.dumps(metrics, indent=1) + "\n")
    return metrics


def train_pictures(
    poses: Poses,
    recipe: Recipe,
    seed: int,
    steps: int,
    say: Say = print,
    every_s: float = 60.0,
) -> tuple[Student, dict[str, Any]]:
    """The trained network (weights averaged over the last steps), and what was seen on the way.

    Prints loss and measures every `every_s` seconds.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    train, watched = split_by_clip(poses, recipe.watched_share, seed)
    watched_groups = groups_of(watched)
    shown = np.concatenate(watched_groups[:: max(1, len(watched_groups) // 60)]) if watched_groups else None
    student = Student(recipe.architecture, poses.directions.shape[2], poses.contacts.shape[1])
    student.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    copies = Copies(student, recipe.copies)
    noises = [torch.Generator().manual_seed(seed + number) for number in range(recipe.copies)]
    optimiser = Optimiser(student, recipe.matrix_rate, recipe.learning_rate, recipe.weight_decay)
    average = Average(student, recipe.average_decay)
    source = batches(train, groups_of(train), recipe.moments, recipe.clean, recipe.damaged, random)
    started = last = time.monotonic()
    history, smooth = [], dict[str, float]()
    say(f"{len(train)} poses of {len(np.unique(train.clip))} clips to train on, {len(watched)} to watch")
    with copies:
        for step in range(steps):
            parts = copies.learn(
                lambda learner, work: batch_losses(learner, train, work[0], recipe, work[1]),
                [(next(source), noise) for noise in noises],
            )
            nn.utils.clip_grad_norm_(student.parameters(), 5.0)
            optimiser.step(schedule(step / steps, recipe.warm_up), copies.for_each)
            average.update(student)
            smooth = {name: 0.98 * smooth.get(name, value) + 0.02 * value for name, value in parts.items()}
            if time.monotonic() - last >= every_s:
                last = time.monotonic()
                seen = _measures(average.student, watched, shown)
                history.append({"step": step + 1, "seconds": round(last - started), **_shown(smooth), **seen})
                say(_line(history[-1]))
    chosen: Student = average.student.eval()
    seen = _measures(chosen, watched, shown)
    final = {"step": steps, "seconds": round(time.monotonic() - started), **_shown(smooth), **seen}
    say(_line(final))
    return chosen, {"steps": steps, "recipe": asdict(recipe), "seed": seed, "watched": final, "history": history}


def batch_losses(
    student: Student, poses: Poses, chosen: Integers, recipe: Recipe, noise: torch.Generator
) -> dict[str, Tensor]:
    """The losses of one batch of poses by name, weighted; they are to be added."""
    student.train()
    moment, variant = torch.from_numpy(poses.moment[chosen]), torch.from_numpy(poses.variant[chosen])
    pictures, truth, touching = _seen(poses, chosen, noise)
    with torch.autocast("cpu", torch.bfloat16):
        features = student.network.features(pictures)
        directions, contacts = student.heads(features)
    embedded = student.network.embedding(features.float()).view(len(chosen), VIEWS, -1)
    cosines = torch.einsum("ivd,jvd->vij", embedded, embedded)
    mean = cosines.mean(dim=0)  # the score: the mean over the views
    distances = losses.pose_distances(truth[:, 0], touching)
    same_moment, apart = moment[:, None] == moment[None], ~torch.eye(len(chosen), dtype=torch.bool)
    same_meaning = same_moment & (variant[:, None] == variant[None])
    same = same_meaning & apart & (distances < recipe.same_rad)
    hard = same_moment & ~same_meaning & (distances > recipe.different_rad)
    far = ~same_moment
    weights = _share(same) + _share(hard) + recipe.far_share * _share(far)
    touch = losses.touch_level(touching).repeat_interleave(VIEWS, dim=0)
    scale, bias = student.telling_scale.exp(), student.telling_bias
    other = _share(hard) + recipe.far_share * _share(far)
    return {
        "directions": recipe.weight_directions * losses.direction_loss(directions.float(), truth.flatten(0, 1)),
        "contacts": recipe.weight_contacts * losses.direction_loss(contacts.float(), touch),
        "regression": recipe.weight_regression
        * losses.regression_loss(cosines, losses.target_cosines(distances), weights),
        "telling": recipe.weight_telling * losses.telling_loss(mean, _share(same), other, scale, bias),
        "ranking": recipe.weight_ranking * losses.ranking_loss(mean, same, hard, recipe.ranking_temperature),
    }


def _seen(poses: Poses, chosen: Integers, noise: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures `(poses * 3, 112, 112)`, augmented, half of the moments mirrored; directions and contacts as shown."""
    _, group = torch.unique(torch.from_numpy(poses.moment[chosen]), return_inverse=True)
    flip = (torch.rand(int(group.max()) + 1, generator=noise) < 0.5)[group]
    truth, touching = torch.from_numpy(poses.directions[chosen]), torch.from_numpy(poses.contacts[chosen])
    truth = torch.where(flip[:, None, None, None], poses.mirror.directions(truth), truth)
    touching = torch.where(flip[:, None], poses.mirror.distances(touching), touching)
    pictures = poses.pictures(chosen)
    pictures = torch.where(flip.repeat_interleave(VIEWS)[:, None, None], pictures.flip(-1), pictures)
    view = torch.arange(VIEWS).repeat(len(chosen))
    return augment(pictures, group.repeat_interleave(VIEWS) * VIEWS + view, noise), truth, touching


def _share(mask: Tensor) -> Tensor:
    """Weights that sum to 1 over the mask, so that few pairs weigh as much as many."""
    return mask / mask.sum().clamp_min(1)


def _shown(parts: dict[str, float]) -> dict[str, float]:
    return {"loss": round(sum(parts.values()), 4), **{name: round(value, 4) for name, value in parts.items()}}


def _measures(student: Student, watched: Poses, shown: Integers | None) -> Measures:
    if shown is None:
        return {}
    student.eval()
    return measure(student.network, student.heads, watched, shown)


def _line(entry: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in entry.items())
