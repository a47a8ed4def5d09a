"""The result does not depend on how a rig was exported: rest pose, arm twist, bone axes, units, up axis, names.

One character is exported in many styles, as target and as source. The same motion must give the same world animation
within 0.5 degrees (turns away from T, palms and knees included) and 1 mm.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.samples.body import build_body
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle, bone_frames, build_rig, rest_turns
from workers.samples.shape import INDEX, ROLES, STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.model import Array, Scene

PLAIN = RigStyle()
STYLES = [
    RigStyle(rest_pose="A"),
    RigStyle(rest_pose="N"),
    RigStyle(arm_twist_deg=90.0),
    RigStyle(arm_twist_deg=-90.0),
    RigStyle(rest_pose="A", arm_twist_deg=90.0),
    RigStyle(bone_axes="bone_y"),
    RigStyle(bone_axes="bone_x"),
    RigStyle(unit="cm"),
    RigStyle(up_axis="Z"),
    RigStyle(unit="cm", up_axis="Z"),
    RigStyle(names="mixamo"),
    RigStyle(names="suffixed"),
    RigStyle(names="numbered"),
    RigStyle(twist_joints=True),
    RigStyle(
        rest_pose="N",
        arm_twist_deg=-90.0,
        bone_axes="bone_y",
        unit="cm",
        up_axis="Z",
        names="mixamo",
        twist_joints=True,
    ),
]
MAX_DEG = 0.5
MAX_M = 0.001
OPTIONS = JobOptions(foot_contact="off")


def style_id(style: RigStyle) -> str:
    changed = [str(value) for name, value in vars(style).items() if value != getattr(PLAIN, name)]
    return "-".join(changed) or "plain"


def scene_of(name: str, data: bytes) -> Scene:
    return read_scene(FileBundle(name, data))


@cache
def character(style: RigStyle) -> PreparedCharacter:
    return prepare_character(scene_of("target.glb", make_character(STOUT, style)), {})


@cache
def source(style: RigStyle) -> Scene:
    clips = make_clips(TALL)
    return scene_of("source.glb", make_character(TALL, style, clips))


@cache
def motion(style: RigStyle, clip: int) -> PreparedMotion:
    return prepare_motion(source(style), clip, OPTIONS)


def turns_from_t(result: BodyMotion, style: RigStyle) -> Array:
    """World turns of the roles away from T pose `(frames, roles, 4)`, whatever axes the joints have."""
    rig = build_rig(build_body(STOUT), style)
    joints = [result.body.skeleton.names.index(rig.names[INDEX[role]]) for role in ROLES]
    in_t = bone_frames(rig.body, style.bone_axes)
    in_rest = quat.multiply(rest_turns(style), in_t)
    assert np.degrees(quat.angle_between(result.body.rest_rotations[joints], in_rest)).max() < 0.05
    return quat.multiply(result.rotations[:, joints], quat.conjugate(in_t))


def assert_same(result: BodyMotion, style: RigStyle, wanted: BodyMotion) -> None:
    names = build_rig(build_body(STOUT), style).names
    joints = [result.body.skeleton.names.index(names[INDEX[role]]) for role in ROLES]
    plain = [wanted.body.skeleton.names.index(role) for role in ROLES]
    degrees = np.degrees(quat.angle_between(turns_from_t(result, style), turns_from_t(wanted, PLAIN))).max(axis=0)
    worst = int(np.argmax(degrees))
    assert degrees[worst] < MAX_DEG, f"{ROLES[worst]} differs by {degrees[worst]:.2f} degrees"
    apart = np.linalg.norm(result.positions_m[:, joints] - wanted.positions_m[:, plain], axis=-1).max(axis=0)
    worst = int(np.argmax(apart))
    assert apart[worst] < MAX_M, f"{ROLES[worst]} is {1000 * apart[worst]:.2f} mm apart"


@pytest.mark.parametrize("clip", [0, 2])
@pytest.mark.parametrize("style", STYLES, ids=style_id)
def test_target_export_style_changes_nothing(style: RigStyle, clip: int) -> None:
    wanted = retarget_clip(motion(PLAIN, clip), character(PLAIN), OPTIONS).result
    result = retarget_clip(motion(PLAIN, clip), character(style), OPTIONS).result
    assert_same(result, style, wanted)


@pytest.mark.parametrize("style", STYLES, ids=style_id)
def test_source_export_style_changes_nothing(style: RigStyle) -> None:
    wanted = retarget_clip(motion(PLAIN, 1), character(PLAIN), OPTIONS).result
    result = retarget_clip(motion(style, 1), character(PLAIN), OPTIONS).result
    assert_same(result, PLAIN, wanted)


@pytest.mark.parametrize("style", [STYLES[0], STYLES[2], STYLES[-1]], ids=style_id)
def test_foot_contact_keeps_the_invariance(style: RigStyle) -> None:
    options = JobOptions()
    wanted = retarget_clip(motion(PLAIN, 0), character(PLAIN), options).result
    result = retarget_clip(motion(PLAIN, 0), character(style), options).result
    assert_same(result, style, wanted)


def test_the_naive_copy_is_not_invariant() -> None:
    """The measure has teeth: without rest alignment an A pose is more than 20 degrees off."""
    results = [retarget_clip(motion(PLAIN, 0), character(style), OPTIONS).naive for style in (PLAIN, STYLES[0])]
    apart = quat.angle_between(turns_from_t(results[1], STYLES[0]), turns_from_t(results[0], PLAIN))
    assert np.degrees(apart).max() > 20.0
