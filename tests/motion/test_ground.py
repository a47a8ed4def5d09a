"""The floor that is assumed: a plane, uneven, or none; and the level that heights are counted from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.synthetic_walker import jump, make_body, walk
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts, find_contacts
from workers.motion.ground import Floor, estimate_floor

BODY = make_body(0.45, 0.42)


def floor_of(motion: BodyMotion, rise_m: float = 0.0) -> Floor:
    moved = replace(motion, positions_m=motion.positions_m + np.array([0.0, rise_m, 0.0]))
    return estimate_floor(moved, find_contacts(moved))


def test_a_walk_on_the_rest_floor_stands_on_exactly_that() -> None:
    motion, _ = walk(BODY, 60.0)
    floor = floor_of(motion)
    assert floor.kind == "plane" and floor.base_m == BODY.floor_m


@pytest.mark.parametrize("rise_m", [0.05, -0.1])
def test_a_floating_floor_is_found(rise_m: float) -> None:
    motion, _ = walk(BODY, 60.0)
    floor = floor_of(motion, rise_m)
    assert floor.kind == "plane" and floor.base_m == pytest.approx(rise_m, abs=0.005)


def test_a_file_that_shows_its_floor_may_play_far_above_it() -> None:
    motion, _ = jump(BODY, 60.0)
    assert floor_of(motion, 0.6).base_m == BODY.floor_m


def test_a_rest_pose_that_stands_nowhere_in_particular_says_nothing() -> None:
    motion, _ = walk(BODY, 60.0)
    sunk = replace(motion, body=replace(BODY, floor_m=BODY.floor_m - 0.95))
    assert floor_of(sunk, 0.6).base_m == pytest.approx(0.6, abs=0.01)


def test_stairs_keep_their_steps_and_count_from_the_bottom() -> None:
    motion, _ = walk(BODY, 60.0, stride_m=0.7, ground=lambda step: 0.12 * max(step, 0))
    floor = floor_of(motion)
    assert floor.kind == "per_contact" and floor.base_m is not None and floor.highest_m is not None
    assert floor.base_m == pytest.approx(0.0, abs=0.01)
    assert floor.highest_m > 0.4


def test_no_contacts_no_floor() -> None:
    motion, _ = jump(BODY, 60.0)
    nothing = FootContacts(np.zeros((motion.frames, 4), dtype=bool), np.full((motion.frames, 4), np.nan), np.zeros(3))
    floor = estimate_floor(motion, nothing)
    assert floor.to_dict() == {"kind": "none", "base_m": None, "lowest_m": None, "highest_m": None}
