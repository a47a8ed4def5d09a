"""Feet on the body's own floor, and the path at the scale of the legs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.scores.stick_body import all_planted, none_planted, stick_body, stick_motion, swinging
from tests.scores.test_limb_scores import BAD
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.scores.scores import kinematic_scores
from workers.scores.verdict import judge
from workers.skeleton.body import UP

FEET = ("leftFoot", "leftToes", "rightFoot", "rightToes")


def outcomes(
    result: BodyMotion, source: BodyMotion, contacts: FootContacts, floor_m: float | None = None
) -> dict[str, str]:
    floor = source.body.floor_m if floor_m is None else floor_m
    scores = kinematic_scores(result, source, contacts, floor)
    rows = judge(scores.values, scores.not_applicable, result.body.height_m)["rows"]
    return {row["score"]: row["outcome"] for row in rows}


def raised(motion: BodyMotion, share: float) -> BodyMotion:
    return replace(motion, positions_m=motion.positions_m + share * motion.body.height_m * UP)


@pytest.mark.parametrize("share", [0.03, 0.015, -0.015, -0.03])
def test_hovering_and_sinking_feet_are_seen(share: float) -> None:
    source = stick_motion(stick_body())
    result = raised(stick_motion(stick_body(0.5)), share)
    assert outcomes(result, source, all_planted(source))["foot_own_floor"] in BAD
    assert outcomes(raised(result, -share), source, all_planted(source))["foot_own_floor"] == "pass"


def test_a_ground_that_was_found_wrong_is_no_excuse() -> None:
    """The source hovers a metre over the height that was taken for its floor, and the result does so alike."""
    source = stick_motion(stick_body(), path_m=np.tile([0.0, 1.0, 0.0], (31, 1)))
    rows = outcomes(source, source, all_planted(source, ground_m=1.0))
    assert rows["foot_float"] == "pass"
    assert rows["foot_own_floor"] == "fail"


def test_a_climb_is_not_blamed_for_its_steps() -> None:
    path = np.outer(np.arange(40) // 10, [0.0, 0.2, 0.0])
    source = stick_motion(stick_body(), 40, path_m=path)
    contacts = replace(all_planted(source), ground_m=np.repeat(path[:, [1]], 4, axis=1))
    assert outcomes(source, source, contacts)["foot_own_floor"] == "pass"
    assert outcomes(raised(source, 0.03), source, contacts)["foot_own_floor"] in BAD


def test_a_clip_without_contacts_counts_from_its_lowest_sole() -> None:
    jump = stick_motion(stick_body(), path_m=np.outer(np.linspace(0.2, 0.6, 31), UP))
    assert outcomes(jump, jump, none_planted(jump))["foot_own_floor"] == "pass"
    assert outcomes(raised(jump, 0.1), jump, none_planted(jump))["foot_own_floor"] in BAD


def test_legs_without_feet_do_not_pass_unmeasured() -> None:
    source, footless = swinging(stick_body()), swinging(stick_body(without=FEET))
    rows = outcomes(footless, source, all_planted(source))
    assert (rows["foot_skate"], rows["feet_unmeasured_pct"]) == ("absent", "review")
    assert outcomes(source, source, all_planted(source))["feet_unmeasured_pct"] == "pass"
    lying = stick_motion(stick_body(), path_m=np.tile([0.0, -0.7, 0.0], (31, 1)))
    still = stick_motion(stick_body(without=FEET))
    assert outcomes(still, lying, none_planted(lying))["feet_unmeasured_pct"] == "pass"


@pytest.mark.parametrize("scale", [0.8, 0.9, 1.2])
def test_a_path_of_another_scale_is_seen(scale: float) -> None:
    path = np.outer(np.linspace(0.0, 1.5, 31), [0.3, 0.0, 1.0])
    source = stick_motion(stick_body(), path_m=path)
    small = stick_body(0.5, yaw_rad=1.0)
    good, bad = (stick_motion(small, path_m=0.5 * factor * path) for factor in (1.0, scale))
    assert outcomes(good, source, all_planted(source))["root_travel"] == "pass"
    assert outcomes(bad, source, all_planted(source))["root_travel"] in BAD


def test_a_result_made_in_place_has_no_scale() -> None:
    source = stick_motion(stick_body(), path_m=np.outer(np.linspace(0.0, 1.5, 31), [0.0, 0.0, 1.0]))
    assert outcomes(stick_motion(stick_body()), source, none_planted(source))["root_travel"] == "absent"
    assert outcomes(stick_motion(stick_body()), stick_motion(stick_body()), none_planted(source))["root_travel"] == (
        "absent"
    )
