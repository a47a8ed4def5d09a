"""Foot contacts: where they are known exactly, they are found, whatever the rate, the size and the ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.synthetic_walker import Foot, jump, make_body, pose_legs, walk
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts, find_contacts
from workers.skeleton import quat
from workers.skeleton.model import Array, Mask

BODY = make_body(0.45, 0.42)
COLUMNS = {"left": (0, 1), "right": (2, 3)}


def agreement(found: Mask, true: Mask) -> float:
    """Intersection over union."""
    return float(np.sum(found & true) / np.sum(found | true))


def scaled(motion: BodyMotion, factor: float) -> BodyMotion:
    """The same motion of a body `factor` times as large."""
    body = motion.body
    larger = replace(
        body,
        rest_positions_m=body.rest_positions_m * factor,
        height_m=body.height_m * factor,
        leg_length_m=body.leg_length_m * factor,
        floor_m=body.floor_m * factor,
        sole_drop_m={role: drop * factor for role, drop in body.sole_drop_m.items()},
    )
    return replace(motion, body=larger, positions_m=motion.positions_m * factor)


def shifted(motion: BodyMotion, offset: Array) -> BodyMotion:
    return replace(motion, positions_m=motion.positions_m + offset)


def check_walk(contacts: FootContacts, feet: dict[str, Foot], least: float) -> None:
    for side, (ankle, toes) in COLUMNS.items():
        assert agreement(contacts.planted[:, ankle], feet[side].ankle_planted) > least
        assert agreement(contacts.planted[:, toes], feet[side].toes_planted) > least


@pytest.mark.parametrize("rate_hz", [24.0, 30.0, 60.0, 120.0])
def test_a_walk_is_planted_where_it_stands(rate_hz: float) -> None:
    motion, feet = walk(BODY, rate_hz)
    contacts = find_contacts(motion)
    check_walk(contacts, feet, 0.75)
    assert np.nanmax(np.abs(contacts.ground_m)) < 0.01
    assert np.array_equal(np.isnan(contacts.ground_m), ~contacts.planted)
    assert not np.any(contacts.ground_velocity_m_s)


@pytest.mark.parametrize("factor", [0.01, 0.3, 100.0])
def test_contacts_do_not_depend_on_size(factor: float) -> None:
    motion, _ = walk(BODY, 60.0)
    plain, larger = find_contacts(motion), find_contacts(scaled(motion, factor))
    assert np.array_equal(plain.planted, larger.planted)
    np.testing.assert_allclose(larger.ground_m, plain.ground_m * factor, atol=1e-9 * factor)


def test_contacts_do_not_depend_on_where_the_floor_is() -> None:
    motion, _ = walk(BODY, 60.0)
    plain, moved = find_contacts(motion), find_contacts(shifted(motion, np.array([3.0, -7.0, 2.0])))
    assert np.array_equal(plain.planted, moved.planted)
    np.testing.assert_allclose(moved.ground_m, plain.ground_m - 7.0, atol=1e-9)


def test_each_step_of_a_stair_has_its_own_ground() -> None:
    motion, feet = walk(BODY, 60.0, stride_m=0.7, ground=lambda step: 0.12 * step)
    contacts = find_contacts(motion)
    check_walk(contacts, feet, 0.6)
    for number, side in enumerate(COLUMNS):
        cycle = np.arange(motion.frames) / 60.0 + 0.5 * number
        true = 0.12 * (2 * np.floor(cycle) - number)
        for column in COLUMNS[side]:
            both = contacts.planted[:, column] & feet[side].toes_planted
            # The ankle's ground is that of its flat stance; while its heel lifts it is no longer there.
            assert np.quantile(np.abs(contacts.ground_m[both, column] - true[both]), 0.95) < 0.01


def test_a_jump_has_no_contact_in_the_air() -> None:
    for rise in (0.08, 0.5):
        motion, flying = jump(BODY, 60.0, rise_m=rise)
        contacts = find_contacts(motion)
        clear = flying & np.roll(flying, 5) & np.roll(flying, -5)
        assert clear.any() and not contacts.planted[clear].any()
        assert contacts.planted[:50].all() and contacts.planted[-50:].all()


def test_noise_does_not_break_a_stance() -> None:
    motion, feet = walk(BODY, 120.0)
    noise = np.random.default_rng(0).normal(scale=0.001, size=motion.positions_m.shape)
    check_walk(find_contacts(replace(motion, positions_m=motion.positions_m + noise)), feet, 0.7)


def test_a_treadmill_is_found_and_its_feet_are_planted_on_it() -> None:
    motion, feet = walk(BODY, 60.0, in_place=True)
    contacts = find_contacts(motion)
    np.testing.assert_allclose(contacts.ground_velocity_m_s, [0.0, 0.0, -1.2], atol=0.05)
    check_walk(contacts, feet, 0.7)


def test_a_foot_held_in_the_air_is_not_planted() -> None:
    frames = 240
    times = np.arange(frames) / 60.0
    lift = 0.4 * np.clip(np.sin(np.pi * np.clip((times - 1.0) / 2.0, 0.0, 1.0)) * 2.0, 0.0, 1.0)
    hips = np.tile(BODY.rest_positions_m[BODY.hips] - [0.0, 0.05, 0.0], (frames, 1))
    feet = {}
    for side, sign, up in (("left", 1.0, lift), ("right", -1.0, np.zeros(frames))):
        ankle = np.stack([np.full(frames, 0.1 * sign), BODY.sole_drop_m["leftFoot"] + up, 0.5 * up], axis=1)
        feet[side] = Foot(ankle, np.zeros(frames), up <= 0.0, up <= 0.0)
    contacts = find_contacts(pose_legs(BODY, hips, feet, 60.0))
    assert contacts.planted[:, 2:].all()
    assert not contacts.planted[lift > 0.1, :2].any()
    assert contacts.planted[lift <= 0.0, :2].mean() > 0.9


@pytest.mark.parametrize("leaves", [False, True])
def test_a_foot_above_the_other_is_planted_only_if_seen_to_come_and_go(leaves: bool) -> None:
    """Set down on a step and lifted off again, or held in the air, as a dancer does, until the clip ends."""
    frames = 180
    times = np.arange(frames) / 60.0
    lift = np.interp(times, [0.5, 1.0, 1.3], [0.0, 0.45, 0.3])
    if leaves:
        lift += np.interp(times, [2.3, 2.6], [0.0, 0.2])
    hips = np.tile(BODY.rest_positions_m[BODY.hips] - [0.0, 0.05, 0.0], (frames, 1))
    feet = {}
    for side, sign, up in (("left", 1.0, lift), ("right", -1.0, np.zeros(frames))):
        ankle = np.stack([np.full(frames, 0.1 * sign), BODY.sole_drop_m["leftFoot"] + up, 0.5 * up], axis=1)
        feet[side] = Foot(ankle, np.zeros(frames), up <= 0.0, up <= 0.0)
    contacts = find_contacts(pose_legs(BODY, hips, feet, 60.0))
    assert contacts.planted[90:130, :2].all() if leaves else not contacts.planted[60:, :2].any()
    assert contacts.planted[:, 2:].all()


def test_a_lying_body_has_no_contacts() -> None:
    motion, _ = jump(BODY, 60.0, rise_m=0.1)
    still = replace(motion, rotations=motion.rotations[:60], positions_m=motion.positions_m[:60])
    back = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), -np.pi / 2)
    lying = replace(
        still, rotations=quat.multiply(back, still.rotations), positions_m=quat.rotate(back, still.positions_m)
    )
    assert find_contacts(still).planted.all()
    assert not find_contacts(lying).planted.any()


def test_falling_has_no_contacts() -> None:
    motion, _ = jump(BODY, 60.0)
    drop = np.stack(
        [np.zeros(60), -0.5 * 9.81 * (np.arange(60) / 60.0) ** 2 - 3.0 * np.arange(60) / 60.0, np.zeros(60)], axis=1
    )
    falling = replace(motion, rotations=motion.rotations[:60], positions_m=motion.positions_m[:60] + drop[:, None])
    assert not find_contacts(falling).planted.any()


def test_a_body_without_toes_has_ankle_contacts_only() -> None:
    motion, feet = walk(make_body(0.45, 0.42, toes=False), 60.0)
    contacts = find_contacts(motion)
    assert not contacts.planted[:, [1, 3]].any() and np.isnan(contacts.ground_m[:, [1, 3]]).all()
    assert agreement(contacts.planted[:, 0], feet["left"].ankle_planted) > 0.6


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_clips_are_answered(frames: int) -> None:
    motion, _ = jump(BODY, 30.0)
    short = replace(motion, rotations=motion.rotations[:frames], positions_m=motion.positions_m[:frames])
    assert find_contacts(short).planted.shape == (frames, 4)


def test_a_body_that_bobs_in_the_air_carries_its_feet() -> None:
    motion, _ = jump(BODY, 60.0, rise_m=0.1)
    still = replace(
        motion, rotations=motion.rotations[:1].repeat(61, axis=0), positions_m=motion.positions_m[:1].repeat(61, axis=0)
    )
    assert find_contacts(still).planted.all()
    bob = 0.04 * (1.0 + np.cos(2.0 * np.pi * np.arange(61) / 60.0))
    bobbing = shifted(still, np.stack([np.zeros(61), bob, np.zeros(61)], axis=1)[:, None])
    assert not find_contacts(bobbing).planted.any()


def test_crouching_and_rising_leaves_the_feet_planted() -> None:
    hips = np.tile(BODY.rest_positions_m[BODY.hips], (61, 1))
    hips[:, 1] -= 0.05 + 0.15 * (1.0 - np.cos(2.0 * np.pi * np.arange(61) / 60.0))
    planted = np.ones(61, dtype=bool)
    feet = {
        side: Foot(np.tile([0.1 * sign, BODY.sole_drop_m[f"{side}Foot"], 0.0], (61, 1)), np.zeros(61), planted, planted)
        for side, sign in (("left", 1.0), ("right", -1.0))
    }
    assert find_contacts(pose_legs(BODY, hips, feet, 60.0)).planted.all()
