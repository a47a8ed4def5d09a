"""The verdict table: limits, absent values, and that the worst row decides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workers.scores.failures import FAILED
from workers.scores.scores import NOT_FINITE
from workers.scores.verdict import CALM_JERK, SEEN_FIRST, TABLE, VISIBLE_SKATE, at_least, judge, without_rows

GOOD: dict[str, Any] = {
    "mapping_confidence": 0.9, "limb_direction_error_deg": 1.0, "movement_ratio": 1.0,
    "foot_skate_result": 0.05, "foot_skate_source": 0.05, "foot_float_cm": 0.1, "foot_float_source_cm": 0.1,
    "ground_penetration_cm": 0.1, "ground_penetration_source_cm": 0.1, "jerk_result": 40.0,
    "jerk_source": 40.0, "leg_jerk_result": 100.0, "leg_jerk_source": 100.0, "joint_limit_pct": 1.0,
    "joint_limit_source_pct": 1.0, "hips_height_drift_pct": 0.1,
    "semantic_similarity": {"raw": 0.9, "calibrated": 0.95}, "penetration_pct": 0.1,
    "arm_error_deg": 1.0, "leg_error_deg": 1.0, "least_movement_ratio": 0.95, "leg_movement_ratio": 0.9,
    "bend_kept": 0.95, "knees_wrong_way_pct": 0.0, "hand_roll_error_deg": 2.0, "joint_displacement_cm": 0.0,
    "foot_own_floor_cm": -0.3, "root_travel_ratio": 0.99, "feet_unmeasured_pct": 0.0, "undriven_skin_pct": 0.0,
    "skin_torn_pct": 0.1, "skin_longest_cm": 4.0, "skin_collapsed_pct": 0.2,
}  # fmt: skip


def outcome(scores: dict[str, Any], row: str, height_m: float = 1.7) -> str:
    rows = {item["score"]: item for item in judge(scores, {}, height_m)["rows"]}
    return str(rows[row]["outcome"])


def test_good_scores_pass_with_no_row_absent() -> None:
    verdict = judge(GOOD, {}, 1.7, GOOD)
    assert (verdict["verdict"], verdict["decided_by"], verdict["absent"]) == ("pass", [], [])
    assert [row["score"] for row in verdict["rows"]] == [row.score for row in TABLE]
    json.dumps(verdict, allow_nan=False)


@pytest.mark.parametrize(
    ("key", "review", "fail", "row"),
    [
        ("mapping_confidence", 0.5, 0.2, "mapping_confidence"),
        ("limb_direction_error_deg", 12.0, 30.0, "limb_direction_error_deg"),
        ("movement_ratio", 0.5, 0.0, "movement_ratio"),
        ("foot_skate_result", 0.1, 0.5, "foot_skate"),
        ("foot_float_cm", 3.0, 12.0, "foot_float"),
        ("ground_penetration_cm", 3.0, 12.0, "ground_penetration"),
        ("jerk_result", 110.0, 360.0, "jerk_ratio"),
        ("leg_jerk_result", 300.0, 900.0, "leg_jerk_ratio"),
        ("joint_limit_pct", 10.0, 30.0, "joint_limit"),
        ("hips_height_drift_pct", 12.0, 30.0, "hips_height_drift_pct"),
        ("penetration_pct", 12.0, 40.0, "penetration_pct"),
        ("arm_error_deg", 10.0, 40.0, "arm_error_deg"),
        ("leg_error_deg", 10.0, 40.0, "leg_error_deg"),
        ("least_movement_ratio", 0.5, 0.0, "least_movement_ratio"),
        ("leg_movement_ratio", 0.2, 0.0, "leg_movement_ratio"),
        ("bend_kept", 0.0, -1.0, "bend_kept"),
        ("knees_wrong_way_pct", 40.0, 100.0, "knees_wrong_way_pct"),
        ("hand_roll_error_deg", 90.0, 180.0, "hand_roll_error_deg"),
        ("joint_displacement_cm", 8.0, 20.0, "joint_displacement"),
        ("foot_own_floor_cm", 3.0, 60.0, "foot_own_floor"),
        ("foot_own_floor_cm", -3.0, -60.0, "foot_own_floor"),
        ("root_travel_ratio", 0.9, 0.5, "root_travel"),
        ("undriven_skin_pct", 1.0, 30.0, "undriven_skin_pct"),
        ("skin_torn_pct", 2.0, 10.0, "skin_torn_pct"),
        ("skin_longest_cm", 60.0, 140.0, "skin_longest"),
        ("skin_collapsed_pct", 2.0, 10.0, "skin_collapsed_pct"),
    ],
)
def test_each_row_reviews_then_fails(key: str, review: float, fail: float, row: str) -> None:
    for value, expected in ((review, "review"), (fail, "fail")):
        verdict = judge({**GOOD, key: value}, {}, 1.7)
        assert (verdict["verdict"], verdict["decided_by"]) == (expected, [row])


def test_the_worst_row_decides() -> None:
    verdict = judge({**GOOD, "jerk_result": 80.0, "limb_direction_error_deg": 40.0}, {}, 1.7)
    assert verdict["verdict"] == "fail"
    assert verdict["decided_by"] == ["limb_direction_error_deg"]


def test_a_value_on_the_limit_passes() -> None:
    for row in TABLE:
        assert row.limit_review != row.limit_fail
    assert outcome({**GOOD, "jerk_result": 60.0}, "jerk_ratio") == "pass"
    assert outcome({**GOOD, "jerk_result": 120.0}, "jerk_ratio") == "review"
    assert outcome({**GOOD, "movement_ratio": 0.8}, "movement_ratio") == "pass"


def test_an_invisible_slide_over_none_is_no_failure() -> None:
    slow = {**GOOD, "foot_skate_source": 0.0001, "foot_skate_result": 0.9 * VISIBLE_SKATE}
    assert outcome(slow, "foot_skate") == "pass"
    assert outcome({**slow, "foot_skate_result": 10.0 * VISIBLE_SKATE}, "foot_skate") == "fail"


def test_what_the_source_does_itself_is_no_failure() -> None:
    floating = {**GOOD, "foot_float_cm": 20.0, "foot_float_source_cm": 19.5}
    assert outcome(floating, "foot_float") == "pass"
    assert outcome({**GOOD, "joint_limit_pct": 30.0, "joint_limit_source_pct": 30.0}, "joint_limit") == "pass"


def test_jerk_that_other_proportions_bring_is_no_failure() -> None:
    shaken = {**GOOD, "jerk_result": 120.0, "leg_jerk_result": 400.0}
    assert judge(shaken, {}, 1.7)["decided_by"] == ["jerk_ratio", "leg_jerk_ratio"]
    assert judge(shaken, {}, 1.7, {"jerk_result": 115.0, "leg_jerk_result": 390.0})["verdict"] == "pass"
    # A smoother copy does not make the result worse.
    assert judge({**GOOD, "jerk_result": 56.0}, {}, 1.7, {"jerk_result": 4.0})["verdict"] == "pass"


def test_jerk_that_nobody_sees_is_no_failure_and_a_still_source_is_no_excuse() -> None:
    standing = {**GOOD, "leg_jerk_ratio": 21.3, "leg_jerk_result": 2.27, "leg_jerk_source": 0.107}
    assert outcome(standing, "leg_jerk_ratio") == "pass"
    assert outcome({**standing, "leg_jerk_ratio": None, "leg_jerk_source": 0.0}, "leg_jerk_ratio") == "pass"
    trembling = {**standing, "leg_jerk_ratio": None, "leg_jerk_result": 5.0 * CALM_JERK, "leg_jerk_source": 0.0}
    assert outcome(trembling, "leg_jerk_ratio") == "fail"


def test_penetration_that_the_copy_has_is_blamed_later_than_what_retargeting_brings() -> None:
    pushed_in = {**GOOD, "penetration_pct": 6.0}
    assert judge(pushed_in, {}, 1.7, {**GOOD, "penetration_pct": 6.0})["verdict"] == "pass"
    assert judge(pushed_in, {}, 1.7, {**GOOD, "penetration_pct": 1.0})["decided_by"] == ["penetration_beyond_copy"]
    assert judge(pushed_in, {}, 1.7, {**GOOD, "penetration_pct": 9.0})["verdict"] == "pass"


def test_floating_is_judged_by_the_size_of_the_body() -> None:
    assert outcome({**GOOD, "foot_float_cm": 10.0}, "foot_float", height_m=0.5) == "fail"
    assert outcome({**GOOD, "foot_float_cm": 10.0}, "foot_float", height_m=20.0) == "pass"


def test_absent_scores_are_listed_with_their_reasons_and_counted() -> None:
    nothing = judge({}, {"jerk_result": "two frames"}, 1.7)
    assert nothing["verdict"] == "fail"
    assert nothing["decided_by"] == ["mapping_confidence"]
    assert nothing["absent"] == [row.score for row in TABLE]
    assert all(row["outcome"] == "absent" and row["reason"] and row["value"] is None for row in nothing["rows"])
    assert next(row["reason"] for row in nothing["rows"] if row["score"] == "jerk_ratio") == "two frames"
    unchecked = judge({**GOOD, "limb_direction_error_deg": None}, {}, 1.7)
    assert (unchecked["verdict"], unchecked["decided_by"]) == ("review", ["limb_direction_error_deg"])
    no_meaning = judge({**GOOD, "semantic_similarity": {"raw": None, "calibrated": None}}, {}, 1.7, GOOD)
    assert (no_meaning["verdict"], no_meaning["absent"]) == ("pass", ["semantic_similarity", "semantic_loss_to_copy"])


@pytest.mark.parametrize("reason", [NOT_FINITE, f"{FAILED}: IndexError"])
def test_what_failed_to_be_measured_never_passes(reason: str) -> None:
    for key in ("undriven_skin_pct", "bend_kept", "penetration_pct"):
        verdict = judge({**GOOD, key: None}, {key: reason}, 1.7, GOOD)
        assert (verdict["verdict"], key in verdict["decided_by"], key in verdict["absent"]) == ("review", True, True)


def test_what_was_switched_off_decides_nothing() -> None:
    keys = ("undriven_skin_pct", "skin_torn_pct", "skin_longest_cm", "skin_collapsed_pct", "penetration_pct")
    scores = {**GOOD, **dict.fromkeys(keys)}
    verdict = judge(scores, dict.fromkeys(keys, "RETARGET_SURFACE_SCORES switches them off here"), 1.7, GOOD)
    assert (verdict["verdict"], set(keys[:2]) <= set(verdict["absent"])) == ("pass", True)


def test_the_verdict_without_some_rows() -> None:
    assert {row.score for row in TABLE} >= SEEN_FIRST
    hovering = judge({**GOOD, "foot_own_floor_cm": 60.0, "penetration_pct": 12.0}, {}, 1.7)
    assert (hovering["verdict"], without_rows(hovering, SEEN_FIRST)) == ("fail", "review")
    assert without_rows(hovering, SEEN_FIRST | {"penetration_pct", "penetration_beyond_copy"}) == "pass"
    nothing = judge({}, {}, 1.7)
    assert without_rows(nothing, SEEN_FIRST) == "fail"


def test_a_result_that_means_less_than_the_copy_is_for_review() -> None:
    def against(copy: float, ours: float) -> dict[str, Any]:
        scores, naive = ({**GOOD, "semantic_similarity": {"raw": 0.9, "calibrated": c}} for c in (ours, copy))
        return judge(scores, {}, 1.7, naive)

    assert against(1.0, 0.75)["decided_by"] == ["semantic_loss_to_copy"]
    assert against(1.0, 0.75)["verdict"] == "review"
    assert against(0.75, 1.0)["verdict"] == "pass"


def test_what_refinement_moved_is_not_blamed_for_its_meaning() -> None:
    meaning = {"semantic_similarity": {"calibrated": 0.5}}
    before = {**GOOD, "semantic_similarity": {"calibrated": 0.8}}
    naive = {"semantic_similarity": {"calibrated": 0.85}}
    assert judge({**GOOD, **meaning}, {}, 1.8, naive)["decided_by"] == ["semantic_loss_to_copy"]
    assert judge({**GOOD, **meaning}, {}, 1.8, naive, before)["verdict"] == "pass"


def test_an_uncalibrated_encoder_leaves_the_verdict_alone_and_says_so() -> None:
    scores = {**GOOD, "semantic_similarity": {"raw": 0.2, "calibrated": None}}
    verdict = judge(scores, {"semantic_similarity.calibrated": "no anchors"}, 1.7, GOOD)
    assert verdict["verdict"] == "pass"
    assert {row["reason"] for row in verdict["rows"] if row["outcome"] == "absent"} == {"no anchors"}


def test_at_least() -> None:
    assert [at_least(verdict, "review") for verdict in ("pass", "review", "fail")] == [False, True, True]
    assert [at_least(verdict, "fail") for verdict in ("pass", "review", "fail")] == [False, False, True]
