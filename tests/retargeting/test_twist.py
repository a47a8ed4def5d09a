"""Roll over twist joints: spread, continuous, never flipping, exact at the ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.retargeting.twist_bodies import (
    RATE_HZ,
    STYLES,
    X,
    Y,
    Z,
    about,
    arm_along,
    bone_axis,
    character,
    moved,
    own_turn,
    twist_of,
    with_twists,
)
from workers.contract.options import JobOptions
from workers.engine.engine import retarget_scenes
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.prepare import prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.retargeting.twist import MAX_RAD, bone_roll, continuous_roll, spread_twist, twist_joints
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import TALL
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, measure_body
from workers.skeleton.find_roles.find import find_roles


@pytest.mark.parametrize(("style", "side"), list(product(STYLES, ["left", "right"])))
def test_a_roll_of_the_hand_is_spread_by_place(style: RigStyle, side: str) -> None:
    body = character(style).body
    axis = bone_axis(body, f"{side}LowerArm", f"{side}Hand")
    degrees = np.linspace(0.0, 170.0, 40)
    motion = moved(body, {f"{side}Hand": about(axis, degrees)})
    spread = spread_twist(motion)
    twist = twist_of(body, f"{side}LowerArm")
    assert 0.4 < twist.share < 0.6
    expected = about(axis, twist.share * degrees)
    assert np.degrees(quat.angle_between(own_turn(spread, twist), expected)).max() < 0.1
    # The other arm, and everything but this twist joint, stays.
    still = [joint for joint in range(len(body.skeleton)) if joint != twist.joint]
    assert np.degrees(quat.angle_between(spread.rotations[:, still], motion.rotations[:, still])).max() < 1e-4
    assert np.abs(spread.positions_m - motion.positions_m).max() < 1e-9


@pytest.mark.parametrize("style", STYLES)
def test_a_roll_of_the_shoulder_is_taken_back(style: RigStyle) -> None:
    """The upper arm rolls with all that hangs on it; its twist joint stays behind, by its place."""
    body = character(style).body
    axis = bone_axis(body, "leftUpperArm", "leftLowerArm")
    degrees = np.linspace(0.0, 90.0, 20)
    spread = spread_twist(moved(body, {"leftUpperArm": about(axis, degrees)}))
    twist = twist_of(body, "leftUpperArm")
    assert -0.6 < twist.share < -0.4
    assert np.degrees(quat.angle_between(own_turn(spread, twist), about(axis, twist.share * degrees))).max() < 0.1
    forearm = twist_of(body, "leftLowerArm")
    assert np.degrees(quat.angle(own_turn(spread, forearm))).max() < 1e-4


@pytest.mark.parametrize("style", STYLES)
def test_no_roll_leaves_them_at_rest(style: RigStyle) -> None:
    """Bending wrist and elbow, and an arm lifted the shortest way from its reference, is no roll."""
    body = character(style).body
    fore = bone_axis(body, "leftLowerArm", "leftHand")
    across = quat.unit(np.cross(fore, [0.3, 1.0, 0.2]))
    bend = about(across, np.linspace(-80.0, 80.0, 30))
    spread = spread_twist(moved(body, {"leftHand": bend}))
    for twist in body.twists:
        assert np.degrees(quat.angle(own_turn(spread, twist))).max() < 1e-3
    assert spread_twist(moved(body, {"hips": bend})).positions_m.shape[0] == 30
    for twist in body.twists:
        turned = own_turn(spread_twist(moved(body, {"hips": bend})), twist)
        assert np.degrees(quat.angle(turned)).max() < 1e-3


@pytest.mark.parametrize("most", [170.0, -170.0])
def test_several_twist_joints_share_in_order(most: float) -> None:
    shares = [0.1, 0.35, 0.6, 0.9]
    body = with_twists({"leftLowerArm": ("leftHand", shares)})
    axis = bone_axis(body, "leftLowerArm", "leftHand")
    spread = spread_twist(moved(body, {"leftHand": about(axis, np.linspace(0.0, most, 30))}))
    assert [twist.share for twist in body.twists] == pytest.approx(shares)
    found = np.stack([np.degrees(quat.angle(own_turn(spread, twist))) for twist in body.twists], axis=1)
    assert np.abs(found - np.linspace(0.0, 170.0, 30)[:, None] * shares).max() < 0.1
    assert np.diff(found, axis=0).min() > 0.0 and np.diff(found[1:], axis=1).min() > 0.0


@pytest.mark.parametrize("side", ["left", "right"])
def test_legs_roll_against_hips_and_foot(side: str) -> None:
    upper, lower, foot = (f"{side}{part}" for part in ("UpperLeg", "LowerLeg", "Foot"))
    body = with_twists({upper: (lower, [0.25]), lower: (foot, [0.5])})
    thigh, shin = bone_axis(body, upper, lower), bone_axis(body, lower, foot)
    outward = np.linspace(0.0, 60.0, 20)
    spread = spread_twist(moved(body, {upper: about(thigh, outward)}))
    turned = own_turn(spread, twist_of(body, upper))
    assert np.degrees(quat.angle_between(turned, about(thigh, -0.75 * outward))).max() < 0.1
    assert np.degrees(quat.angle(own_turn(spread, twist_of(body, lower)))).max() < 0.1
    spread = spread_twist(moved(body, {foot: about(shin, outward)}))
    turned = own_turn(spread, twist_of(body, lower))
    assert np.degrees(quat.angle_between(turned, about(shin, 0.5 * outward))).max() < 0.1


def test_a_high_kick_does_not_spin_the_thigh() -> None:
    """A leg that swings from behind up to the head passes no pole: its twist joint turns smoothly."""
    body = with_twists({"leftUpperLeg": ("leftLowerLeg", [0.0])})
    for aside in (-25.0, 0.0, 25.0):
        swing = quat.multiply(about(Z, np.full(60, aside)), about(X, np.linspace(40.0, -165.0, 60)))
        spread = spread_twist(moved(body, {"leftUpperLeg": swing}))
        own = own_turn(spread, twist_of(body, "leftUpperLeg"))
        assert np.degrees(quat.angle_between(own[1:], own[:-1])).max() < 8.0


DOWN, FRONT, UP, OUT = (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
ACROSS, OVER = (-0.5, 0.0, 0.87), (-0.35, 0.93, 0.1)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("path", "most_deg", "step_deg"),
    [
        ([DOWN, OUT, UP], 0.5, 0.5),  # lifting the arm sideways is no roll, from any rest pose
        ([(0.8, 0.6, 0.1), OVER], 10.0, 2.0),  # close by where a hanging arm's opposite lies
        ([OUT, UP, OVER], 20.0, 2.0),
        ([OUT, FRONT, ACROSS], 60.0, 3.0),
        ([DOWN, FRONT, UP], 110.0, 9.0),
        ([DOWN, ACROSS, OVER], 140.0, 9.0),
    ],
)
def test_lifted_arms_turn_their_twist_joints_smoothly(
    style: RigStyle, path: list[tuple[float, float, float]], most_deg: float, step_deg: float
) -> None:
    body = character(style).body
    own = own_turn(spread_twist(moved(body, {"leftUpperArm": arm_along(body, path)})), twist_of(body, "leftUpperArm"))
    assert np.degrees(quat.angle(own)).max() < most_deg
    assert np.degrees(quat.angle_between(own[1:], own[:-1])).max() < step_deg


def test_the_roll_goes_on_through_half_a_turn() -> None:
    body = character(STYLES[0]).body
    axis = bone_axis(body, "leftLowerArm", "leftHand")
    degrees = np.concatenate([np.linspace(0.0, 200.0, 60), np.linspace(200.0, 20.0, 60)])
    motion = moved(body, {"leftHand": about(axis, degrees)})
    assert np.degrees(np.abs(bone_roll(motion, "leftLowerArm") - np.radians(degrees))).max() < 0.01
    twist = twist_of(body, "leftLowerArm")
    own = own_turn(spread_twist(motion), twist)
    assert np.degrees(quat.angle_between(own[1:], own[:-1])).max() < 3.0
    half = int(np.argmin(np.abs(degrees - 180.0)))
    assert np.degrees(quat.angle(own[half])) == pytest.approx(180.0 * twist.share, abs=3.0)


@given(
    st.floats(-170.0, 170.0), st.floats(-75.0, 75.0), st.floats(0.0, 360.0), st.floats(5.0, 80.0), st.integers(0, 2**16)
)
@settings(max_examples=60, deadline=None)
def test_the_roll_is_that_of_swing_and_twist(
    roll: float, swing: float, about_deg: float, pole: float, seed: int
) -> None:
    """A roll, then any swing: the roll is found whatever the swing, for any axis."""
    axis = quat.unit(np.random.default_rng(seed).normal(size=3))
    across = quat.rotate(about(axis, about_deg), quat.perpendicular(axis))
    turn = quat.multiply(about(across, swing), about(axis, roll))
    found = continuous_roll(turn[None], axis, axis, RATE_HZ)
    assert np.degrees(found[0]) == pytest.approx(roll, abs=1e-3)
    # Another reference changes the zero and nothing else about a pure roll.
    reference = quat.rotate(about(across, pole), axis)
    pure = continuous_roll(about(axis, np.linspace(0.0, roll, 20)), axis, reference, RATE_HZ)
    assert pure[0] == pytest.approx(0.0, abs=1e-9)
    assert np.degrees(np.abs(np.diff(pure))).max(initial=0.0) < 60.0


def test_a_pass_by_the_pole_leaves_no_turn_behind() -> None:
    """Swinging over the direction opposite to the reference, a little beside it, is not a full roll."""
    swing = about(X, np.linspace(0.0, 340.0, 400))
    beside = quat.multiply(about(Z, np.full(400, 4.0)), swing)
    roll = continuous_roll(beside, Y, Y, RATE_HZ)
    assert np.degrees(np.abs(roll[[0, -1]])).max() < 10.0
    assert np.degrees(np.abs(np.diff(roll))).max() < 15.0
    assert np.degrees(np.abs(roll)).max() < 90.0


@pytest.mark.parametrize("turns", [3.0, -3.0])
def test_turns_do_not_pile_up(turns: float) -> None:
    """Arms that circle add a turn a circle; it is taken back smoothly."""
    roll = continuous_roll(about(X, np.linspace(0.0, 360.0 * turns, 200)), X, X, RATE_HZ)
    assert np.abs(roll).max() < MAX_RAD + 0.1
    assert np.degrees(np.abs(np.diff(roll))).max() < 60.0


def test_a_clip_is_put_nearest_to_zero() -> None:
    """A clip that starts beyond half a turn is not read as the other way round."""
    degrees = np.concatenate([np.linspace(200.0, 30.0, 40), np.full(40, 30.0)])
    roll = continuous_roll(about(X, degrees), X, X, RATE_HZ)
    assert np.degrees(np.abs(roll - np.radians(degrees))).max() < 1e-6


@pytest.mark.parametrize("clip", [0, 1, 2])
def test_on_real_clips_twist_joints_move_no_faster_than_their_limb(clip: int) -> None:
    """No pops: between frames a twist joint turns no more than limb and tip together, and no place changes."""
    options = JobOptions(foot_contact="off")
    source = read_scene(FileBundle("source.glb", make_character(TALL, None, make_clips(TALL))))
    target = character(STYLES[0])
    result = retarget_clip(prepare_motion(source, clip, options), target, options).result
    local = kinematics.local_rotations(target.body.skeleton, result.rotations)
    speed = np.degrees(quat.angle_between(local[1:], local[:-1]))
    assert len(twist_joints(target.body)) == 4
    for twist in target.body.twists:
        limb = target.body.mapping.roles[twist.role].joint
        tip = target.body.mapping.roles[twist.role.replace("UpperArm", "Shoulder").replace("LowerArm", "Hand")].joint
        assert speed[:, twist.joint].max() < 1.0 + (speed[:, limb] + speed[:, tip]).max()


def test_a_joint_in_line_leaves_its_limb_in_place() -> None:
    """Upper arm, twist joint, lower arm: rolling the middle one moves neither elbow nor hand."""
    body = character(STYLES[0]).body
    twist = twist_of(body, "leftLowerArm")
    skeleton, hand = body.skeleton, body.mapping.roles["leftHand"].joint
    # Hang the hand on the twist joint; order parents first.
    order = [j for j in range(len(skeleton)) if j not in (below := _below(body, hand))] + below
    rank = {joint: number for number, joint in enumerate(order)}
    parents = skeleton.parents.copy()
    parents[hand] = twist.joint
    offsets = skeleton.rest_offsets_m.copy()
    offsets[hand] = quat.rotate(
        quat.conjugate(body.rest_rotations[twist.joint]),
        body.rest_positions_m[hand] - body.rest_positions_m[twist.joint],
    )
    rotations = skeleton.rest_rotations.copy()
    rotations[hand] = quat.multiply(quat.conjugate(body.rest_rotations[twist.joint]), body.rest_rotations[hand])
    inline = replace(
        skeleton,
        names=tuple(skeleton.names[j] for j in order),
        parents=np.array([rank.get(int(parents[j]), -1) for j in order]),
        file_indices=skeleton.file_indices[order],
        node_offsets_m=offsets[order], rest_offsets_m=offsets[order],
        node_rotations=rotations[order], rest_rotations=rotations[order],
        deforming=skeleton.deforming[order], end_site=skeleton.end_site[order],
        translation_scale=skeleton.translation_scale[order],
    )  # fmt: skip
    mapping = find_roles(inline)
    made = measure_body(inline, mapping, None)
    assert inline.names[mapping.chains["leftLowerArmTwist"][0]] == skeleton.names[twist.joint]
    axis = bone_axis(made, "leftLowerArm", "leftHand")
    motion = moved(made, {"leftHand": about(axis, np.linspace(0.0, 170.0, 10))})
    spread = spread_twist(motion)
    new = twist_of(made, "leftLowerArm")
    assert np.degrees(quat.angle(own_turn(spread, new)))[-1] == pytest.approx(170.0 * new.share, abs=0.1)
    again = kinematics.world_positions(
        inline, spread.rotations, inline.node_offsets_m, {made.hips: spread.positions_m[:, made.hips]}
    )
    assert np.abs(spread.positions_m - motion.positions_m).max() < 1e-6
    assert np.abs(again - spread.positions_m).max() < 1e-6


def _below(body: Body, joint: int) -> list[int]:
    found = [joint]
    for item in found:
        found.extend(body.skeleton.children[item])
    return found


def test_the_written_file_keys_them_and_only_where_there_are_any() -> None:
    source = read_scene(FileBundle("source.glb", make_character(TALL, None, make_clips(TALL)[2:3])))
    for style in (STYLES[1], RigStyle()):
        scene = character(style).scene
        data = retarget_scenes(source, scene, JobOptions(output="animation")).artifacts["result.glb"]
        again = read_scene(FileBundle("result.glb", data))
        clip = again.load_clip(0, None)
        names = [name for name in again.skeleton.names if name.endswith("Twist")]
        assert len(names) == (4 if style.twist_joints else 0)
        for name in names:
            turned = clip.rotations[:, again.skeleton.names.index(name)]
            assert np.degrees(quat.angle_between(turned[1:], turned[:1])).max() > 5.0, name
        keyed = {channel["target"]["node"] for channel in again.document.document.json["animations"][0]["channels"]}
        wanted = {int(again.skeleton.file_indices[again.skeleton.names.index(name)]) for name in names}
        assert wanted <= keyed and len(keyed) == 52 + len(names)
