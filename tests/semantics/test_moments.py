"""What is told of a moment follows from what was done to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.semantics.moving_body import NAMES, random_curves, sample
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts, find_contacts
from workers.semantics.description import commonest, words_of_name
from workers.semantics.moments import NOTHING, explain
from workers.skeleton import kinematics, quat

MOTION = sample(random_curves(3), 1.0, 30.0)
FRAMES = [0, 12, 30]


def turned(role: str, degrees: float) -> BodyMotion:
    """The limb below one joint turned about Z."""
    joint = NAMES.index(role)
    skeleton = MOTION.body.skeleton
    turn = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.radians(degrees))
    rotations, positions = MOTION.rotations.copy(), MOTION.positions_m.copy()
    below = kinematics.subtree(skeleton, joint)
    pivot = positions[:, [joint]].copy()
    rotations[:, below] = quat.multiply(turn, rotations[:, below])
    positions[:, below] = quat.rotate(turn, positions[:, below] - pivot) + pivot
    return replace(MOTION, rotations=rotations, positions_m=positions)


def told(result: BodyMotion, contacts: FootContacts | None = None) -> list[str]:
    found = contacts or find_contacts(MOTION)
    return explain(FRAMES, MOTION, result, found, MOTION.body.floor_m)


def test_nothing_is_told_of_the_same_motion() -> None:
    assert told(MOTION) == [NOTHING] * len(FRAMES)


def test_size_heading_and_place_are_told_nothing_of() -> None:
    other = sample(random_curves(3), 1.0, 30.0, scale=2.5)
    reasons = explain(FRAMES, MOTION, other, find_contacts(MOTION), MOTION.body.floor_m)
    assert reasons == [NOTHING] * len(FRAMES)


def test_a_hips_joint_that_lies_at_the_ground_is_told_nothing_of() -> None:
    positions = MOTION.positions_m.copy()
    positions[:, NAMES.index("hips"), 1] = MOTION.body.floor_m
    assert told(replace(MOTION, positions_m=positions)) == [NOTHING] * len(FRAMES)


@pytest.mark.parametrize(("role", "words"), [("leftLowerArm", "left forearm"), ("rightLowerLeg", "right shin")])
def test_a_turned_limb_is_named_with_its_angle(role: str, words: str) -> None:
    for reason in told(turned(role, 60.0)):
        assert f"{words} points" in reason
        assert int(reason.split(f"{words} points ")[1].split()[0]) <= 60


def test_lower_hips_are_told() -> None:
    sunk = replace(MOTION, positions_m=MOTION.positions_m - np.array([0.0, 0.2, 0.0]))
    assert all("hips" in reason and "lower" in reason for reason in told(sunk))


def test_a_planted_foot_that_floats_is_told() -> None:
    still = replace(
        MOTION, rotations=MOTION.rotations[:1].repeat(31, 0), positions_m=MOTION.positions_m[:1].repeat(31, 0)
    )
    planted = find_contacts(still)
    ground = MOTION.body.floor_m
    everywhere = replace(
        planted,
        planted=np.ones_like(planted.planted),
        ground_m=np.full_like(planted.ground_m, ground),
        ground_velocity_m_s=np.zeros(3),
    )
    raised = replace(still, positions_m=still.positions_m + np.array([0.0, 0.08, 0.0]))
    reasons = explain([0], still, raised, everywhere, ground)
    assert "planted in the source" in reasons[0]
    assert "higher over the ground" in reasons[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Walk_Forward.001", "walk forward"),
        ("Armature|mixamo.com|Layer0", None),
        ("01_01", None),
        ("RunningJump", "running jump"),
        ("Take 001", None),
        ("medium_idle", "medium idle"),
        ("", None),
    ],
)
def test_words_of_a_clip_name(name: str, words: str | None) -> None:
    assert words_of_name(name) == words


def test_the_commonest_answer_the_earlier_of_equals() -> None:
    assert commonest(["walking", "running", "running ", "walking"]) == "walking"
    assert commonest(["", " "]) is None
