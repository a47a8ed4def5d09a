"""Loops: ends that differ a little are joined in pose and pace; what loops already is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.synthetic_walker import make_body, walk
from workers.contract.errors import InvalidOptions
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.motion.close_loop import close_loop, measure_seam
from workers.skeleton import kinematics, quat
from workers.skeleton.body import UP
from workers.skeleton.model import Array

RATE_HZ = 30.0


def nearly(cycles: float, stride_m: float = 1.2) -> BodyMotion:
    """So many cycles of a walk of one a second, cut where they do not quite come round."""
    return walk(make_body(0.45, 0.42), RATE_HZ, seconds=cycles, stride_m=stride_m)[0]


def turning(degrees: float, frames: int = 41) -> BodyMotion:
    """A body that sways while it turns and walks a circle, its ends not quite alike."""
    body = make_body(0.45, 0.42)
    share = np.linspace(0.0, 1.0, frames)
    yaw = quat.from_axis_angle(UP, np.radians(degrees) * share)
    sway = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), 0.2 * np.sin(2.0 * np.pi * 1.04 * share))
    rotations = np.repeat(quat.multiply(yaw, sway)[:, None], len(body.skeleton), axis=1)
    swing = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), 0.3 * np.sin(2.0 * np.pi * 1.03 * share))
    arm = body.mapping.roles["leftLowerArm"].joint
    rotations[:, arm] = quat.multiply(rotations[:, arm], swing)
    hips = body.rest_positions_m[body.hips] + quat.rotate(yaw, np.array([1.0, 0.0, 0.0]))
    hips[:, 1] += 0.02 * share
    like = BodyMotion(body, "turning", RATE_HZ, 0.0, rotations, np.zeros((frames, 0, 3)))
    return from_rotations(body, like, rotations, hips)


def bone_lengths(motion: BodyMotion) -> Array:
    parents = motion.body.skeleton.parents
    child = np.flatnonzero(parents >= 0)
    return np.asarray(np.linalg.norm(motion.positions_m[:, child] - motion.positions_m[:, parents[child]], axis=-1))


@pytest.mark.parametrize("cycles", [0.93, 1.9, 2.07])
def test_the_seam_closes_in_pose_and_pace(cycles: float) -> None:
    motion = nearly(cycles)
    closed = close_loop(motion)
    assert closed.before.pose_deg > 1.0
    assert closed.after.pose_deg < 0.1 and closed.after.place_m < 1e-6
    assert closed.after.speed_jump_deg_s <= closed.before.jump_inside_deg_s
    assert measure_seam(closed.motion) == closed.after
    assert np.abs(bone_lengths(closed.motion) - bone_lengths(motion)).max() < 1e-9
    assert closed.motion.frames == motion.frames


def test_a_loop_may_travel_but_drift_goes() -> None:
    walked = close_loop(nearly(1.93))
    assert abs(np.hypot(*walked.lap.travel_m) - 1.93 * 1.2) < 0.1
    idle = replace(nearly(1.93, stride_m=0.02))
    assert close_loop(idle).lap.travel_m == (0.0, 0.0)
    ends = close_loop(idle).motion.positions_m[[0, -1], idle.body.hips]
    assert np.abs(ends[0] - ends[1]).max() < 1e-9


@pytest.mark.parametrize("degrees", [90.0, -170.0, 4.0])
def test_a_loop_may_turn_but_a_little_turn_goes(degrees: float) -> None:
    closed = close_loop(turning(degrees))
    kept = np.degrees(closed.lap.turn_rad)
    assert abs(kept - (degrees if abs(degrees) > 15.0 else 0.0)) < 3.0
    assert closed.after.pose_deg < 0.1 and closed.after.place_m < 1e-6
    assert closed.after.speed_jump_deg_s <= 1.05 * closed.after.jump_inside_deg_s
    # Two laps, one after the other, move at the seam as they do elsewhere.
    motion, hips = closed.motion, closed.motion.body.hips
    turn = quat.from_axis_angle(UP, closed.lap.turn_rad)
    path = motion.positions_m[:, hips] - motion.positions_m[0, hips]
    following = quat.rotate(turn, path) + path[-1] * [1.0, 0.0, 1.0]
    both = np.concatenate([path, following[1:]])
    jumps = np.linalg.norm(np.diff(both, n=2, axis=0), axis=-1)
    assert jumps[motion.frames - 2] <= 1.05 * jumps.max()
    assert jumps[motion.frames - 2] < 3.0 * np.median(jumps) + 1e-6


def test_what_loops_is_left_alone() -> None:
    motion = nearly(2.0)
    closed = close_loop(motion)
    assert closed.motion is motion and closed.fade_s == 0.0


def test_the_middle_of_a_long_clip_is_untouched() -> None:
    motion = nearly(3.07)
    closed = close_loop(motion).motion
    inside = slice(round(0.5 * RATE_HZ) + 1, -round(0.5 * RATE_HZ) - 1)
    local = [kinematics.local_rotations(m.body.skeleton, m.rotations)[inside] for m in (motion, closed)]
    assert quat.angle_between(*local).max() < 1e-9


def test_ends_too_far_apart_are_refused_and_far_ones_told() -> None:
    with pytest.raises(InvalidOptions, match="too far to close; choose start_s and end_s"):
        close_loop(replace_arm(nearly(2.0), 150.0))
    told = close_loop(replace_arm(nearly(2.0), 50.0))
    assert [notice.code for notice in told.notices] == ["loop-ends-apart"]
    assert told.after.pose_deg < 0.1
    with pytest.raises(InvalidOptions, match="too few to close"):
        close_loop(nearly(0.1))


def replace_arm(motion: BodyMotion, degrees: float) -> BodyMotion:
    """The motion with an arm that ends turned by so much."""
    joint = motion.body.mapping.roles["leftUpperArm"].joint
    share = np.linspace(0.0, 1.0, motion.frames) ** 2
    turn = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.radians(degrees) * share)
    rotations = motion.rotations.copy()
    for below in kinematics.subtree(motion.body.skeleton, joint):
        rotations[:, below] = quat.multiply(turn, rotations[:, below])
    return from_rotations(motion.body, motion, rotations, motion.positions_m[:, motion.body.hips])
