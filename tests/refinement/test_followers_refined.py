"""Refinement and body parts see followers as part of what they follow."""

from __future__ import annotations

import numpy as np
import pytest

from tests.rebuilt_rigs import Joint, plain_rig, rig_bundle
from workers.formats.read import read_scene
from workers.geometry.parts import joint_parts
from workers.preparation.prepare import prepare_character
from workers.retargeting.residual import find_freedom
from workers.samples.shape import PARENTS
from workers.skeleton.body import Body

ARM_AND_LEG = ("leftUpperArm", "leftLowerArm", "leftHand", "rightUpperLeg", "rightLowerLeg", "rightFoot")


@pytest.fixture(scope="module")
def body() -> Body:
    def parent(role: str) -> str | None:
        above = PARENTS[role]
        return f"DEF-{above}" if above in ARM_AND_LEG else "hips"

    more = [Joint(f"DEF-{role}", parent(role), role) for role in ARM_AND_LEG]
    rig = plain_rig().with_joints(*more, holders={role: f"DEF-{role}" for role in ARM_AND_LEG})
    return prepare_character(read_scene(rig_bundle(rig)), {}).body


def test_each_is_of_the_part_it_follows(body: Body) -> None:
    leaders = body.followers.leaders
    assert len(leaders) == len(ARM_AND_LEG)
    of_joint, part_of = joint_parts(body), find_freedom(body).part_of
    for follower, leader in leaders.items():
        assert of_joint[follower] == of_joint[leader]
        assert part_of[follower] == part_of[leader]
    assert len(np.unique(part_of[list(leaders)])) >= 4


def test_the_body_is_measured_as_if_the_skin_hung_on_it(body: Body) -> None:
    plain = prepare_character(read_scene(rig_bundle(plain_rig())), {}).body
    assert body.sole_drop_m == pytest.approx(dict(plain.sole_drop_m), abs=1e-6)
    assert body.floor_m == pytest.approx(plain.floor_m, abs=1e-6)
