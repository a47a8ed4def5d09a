"""Training of the network: its gradients are those of refinement's losses, and a short run reduces each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.retargeting.network.made import SMALL, character, motion
from workers.contract.errors import InvalidOptions
from workers.geometry.prepared import surfaces_of
from workers.geometry.source_contacts import source_contacts
from workers.lab.retargeter import stage_one
from workers.lab.retargeter.examples import Example, make_example
from workers.lab.retargeter.geometry_losses import find_losses
from workers.lab.retargeter.recipe import read_recipe
from workers.lab.retargeter.stage_one import Critic, StageOne, skeletal_losses, train_skeletal
from workers.lab.retargeter.stage_two import StageTwo, begin, train, watch
from workers.lab.retargeter.touches import with_touch
from workers.lab.retargeter.train import keep, restore
from workers.refinement.losses import weight_values
from workers.retargeting.network.architecture import ResidualNetwork
from workers.retargeting.network.features import BONE, STATIC
from workers.skeleton import quat

WEIGHTS = {
    name: value
    for name, value in weight_values(frozenset({"semantics", "fine_penetration", "smoothness"})).items()
    if value > 0.0
}


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [make_example(name, motion(name), character()) for name in ("hands_on_hips", "clap", "wave", "walk")]


@pytest.mark.parametrize("name", ["places", "turns", "leash", "elbows"])
def test_gradients_are_those_of_the_losses(examples: list[Example], name: str) -> None:
    """Of those that are sums of squares; of the others the gradient is Huber's and the value only told."""
    example, random, weights = examples[0], np.random.default_rng(1), {name: WEIGHTS[name]}
    rows = np.arange(10, 40, 10)
    values = random.normal(scale=0.05, size=(len(rows), example.problem.freedom.values))
    found = find_losses(example, rows, values, weights)
    way = random.normal(size=values.shape)
    step = 1e-5
    after, before = (
        sum(find_losses(example, rows, values + sign * step * way, weights).losses.values()) for sign in (1.0, -1.0)
    )
    slope = (after - before) / (2.0 * step)
    assert float((found.gradient * way).sum()) == pytest.approx(slope, rel=0.02)


def test_a_short_run_reduces_each_loss(examples: list[Example]) -> None:
    torch.manual_seed(1)
    recipe = StageTwo(batch=4, length=32, asked=6, learning_rate=5e-3)
    training = begin(ResidualNetwork(SMALL), recipe)
    weights = WEIGHTS | {"contact": recipe.contact * WEIGHTS["contact"]}
    before = watch(training.average, examples, weights)
    train(training, examples, [], recipe, 60, 1, lambda line: None)
    after = watch(training.average, examples, weights)
    assert after["penetration"] < 0.6 * before["penetration"]
    assert after["contact"] < 0.9 * before["contact"]
    assert after["share"] < 0.7
    assert training.step == 60


def test_skeletal_losses_fall_and_none_is_asked_of_the_own_skeleton(examples: list[Example]) -> None:
    torch.manual_seed(1)
    training = begin(ResidualNetwork(SMALL), StageTwo())
    recipe = StageOne(batch=4, length=24)
    first, made, real = skeletal_losses(training.network, Critic(), examples, recipe, np.random.default_rng(5))
    values = {name: float(value.detach()) for name, value in first.items()}
    assert values["reconstruction"] == 0.0  # silence
    assert values["cycle"] == pytest.approx(0.0, abs=1e-6)
    assert torch.allclose(made, real, atol=1e-5)
    train_skeletal(training, examples, recipe, 40, 1, lambda line: None)
    again, *_ = skeletal_losses(training.average, Critic(), examples, recipe, np.random.default_rng(5))
    assert float(again["distances"].detach()) < values["distances"]


def test_positions_are_those_of_the_body(examples: list[Example]) -> None:
    """Forward kinematics of features gives the places that the features hold."""
    source = torch.from_numpy(examples[2].features.source)[None]
    bones = source[:, 0, :, :BONE]
    places = stage_one.positions(stage_one.matrices(source), bones)
    told = source[..., STATIC + 12 : STATIC + 15]
    assert float((places - told).abs().max()) < 2e-3


def test_a_training_that_was_broken_off_goes_on_as_if_it_had_not_been(examples: list[Example], tmp_path: Path) -> None:
    recipe = StageTwo(batch=3, length=16, asked=2)

    def trained(until: int | None) -> torch.Tensor:
        torch.manual_seed(1)
        training = begin(ResidualNetwork(SMALL), recipe)
        if until is not None:
            train(training, examples, [], recipe, 6, 1, lambda line: None, until=until)
            keep(training, tmp_path / "stage2.pt")
            training = begin(ResidualNetwork(SMALL), recipe)
            restore(training, tmp_path / "stage2.pt")
        train(training, examples, [], recipe, 6, 1, lambda line: None)
        return torch.cat([value.flatten() for value in training.average.parameters()]).detach()

    assert torch.equal(trained(None), trained(3))


def test_a_touch_touches_and_leaves_the_rest(examples: list[Example]) -> None:
    prepared = motion("walk")
    found = [with_touch(prepared, np.random.default_rng(seed)) for seed in range(8)]
    touched = [it for it in found if it is not None]
    assert len(touched) >= 4
    surface = surfaces_of(prepared).light
    assert sum(bool(source_contacts(it.motion, surface).contacts) for it in touched) >= 0.7 * len(touched)
    legs = [prepared.body.mapping.roles[role].joint for role in ("leftUpperLeg", "rightFoot", "head")]
    for it in touched:
        assert quat.angle_between(it.motion.rotations[:, legs], prepared.motion.rotations[:, legs]).max() < 1e-9


def test_a_recipe_of_unknown_words_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text('{"two": {"off": ["contact"]}, "steps_two": 7}')
    recipe = read_recipe(path)
    assert (recipe.steps_two, tuple(recipe.two.off), recipe.two.batch) == (7, ("contact",), StageTwo().batch)
    path.write_text('{"step": 7}')
    with pytest.raises(InvalidOptions, match="--recipe"):
        read_recipe(path)
