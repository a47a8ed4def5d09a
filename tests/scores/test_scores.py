"""The kinematic scores on motions whose scores are known, and their invariances."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scores.stick_body import all_planted, none_planted, stick_body, stick_motion, swinging
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.scores import pose_scores
from workers.scores.scores import NOT_FINITE, RELATION_KEYS, SEMANTIC_KEYS, SKIN_KEYS, SURFACE_KEYS, kinematic_scores
from workers.skeleton import quat

KEYS = {
    "foot_skate_ratio", "foot_skate_result", "foot_skate_source", "foot_float_cm", "ground_penetration_cm",
    "foot_float_source_cm", "ground_penetration_source_cm", "jerk_ratio", "jerk_result", "jerk_source",
    "leg_jerk_ratio", "leg_jerk_result", "leg_jerk_source",
    "joint_limit_pct", "joint_limit_source_pct", "limb_direction_error_deg", "movement_ratio", "hips_height_drift_pct",
    "mapping_confidence", "mpjpe_pct_height", "arm_error_deg", "leg_error_deg", "least_movement_ratio",
    "leg_movement_ratio", "bend_kept", "knees_wrong_way_pct", "hand_roll_error_deg", "joint_displacement_cm",
    "foot_own_floor_cm", "root_travel_ratio", "feet_unmeasured_pct", *SEMANTIC_KEYS, *SURFACE_KEYS, *SKIN_KEYS,
    *RELATION_KEYS,
}  # fmt: skip


def moved(motion: BodyMotion, shift: np.ndarray) -> BodyMotion:
    return replace(motion, positions_m=motion.positions_m + shift)


def slid(motion: BodyMotion, speed_m_s: float) -> BodyMotion:
    """The motion with a further even slide along its own forward direction."""
    times = np.arange(motion.frames) / motion.rate_hz
    forward = quat.rotate(motion.body.facing, np.array([0.0, 0.0, 1.0]))
    return moved(motion, (times[:, None] * speed_m_s * forward)[:, None])


def test_identity() -> None:
    body = stick_body()
    motion = swinging(body)
    scores = kinematic_scores(motion, motion, all_planted(motion), body.floor_m, truth=motion)
    assert set(scores.values) == KEYS
    for key in ("foot_skate_ratio", "jerk_ratio", "movement_ratio"):
        assert scores.values[key] == 1.0
    for key in ("limb_direction_error_deg", "hips_height_drift_pct", "mpjpe_pct_height", "joint_limit_pct"):
        assert scores.values[key] == pytest.approx(0.0, abs=1e-5)
    assert scores.values["mapping_confidence"] == 0.9
    unmeasured = {*SEMANTIC_KEYS, *SURFACE_KEYS, *RELATION_KEYS, *SKIN_KEYS}
    assert set(scores.not_applicable) == {*unmeasured, "root_travel_ratio"}  # no travel


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.01, 100.0), yaw=st.floats(-3.1, 3.1), places=st.tuples(*[st.floats(-50.0, 50.0)] * 2))
def test_scores_do_not_depend_on_size_heading_or_place(scale: float, yaw: float, places: tuple[float, float]) -> None:
    source_body, body = stick_body(), stick_body(scale, yaw)
    source, contacts = swinging(source_body), all_planted(swinging(source_body))
    result = slid(swinging(body), 0.2 * body.height_m)
    placed = moved(result, np.array([places[0], 0.0, places[1]]))
    reference = kinematic_scores(slid(source, 0.2 * source_body.height_m), source, contacts, source_body.floor_m)
    values = kinematic_scores(placed, source, contacts, source_body.floor_m).values
    for key, expected in reference.values.items():
        if isinstance(expected, float):
            # Centimetres are at the character's own size.
            factor = scale if key.endswith("_cm") else 1.0
            assert values[key] == pytest.approx(expected * factor, rel=1e-3, abs=2e-5 * factor), key


@settings(max_examples=20, deadline=None)
@given(own=st.floats(0.01, 0.2), added=st.floats(0.0, 1.0), rate=st.sampled_from([24.0, 30.0, 120.0]))
def test_skate_is_the_horizontal_speed_of_planted_feet(own: float, added: float, rate: float) -> None:
    body = stick_body()
    still = stick_motion(body, rate_hz=rate)
    source, result = (slid(still, speed * body.height_m) for speed in (own, own + added))
    values = kinematic_scores(result, source, all_planted(source), body.floor_m).values
    assert values["foot_skate_source"] == pytest.approx(own, rel=1e-5)
    assert values["foot_skate_result"] == pytest.approx(own + added, rel=1e-5)
    assert values["foot_skate_ratio"] == pytest.approx((own + added) / own, rel=1e-4)


def test_skate_counts_planted_steps_only() -> None:
    body = stick_body()
    still = stick_motion(body, frames=40)
    path = np.zeros((40, 1, 3))
    path[20:, 0, 0] = np.linspace(0.0, 1.0, 20)
    planted = np.zeros((40, 4), dtype=bool)
    planted[:20] = True
    contacts = FootContacts(planted, np.where(planted, body.floor_m, np.nan), np.zeros(3))
    values = kinematic_scores(moved(still, path), still, contacts, body.floor_m).values
    assert values["foot_skate_result"] == pytest.approx(0.0, abs=1e-9)


def test_feet_that_keep_the_pace_of_a_treadmill_do_not_skate() -> None:
    source_body, body = stick_body(), stick_body(0.5, yaw_rad=1.0)
    back = quat.rotate(source_body.facing, np.array([0.0, 0.0, -1.2]))
    source = slid(stick_motion(source_body), -1.2)
    result = slid(stick_motion(body), -0.6)
    values = kinematic_scores(result, source, all_planted(source, velocity=back), source_body.floor_m).values
    assert values["foot_skate_result"] == pytest.approx(0.0, abs=1e-9)
    assert values["foot_skate_ratio"] is None


@pytest.mark.parametrize("lift_m", [0.03, 0.0, -0.02])
def test_floating_and_sinking_are_in_centimetres(lift_m: float) -> None:
    body = stick_body(2.0)
    source_body = stick_body()
    source = stick_motion(source_body)
    result = moved(stick_motion(body), np.array([0.0, lift_m, 0.0]))
    values = kinematic_scores(result, source, all_planted(source), source_body.floor_m).values
    assert values["foot_float_cm"] == pytest.approx(100.0 * max(lift_m, 0.0), abs=1e-5)
    assert values["ground_penetration_cm"] == pytest.approx(100.0 * max(-lift_m, 0.0), abs=1e-5)
    assert values["foot_float_source_cm"] == pytest.approx(0.0, abs=1e-5)


def test_feet_that_point_up_do_not_sink_by_their_height() -> None:
    """Lying on the ground: the ankle is above it by half its height over the sole, the sole points away."""
    body = stick_body()
    drop = body.sole_drop_m["leftFoot"]
    flexed = {f"{side}Foot": np.tile([-np.pi / 2, 0.0, 0.0], (31, 1)) for side in ("left", "right")}
    motion = stick_motion(body, turns=flexed, path_m=np.tile([0.0, -0.5 * drop, 0.0], (31, 1)))
    values = kinematic_scores(motion, motion, none_planted(motion), body.floor_m).values
    assert values["ground_penetration_cm"] == pytest.approx(0.0, abs=1e-5)
    flat = stick_motion(body, path_m=np.tile([0.0, -0.5 * drop, 0.0], (31, 1)))
    values = kinematic_scores(flat, flat, none_planted(flat), body.floor_m).values
    assert values["ground_penetration_cm"] == pytest.approx(50.0 * drop, rel=1e-5)


def test_ground_of_a_step_is_scaled_by_leg_length() -> None:
    """A source that stands on a 20 cm box: the half-size result stands on one of 10 cm."""
    source_body, body = stick_body(), stick_body(0.5)
    up = np.array([0.0, 1.0, 0.0])
    source = moved(stick_motion(source_body), 0.2 * up)
    contacts = all_planted(source, ground_m=source_body.floor_m + 0.2)
    on_box = kinematic_scores(moved(stick_motion(body), 0.1 * up), source, contacts, source_body.floor_m).values
    on_floor = kinematic_scores(stick_motion(body), source, contacts, source_body.floor_m).values
    assert on_box["foot_float_cm"] == pytest.approx(0.0, abs=1e-5)
    assert on_box["hips_height_drift_pct"] == pytest.approx(0.0, abs=1e-5)
    assert on_floor["ground_penetration_cm"] == pytest.approx(10.0, abs=1e-4)
    assert on_floor["hips_height_drift_pct"] == pytest.approx(100.0 * 0.2 / source_body.leg_length_m, rel=1e-4)


def test_swing_feet_between_two_levels_are_judged_by_the_lower() -> None:
    body = stick_body()
    motion = stick_motion(body, frames=30)
    planted = np.zeros((30, 4), dtype=bool)
    planted[:10], planted[20:] = True, True
    ground = np.where(planted, body.floor_m, np.nan)
    ground[20:] += 0.5
    contacts = FootContacts(planted, ground, np.zeros(3))
    values = kinematic_scores(motion, motion, contacts, body.floor_m).values
    assert values["ground_penetration_cm"] == pytest.approx(50.0 / 3.0, rel=1e-4)


def test_jerk_of_a_motion_twice_as_fast_is_eight_times_as_large() -> None:
    body = stick_body()
    # Fine sampling, so that differences come near derivatives; swings with a jerk that can be seen.
    slow = swinging(body, frames=2001, rate_hz=1000.0, swing_hz=1.0, size=0.2)
    fast = swinging(body, frames=2001, rate_hz=1000.0, swing_hz=2.0, size=0.2)
    values = kinematic_scores(fast, slow, none_planted(slow), body.floor_m).values
    assert values["jerk_ratio"] == pytest.approx(8.0, rel=0.03)
    assert values["movement_ratio"] == pytest.approx(2.0, rel=0.02)


def test_jerk_of_a_cubic_path_is_exact() -> None:
    """All joints on a cubic relative to the hip joints have its third derivative."""
    body = stick_body()
    motion = stick_motion(body, frames=40, rate_hz=50.0)
    t = np.arange(40) / 50.0
    positions = motion.positions_m.copy()
    others = [joint for role, match in body.mapping.roles.items() if (joint := match.joint) and "UpperLeg" not in role]
    positions[:, others, 0] += (7.0 * t**3)[:, None]
    cubic = replace(motion, positions_m=positions)
    values = kinematic_scores(cubic, cubic, none_planted(motion), body.floor_m).values
    assert values["jerk_source"] == pytest.approx(6.0 * 7.0 / body.height_m, rel=1e-4)


def test_noise_of_a_fast_capture_does_not_outweigh_its_motion() -> None:
    body = stick_body()
    motion = swinging(body, frames=241, rate_hz=120.0)
    noise = 2e-5 * body.height_m * np.random.default_rng(0).normal(size=motion.positions_m.shape)
    noisy = replace(motion, positions_m=motion.positions_m + noise)
    values = kinematic_scores(noisy, motion, none_planted(motion), body.floor_m).values
    assert values["jerk_ratio"] < 1.25


def test_a_pop_of_the_legs_in_one_frame_shows_in_their_jerk() -> None:
    body = stick_body()
    motion = swinging(body, frames=121, rate_hz=120.0)
    knees = [body.mapping.roles[f"{side}{part}"].joint for side in ("left", "right") for part in ("LowerLeg", "Foot")]
    positions = motion.positions_m.copy()
    positions[60, knees, 1] += 0.03 * body.height_m
    values = kinematic_scores(replace(motion, positions_m=positions), motion, none_planted(motion), body.floor_m).values
    assert values["leg_jerk_ratio"] > 2.0
    assert values["jerk_ratio"] < 0.7 * values["leg_jerk_ratio"]


def test_limb_direction_error_is_the_mean_angle() -> None:
    body = stick_body()
    source = stick_motion(body)
    turned = np.tile([0.0, np.radians(20.0), 0.0], (source.frames, 1))
    result = stick_motion(body, turns={"leftUpperArm": turned})
    values = kinematic_scores(result, source, none_planted(source), body.floor_m).values
    # Upper and lower arm of one side of eight limb segments.
    assert values["limb_direction_error_deg"] == pytest.approx(2 * 20.0 / 8, rel=1e-5)


def test_a_frozen_result_has_no_movement() -> None:
    body = stick_body()
    source = swinging(body)
    scores = kinematic_scores(
        stick_motion(body, source.frames, source.rate_hz), source, none_planted(source), body.floor_m
    )
    assert scores.values["movement_ratio"] == 0.0


@pytest.mark.parametrize(
    ("role", "vector", "beyond"),
    [
        ("leftLowerLeg", (np.radians(90.0), 0.0, 0.0), False),  # heel to seat
        ("leftLowerLeg", (np.radians(-40.0), 0.0, 0.0), True),  # a knee that bends forward
        ("leftLowerArm", (0.0, np.radians(-140.0), 0.0), False),
        ("leftLowerArm", (0.0, np.radians(-175.0), 0.0), True),
        ("head", (0.0, np.radians(60.0), 0.0), False),
        ("head", (0.0, np.radians(150.0), 0.0), True),
    ],
)
@pytest.mark.parametrize("yaw", [0.0, 2.0])
def test_joint_limits(role: str, vector: tuple[float, float, float], beyond: bool, yaw: float) -> None:
    body = stick_body(yaw_rad=yaw)
    motion = stick_motion(body, turns={role: np.tile(vector, (31, 1))})
    assert pose_scores.beyond_limits(motion).sum() == (31 if beyond else 0)


def test_mpjpe_is_root_relative_and_over_height() -> None:
    body = stick_body()
    truth = stick_motion(body)
    positions = truth.positions_m + np.array([3.0, 1.0, 0.0])
    positions[:, 1:] += np.array([0.0, 0.0, 0.05])
    values = kinematic_scores(replace(truth, positions_m=positions), truth, none_planted(truth), 0.0, truth).values
    assert values["mpjpe_pct_height"] == pytest.approx(100.0 * 0.05 / body.height_m, rel=1e-5)


def test_absent_values_have_reasons() -> None:
    body = stick_body()
    pose = stick_motion(body, frames=1)
    scores = kinematic_scores(pose, pose, none_planted(pose), body.floor_m)
    absent = {key for key, value in scores.values.items() if value is None or isinstance(value, dict)}
    assert absent == set(scores.not_applicable)
    assert {"foot_skate_ratio", "jerk_ratio", "movement_ratio", "mpjpe_pct_height", "scl"} <= absent
    assert all(scores.not_applicable.values())


def test_bodies_without_feet_are_scored() -> None:
    footless = stick_body(without=("leftFoot", "leftToes", "rightFoot", "rightToes"))
    source = swinging(stick_body())
    scores = kinematic_scores(swinging(footless), source, all_planted(source), 0.0)
    assert scores.values["foot_skate_ratio"] is None
    assert scores.values["ground_penetration_cm"] is None
    assert scores.values["limb_direction_error_deg"] == pytest.approx(0.0, abs=1e-5)


def test_values_that_are_not_finite_are_absent() -> None:
    body = stick_body()
    motion = swinging(body)
    broken = replace(motion, positions_m=np.full_like(motion.positions_m, np.nan))
    scores = kinematic_scores(broken, motion, all_planted(motion), body.floor_m)
    json.dumps(scores.values, allow_nan=False)
    assert scores.values["jerk_ratio"] is None
    for key in ("arm_error_deg", "leg_error_deg", "joint_displacement_cm", "foot_own_floor_cm", "hand_roll_error_deg"):
        assert scores.not_applicable[key] == NOT_FINITE
    assert scores.not_applicable["jerk_result"] == "the value is not finite"
    assert not any(isinstance(value, float) and not math.isfinite(value) for value in scores.values.values())


def test_motions_of_different_length_cannot_be_scored() -> None:
    body = stick_body()
    with pytest.raises(ValueError, match="time axis"):
        kinematic_scores(swinging(body, 30), swinging(body, 31), none_planted(swinging(body, 31)), 0.0)
