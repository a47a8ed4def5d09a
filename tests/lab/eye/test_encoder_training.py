"""Training of the built-in encoder on a small cache of stick figures; what its losses and batches promise."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.lab.eye.stick_cache import TEXTS, write_stick_cache
from workers.contract.errors import InvalidOptions
from workers.lab.eye.learn import losses
from workers.lab.eye.learn.augment import augment
from workers.lab.eye.learn.encoder_measures import auc
from workers.lab.eye.learn.encoder_poses import CLEAN, Poses, batches, groups_of, read_poses, split_by_clip
from workers.lab.eye.learn.encoder_training import Recipe, train_encoder, train_pictures
from workers.lab.eye.learn.mirror import make_mirror
from workers.lab.eye.learn.text_training import TextRecipe
from workers.semantics.encoders.eye_network import Architecture

SMALL = Architecture(widths=(8, 16, 16, 16), blocks=1, reduced=8, hidden=64, dimension=32, text_buckets=256)
RECIPE = Recipe(architecture=SMALL, copies=2, moments=4, text=TextRecipe(steps=200, poses_a_clip=4))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stick_cache(tmp_path_factory.mktemp("cache"), moments=40)


@pytest.fixture
def poses(cache: Path) -> Poses:
    return read_poses(cache)


def quiet(line: str) -> None:
    pass


def test_poses_bring_their_views_together(poses: Poses) -> None:
    assert len(poses) == 160 and poses.rows.shape == (160, 3)
    assert poses.pictures(np.array([5, 2])).shape == (6, 112, 112)
    turned = poses.directions[:, 1] - poses.directions[:, 0]
    assert np.abs(turned).max() > 0.1  # each view has directions of its own
    assert torch.equal(poses.pictures(np.array([7]))[1] * 255, torch.tensor(poses.images[poses.rows[7, 1]]).float())


def test_a_pose_that_lacks_a_view_is_left_out(cache: Path, tmp_path: Path) -> None:
    with np.load(cache / "table.npz") as table:
        arrays = {name: table[name][1:] for name in table.files}
    np.save(tmp_path / "images.npy", np.load(cache / "images.npy")[1:])
    np.savez(tmp_path / "table.npz", **arrays)
    (tmp_path / "names.json").write_text((cache / "names.json").read_text())
    assert len(read_poses(tmp_path)) == 159


def test_a_folder_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptions, match="no render cache"):
        read_poses(tmp_path)


def test_batches_take_every_moment_once_before_any_twice(poses: Poses) -> None:
    groups = groups_of(poses)
    source = batches(poses, groups, 8, 2, 1, np.random.default_rng(0))
    seen: list[int] = []
    for _ in range(len(groups) // 8):
        chosen = next(source)
        moments, counts = np.unique(poses.moment[chosen], return_counts=True)
        assert len(moments) == 8 and (counts == 3).all()
        assert ((poses.damage[chosen] == CLEAN).sum()) == 16
        seen += moments.tolist()
    assert len(seen) == len(set(seen))


def test_watched_clips_are_not_trained_on(poses: Poses) -> None:
    train, watched = split_by_clip(poses, 0.2, 0)
    assert not set(train.clip) & set(watched.clip) and len(train) + len(watched) == len(poses)


def test_pose_distance_is_the_angle_that_a_limb_turned() -> None:
    directions = torch.zeros(4, 2, 3)
    directions[:, 0, 1] = 1.0
    for number, angle in enumerate((0.0, 0.2, 0.6)):
        directions[number, 1] = torch.tensor([math.sin(angle), math.cos(angle), 0.0])
    directions[3, 1] = torch.nan
    contacts = torch.full((4, 1), 0.5)
    found = losses.pose_distances(directions, contacts)
    torch.testing.assert_close(found[0, :3], torch.tensor([0.0, 0.2, 0.6]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found[3], torch.zeros(4), atol=1e-4, rtol=0)  # what is not known does not count
    targets = losses.target_cosines(found[0, :3])
    assert targets[0] == pytest.approx(1.0) and (targets.diff() < 0).all()


def test_a_lost_touch_counts_and_a_far_hand_does_not() -> None:
    level = losses.touch_level(torch.tensor([-0.05, 0.0, 0.02, 0.2, 0.3]))
    assert (level.diff() < 0).all() and level[1] == 1.0 and level[3] < 0.01
    directions = torch.tensor([[0.0, 1.0, 0.0]]).expand(3, 1, 3)
    found = losses.pose_distances(directions, torch.tensor([[0.0], [0.05], [torch.nan]]))
    assert 0.3 < found[0, 1] < losses.TOUCH_RAD and found[0, 2] == 0


def test_losses_reward_what_they_are_for() -> None:
    same = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
    hard = torch.tensor([[0.0, 0, 1], [0, 0, 1], [1, 1, 0]])
    good = torch.tensor([[1, 0.9, 0.2], [0.9, 1, 0.2], [0.2, 0.2, 1]])
    bad = torch.tensor([[1, 0.2, 0.9], [0.2, 1, 0.9], [0.9, 0.9, 1]])
    scale, bias = torch.tensor(10.0), torch.tensor(0.5)
    assert losses.telling_loss(good, same, hard, scale, bias) < losses.telling_loss(bad, same, hard, scale, bias)
    assert losses.ranking_loss(good, same, hard > 0, 0.1) < losses.ranking_loss(bad, same, hard > 0, 0.1)
    weights = same + hard
    assert losses.regression_loss(good[None], same, weights) < losses.regression_loss(bad[None], same, weights)
    unknown = torch.tensor([torch.nan, 1.0])
    assert losses.direction_loss(torch.tensor([5.0, 1.0]), unknown) == 0


def test_pictures_of_a_group_are_shifted_alike() -> None:
    picture = torch.zeros(112, 112)
    picture[40:60, 50:58] = 1.0
    pictures = picture.expand(4, 112, 112)
    changed = augment(pictures, torch.tensor([0, 0, 1, 1]), torch.Generator().manual_seed(0))
    assert changed.shape == pictures.shape and changed.min() >= 0 and changed.max() <= 1  # near: clamped
    weight = (changed - changed.flatten(1).median(dim=1).values[:, None, None]).clamp_min(0.3) - 0.3
    centres = (weight * torch.arange(112.0)).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))
    assert abs(centres[0] - centres[1]) < 0.05 and abs(centres[2] - centres[3]) < 0.05
    assert abs(centres[0] - centres[2]) > 0.1


def test_mirrored_twice_is_as_before_and_sides_swap() -> None:
    mirror = make_mirror(["left arm", "right arm", "shoulders", "chest up"], ["left hand", "right hand"], ["shoulders"])
    generator = torch.Generator().manual_seed(0)
    directions, contacts = torch.randn(5, 3, 4, 3, generator=generator), torch.randn(5, 2, generator=generator)
    once = mirror.directions(directions)
    torch.testing.assert_close(mirror.directions(once), directions)
    torch.testing.assert_close(mirror.distances(mirror.distances(contacts)), contacts)
    right = directions[..., 1, :]
    torch.testing.assert_close(once[..., 0, :], right * torch.tensor([-1.0, 1.0, 1.0]))
    across = torch.tensor([[0.0, 0.0, 0.0]] * 2 + [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # level shoulders, upright chest
    torch.testing.assert_close(mirror.directions(across), across)


def test_auc_of_separate_equal_and_no_figures() -> None:
    assert auc(np.array([2.0, 3.0], np.float32), np.array([0.0, 1.0], np.float32)) == 1.0
    assert auc(np.ones(3, np.float32), np.ones(2, np.float32)) == 0.5
    assert math.isnan(auc(np.ones(0, np.float32), np.ones(2, np.float32)))


def test_training_is_repeatable_lowers_its_loss_and_learns(cache: Path, tmp_path: Path) -> None:
    found = [train_encoder(cache, tmp_path / name, seed=3, steps=16, recipe=RECIPE, say=quiet) for name in "ab"]
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert found[0]["words"]["trained_recall_1"] > 2 / len(TEXTS)
    written = json.loads((tmp_path / "a" / "training.json").read_text())
    assert written["steps"] == 16 and written["seed"] == 3 and written["recipe"]["architecture"]["hidden"] == 64


def test_loss_falls_and_other_moments_are_told_apart(poses: Poses) -> None:
    _, short = train_pictures(poses, RECIPE, 0, steps=2, say=quiet)
    _, longer = train_pictures(poses, RECIPE, 0, steps=40, say=quiet)
    assert longer["watched"]["loss"] < 0.8 * short["watched"]["loss"]
    assert longer["watched"]["auc_other"] > 0.8
