"""Heights of planted feet: the ground by the length of the legs, what a foot does over its ground by its own size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.synthetic_walker import make_body, walk
from workers.motion.contacts import find_contacts, sole_heights
from workers.motion.ground import estimate_floor
from workers.motion.timeline import find_timeline
from workers.retargeting.alignment import align_rest
from workers.retargeting.analytic import leg_scale, transfer
from workers.retargeting.feet.foot_heights import Ground, foot_heights, foot_scale
from workers.skeleton.body import FOOT_ROLES

ADULT = make_body(0.45, 0.42)
SHORT_LEGS = replace(make_body(0.2, 0.18, ankle=0.12, foot=0.16), height_m=2.4)


@pytest.mark.parametrize("ground", ["auto", "flat"])
def test_steps_are_as_high_as_the_legs_and_heels_lift_as_high_as_the_foot(ground: Ground) -> None:
    source, _ = walk(SHORT_LEGS, 30.0, stride_m=0.5, ground=lambda step: 0.06 * max(step, 0))
    contacts, scale = find_contacts(source), leg_scale(SHORT_LEGS, ADULT)
    base = estimate_floor(source, contacts).base_m
    assert base is not None
    motion = transfer(source, ADULT, align_rest(SHORT_LEGS, ADULT), base)
    heights = foot_heights(motion, source, contacts, find_timeline(source), scale, ground)
    drops = np.array([ADULT.sole_drop_m[role] for role in FOOT_ROLES])
    soles, planted = heights.planted_m - drops - ADULT.floor_m, contacts.planted
    over = (sole_heights(source) - contacts.ground_m)[planted]
    steps = scale * (contacts.ground_m - base)[planted] if ground == "auto" else 0.0
    assert over.max() > 0.01
    np.testing.assert_allclose(soles[planted], steps + ADULT.height_m / SHORT_LEGS.height_m * over, atol=1e-9)


def test_a_foot_is_never_scaled_by_more_than_the_legs_or_the_body() -> None:
    for source, target in ((ADULT, SHORT_LEGS), (SHORT_LEGS, ADULT)):
        scale = leg_scale(source, target)
        assert foot_scale(source, target, scale) == min(scale, target.height_m / source.height_m)
    assert foot_scale(ADULT, ADULT, 1.0) == 1.0
