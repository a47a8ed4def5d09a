"""Bodies that sit and lie on the ground, on bodies of other legs: on their own seat, as high as the source's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.retargeting.feet.test_foot_lock import TARGETS, floor_m, retarget
from tests.synthetic_walker import Foot, make_body, pose_legs, walk
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import find_contacts
from workers.motion.lying import carried_by_seat, seat_heights_m
from workers.motion.smoothing import smoothstep
from workers.motion.timeline import find_timeline
from workers.scores.pose_scores import hips_height_drift, seated_share
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, measure_body
from workers.skeleton.model import Array, Mesh

SOURCE = make_body(0.24, 0.22)  # short legs: another body's longer ones would leave it in the air
RATE_HZ = 60.0
FRAMES = 61


def lying(body: Body, height_m: float, roll_rad: float = 0.0) -> BodyMotion:
    """On the back with straight legs, hips `height_m` over the floor, turned about its own axis."""
    turn = quat.multiply(
        quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), roll_rad),
        quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), -0.5 * np.pi),
    )
    rotations = np.broadcast_to(turn, (FRAMES, len(body.skeleton), 4)).copy()
    hips = np.broadcast_to([0.0, body.floor_m + height_m, 0.0], (FRAMES, 3))
    positions = kinematics.world_positions(body.skeleton, rotations, body.skeleton.node_offsets_m, {body.hips: hips})
    return BodyMotion(body, "lying", RATE_HZ, 0.0, rotations, positions)


def lowered(body: Body, seat_m: float, ahead_m: float) -> BodyMotion:
    """From standing down to hips `seat_m` over the floor, feet planted `ahead_m` before the hips at the end."""
    share = smoothstep(np.linspace(-0.5, 1.5, 2 * FRAMES))
    stand = body.rest_positions_m[body.hips]
    hips = stand + (np.array([0.0, body.floor_m + seat_m, 0.0]) - stand * [0.0, 1.0, 0.0]) * share[:, None]
    hips[:, 2] -= ahead_m * share
    feet = {}
    for side in ("left", "right"):
        ankle = np.broadcast_to(body.rest_positions_m[body.mapping.roles[f"{side}Foot"].joint], (len(share), 3))
        on = np.ones(len(share), dtype=bool)
        feet[side] = Foot(ankle, np.zeros(len(share)), on, on)
    return pose_legs(body, hips, feet, RATE_HZ)


def over_floor(motion: BodyMotion, floor: float) -> Array:
    """Of the seat, in shares of the height."""
    heights: Array = (seat_heights_m(motion) - floor) / motion.body.height_m
    return heights


def weights(motion: BodyMotion) -> Array:
    contacts, timeline = find_contacts(motion), find_timeline(motion)
    return timeline.crop(carried_by_seat(motion, contacts, floor_m(motion, contacts), timeline))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("roll_deg", [0.0, 90.0, 180.0])
def test_who_lies_on_the_floor_lies_on_it_on_any_body(name: str, roll_deg: float) -> None:
    source = lying(SOURCE, 0.07 * SOURCE.height_m, np.radians(roll_deg))
    result, analytic, contacts, _ = retarget(source, TARGETS[name])
    floor = TARGETS[name].floor_m
    assert np.abs(over_floor(result, floor) - over_floor(source, SOURCE.floor_m)).max() < 0.002
    assert hips_height_drift(result, source, seated_share(source, contacts, SOURCE.floor_m), SOURCE.floor_m) < 0.005
    off = np.abs(over_floor(analytic, floor) - over_floor(source, SOURCE.floor_m)).max()
    assert off > 0.01 or name not in ("long shins", "tall and high-heeled")


def test_legs_longer_than_the_source_s_do_not_point_into_the_floor() -> None:
    source, target = lying(SOURCE, 0.07 * SOURCE.height_m), TARGETS["long shins"]
    tilted = quat.multiply(quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), 0.06), source.rotations)
    hips = {SOURCE.hips: source.positions_m[:, SOURCE.hips]}
    positions = kinematics.world_positions(SOURCE.skeleton, tilted, SOURCE.skeleton.node_offsets_m, hips)
    source = replace(source, rotations=tilted, positions_m=positions)
    result, _, _, _ = retarget(source, target)
    for side in ("left", "right"):
        ankles = result.role_positions(f"{side}Foot"), source.role_positions(f"{side}Foot")
        assert ankles[0] is not None and ankles[1] is not None
        meant = (ankles[1][:, 1].min() - SOURCE.floor_m) * target.height_m / SOURCE.height_m
        drop = target.sole_drop_m[f"{side}Foot"]
        assert ankles[0][:, 1].min() - target.floor_m > min(meant, drop) - 0.005


@pytest.mark.parametrize("name", TARGETS)
def test_who_sits_down_ends_on_the_floor_and_goes_down_all_the_way(name: str) -> None:
    source = lowered(SOURCE, 0.08 * SOURCE.height_m, 0.8 * SOURCE.leg_length_m)
    result, _, _, _ = retarget(source, TARGETS[name])
    over = over_floor(result, TARGETS[name].floor_m)
    assert abs(over[-1] - over_floor(source, SOURCE.floor_m)[-1]) < 0.005
    assert (over - np.minimum.accumulate(over)).max() < 0.03  # it goes down all the way


def test_a_crouch_on_planted_feet_keeps_the_legs_scale() -> None:
    crouching = lowered(SOURCE, 0.09 * SOURCE.height_m, 0.1 * SOURCE.leg_length_m)
    assert weights(crouching).max() == 0.0
    assert weights(lowered(SOURCE, 0.09 * SOURCE.height_m, 0.8 * SOURCE.leg_length_m))[-1] > 0.9


def test_a_walk_and_a_chair_are_no_floor() -> None:
    assert weights(walk(SOURCE, RATE_HZ)[0]).max() == 0.0
    assert weights(lowered(SOURCE, 0.22 * SOURCE.height_m, 0.8 * SOURCE.leg_length_m)).max() == 0.0
    assert weights(lying(SOURCE, 0.3 * SOURCE.height_m)).max() == 0.0  # a bed
    assert weights(lying(SOURCE, -0.3 * SOURCE.height_m)).max() == 0.0  # a grave


def test_on_its_own_body_nothing_changes() -> None:
    for source in (
        lying(SOURCE, 0.07 * SOURCE.height_m),
        lowered(SOURCE, 0.08 * SOURCE.height_m, 0.8 * SOURCE.leg_length_m),
    ):
        result, _, _, _ = retarget(source, SOURCE)
        assert np.abs(result.positions_m - source.positions_m).max() < 1e-6


def test_ground_none_leaves_the_height_alone() -> None:
    source = lying(SOURCE, 0.07 * SOURCE.height_m)
    result, analytic, _, _ = retarget(source, TARGETS["long shins"], "none")
    assert result is analytic


def test_a_skirt_to_the_floor_is_no_seat() -> None:
    plain = measure_body(SOURCE.skeleton, SOURCE.mapping, _skin(SOURCE, 0.0))
    skirted = measure_body(SOURCE.skeleton, SOURCE.mapping, _skin(SOURCE, 1.0))
    for body in (plain, skirted):
        over = over_floor(lying(body, 0.07 * body.height_m), body.floor_m)
        # The box is 4 cm thick to each side of the hips.
        assert over == pytest.approx(0.07 - 0.04 / body.height_m, abs=1e-6)


def _skin(body: Body, skirt: float) -> Mesh:
    """A box of 4 cm to each side around each joint; a share `skirt` of the way to the floor hangs from the hips."""
    corners = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
    places = (body.rest_positions_m[:, None] + 0.04 * corners).reshape(-1, 3)
    joints = np.repeat(np.arange(len(body.skeleton)), len(corners))
    if skirt:
        hem = body.rest_positions_m[body.hips] + np.array(
            [[x, -0.45 * skirt, z] for x in (-0.3, 0.3) for z in (-0.3, 0.3)]
        )
        places, joints = np.concatenate([places, hem]), np.concatenate([joints, np.full(len(hem), body.hips)])
    faces = np.arange(3 * (len(places) // 3)).reshape(-1, 3)
    return Mesh(places, faces, joints[:, None], np.ones((len(places), 1)))
