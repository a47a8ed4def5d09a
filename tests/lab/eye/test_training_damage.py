"""Damages are what they say: angles, gaps, mirrors; and they come again from the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.lab.eye.training_bodies import clip, limb_directions, samples
from workers.lab.eye.data.damage import (
    STATURE_M,
    TURNED_ROLES,
    Damaged,
    mirror_sides,
    mirrored,
    open_contact,
    probe_of,
    push_inside,
    touches,
    turn_limb,
)
from workers.lab.eye.data.describe import SEGMENTS
from workers.motion.body_motion import BodyMotion
from workers.skeleton import quat


def resting(frame: int | None = None) -> BodyMotion:
    """Hands on the hips: the middle of the clip, where they rest."""
    motion = clip("hands_on_hips", slice(None))
    middle = motion.frames // 2 if frame is None else frame
    return clip("hands_on_hips", slice(middle, middle + 1))


@pytest.mark.parametrize("degrees", [5.0, 20.0, 40.0])
@pytest.mark.parametrize("role", list(TURNED_ROLES))
def test_a_limb_turns_by_the_angle_that_is_told(role: str, degrees: float) -> None:
    motion, tall = clip("wave"), samples().bodies[0]
    damaged = turn_limb(motion, tall, np.random.default_rng(3), degrees, role)
    assert damaged is not None
    assert damaged.size == degrees
    joint, end = motion.body.joint(role), TURNED_ROLES[role]
    tip = None if end is None else motion.body.joint(end)
    angles = quat.angle_between(motion.rotations[:, joint], damaged.motion.rotations[:, joint])
    np.testing.assert_allclose(np.degrees(angles), degrees, atol=1e-6)
    if tip:
        before = quat.unit(motion.positions_m[:, tip] - motion.positions_m[:, joint])
        after = quat.unit(damaged.motion.positions_m[:, tip] - damaged.motion.positions_m[:, joint])
        cosines = np.einsum("fi,fi->f", before, after)
        np.testing.assert_allclose(np.degrees(np.arccos(cosines)), degrees, atol=1e-4)


def test_a_turn_keeps_bones_and_everything_above_it() -> None:
    motion, tall = clip("walk"), samples().bodies[0]
    damaged = turn_limb(motion, tall, np.random.default_rng(0), 30.0, "leftUpperLeg")
    assert damaged is not None
    skeleton = motion.body.skeleton
    child = skeleton.parents >= 0
    lengths = [
        np.linalg.norm(one.positions_m[:, child] - one.positions_m[:, skeleton.parents[child]], axis=-1)
        for one in (motion, damaged.motion)
    ]
    np.testing.assert_allclose(lengths[1], lengths[0], atol=1e-9)
    for role in ("hips", "head", "rightFoot", "leftHand", "leftUpperLeg"):
        np.testing.assert_array_equal(motion.role_positions(role), damaged.motion.role_positions(role))


def test_the_same_seed_turns_another_body_alike() -> None:
    from workers.lab.eye.data.families import copy_onto

    tall, stout = samples().bodies
    motion = clip("wave")
    copied = copy_onto(motion, stout.body)
    arms = [number for number, name in enumerate(SEGMENTS) if "arm" in name or "leg" in name]
    for seed in range(6):
        first = turn_limb(motion, tall, np.random.default_rng(seed))
        second = turn_limb(copied, stout, np.random.default_rng(seed))
        assert first is not None
        assert second is not None
        assert (first.part, first.size) == (second.part, second.size)
        apart = np.abs(limb_directions(first.motion) - limb_directions(second.motion))[:, arms]
        start = np.abs(limb_directions(motion) - limb_directions(copied))[:, arms]
        assert apart.max() < start.max() + 0.05


@pytest.mark.parametrize(("damage", "sign"), [(open_contact, 1.0), (push_inside, -1.0)])
@pytest.mark.parametrize("centimetres", [3.0, 6.0])
def test_a_gap_changes_by_the_centimetres_that_are_told(
    damage: Callable[..., Damaged | None], sign: float, centimetres: float
) -> None:
    motion, tall = resting(), samples().bodies[0]
    damaged = damage(motion, tall, np.random.default_rng(1), centimetres)
    assert damaged is not None
    assert damaged.size == pytest.approx(centimetres, rel=0.25)  # near: what misses by more is thrown away
    side = damaged.part.removesuffix("Hand")
    changes = []
    for touching, part in touches(motion, tall):
        before, after = (probe_of(tall).nearest(one, touching, part) for one in (motion, damaged.motion))
        if touching == side and before is not None and after is not None:
            changes.append(float(after.gap_m[0] - before.gap_m[0]) * 100.0 * STATURE_M / tall.body.height_m)
    assert any(abs(change - sign * damaged.size) < 0.1 for change in changes)


def test_no_contact_no_damage() -> None:
    tall = samples().bodies[0]
    body = tall.body
    t_pose = BodyMotion(body, "T", 30.0, 0.0, body.rest_rotations[None], body.rest_positions_m[None])
    assert touches(t_pose, tall) == []
    for damage in (open_contact, push_inside):
        assert damage(t_pose, tall, np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", ["walk", "wave", "clap"])
def test_mirrored_twice_is_the_motion(name: str) -> None:
    motion = clip(name)
    again = mirrored(mirrored(motion))
    np.testing.assert_allclose(again.positions_m, motion.positions_m, atol=1e-6)
    assert np.degrees(quat.angle_between(again.rotations, motion.rotations)).max() < 1e-3


def highest(motion: BodyMotion, role: str) -> float:
    positions = motion.role_positions(role)
    assert positions is not None
    return float(positions[:, 1].max())


def test_a_mirror_swaps_the_waving_arm() -> None:
    motion = clip("wave")
    swapped = mirror_sides(motion, samples().bodies[0])
    assert swapped is not None
    for side, other in (("left", "right"), ("right", "left")):
        assert highest(motion, f"{side}Hand") == pytest.approx(highest(swapped.motion, f"{other}Hand"), abs=0.01)


def test_a_pose_that_is_the_same_on_both_sides_has_no_mirror() -> None:
    assert mirror_sides(clip("clap"), samples().bodies[0]) is None
