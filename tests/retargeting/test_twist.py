"""Roll over twist joints: spread, continuous, never flipping, exact at the ends; and the skin does not wring."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from workers.engine import retarget_clip
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.options import JobOptions
from workers.preparation import PreparedCharacter, prepare_character, prepare_motion
from workers.retargeting.motion import BodyMotion, from_rotations
from workers.retargeting.twist import MOST_RAD, bone_roll, continuous_roll, spread_twist, twist_joints
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, measure_body
from workers.skeleton.find_roles import find_roles
from workers.skeleton.model import Array
from workers.skeleton.twist_joints import TwistJoint

X, Y, Z = np.eye(3)
STYLES = [
    RigStyle(twist_joints=True),
    RigStyle(rest_pose="A", bone_axes="bone_y", unit="cm", up_axis="Z", names="mixamo", twist_joints=True),
    RigStyle(rest_pose="N", arm_twist_deg=90.0, names="numbered", twist_joints=True),
]
RATE_HZ = 30.0


@cache
def character(style: RigStyle) -> PreparedCharacter:
    return prepare_character(read_scene(FileBundle("target.glb", make_character(STOUT, style))), {})


def moved(body: Body, turns: dict[str, Array]) -> BodyMotion:
    """The rest pose with some roles turned away from it, in the world `(frames, 4)`; what hangs below them follows."""
    frames = max(len(turn) for turn in turns.values())
    rotations = np.tile(body.rest_rotations, (frames, 1, 1))
    driven = np.zeros(len(body.skeleton), dtype=bool)
    for role, turn in turns.items():
        joint = body.mapping.roles[role].joint
        rotations[:, joint] = quat.multiply(turn, body.rest_rotations[joint])
        driven[joint] = True
    driven[body.hips] = True
    rotations = kinematics.follow_rest(body.skeleton, rotations, driven)
    like = BodyMotion(body, "made", RATE_HZ, 0.0, rotations, np.zeros((frames, 0, 3)))
    return from_rotations(body, like, rotations, np.tile(body.rest_positions_m[body.hips], (frames, 1)))


def bone_axis(body: Body, role: str, tip: str) -> Array:
    ends = body.rest_positions_m[[body.mapping.roles[r].joint for r in (role, tip)]]
    return quat.unit(ends[1] - ends[0])


def about(axis: Array, degrees: ArrayLike) -> Array:
    return quat.from_axis_angle(axis, np.radians(np.asarray(degrees, dtype=np.float64)))


def own_turn(motion: BodyMotion, twist: TwistJoint) -> Array:
    """Turn `(frames, 4)` of a twist joint against its limb, away from rest."""
    body = motion.body
    limb = body.mapping.roles[twist.role].joint
    away = [
        quat.multiply(motion.rotations[:, joint], quat.conjugate(body.rest_rotations[joint]))
        for joint in (limb, twist.joint)
    ]
    return quat.multiply(quat.conjugate(away[0]), away[1])


def twist_of(body: Body, role: str) -> TwistJoint:
    (twist,) = [twist for twist in body.twists if twist.role == role]
    return twist


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
    assert np.abs(roll).max() < MOST_RAD + 0.1
    assert np.degrees(np.abs(np.diff(roll))).max() < 60.0


def test_a_clip_is_put_nearest_to_zero() -> None:
    """A clip that starts beyond half a turn is not read as the other way round."""
    degrees = np.concatenate([np.linspace(200.0, 30.0, 40), np.full(40, 30.0)])
    roll = continuous_roll(about(X, degrees), X, X, RATE_HZ)
    assert np.degrees(np.abs(roll - np.radians(degrees))).max() < 1e-6


def skinned(prepared: PreparedCharacter, motion: BodyMotion, frame: int) -> tuple[Array, Array]:
    """Vertices of a frame by linear blend skinning, and at rest."""
    mesh, body = prepared.scene.load_mesh(), prepared.body
    assert mesh is not None
    turns = quat.multiply(motion.rotations[frame], quat.conjugate(body.rest_rotations))
    local = mesh.positions_m[:, None] - body.rest_positions_m[mesh.joints]
    placed = quat.rotate(turns[mesh.joints], local) + motion.positions_m[frame][mesh.joints]
    return np.einsum("vk,vka->va", mesh.weights, placed), mesh.positions_m


def narrowest(prepared: PreparedCharacter, motion: BodyMotion, role: str, tip: str, span: tuple[float, float]) -> float:
    """Least radius of the limb's cross-sections in the last frame against rest, along part of the bone."""
    body, mesh = prepared.body, prepared.scene.load_mesh()
    assert mesh is not None
    after, before = skinned(prepared, motion, -1)
    ends = body.rest_positions_m[[body.mapping.roles[r].joint for r in (role, tip)]]
    axis, length = quat.unit(ends[1] - ends[0]), float(np.linalg.norm(ends[1] - ends[0]))
    offset = before - ends[0]
    along = offset @ axis
    limb = [j for j, n in enumerate(body.skeleton.names) if n.startswith(role[:4])]
    near = np.linalg.norm(offset - along[:, None] * axis, axis=1) < 0.35 * length
    near &= np.isin(mesh.joints[np.arange(len(mesh.joints)), mesh.weights.argmax(axis=1)], limb)
    radii = []
    for ring in np.unique(np.round(along[near] / length, 3)):
        if span[0] < ring < span[1]:
            chosen = near & (np.abs(along / length - ring) < 0.006)
            if np.count_nonzero(chosen) >= 8:
                rest, now = before[chosen], after[chosen]
                size = [np.linalg.norm(part - part.mean(axis=0), axis=1).mean() for part in (rest, now)]
                radii.append(size[1] / size[0])
    assert len(radii) >= 5
    return float(min(radii))


def test_a_forearm_with_twist_joints_keeps_its_girth() -> None:
    least = {}
    for twisted in (True, False):
        prepared = character(RigStyle(twist_joints=twisted))
        axis = bone_axis(prepared.body, "leftLowerArm", "leftHand")
        motion = spread_twist(moved(prepared.body, {"leftHand": about(axis, [0.0, 75.0, 150.0])}))
        least[twisted] = narrowest(prepared, motion, "leftLowerArm", "leftHand", (0.1, 1.05))
    assert least[True] > 0.7
    assert least[False] < 0.45


def test_an_upper_arm_with_twist_joints_keeps_its_girth() -> None:
    least = {}
    for twisted in (True, False):
        prepared = character(RigStyle(twist_joints=twisted))
        axis = bone_axis(prepared.body, "leftUpperArm", "leftLowerArm")
        motion = spread_twist(moved(prepared.body, {"leftUpperArm": about(axis, [0.0, 60.0, 120.0])}))
        least[twisted] = narrowest(prepared, motion, "leftUpperArm", "leftLowerArm", (0.0, 0.9))
    assert least[True] > 0.7
    assert least[False] < least[True] - 0.1


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
