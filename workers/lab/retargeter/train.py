"""Both stages from data to a model folder, each to be gone on with from what the last left there.

    OUT/stage1.pt, stage2.pt   state of a stage: networks, optimiser, steps done; written every few minutes
    OUT/log.csv                what was seen on the way
    OUT/weights.safetensors    the network, OUT/training.json how it came about, OUT/manifest.json for the store

The same seed, data and steps give the same weights on the same kind of processor, interrupted or not.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from model_store.manifest import DtypePolicy, Manifest, Runs
from workers.lab.model_package import write_packaged
from workers.lab.retargeter.examples import draw_examples
from workers.lab.retargeter.recipe import Recipe
from workers.lab.retargeter.semantic_losses import Eyes
from workers.lab.retargeter.stage_one import train_skeletal
from workers.lab.retargeter.stage_two import Training, begin, train
from workers.retargeting.network.weights import WEIGHTS_NAME, Network, make_network, write_network
from workers.semantics.loaded import open_encoder

Say = Callable[[str], None]
NAME, METHOD = "smt", "smt"
WATCHED_SEED = 1000  # added to the seed: bodies and stretches that are only watched


def train_stage(data: Path, out: Path, stage: int, recipe: Recipe, seed: int, say: Say = print) -> None:
    """Stage 1 or 2. Raises what reading raises."""
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    examples = list(draw_examples(data, recipe.examples, recipe.bodies, seed))
    watched = list(draw_examples(data, recipe.watched, recipe.watched_bodies, seed + WATCHED_SEED))
    say(f"{len(examples)} examples to learn from, {len(watched)} to watch: {time.monotonic() - started:.0f} s")
    torch.manual_seed(seed)
    training = begin(make_network(recipe.architecture), recipe.two)
    own, before = out / f"stage{stage}.pt", out / "stage1.pt"
    if own.exists():
        restore(training, own)
    elif stage == 2 and before.exists():
        earlier = begin(make_network(recipe.architecture), recipe.two)
        restore(earlier, before)
        training.network.load_state_dict(earlier.average.state_dict())
        training.average.load_state_dict(earlier.average.state_dict())
    if stage == 1:
        if training.step < recipe.steps_one:
            train_skeletal(training, examples, recipe.one, recipe.steps_one, seed, say)
            training.step = recipe.steps_one
        keep(training, own)
    else:
        eyes = Eyes(open_encoder(recipe.encoder), recipe.semantics) if recipe.semantics > 0.0 else None
        train(
            training, examples, watched, recipe.two, recipe.steps_two, seed, say, eyes,
            on_piece=lambda: keep(training, own),
        )  # fmt: skip
        keep(training, own)
    log(training, out / "log.csv", stage)
    write_network(training.average, out / WEIGHTS_NAME)
    told = {
        "stage": stage, "seed": seed, "steps": training.step, "seconds": round(time.monotonic() - started),
        "recipe": recipe.to_dict(), "examples": len(examples), "last": training.history[-1:],
    }  # fmt: skip
    (out / "training.json").write_text(json.dumps(told, indent=1) + "\n")
    manifest_of(out, training.average)


def keep(training: Training, path: Path) -> None:
    torch.save(
        {
            "network": training.network.state_dict(), "average": training.average.state_dict(),
            "optimiser": training.optimiser.state_dict(), "step": training.step, "history": training.history,
        },
        path,
    )  # fmt: skip


def restore(training: Training, path: Path) -> None:
    """Raises what torch raises for a file that it did not write."""
    kept: dict[str, Any] = torch.load(path, weights_only=True)
    training.network.load_state_dict(kept["network"])
    training.average.load_state_dict(kept["average"])
    training.optimiser.load_state_dict(kept["optimiser"])
    training.step, training.history = int(kept["step"]), list(kept["history"])


def log(training: Training, path: Path, stage: int) -> None:
    """A line an entry; columns of all entries."""
    entries = [{"stage": stage, **entry} for entry in training.history]
    columns = list(dict.fromkeys(name for entry in entries for name in entry))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(entries)


def manifest_of(folder: Path, network: Network) -> Manifest:
    """Writes `manifest.json` beside the weights, the version being the folder's name where that is a number."""
    return write_packaged(
        folder,
        WEIGHTS_NAME,
        name=NAME,
        version=folder.name if folder.name.isdigit() else "1",
        title="SMT network",
        description="Turns arms, trunk and head of the analytic result so that they keep out of this body and on their "
        "contacts, in one pass.",
        runs=Runs(kind="retargeter", name=METHOD),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        dtype=DtypePolicy(cpu="float32", cuda="float16"),
    )
