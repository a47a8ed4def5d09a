"""The foot lock on synthetic walks, stairs and jumps: no sliding, right heights, no overstretched or popping legs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.synthetic_walker import jump, make_body, walk
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts, find_contacts, sole_heights
from workers.motion.ground import estimate_floor
from workers.retargeting.alignment import align_rest
from workers.retargeting.analytic import leg_scale, transfer
from workers.retargeting.feet.foot_heights import Ground
from workers.retargeting.feet.foot_lock import hold_feet
from workers.retargeting.feet.legs import find_legs
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES, Body
from workers.skeleton.model import Array

SOURCE = make_body(0.45, 0.42)
# Body heights/s, under 2 mm/s for an adult: what stance feet may slide where the source has next to none.
MIN_SKATE = 0.001
TARGETS = {
    "long shins": make_body(0.40, 0.55, foot=0.2),
    "short and flat-footed": make_body(0.22, 0.18, ankle=0.04, foot=0.25, hip=0.15),
    "tall and high-heeled": make_body(0.62, 0.5, ankle=0.16, foot=0.12),
    "without toes": make_body(0.5, 0.4, toes=False),
}


def retarget(
    source: BodyMotion, target: Body, ground: Ground = "auto"
) -> tuple[BodyMotion, BodyMotion, FootContacts, float]:
    """Result, analytic motion, contacts and scale."""
    contacts = find_contacts(source)
    analytic = transfer(source, target, align_rest(source.body, target), floor_m(source, contacts))
    scale = leg_scale(source.body, target)
    return hold_feet(analytic, source, contacts, scale, ground, floor_m(source, contacts)), analytic, contacts, scale


def floor_m(source: BodyMotion, contacts: FootContacts) -> float:
    base = estimate_floor(source, contacts).base_m
    return source.body.floor_m if base is None else base


def skate(motion: BodyMotion, contacts: FootContacts, ground_velocity: Array | float = 0.0) -> float:
    """Mean horizontal speed of planted points in body heights/s."""
    speeds = []
    for column, role in enumerate(FOOT_ROLES):
        positions = motion.role_positions(role)
        if positions is not None:
            both = contacts.planted[1:, column] & contacts.planted[:-1, column]
            velocity = np.diff(positions, axis=0) * motion.rate_hz - ground_velocity
            speeds.append(np.linalg.norm(velocity[both][:, [0, 2]], axis=1))
    return float(np.mean(np.concatenate(speeds))) / motion.body.height_m


def stretch(motion: BodyMotion) -> float:
    """The longest leg, as a share of its bones."""
    longest = 0.0
    for leg in find_legs(motion.body)[0]:
        hip, knee, ankle = (motion.positions_m[:, joint] for joint in (leg.upper, leg.lower, leg.foot))
        bones = np.linalg.norm(knee - hip, axis=1) + np.linalg.norm(ankle - knee, axis=1)
        longest = max(longest, float(np.max(np.linalg.norm(ankle - hip, axis=1) / bones)))
    return longest


def knee_speed(motion: BodyMotion) -> float:
    """The fastest knee in degrees/s."""
    fastest = 0.0
    for leg in find_legs(motion.body)[0]:
        bend = quat.angle_between(motion.rotations[:, leg.upper], motion.rotations[:, leg.lower])
        fastest = max(fastest, float(np.degrees(np.abs(np.diff(bend)).max()) * motion.rate_hz))
    return fastest


def bone_errors(motion: BodyMotion) -> float:
    """How far joints stand from where their parents' rotations put them."""
    skeleton = motion.body.skeleton
    child = np.flatnonzero(skeleton.parents >= 0)
    parents = skeleton.parents[child]
    place = motion.positions_m[:, parents] + quat.rotate(motion.rotations[:, parents], skeleton.node_offsets_m[child])
    return float(np.abs(place - motion.positions_m[:, child]).max())


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("rate_hz", [30.0, 120.0])
def test_a_walk_does_not_slide(name: str, rate_hz: float) -> None:
    source, _ = walk(SOURCE, rate_hz)
    result, analytic, contacts, _ = retarget(source, TARGETS[name])
    assert skate(analytic, contacts) > 2.0 * skate(source, contacts) or name == "without toes"
    assert skate(result, contacts) <= 1.05 * skate(source, contacts) + MIN_SKATE
    assert stretch(result) <= max(1.0, stretch(analytic)) + 1e-9  # near: exact
    assert bone_errors(result) < 1e-9
    assert knee_speed(result) < 2.5 * knee_speed(analytic)


@pytest.mark.parametrize("name", TARGETS)
def test_steps_of_a_big_head_on_short_legs_fit_longer_ones(name: str) -> None:
    """It rolls over feet that are long for its legs: neither its step nor its heel may overstrain the target."""
    chibi = replace(make_body(0.2, 0.18, ankle=0.12, foot=0.16), height_m=2.4)
    source, _ = walk(chibi, 30.0, stride_m=0.75)
    result, analytic, contacts, _ = retarget(source, TARGETS[name])
    assert skate(result, contacts) <= 1.2 * skate(source, contacts) + MIN_SKATE
    assert stretch(result) <= max(1.0, stretch(analytic)) + 1e-9  # near: exact


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("rise_m", [0.0, 0.06])
def test_planted_soles_are_on_the_targets_floor(name: str, rise_m: float) -> None:
    source, _ = walk(SOURCE, 60.0)
    source = replace(source, positions_m=source.positions_m + np.array([0.0, rise_m, 0.0]))
    result, _, contacts, scale = retarget(source, TARGETS[name])
    base = estimate_floor(source, contacts).base_m
    assert base is not None
    over = sole_heights(result) - TARGETS[name].floor_m - scale * (sole_heights(source) - base)
    planted = contacts.planted & np.isfinite(over)
    assert np.quantile(np.abs(over[planted]), 0.98) < 0.005


@pytest.mark.parametrize("name", ["long shins", "short and flat-footed"])
def test_stairs_are_climbed_at_their_own_scaled_heights(name: str) -> None:
    source, _ = walk(SOURCE, 60.0, stride_m=0.7, ground=lambda step: 0.12 * max(step, 0))
    result, _, contacts, scale = retarget(source, TARGETS[name])
    over = sole_heights(result) - TARGETS[name].floor_m - scale * sole_heights(source)
    assert np.quantile(np.abs(over[contacts.planted]), 0.95) < 0.01
    assert skate(result, contacts) <= 1.1 * skate(source, contacts) + MIN_SKATE
    assert np.ptp(np.nanmin(sole_heights(result), axis=1)) > 0.6 * scale * np.ptp(
        np.nanmin(sole_heights(source), axis=1)
    )


def test_flat_ground_puts_every_contact_on_one_plane() -> None:
    source, _ = walk(SOURCE, 60.0, stride_m=0.7, ground=lambda step: 0.05 * max(step, 0))
    target = TARGETS["long shins"]
    result, _, contacts, _ = retarget(source, target, "flat")
    soles = sole_heights(result)[contacts.planted]
    assert np.quantile(np.abs(soles - target.floor_m), 0.9) < 0.04
    stepped, _, _, _ = retarget(source, target, "auto")
    assert np.ptp(sole_heights(stepped)[contacts.planted]) > 0.2


def test_ground_none_leaves_heights_alone() -> None:
    source, _ = walk(SOURCE, 60.0)
    source = replace(source, positions_m=source.positions_m + np.array([0.0, 0.3, 0.0]))
    target = TARGETS["long shins"]
    contacts = find_contacts(source)
    analytic = transfer(source, target, align_rest(SOURCE, target), 0.0)
    result = hold_feet(analytic, source, contacts, leg_scale(SOURCE, target), "none", 0.0)
    change = sole_heights(result) - sole_heights(analytic)
    # But for the millimetre by which a nearly straight leg may miss.
    assert np.abs(change[contacts.planted & np.isfinite(change)]).max() < 0.002
    assert skate(result, contacts) <= 1.05 * skate(source, contacts) + MIN_SKATE


@pytest.mark.parametrize("rate_hz", [24.0, 60.0])
def test_the_same_body_is_left_exactly_as_it_is(rate_hz: float) -> None:
    for source in (walk(SOURCE, rate_hz)[0], jump(SOURCE, rate_hz)[0], walk(SOURCE, rate_hz, in_place=True)[0]):
        result = hold_feet(source, source, find_contacts(source), 1.0, "auto", source.body.floor_m)
        assert np.abs(result.positions_m - source.positions_m).max() < 1e-6
        assert np.degrees(quat.angle_between(result.rotations, source.rotations)).max() < 0.01


def test_nothing_happens_without_contacts() -> None:
    source, _ = jump(SOURCE, 60.0)
    nothing = FootContacts(np.zeros((source.frames, 4), dtype=bool), np.full((source.frames, 4), np.nan), np.zeros(3))
    assert hold_feet(source, source, nothing, 1.0, "auto", source.body.floor_m) is source


def test_in_the_middle_of_a_jump_only_the_floor_counts() -> None:
    source, flying = jump(SOURCE, 60.0, rise_m=1.2)
    result, analytic, contacts, _ = retarget(source, TARGETS["long shins"])
    since = np.minimum.accumulate(np.where(flying, np.arange(source.frames), source.frames))[-1]
    middle = slice(since + 20, since + int(flying.sum()) - 20)
    assert not contacts.planted[middle].any()
    turned = np.degrees(quat.angle_between(result.rotations[middle], analytic.rotations[middle]))
    assert turned.max() < 0.5
    shift = result.positions_m[middle] - analytic.positions_m[middle]
    assert np.ptp(shift, axis=(0, 1)).max() < 0.01


def test_a_treadmill_walk_is_not_frozen() -> None:
    source, _ = walk(SOURCE, 60.0, in_place=True)
    for name in ("long shins", "short and flat-footed"):
        result, _, contacts, scale = retarget(source, TARGETS[name])
        ground = scale * contacts.ground_velocity_m_s
        assert abs(ground[2]) > 0.3
        feet = result.role_positions("leftFoot")
        assert feet is not None
        planted = contacts.planted[1:, 0] & contacts.planted[:-1, 0]
        velocity = np.diff(feet, axis=0)[planted] * 60.0
        np.testing.assert_allclose(np.median(velocity, axis=0), ground, atol=0.03 * abs(ground[2]))
        assert (
            skate(result, contacts, ground) <= 1.1 * skate(source, contacts, contacts.ground_velocity_m_s) + MIN_SKATE
        )


@pytest.mark.parametrize("in_place", [True, False])
def test_a_loop_stays_a_loop(in_place: bool) -> None:
    source, _ = walk(SOURCE, 60.0, seconds=2.0, in_place=in_place)
    for target in TARGETS.values():
        result, _, _, _ = retarget(source, target)
        assert np.degrees(quat.angle_between(result.rotations[0], result.rotations[-1])).max() < 0.05
        local = result.positions_m - result.positions_m[:, [target.hips]] * [1.0, 0.0, 1.0]
        assert np.abs(local[0] - local[-1]).max() < 5e-4
        # Velocity over the seam: the step into the last frame against the step out of the first.
        steps = np.diff(local, axis=0)
        seam = np.abs(steps[0] - steps[-1]).max()
        assert seam <= np.abs(np.diff(steps, axis=0)).max() + 1e-9


def test_feet_do_not_swing_through_the_ground() -> None:
    source, _ = walk(SOURCE, 60.0)
    target = make_body(0.4, 0.35, ankle=0.05, foot=0.32)
    result, analytic, _, _ = retarget(source, target)
    lowest = np.nanmin(sole_heights(result) - target.floor_m, axis=1)
    assert np.nanmin(sole_heights(source)) > -0.02
    assert np.nanmin(sole_heights(analytic) - target.floor_m) < -0.03
    assert lowest.min() > -0.025


def test_facing_and_place_of_the_source_do_not_matter() -> None:
    source, _ = walk(SOURCE, 60.0)
    turn = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), 2.0)
    body = replace(SOURCE, facing=turn, rest_rotations=quat.multiply(turn, SOURCE.rest_rotations))
    body = replace(body, rest_positions_m=quat.rotate(turn, SOURCE.rest_positions_m))
    turned = replace(
        source,
        body=body,
        rotations=quat.multiply(turn, source.rotations),
        positions_m=quat.rotate(turn, source.positions_m),
    )
    target = TARGETS["long shins"]
    plain, other = retarget(source, target)[0], retarget(turned, target)[0]
    assert np.degrees(quat.angle_between(plain.rotations, other.rotations)).max() < 0.01
    np.testing.assert_allclose(plain.positions_m, other.positions_m, atol=1e-5)


def test_hips_stay_close() -> None:
    source, _ = walk(SOURCE, 60.0)
    result, analytic, _, _ = retarget(source, TARGETS["long shins"])
    moved = result.positions_m[:, 0] - analytic.positions_m[:, 0]
    assert np.abs(moved[:, 1]).max() < 0.06 * TARGETS["long shins"].leg_length_m
    assert np.abs(np.diff(moved, 2, axis=0)).max() * 60.0**2 < 6.0


def test_a_source_without_feet_is_left_alone() -> None:
    source, _ = walk(SOURCE, 60.0)
    mapping = SOURCE.mapping
    roles = {role: match for role, match in mapping.roles.items() if role not in FOOT_ROLES}
    bare = replace(source, body=replace(SOURCE, mapping=replace(mapping, roles=roles), sole_drop_m={}))
    contacts = find_contacts(bare)
    assert not contacts.planted.any()
    legs, notices = find_legs(bare.body)
    assert not legs and [notice.code for notice in notices] == ["foot-not-held", "foot-not-held"]
