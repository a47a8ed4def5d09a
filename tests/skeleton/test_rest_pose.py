"""Which pose counts as rest, and how well one is estimated where a file holds none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workers.contract.errors import InvalidOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import make_clips
from workers.samples.poses import SampleMotion
from workers.samples.shape import TALL
from workers.skeleton import kinematics, quat
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Scene
from workers.skeleton.rest.rest_pose import Rest, choose_rest
from workers.skeleton.rest.stance import measure_stance

BODY = build_body(TALL)
CLIPS = {motion.name: motion for motion in make_clips(TALL)}


def bvh_scene(motion: SampleMotion) -> Scene:
    return read_scene(FileBundle(f"{motion.name}.bvh", motion_to_bvh(BODY, motion).encode()))


def with_t_pose_first(motion: SampleMotion) -> SampleMotion:
    """The clip with one frame of T pose, turned by 40 degrees, before it."""
    yaw = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.radians(40.0))
    still = np.tile(yaw, (1, motion.turns.shape[1], 1))
    return replace(
        motion, turns=np.concatenate([still, motion.turns]), hips_m=np.concatenate([BODY.joints_m[:1], motion.hips_m])
    )


def scrambled(scene: Scene) -> Scene:
    """The same motion with every joint's own axes turned at random: its zero pose is no pose of a body.

    Joint j's axes turn by a_j: local rotations become a_parent^-1 R a_j, offsets are seen from the parent's new axes.
    """
    skeleton = scene.skeleton
    axes = quat.normalize(np.random.default_rng(3).normal(size=(len(skeleton), 4)))
    parent_axes = np.where(skeleton.parents[:, None] >= 0, axes[skeleton.parents], quat.IDENTITY)
    back = quat.conjugate(parent_axes)
    offsets = quat.rotate(back, skeleton.node_offsets_m)
    zero = quat.identity(len(skeleton))
    mixed = replace(skeleton, node_offsets_m=offsets, rest_offsets_m=offsets, rest_rotations=zero, node_rotations=zero)
    clip = scene.load_clip(0, None)
    rotations = quat.multiply(quat.multiply(back, clip.rotations), axes)
    paths = {joint: quat.rotate(back[joint], path) for joint, path in clip.translations_m.items()}
    moved = replace(clip, rotations=rotations, translations_m=paths)
    return replace(scene, skeleton=mixed, load_clip=lambda index, rate_hz: moved)


def choose(scene: Scene, choice: str | int = "auto") -> tuple[Rest, HumanoidMapping]:
    rotations, positions = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
    mapping = find_roles(scene.skeleton, positions_m=positions[0])
    return choose_rest(scene, mapping, rotations, positions, choice, None), mapping  # type: ignore[arg-type]


def rest_positions(rest: Rest) -> Array:
    return kinematics.rest_world(rest.skeleton)[1]


def test_a_zero_pose_that_is_a_t_is_taken_as_it_is() -> None:
    rest, _ = choose(bvh_scene(CLIPS["walk"]))
    assert (rest.kind, rest.guessed, rest.notices) == ("zero", False, ())


def test_a_t_frame_is_found_and_turned_to_face_forward() -> None:
    rest, mapping = choose(scrambled(bvh_scene(with_t_pose_first(CLIPS["wave"]))))
    assert rest.kind == "frame 0"
    assert [notice.code for notice in rest.notices] == ["rest-pose-guessed"]
    positions = rest_positions(rest)
    left = positions[mapping.roles["leftUpperArm"].joint] - positions[mapping.roles["rightUpperArm"].joint]
    assert np.allclose(quat.unit(left), [1.0, 0.0, 0.0], atol=1e-3)


def test_without_any_rest_pose_a_t_is_built_from_the_motion() -> None:
    rest, mapping = choose(scrambled(bvh_scene(CLIPS["walk"])))
    assert rest.kind == "estimated"
    assert rest.guessed
    assert "rest-pose-guessed" in {notice.code for notice in rest.notices}
    stance = measure_stance(mapping, rest_positions(rest)[None])
    assert stance.t_or_a[0], stance


@pytest.mark.parametrize("clip", ["walk", "reach_overhead"])
def test_the_estimate_is_near_the_true_t_pose(clip: str) -> None:
    """Axes are scrambled, so nothing but the motion tells the T pose; the truth is the unscrambled zero pose."""
    plain = bvh_scene(CLIPS[clip])
    scene = scrambled(plain)
    rest, mapping = choose(scene)
    axes = quat.normalize(np.random.default_rng(3).normal(size=(len(scene.skeleton), 4)))
    apart = np.degrees(quat.angle_between(kinematics.rest_world(rest.skeleton)[0], axes))
    limits = {"UpperLeg": 8.0, "LowerLeg": 8.0, "LowerArm": 30.0, "hips": 8.0, "chest": 12.0}
    for role, match in mapping.roles.items():
        for part, limit in limits.items():
            if role.endswith(part):
                assert apart[match.joint] < limit, f"{role} is {apart[match.joint]:.1f} degrees off"


def test_explicit_choices() -> None:
    scene = bvh_scene(with_t_pose_first(CLIPS["wave"]))
    assert choose(scene, 0)[0].kind == "frame 0"
    assert choose(scene, "file")[0].kind == "zero"
    assert choose(scene, "estimate")[0].kind == "estimated"
    with pytest.raises(InvalidOptions, match="frame 9999 does not exist"):
        choose(scene, 9999)
