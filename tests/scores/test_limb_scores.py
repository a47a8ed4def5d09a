"""Limbs one by one: each damage is seen in its own figure, and what is no damage in none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.scores.stick_body import all_planted, stick_body, stick_motion, swinging
from workers.motion.body_motion import BodyMotion
from workers.retargeting.feet.legs import carried
from workers.scores import limb_scores
from workers.scores.scores import kinematic_scores
from workers.scores.verdict import SEEN_FIRST, judge
from workers.skeleton import quat
from workers.skeleton.body import FORWARD, LEFT, UP

KNEES = {f"{side}LowerLeg": np.tile([0.6, 0.0, 0.0], (31, 1)) for side in ("left", "right")}


def turned(motion: BodyMotion, role: str, degrees: float, axis: np.ndarray) -> BodyMotion:
    """The part below a role turned about its joint by a constant angle."""
    joint = motion.body.mapping.roles[role].joint
    below, turn = carried(motion.body, joint), quat.from_axis_angle(axis, np.radians(degrees))
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    rotations[:, below] = quat.multiply(turn, rotations[:, below])
    positions[:, below] = quat.rotate(turn, positions[:, below] - positions[:, [joint]]) + positions[:, [joint]]
    return replace(motion, rotations=rotations, positions_m=positions)


def new_rows(result: BodyMotion, source: BodyMotion) -> dict[str, str]:
    """The rows of what is seen first that did not pass."""
    scores = kinematic_scores(result, source, all_planted(source), source.body.floor_m)
    rows = judge(scores.values, scores.not_applicable, result.body.height_m)["rows"]
    return {row["score"]: row["outcome"] for row in rows if row["score"] in SEEN_FIRST and row["outcome"] in BAD}


BAD = ("review", "fail")


@pytest.mark.parametrize(("scale", "yaw"), [(1.0, 0.0), (0.3, 2.0), (40.0, -1.0)])
def test_the_same_motion_on_a_body_of_another_size_passes_every_row(scale: float, yaw: float) -> None:
    body = stick_body()
    assert new_rows(swinging(stick_body(scale, yaw)), swinging(body)) == {}


@pytest.mark.parametrize("role", ["leftUpperArm", "rightUpperArm", "leftLowerArm", "rightUpperLeg"])
@pytest.mark.parametrize("degrees", [10.0, 20.0])
def test_a_limb_turned_by_a_constant_angle_is_seen(role: str, degrees: float) -> None:
    source = swinging(stick_body())
    rows = new_rows(turned(source, role, degrees, FORWARD), source)
    assert ("leg_error_deg" if role.endswith("Leg") else "arm_error_deg") in rows


def test_a_leg_of_other_proportions_is_not_blamed_for_its_bent_knee() -> None:
    """Hip to ankle points elsewhere where thigh and shin change their shares, though both segments point the same."""
    body = stick_body()
    source = stick_motion(body, turns={"leftLowerLeg": np.tile([1.5, 0.0, 0.0], (31, 1))})
    offsets = body.skeleton.node_offsets_m.copy()
    for side in ("left", "right"):
        lower, foot = (body.mapping.roles[f"{side}{part}"].joint for part in ("LowerLeg", "Foot"))
        offsets[lower] *= 1.4
        offsets[foot] *= 0.6
    skeleton = replace(body.skeleton, node_offsets_m=offsets, rest_offsets_m=offsets)
    places = body.rest_positions_m.copy()
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            places[joint] = places[parent] + offsets[joint]
    other = replace(body, skeleton=skeleton, rest_positions_m=places)
    result = stick_motion(other, turns={"leftLowerLeg": np.tile([1.5, 0.0, 0.0], (31, 1))})
    assert limb_scores.leg_error_deg(result, source) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("role", "share", "row"),
    [
        ("leftUpperArm", 1.0, "least_movement_ratio"),
        ("leftUpperArm", 0.5, "least_movement_ratio"),
        ("head", 1.0, "least_movement_ratio"),
        ("head", 0.5, "least_movement_ratio"),
        ("rightUpperLeg", 1.0, "leg_movement_ratio"),
        ("rightUpperLeg", 0.5, "leg_error_deg"),
    ],
)
def test_a_limb_that_stands_still_or_moves_half_is_seen(role: str, share: float, row: str) -> None:
    body = stick_body()
    t = np.linspace(0.0, 2.0 * np.pi, 61)
    axes = {"leftUpperArm": (0.0, 0.6, 0.3), "rightUpperLeg": (0.6, 0.0, 0.0), "head": (0.0, 0.5, 0.0)}
    turns = {name: np.outer(np.sin(t), axis) for name, axis in axes.items()}
    source = stick_motion(body, 61, turns=turns)
    slow = stick_motion(body, 61, turns={**turns, role: (1.0 - share) * turns[role]})
    assert new_rows(slow, source).get(row) in BAD
    assert limb_scores.least_movements(slow, source)[role.endswith("Leg")] == pytest.approx(1.0 - share, abs=0.05)


def test_an_arm_frozen_on_a_moving_chest_counts_as_frozen() -> None:
    body = stick_body()
    t = np.linspace(0.0, 2.0 * np.pi, 61)
    turns = {"chest": np.outer(np.sin(t), (0.0, 0.6, 0.0)), "leftUpperArm": np.outer(np.sin(t), (0.0, 0.0, 0.6))}
    frozen = stick_motion(body, 61, turns={"chest": turns["chest"]})
    assert limb_scores.least_movements(frozen, stick_motion(body, 61, turns=turns))[0] == pytest.approx(0.0, abs=1e-6)


def test_a_still_source_has_no_movement_or_bend_to_lose() -> None:
    motion = stick_motion(stick_body())
    assert limb_scores.least_movements(motion, motion)[0] is None
    assert limb_scores.bend_kept(motion, motion) is None


@pytest.mark.parametrize(("role", "axis"), [("leftLowerLeg", (1.0, 0.0, 0.0)), ("rightLowerArm", (0.0, 1.0, 0.0))])
@pytest.mark.parametrize(("share", "kept"), [(-1.0, -1.0), (-0.5, -0.5), (0.0, 0.0)])
def test_a_bend_the_other_way_is_seen(role: str, axis: tuple[float, ...], share: float, kept: float) -> None:
    body, bend = stick_body(), 0.7 * np.tile(axis, (31, 1))
    source, result = (stick_motion(body, turns={role: factor * bend}) for factor in (1.0, share))
    assert limb_scores.bend_kept(result, source) == pytest.approx(kept, abs=0.06)
    assert new_rows(result, source).get("bend_kept") in BAD


def test_knees_bent_to_the_front_are_seen_even_where_the_source_was_read_so() -> None:
    body = stick_body()
    right = stick_motion(body, turns=KNEES)
    wrong = stick_motion(body, turns={role: -bend for role, bend in KNEES.items()})
    assert limb_scores.knees_wrong_way(right) == 0.0
    assert limb_scores.knees_wrong_way(wrong) == 1.0
    assert new_rows(wrong, wrong).get("knees_wrong_way_pct") in BAD
    assert "knees_wrong_way_pct" not in new_rows(right, right)


@pytest.mark.parametrize("degrees", [180.0, 90.0, -90.0])
def test_a_wrung_wrist_is_seen(degrees: float) -> None:
    source = stick_motion(stick_body())
    result = turned(source, "leftHand", degrees, LEFT)
    assert limb_scores.hand_roll_error_deg(result, source) == pytest.approx(abs(degrees), abs=1e-3)
    assert new_rows(result, source).get("hand_roll_error_deg") in BAD


def test_a_bent_wrist_is_not_wrung() -> None:
    source = stick_motion(stick_body())
    assert limb_scores.hand_roll_error_deg(turned(source, "leftHand", 60.0, FORWARD), source) == pytest.approx(0.0)


@pytest.mark.parametrize("role", ["leftLowerArm", "rightLowerLeg", "head", "leftHand"])
@pytest.mark.parametrize("share", [0.1, 0.05])
def test_a_part_moved_away_from_the_body_is_seen(role: str, share: float) -> None:
    source = swinging(stick_body())
    below = carried(source.body, source.body.mapping.roles[role].joint)
    positions = source.positions_m.copy()
    positions[:, below] += share * source.body.height_m * FORWARD
    result = replace(source, positions_m=positions)
    assert limb_scores.joint_displacement_m(result) == pytest.approx(share * source.body.height_m)
    assert new_rows(result, source).get("joint_displacement") in BAD


def test_a_leg_that_lies_may_rise_and_may_not_turn_aside() -> None:
    """Hip to ankle level, as of who lies: 10 degrees up is what a floor asks for, 10 degrees aside is not."""
    standing = stick_motion(stick_body())
    source = turned(standing, "leftUpperLeg", -90.0, LEFT)
    seated = np.ones(source.frames)
    for axis, lying in ((LEFT, 0.0), (UP, 10.0)):
        result = turned(source, "leftUpperLeg", 10.0, axis)
        assert limb_scores.leg_error_deg(result, source, seated) == pytest.approx(lying, abs=0.01)
        assert limb_scores.leg_error_deg(result, source, 0.0 * seated) == pytest.approx(10.0, abs=0.01)
