"""Groups of pictures: what is in one, that its numbers describe what is seen, and that a seed gives it again."""

from __future__ import annotations

import numpy as np
import pytest

from tests.lab.eye.training_bodies import samples
from workers.lab.eye.data.cache import FAMILY_SHARES, plan
from workers.lab.eye.data.describe import CONTACTS, SEGMENTS
from workers.lab.eye.data.poses import MomentBank, draw_moments, sample_moments
from workers.lab.eye.data.proportions import generated
from workers.lab.eye.data.split import load_split
from workers.lab.eye.learn.groups import Look, Seen, make_group, numbers, render, stacked

PLAIN = Look(0.0, 0.0, 1.0, (0.0, 0.0))


@pytest.fixture(scope="module")
def bank() -> MomentBank:
    parts = [sample_moments(clip) for clip in samples().clips]
    return MomentBank(
        samples().bodies[0].body,
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([np.full(len(part[0]), number) for number, part in enumerate(parts)]),
        np.concatenate([part[2] for part in parts]),
    )


def group_of(bank: MomentBank, seed: int) -> list[Seen]:
    random = np.random.default_rng(seed)
    first, stout = samples().bodies
    moments = draw_moments(bank, first, random, 2)
    return make_group(moments, 1, 7, first, [first, stout, generated(first)], random)


def test_a_group_is_one_moment_seen_alike(bank: MomentBank) -> None:
    for seed in range(4):
        group = group_of(bank, seed)
        assert {one.moment for one in group} == {7}
        assert len({one.look for one in group}) == 1
        assert [one.body for one in group if one.variant == 0] == [0, 1, 2]
        assert all((one.damage == "clean") == (one.variant == 0) for one in group)
        turned = [one for one in group if one.variant == 1]
        assert len(turned) == 3
        assert len({one.damage_size for one in turned}) == 1
        assert sum(one.variant > 0 for one in group) >= 4


def test_the_same_seed_gives_the_same_group(bank: MomentBank) -> None:
    first, again = group_of(bank, 3), group_of(bank, 3)
    for one, other in zip(first, again, strict=True):
        assert (one.damage, one.damage_size, one.body) == (other.damage, other.damage_size, other.body)
        np.testing.assert_array_equal(one.motion.rotations, other.motion.rotations)


def test_pictures_show_a_body_from_each_view_and_differ_by_damage(bank: MomentBank) -> None:
    group = [one for one in group_of(bank, 1) if one.body == 0]
    motion = stacked(group[:2], np.random.default_rng(0))
    pictures = render(samples().bodies[0], motion, [PLAIN, PLAIN])
    assert pictures.shape == (2, 3, 112, 112)
    assert (pictures < 120).mean(axis=(2, 3)).min() > 0.01  # clay is darker than ground and sky
    ways, contacts = numbers(samples().bodies[0], motion, [PLAIN, PLAIN])
    assert ways.shape == (2, 3, len(SEGMENTS), 3)
    assert contacts.shape == (2, len(CONTACTS))
    assert np.abs(ways[0] - ways[1]).max() > 0.05


def test_directions_are_those_of_the_view(bank: MomentBank) -> None:
    """A body that faces the front camera shows its left on the picture's right, and its face to the side camera's
    left.
    """
    motion = bank.motion(np.array([0]))
    ways, _ = numbers(samples().bodies[0], motion, [PLAIN])
    shoulders, face = SEGMENTS.index("shoulders"), SEGMENTS.index("head forward")
    assert ways[0, 0, shoulders, 0] > 0.8
    assert ways[0, 0, face, 2] > 0.8
    assert abs(ways[0, 1, face, 2]) < 0.4
    assert ways[0, 1, face, 0] < -0.8


def test_units_follow_from_the_seed_and_cover_the_families() -> None:
    families = load_split().train_families
    assert set(FAMILY_SHARES) == set(families)
    first, again, other = plan(families, 1), plan(families, 1), plan(families, 2)
    units = [next(first) for _ in range(200)]
    assert units == [next(again) for _ in range(200)]
    assert units != [next(other) for _ in range(200)]
    assert {unit.family for unit in units} == set(families)
