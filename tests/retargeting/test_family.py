"""Two rigs of one family are related by the pose that they share, whether their skins or their nodes stand in it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.retargeting.family_pairs import BIND_A, BIND_B, T_POSE, family_member, shared_frames
from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion, from_clip
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.retargeting.family import find_common_pose
from workers.samples.body import build_body
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle, bone_frames
from workers.samples.shape import STOUT, TALL, BodyShape
from workers.skeleton import quat
from workers.skeleton.model import Array, Scene

Y = np.array([0.0, 1.0, 0.0])
CLIPS = {motion.name: motion for motion in make_clips(TALL)}
CLIP = replace(
    CLIPS["hands_on_hips"], turns=CLIPS["hands_on_hips"].turns[::6], hips_m=CLIPS["hands_on_hips"].hips_m[::6]
)
DANCING = CLIPS["reach_overhead"].turns[40], CLIPS["hands_on_hips"].turns[30]
NAMES = RigStyle(names="mixamo")
FREE = JobOptions(foot_contact="off")
HAND_ROLES = ("leftHand", "rightHand", "leftIndexProximal", "rightLittleDistal", "leftThumbDistal")


def axes(kind: str, shape: BodyShape) -> Array | None:
    """Joint axes of a family: the world's, along the bones of one of its bodies, or along each body's own."""
    own = bone_frames(build_body(shape), "bone_y")
    return {"world": None, "shared": shared_frames(TALL), "own": own}[kind]


def pair(
    kind: str, source_poses: tuple[Array, Array], target_poses: tuple[Array, Array], flip: bool = False
) -> tuple[PreparedMotion, PreparedCharacter, BodyMotion]:
    """A motion, a character of its family, and the true clip on that; poses are (bind, nodes)."""
    shapes = (STOUT, TALL) if flip else (TALL, STOUT)
    files = [
        family_member(shape, bind, nodes, [CLIP], NAMES, axes(kind, shape))
        for shape, (bind, nodes) in zip(shapes, (source_poses, target_poses), strict=True)
    ]
    scenes = [read_scene(FileBundle("made.glb", data)) for data in files]
    target = prepare_character(scenes[1], {})
    truth = from_clip(target.body, scenes[1].load_clip(0, None))
    return prepare_motion(scenes[0], 0, FREE), target, truth


def degrees_off(result: BodyMotion, truth: BodyMotion, *roles: str) -> float:
    """The worst mean angle of a role's joint, of all roles where none is named."""
    mapped = truth.body.mapping.roles
    joints = [mapped[role].joint for role in roles or mapped]
    return float(np.degrees(quat.angle_between(result.rotations[:, joints], truth.rotations[:, joints])).mean(0).max())


POSES = {
    "skins in two A poses, nodes in one T": ((BIND_A, T_POSE), (BIND_B, T_POSE)),
    "skins in one T, nodes in two dances": ((T_POSE, DANCING[0]), (T_POSE, DANCING[1])),
    "one skin in A, one in T, nodes in T": ((BIND_A, T_POSE), (T_POSE, T_POSE)),
    "motion saved in mid-dance, skins in T and A": ((T_POSE, DANCING[0]), (BIND_B, T_POSE)),
    "character saved in mid-dance, skins in A and T": ((BIND_A, T_POSE), (T_POSE, DANCING[1])),
}


@pytest.mark.parametrize(
    ("kind", "flip"),
    [("shared", False), ("world", True), ("own", False)],
    ids=["shared axes", "world axes", "own axes"],
)
@pytest.mark.parametrize("poses", POSES.values(), ids=POSES.keys())
def test_a_family_gets_its_authors_clip(
    poses: tuple[tuple[Array, Array], tuple[Array, Array]], kind: str, flip: bool
) -> None:
    source, target, truth = pair(kind, *poses, flip=flip)
    common = find_common_pose(source.body, target.body)
    assert common is not None and len(common.same) > 45
    result = retarget_clip(source, target, FREE).result
    assert degrees_off(result, truth) < 0.5
    rotations = degrees_off(retarget_clip(source, target, JobOptions()).result, truth, *HAND_ROLES)
    assert rotations < 0.5  # foot contacts move the legs alone


def test_without_a_common_pose_the_same_pair_is_far_off() -> None:
    """The measure has teeth: bound in two A poses with nodes in two dances nothing tells how the rigs relate."""
    source, target, truth = pair("shared", (BIND_A, DANCING[0]), (BIND_B, DANCING[1]))
    assert find_common_pose(source.body, target.body) is None
    assert degrees_off(retarget_clip(source, target, FREE).result, truth, "leftHand") > 5.0


def test_the_report_tells_of_a_common_pose_that_is_no_rest_pose() -> None:
    def codes(done: RetargetedClip) -> list[str]:
        return [notice.code for notice in done.notices]

    nodes = pair("shared", *POSES["skins in two A poses, nodes in one T"])
    assert "family-pose" in codes(retarget_clip(nodes[0], nodes[1], FREE))
    rest = pair("shared", *POSES["skins in one T, nodes in two dances"])
    assert "family-pose" not in codes(retarget_clip(rest[0], rest[1], FREE))


def test_equal_names_with_other_rolls_are_no_family() -> None:
    """Some exporters turn each joint's axes about its bone: local rotations then mean something else."""
    along = bone_frames(build_body(TALL), "bone_y")
    rolled = quat.multiply(along, quat.from_axis_angle(Y, np.radians(90.0)))
    files = [
        family_member(shape, BIND_A, T_POSE, [CLIP], NAMES, frames)
        for shape, frames in ((TALL, along), (STOUT, rolled))
    ]
    scenes = [read_scene(FileBundle("made.glb", data)) for data in files]
    source, target = prepare_motion(scenes[0], 0, FREE), prepare_character(scenes[1], {})
    assert find_common_pose(source.body, target.body) is None
    truth = from_clip(target.body, scenes[1].load_clip(0, None))
    assert degrees_off(retarget_clip(source, target, FREE).result, truth, "leftUpperArm") < 5.0


def test_other_names_are_no_family() -> None:
    source = read_scene(FileBundle("a.glb", make_character(TALL, RigStyle(names="mixamo"), [CLIP])))
    target = prepare_character(read_scene(FileBundle("b.glb", make_character(STOUT, RigStyle(names="suffixed")))), {})
    assert find_common_pose(prepare_motion(source, 0, FREE).body, target.body) is None


def test_a_stated_rest_pose_counts() -> None:
    source, target, truth = pair("shared", *POSES["skins in two A poses, nodes in one T"])
    stated = JobOptions(foot_contact="off", rest_pose="file")
    assert degrees_off(retarget_clip(source, target, stated).result, truth, "leftHand") > 5.0


@cache
def walk_and_stout() -> tuple[Scene, PreparedCharacter]:
    walk = read_scene(FileBundle("walk.glb", make_character(TALL, motions=[CLIPS["walk"]])))
    return walk, prepare_character(read_scene(FileBundle("stout.glb", make_character(STOUT))), {})


@pytest.mark.parametrize("root_scale", ["legs", "hips", "none", 0.8])
def test_root_scale_says_how_far_a_character_travels(root_scale: str | float) -> None:
    walk, target = walk_and_stout()
    options = JobOptions.model_validate({"root_scale": root_scale})
    source = prepare_motion(walk, 0, options)
    result = retarget_clip(source, target, options).result
    ours, theirs = (
        float(np.linalg.norm((motion.positions_m[-1] - motion.positions_m[0])[motion.body.hips, [0, 2]]))
        for motion in (result, source.motion)
    )
    wanted = {
        "legs": target.body.leg_length_m / source.body.leg_length_m,
        "hips": target.body.hips_height_m / source.body.hips_height_m,
        "none": 1.0,
    }.get(str(root_scale), 0.8)
    assert ours / theirs == pytest.approx(wanted, rel=0.02)


def test_hips_scale_takes_root_to_root() -> None:
    """An author who scales the hips joint by its height scales its path about the rig's root, sideways too."""
    source, target, _ = pair("shared", *POSES["skins in one T, nodes in two dances"])
    options = JobOptions(foot_contact="off", ground="none", root_scale="hips")
    result = retarget_clip(source, target, options).result
    scale = target.body.hips_height_m / source.body.hips_height_m
    wanted = scale * source.motion.positions_m[:, source.body.hips, ::2]
    assert np.abs(result.positions_m[:, target.body.hips, ::2] - wanted).max() < 1e-4
