"""The ground's velocity under clips played in place: gaits tell it, whatever the head's size; rooted feet do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.synthetic_walker import Foot, make_body, pose_legs, walk
from workers.motion.body_motion import BodyMotion
from workers.motion.timeline import find_timeline
from workers.motion.treadmill import ground_velocity
from workers.skeleton.model import Array

BODY = make_body(0.45, 0.42)


def velocity(motion: BodyMotion) -> Array:
    return ground_velocity(motion, find_timeline(motion))


@pytest.mark.parametrize("rate_hz", [24.0, 30.0, 120.0])
@pytest.mark.parametrize("tallness", [1.0, 3.5])
def test_a_walk_in_place_tells_its_ground_whatever_stands_on_the_legs(rate_hz: float, tallness: float) -> None:
    motion, _ = walk(BODY, rate_hz, in_place=True)
    tall = replace(motion, body=replace(BODY, height_m=tallness * BODY.height_m))
    np.testing.assert_allclose(velocity(tall), [0.0, 0.0, -1.2], atol=0.06)


def test_a_walk_that_travels_has_still_ground() -> None:
    assert not velocity(walk(BODY, 60.0)[0]).any()


def in_place(phase: Array, forward: Array, up: Array, rate_hz: float) -> BodyMotion:
    """Both feet on the given path, half a cycle apart; `forward` and `up` are over one cycle of `phase`."""
    frames = len(phase)
    hips = np.tile(BODY.rest_positions_m[BODY.hips] - [0.0, 0.1, 0.0], (frames, 1))
    feet = {}
    for number, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        shift = number * (frames - 1) // 2
        z, y = (np.concatenate([path[:-1], path[:-1]])[shift : shift + frames] for path in (forward, up))
        ankle = np.stack([np.full(frames, 0.1 * sign), BODY.sole_drop_m[f"{side}Foot"] + y, z], axis=1)
        feet[side] = Foot(ankle, np.zeros(frames), y <= 0.0, y <= 0.0)
    return pose_legs(BODY, hips, feet, rate_hz)


def test_a_run_that_touches_the_ground_for_three_frames_a_step_is_one_in_place() -> None:
    rate_hz, frames = 30.0, 21
    phase = np.arange(frames) / (frames - 1)
    forward = np.interp(phase, [0.0, 0.1, 0.6, 1.0], [0.1, -0.1, 0.1, 0.1])
    up = np.interp(phase, [0.0, 0.1, 0.5, 0.95, 1.0], [0.0, 0.0, 0.3, 0.05, 0.0])
    found = velocity(in_place(phase, forward, up, rate_hz))
    np.testing.assert_allclose(found, [0.0, 0.0, -0.2 / (0.1 * (frames - 1) / rate_hz)], rtol=0.05, atol=1e-9)


def test_feet_that_sway_on_the_spot_are_on_still_ground() -> None:
    rate_hz, frames = 30.0, 41
    phase = np.arange(frames) / (frames - 1)
    # Back slowly over 70 % of the time and forth quickly, never lifted.
    forward = np.interp(phase, [0.0, 0.7, 1.0], [0.3, -0.3, 0.3])
    assert not velocity(in_place(phase, forward, np.zeros(frames), rate_hz)).any()
