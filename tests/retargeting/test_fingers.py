"""Fingers between rigs with other hands: the whole curl is kept, in order along the finger; missing ones follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.retargeting.alignment import align_rest
from workers.retargeting.analytic import driven_joints, transfer
from workers.retargeting.fingers import find_followers, finger_notices
from workers.retargeting.motion import BodyMotion, from_rotations
from workers.samples.shape import PARENTS, STOUT, TALL, BodyShape, finger_base, finger_length_m, rest_joints
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, measure_body
from workers.skeleton.find_roles import find_roles
from workers.skeleton.model import Array, Mesh, Skeleton
from workers.skeleton.roles import FINGERS

FIVE = dict.fromkeys(FINGERS, 3)
FRAMES = 12
MOST_DEG = 150.0
DOWN = np.array([0.0, 0.0, -1.0])  # what the left fingers curl about in T pose
SHARES = {1: (0.0,), 2: (0.0, 0.55), 3: (0.0, 0.45, 0.75), 4: (0.0, 0.3, 0.55, 0.8)}


def make_body(
    shape: BodyShape,
    counts: Mapping[str, int],
    *,
    metacarpals: bool = False,
    tips: bool = False,
    skinned: bool = False,
    without: tuple[str, ...] = (),
    override: Mapping[str, str | None] | None = None,
) -> Body:
    """A body in T pose with so many joints in each finger of both hands; world axes everywhere.

    `metacarpals` adds a joint in the palm before each long finger, `tips` a joint at its end, `skinned` a mesh with one
    vertex at each joint but the tips. `without` leaves out roles.
    """
    return _make_body(
        shape, tuple(counts.items()), metacarpals, tips, skinned, without, tuple((override or {}).items())
    )


@cache
def _make_body(
    shape: BodyShape,
    counts: tuple[tuple[str, int], ...],
    metacarpals: bool,
    tips: bool,
    skinned: bool,
    without: tuple[str, ...],
    override: tuple[tuple[str, str | None], ...],
) -> Body:
    joints = dict(zip(PARENTS, rest_joints(shape), strict=True))
    names: list[str] = []
    parents: list[int] = []
    places: list[Array] = []

    def add(name: str, parent: str | None, place: Array) -> str:
        names.append(name)
        parents.append(names.index(parent) if parent is not None else -1)
        places.append(np.asarray(place))
        return name

    for role, above in PARENTS.items():
        if not any(finger in role for finger in FINGERS) and role not in without:
            add(role, above, joints[role])
    for side, mirror in (("left", 1.0), ("right", -1.0)):
        for finger, count in counts:
            base, direction = finger_base(shape, finger)
            length, hand = finger_length_m(shape, finger), joints[f"{side}Hand"]
            last = f"{side}Hand"
            if metacarpals and finger != "Thumb":
                last = add(f"{side}_{finger}_metacarpal", last, hand + 0.1 * base * [mirror, 1.0, 1.0])
            for number, share in enumerate((*SHARES[count], *([0.98] if tips else []))):
                place = base + share * length * direction
                last = add(f"{side}_{finger}_{number + 1}", last, hand + place * [mirror, 1.0, 1.0])
    count = len(names)
    links = np.array(parents, dtype=np.int64)
    positions = np.array(places)
    offsets = positions - np.where((links >= 0)[:, None], positions[links], 0.0)
    skeleton = Skeleton(
        tuple(names), links, np.arange(count, dtype=np.int64), offsets, quat.identity(count), offsets,
        quat.identity(count), np.ones(count, dtype=np.bool_), np.ones(count), np.zeros(count, dtype=np.bool_),
    )  # fmt: skip
    mesh = None
    if skinned:
        ends = {f"{side}_{finger}_{count + 1}" for side in ("left", "right") for finger, count in counts}
        carriers = [joint for joint, name in enumerate(names) if name not in ends]
        floor = np.array([[0.0, 0.0, 0.0], [0.0, shape.height_m, 0.0]])
        mesh = Mesh(
            np.concatenate([positions[carriers], floor]), np.zeros((0, 3), dtype=np.int64),
            np.array([*carriers, 0, 0], dtype=np.int64)[:, None], np.ones((len(carriers) + 2, 1)),
        )  # fmt: skip
    mapping = find_roles(skeleton, override=dict(override))
    return measure_body(skeleton, mapping, mesh)


def curled(body: Body, most_deg: Mapping[str, float], hand: Array | None = None) -> BodyMotion:
    """Left fingers curling from flat to so many degrees in all, each joint by its share; `hand` turns arm and hand."""
    share = np.linspace(0.0, 1.0, FRAMES)
    rotations = np.tile(body.rest_rotations, (FRAMES, 1, 1))
    driven = np.zeros(len(body.skeleton), dtype=bool)
    wrist = quat.identity(FRAMES) if hand is None else quat.slerp(quat.identity(FRAMES), hand[None], share)
    for joint in (body.hips, body.mapping.roles["leftHand"].joint):
        driven[joint] = True
    rotations[:, body.mapping.roles["leftHand"].joint] = wrist
    for finger, most in most_deg.items():
        joints = _joints(body, finger)
        for number, joint in enumerate(joints):
            bend = quat.from_axis_angle(DOWN, np.radians(share * most * (number + 1) / len(joints)))
            rotations[:, joint] = quat.multiply(wrist, bend)
            driven[joint] = True
    rotations = kinematics.follow_rest(body.skeleton, rotations, driven)
    like = BodyMotion(body, "curl", 30.0, 0.0, rotations, np.zeros((FRAMES, 0, 3)))
    return from_rotations(body, like, rotations, np.tile(body.rest_positions_m[body.hips], (FRAMES, 1)))


def _joints(body: Body, finger: str) -> list[int]:
    """All joints of a left finger but metacarpals and tips, whatever their roles."""
    stem = f"left_{finger}_"
    named = [joint for joint, name in enumerate(body.skeleton.names) if name.startswith(stem) and name[-1].isdigit()]
    return [joint for joint in named if np.linalg.norm(body.rest_positions_m[joint] - _end(body, finger)) > 1e-3]


def _end(body: Body, finger: str) -> Array:
    """Where tips are put, when there are some."""
    shape = TALL if body.height_m > 1.5 else STOUT
    base, direction = finger_base(shape, finger)
    hand = body.rest_positions_m[body.mapping.roles["leftHand"].joint]
    place: Array = hand + base + 0.98 * finger_length_m(shape, finger) * direction
    return place


def retargeted(source: BodyMotion, target: Body) -> BodyMotion:
    return transfer(source, target, align_rest(source.body, target), 0.0)


def bends(result: BodyMotion, joints: Sequence[int]) -> Array:
    """Degrees `(frames, joints)` by which joints are turned against the hand, away from rest."""
    hand = result.body.mapping.roles["leftHand"].joint
    turn = quat.multiply(quat.conjugate(result.rotations[:, [hand]]), result.rotations[:, list(joints)])
    return np.degrees(quat.angle(turn))


LONG = [finger for finger in FINGERS if finger != "Thumb"]


@pytest.mark.parametrize(("given", "wanted"), [(a, b) for a, b in product((1, 2, 3, 4), repeat=2) if a != b])
def test_the_whole_curl_is_kept(given: int, wanted: int) -> None:
    source = make_body(TALL, {**FIVE, "Index": given, "Middle": given}, skinned=True)
    target = make_body(STOUT, {**FIVE, "Index": wanted, "Middle": wanted}, skinned=True)
    result = retargeted(curled(source, dict.fromkeys(LONG, MOST_DEG)), target)
    expected = np.linspace(0.0, MOST_DEG, FRAMES)
    for finger in ("Index", "Middle"):
        found = bends(result, _joints(target, finger))
        assert found.shape[1] == wanted
        assert np.abs(found[:, -1] - expected).max() < 1.0, finger
        # Every joint adds its part of the curl, in order.
        steps = np.diff(found[-1], prepend=0.0)
        assert steps.min() > 0.05 * MOST_DEG / wanted or given < wanted
        assert steps.min() > -1e-6
    assert np.abs(bends(result, _joints(target, "Ring"))[-1] - MOST_DEG * np.array([1, 2, 3]) / 3).max() < 1.0


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
    found = bends(result, _joints(target, "Index"))
    assert np.abs(found[:, -1] - np.abs(np.linspace(0.0, most, FRAMES))).max() < 1.0
    assert np.diff(found, axis=1).min(initial=0.0) > -0.5
    assert np.isfinite(result.positions_m).all()


@pytest.mark.parametrize(("given", "wanted"), [(a, b) for a, b in product((2, 3, 4), repeat=2) if a != b])
def test_thumbs_of_two_to_four_joints(given: int, wanted: int) -> None:
    source = make_body(TALL, {**FIVE, "Thumb": given}, skinned=True)
    target = make_body(STOUT, {**FIVE, "Thumb": wanted}, skinned=True)
    result = retargeted(curled(source, {"Thumb": 90.0}), target)
    joints = _joints(target, "Thumb")
    found = bends(result, joints) - bends(retargeted(curled(source, {}), target), joints)
    assert np.abs(found[:, -1] - np.linspace(0.0, 90.0, FRAMES)).max() < 5.0
    assert all(b >= a - 1e-6 for a, b in pairwise(found[-1]))


@pytest.mark.parametrize("metacarpals", [False, True])
@pytest.mark.parametrize("tips", [False, True])
@pytest.mark.parametrize("skinned", [False, True])
def test_metacarpals_and_tips_change_nothing(metacarpals: bool, tips: bool, skinned: bool) -> None:
    plain = make_body(TALL, FIVE)
    other = make_body(TALL, FIVE, metacarpals=metacarpals, tips=tips, skinned=skinned)
    curls = dict.fromkeys(FINGERS, MOST_DEG)
    there = bends(retargeted(curled(plain, curls), other), [j for finger in FINGERS for j in _joints(other, finger)])
    back = bends(retargeted(curled(other, curls), plain), [j for finger in FINGERS for j in _joints(plain, finger)])
    wanted = bends(curled(plain, curls), [j for finger in FINGERS for j in _joints(plain, finger)])
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
        assert bends(result, _joints(target, finger))[-1, -1] == pytest.approx(wanted, abs=1.5), finger
    notices = finger_notices(source, target)
    assert len(notices) == (2 if follows else 0)
    for finger, lender in follows.items():
        assert f"{finger.lower()} follows {lender.lower()}" in notices[0].message
    assert set(_joints(target, "Ring")) <= set(driven_joints(source, target)) or "Ring" not in follows


def test_a_mitten_moves_as_the_hand_does() -> None:
    mitten = make_body(STOUT, {"Thumb": 2, "Index": 2}, skinned=True)
    hand = make_body(TALL, FIVE)
    pointing = {"Index": 0.0, "Middle": 140.0, "Ring": 150.0, "Little": 145.0}
    result = retargeted(curled(hand, pointing), mitten)
    assert bends(result, _joints(mitten, "Index"))[-1, -1] == pytest.approx(140.0, abs=1.5)
    back = retargeted(curled(mitten, {"Index": 120.0}), hand)
    for finger in LONG:
        assert bends(back, _joints(hand, finger))[-1, -1] == pytest.approx(120.0, abs=1.5), finger
    assert len(finger_notices(mitten, hand)) == 2


def test_a_finger_left_unmapped_stays_at_rest() -> None:
    """What the user takes out is not brought back by its neighbour, on either side."""
    out = {f"left{finger}{part}": None for finger in ("Ring",) for part in ("Proximal", "Intermediate", "Distal")}
    plain, cut = make_body(TALL, FIVE), make_body(STOUT, FIVE, override=out)
    curls = dict.fromkeys(LONG, MOST_DEG)
    assert bends(retargeted(curled(plain, curls), cut), _joints(cut, "Ring")).max() < 1e-3
    assert bends(retargeted(curled(cut, curls), plain), _joints(plain, "Ring")).max() < 1e-3
    assert bends(retargeted(curled(plain, curls), cut), _joints(cut, "Little"))[-1, -1] == pytest.approx(
        MOST_DEG, abs=1.0
    )


def test_a_source_without_fingers_leaves_them_at_rest() -> None:
    source, target = make_body(TALL, {}), make_body(STOUT, FIVE)
    result = retargeted(curled(source, {}, quat.from_axis_angle(DOWN, 1.0)), target)
    assert bends(result, [joint for finger in FINGERS for joint in _joints(target, finger)]).max() < 1e-3
    assert not finger_notices(source, target)


@pytest.mark.parametrize("lacks", ["source", "target"])
def test_toes_are_optional(lacks: str) -> None:
    gone = ("leftToes", "rightToes")
    source = make_body(TALL, FIVE, without=gone if lacks == "source" else ())
    target = make_body(STOUT, FIVE, without=gone if lacks == "target" else ())
    motion = curled(source, {})
    foot = source.mapping.roles["leftFoot"].joint
    motion.rotations[:, [foot]] = quat.from_axis_angle([1.0, 0.0, 0.0], 0.4)
    result = retargeted(motion, target)
    expected = quat.from_axis_angle([1.0, 0.0, 0.0], 0.4)
    for role in ("leftFoot", "leftToes"):
        if (joint := target.joint(role)) is not None and (role == "leftFoot" or lacks == "source"):
            assert np.degrees(quat.angle_between(result.rotations[:, joint], expected)).max() < 0.1
