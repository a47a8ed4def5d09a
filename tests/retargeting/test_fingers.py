"""Fingers between rigs with other hands: the whole curl is kept, in order along the finger; missing ones follow."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.retargeting.made_bodies import FIVE, FRAMES, MAX_DEG, bends, curled, finger_joints, make_body, retargeted
from workers.contract.roles import FINGERS
from workers.retargeting.analytic import driven_joints
from workers.retargeting.fingers import find_followers, finger_notices
from workers.samples.shape import STOUT, TALL
from workers.skeleton import quat

DOWN = np.array([0.0, 0.0, -1.0])
LONG = [finger for finger in FINGERS if finger != "Thumb"]


@pytest.mark.parametrize(("given", "wanted"), [(a, b) for a, b in product((1, 2, 3, 4), repeat=2) if a != b])
def test_the_whole_curl_is_kept(given: int, wanted: int) -> None:
    source = make_body(TALL, {**FIVE, "Index": given, "Middle": given}, skinned=True)
    target = make_body(STOUT, {**FIVE, "Index": wanted, "Middle": wanted}, skinned=True)
    result = retargeted(curled(source, dict.fromkeys(LONG, MAX_DEG)), target)
    expected = np.linspace(0.0, MAX_DEG, FRAMES)
    for finger in ("Index", "Middle"):
        found = bends(result, finger_joints(target, finger))
        assert found.shape[1] == wanted
        assert np.abs(found[:, -1] - expected).max() < 1.0, finger
        # Every joint adds its part of the curl, in order.
        steps = np.diff(found[-1], prepend=0.0)
        assert steps.min() > 0.05 * MAX_DEG / wanted or given < wanted
        assert steps.min() > -1e-6
    assert np.abs(bends(result, finger_joints(target, "Ring"))[-1] - MAX_DEG * np.array([1, 2, 3]) / 3).max() < 1.0


@given(
    st.sampled_from((1, 2, 3, 4)), st.sampled_from((1, 2, 3, 4)), st.floats(-60.0, 170.0), st.integers(0, 2**16),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_curls_stay_in_order_however_the_hand_is_held(
    given_count: int, wanted: int, most: float, seed: int, metacarpals: bool
) -> None:
    hand = quat.normalize(np.random.default_rng(seed).normal(size=4))
    source = make_body(TALL, {**FIVE, "Index": given_count}, skinned=True)
    target = make_body(STOUT, {**FIVE, "Index": wanted}, skinned=True, metacarpals=metacarpals)
    result = retargeted(curled(source, {"Index": most}, hand), target)
    found = bends(result, finger_joints(target, "Index"))
    assert np.abs(found[:, -1] - np.abs(np.linspace(0.0, most, FRAMES))).max() < 1.0
    assert np.diff(found, axis=1).min(initial=0.0) > -0.5
    assert np.isfinite(result.positions_m).all()


@pytest.mark.parametrize(("given", "wanted"), [(a, b) for a, b in product((2, 3, 4), repeat=2) if a != b])
def test_thumbs_of_two_to_fourfinger_joints(given: int, wanted: int) -> None:
    source = make_body(TALL, {**FIVE, "Thumb": given}, skinned=True)
    target = make_body(STOUT, {**FIVE, "Thumb": wanted}, skinned=True)
    result = retargeted(curled(source, {"Thumb": 90.0}), target)
    joints = finger_joints(target, "Thumb")
    found = bends(result, joints) - bends(retargeted(curled(source, {}), target), joints)
    assert np.abs(found[:, -1] - np.linspace(0.0, 90.0, FRAMES)).max() < 5.0
    assert all(b >= a - 1e-6 for a, b in pairwise(found[-1]))


@pytest.mark.parametrize("metacarpals", [False, True])
@pytest.mark.parametrize("tips", [False, True])
@pytest.mark.parametrize("skinned", [False, True])
def test_metacarpals_and_tips_change_nothing(metacarpals: bool, tips: bool, skinned: bool) -> None:
    plain = make_body(TALL, FIVE)
    other = make_body(TALL, FIVE, metacarpals=metacarpals, tips=tips, skinned=skinned)
    curls = dict.fromkeys(FINGERS, MAX_DEG)
    on_plain, on_other = ([j for finger in FINGERS for j in finger_joints(body, finger)] for body in (plain, other))
    wanted = bends(curled(plain, curls), on_plain)
    there = bends(retargeted(curled(plain, curls), other), on_other)
    back = bends(retargeted(curled(other, curls), plain), on_plain)
    assert np.abs(there - wanted).max() < 0.1
    assert np.abs(back - wanted).max() < 0.1
    assert not finger_notices(plain, other) and not finger_notices(other, plain)


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        (("Thumb", "Index", "Middle"), {"Ring": "Middle", "Little": "Middle"}),
        (("Thumb", "Index"), {"Middle": "Index", "Ring": "Index", "Little": "Index"}),
        (("Index", "Little"), {"Middle": "Index", "Ring": "Little"}),
        (("Thumb", "Index", "Middle", "Little"), {"Ring": "Little"}),
        (("Thumb",), {}),
        ((), {}),
    ],
)
def test_missing_fingers_follow_their_neighbour_and_that_is_told(
    given: tuple[str, ...], follows: dict[str, str]
) -> None:
    source = make_body(TALL, dict.fromkeys(given, 3))
    target = make_body(STOUT, FIVE)
    found = {f.finger: f.lender for f in find_followers(source, target) if f.side == "left" and f.finger != f.lender}
    assert found == follows
    curls = {finger: 30.0 * (number + 2) for number, finger in enumerate(given)}
    result = retargeted(curled(source, curls), target)
    for finger in LONG:
        wanted = curls.get(follows.get(finger, finger), 0.0)
        assert bends(result, finger_joints(target, finger))[-1, -1] == pytest.approx(wanted, abs=1.5), finger
    notices = finger_notices(source, target)
    assert len(notices) == (2 if follows else 0)
    for finger, lender in follows.items():
        assert f"{finger.lower()} follows {lender.lower()}" in notices[0].message
    assert set(finger_joints(target, "Ring")) <= set(driven_joints(source, target)) or "Ring" not in follows


def test_a_mitten_moves_as_the_hand_does() -> None:
    mitten = make_body(STOUT, {"Thumb": 2, "Index": 2}, skinned=True)
    hand = make_body(TALL, FIVE)
    pointing = {"Index": 0.0, "Middle": 140.0, "Ring": 150.0, "Little": 145.0}
    result = retargeted(curled(hand, pointing), mitten)
    assert bends(result, finger_joints(mitten, "Index"))[-1, -1] == pytest.approx(140.0, abs=1.5)
    back = retargeted(curled(mitten, {"Index": 120.0}), hand)
    for finger in LONG:
        assert bends(back, finger_joints(hand, finger))[-1, -1] == pytest.approx(120.0, abs=1.5), finger
    assert len(finger_notices(mitten, hand)) == 2


def test_a_finger_left_unmapped_stays_at_rest() -> None:
    """What the user takes out is not brought back by its neighbour, on either side."""
    out = {f"left{finger}{part}": None for finger in ("Ring",) for part in ("Proximal", "Intermediate", "Distal")}
    plain, cut = make_body(TALL, FIVE), make_body(STOUT, FIVE, override=out)
    curls = dict.fromkeys(LONG, MAX_DEG)
    assert bends(retargeted(curled(plain, curls), cut), finger_joints(cut, "Ring")).max() < 1e-3
    assert bends(retargeted(curled(cut, curls), plain), finger_joints(plain, "Ring")).max() < 1e-3
    assert bends(retargeted(curled(plain, curls), cut), finger_joints(cut, "Little"))[-1, -1] == pytest.approx(
        MAX_DEG, abs=1.0
    )


def test_a_source_without_fingers_leaves_them_at_rest() -> None:
    source, target = make_body(TALL, {}), make_body(STOUT, FIVE)
    result = retargeted(curled(source, {}, quat.from_axis_angle(DOWN, 1.0)), target)
    assert bends(result, [joint for finger in FINGERS for joint in finger_joints(target, finger)]).max() < 1e-3
    assert not finger_notices(source, target)
