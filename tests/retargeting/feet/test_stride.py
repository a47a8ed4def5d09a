"""Steps are set down where the leg reaches them, and only those that it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.retargeting.feet.stride import MAX_SLIDE, stance_slides
from workers.skeleton.model import Array

LEG_M = 0.9
RATE_HZ = 30.0


def stance(ahead: float, behind: float, *, down: float = 0.8, frames: int = 20, heading: float = 0.0) -> Array:
    """A foot that passes under its hip joint from `ahead` to `behind` of it, `(frames, 3)`."""
    along = np.linspace(ahead, -behind, frames)
    return np.stack([np.sin(heading) * along, np.full(frames, -down), np.cos(heading) * along], axis=1)


def excess(leg: Array) -> float:
    return float(np.linalg.norm(leg, axis=1).max() - LEG_M)


def slide_of(leg: Array) -> Array:
    whole = np.array([[0, len(leg)]])
    slides = stance_slides(leg, np.full(len(leg), LEG_M), whole, LEG_M, RATE_HZ)
    return np.asarray(slides[0])


@given(st.floats(0.0, 0.35), st.floats(0.43, 0.5), st.floats(-np.pi, np.pi))
def test_a_step_that_trails_too_far_is_set_down_further_ahead(ahead: float, behind: float, heading: float) -> None:
    leg = stance(ahead, behind, heading=heading)
    slide = slide_of(leg)
    moved = leg.copy()
    moved[:, ::2] += slide
    assert excess(moved) < 0.5 * excess(leg)
    forward = np.array([np.sin(heading), np.cos(heading)])
    assert slide @ forward > 0.0 and abs(slide[0] * forward[1] - slide[1] * forward[0]) < 1e-9


@given(st.floats(0.0, 0.4), st.floats(0.0, 0.4))
def test_a_step_within_reach_stays(ahead: float, behind: float) -> None:
    assert not slide_of(stance(ahead, behind)).any()


def test_a_step_too_long_at_both_ends_stays_in_the_middle() -> None:
    assert np.linalg.norm(slide_of(stance(0.5, 0.5))) < 0.02


@given(st.floats(0.0, 3.0))
def test_no_slide_is_larger_than_its_limit(behind: float) -> None:
    assert np.linalg.norm(slide_of(stance(0.0, behind))) <= MAX_SLIDE * LEG_M + 1e-12  # near: exact


def test_a_leg_too_short_under_the_hip_is_not_pulled_along_the_ground() -> None:
    assert np.linalg.norm(slide_of(stance(0.02, 0.02, down=0.91))) < 0.05


@pytest.mark.parametrize("frames", [60, 200])
def test_a_long_stance_stays(frames: int) -> None:
    assert not slide_of(stance(0.2, 0.5, frames=frames)).any()


def test_each_stance_has_its_own_slide() -> None:
    leg = np.concatenate([stance(0.2, 0.5), np.tile([0.0, -2.0, 0.0], (5, 1)), stance(0.3, 0.3)])
    slides = stance_slides(leg, np.full(45, LEG_M), np.array([[0, 20], [25, 45]]), LEG_M, RATE_HZ)
    assert slides[0, 1] > 0.0 and not slides[1].any()
