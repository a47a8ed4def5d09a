"""The same character re-exported: joints and rigid vertices move identically in every rig style.

Files are read back with the project's own reader, so units, axes, rest pose and bind matrices are checked as a user
would meet them. With linear blend skinning a vertex shared between joints which the rest pose turned against each other
must differ; it is held to the size of a limb's radius, all others to a tenth of a millimetre.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from workers.formats.bundle import FileBundle
from workers.formats.gltf.read import read_gltf
from workers.samples.body import build_body
from workers.samples.clips import hands_on_hips, walk
from workers.samples.glb import make_character
from workers.samples.poses import SampleMotion, joints_of
from workers.samples.rig import RigStyle, joint_name
from workers.samples.shape import ROLES, STOUT, TALL, BodyShape
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Scene

SAME_REST = [
    RigStyle(bone_axes="bone_y"),
    RigStyle(bone_axes="bone_x"),
    RigStyle(unit="cm"),
    RigStyle(up_axis="Z"),
    RigStyle(names="mixamo"),
    RigStyle(names="suffixed"),
    RigStyle(names="numbered"),
    RigStyle(twist_joints=True),
    RigStyle(bone_axes="bone_y", unit="cm", up_axis="Z", names="mixamo", twist_joints=True),
]
OTHER_REST = [
    RigStyle(rest_pose="A"),
    RigStyle(rest_pose="N", bone_axes="bone_y"),
    RigStyle(arm_twist_deg=90.0),
    RigStyle(arm_twist_deg=-90.0, bone_axes="bone_x"),
    RigStyle(rest_pose="A", arm_twist_deg=90.0, unit="cm", up_axis="Z", bone_axes="bone_y", twist_joints=True),
]
FRAMES = (0, 7, 19, 40, 70)


def _name(style: RigStyle) -> str:
    return "-".join(str(value) for value in vars(style).values())


@lru_cache(maxsize=4)
def _motion(shape: BodyShape, kind: str) -> SampleMotion:
    whole = {"walk": walk, "hips": hands_on_hips}[kind](build_body(shape))
    return SampleMotion(whole.name, whole.rate_hz, whole.turns[list(FRAMES)], whole.hips_m[list(FRAMES)])


def _read(shape: BodyShape, style: RigStyle, kind: str = "hips") -> Scene:
    return read_gltf(FileBundle("sample.glb", make_character(shape, style, [_motion(shape, kind)])))


def _joints(scene: Scene, style: RigStyle) -> list[int]:
    """The skeleton's joints in the order of ROLES."""
    return [scene.skeleton.names.index(joint_name(role, style.names)) for role in ROLES]


def _skinned(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Vertices `(frames, vertices, 3)` of clip 0, and the largest weight of each vertex."""
    clip, mesh = scene.load_clip(0, None), scene.load_mesh()
    assert mesh is not None
    world, place = kinematics.clip_world(scene.skeleton, clip)
    rest, rest_place = kinematics.rest_world(scene.skeleton)
    turn = quat.multiply(world, quat.conjugate(rest))
    vertices = np.zeros((len(world), *mesh.positions_m.shape))
    for influence in range(mesh.joints.shape[1]):
        joint, weight = mesh.joints[:, influence], mesh.weights[:, influence]
        local = mesh.positions_m - rest_place[joint]
        vertices += weight[:, None] * (quat.rotate(turn[:, joint], local) + place[:, joint])
    return vertices, mesh.weights.max(axis=1)


@lru_cache(maxsize=2)
def _reference(shape: BodyShape) -> tuple[np.ndarray, np.ndarray]:
    return _skinned(_read(shape, RigStyle()))


@pytest.mark.parametrize("style", [RigStyle(), *SAME_REST, *OTHER_REST], ids=_name)
@pytest.mark.parametrize("shape", [TALL, STOUT], ids=lambda shape: shape.name)
def test_joints_stand_and_turn_as_authored(shape: BodyShape, style: RigStyle) -> None:
    scene = _read(shape, style)
    joints = _joints(scene, style)
    world, place = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
    motion = _motion(shape, "hips")
    assert np.abs(place[:, joints] - joints_of(build_body(shape), motion)).max() < 1e-4
    # Between any two frames each joint has turned by what was authored.
    turned = quat.multiply(world[1:, joints], quat.conjugate(world[:1, joints]))
    wanted = quat.multiply(motion.turns[1:], quat.conjugate(motion.turns[:1]))
    assert np.degrees(quat.angle_between(turned, wanted)).max() < 0.01


@pytest.mark.parametrize("style", SAME_REST, ids=_name)
@pytest.mark.parametrize("shape", [TALL, STOUT], ids=lambda shape: shape.name)
def test_surface_is_the_same_where_the_rest_pose_is(shape: BodyShape, style: RigStyle) -> None:
    vertices, _ = _skinned(_read(shape, style))
    assert np.abs(vertices - _reference(shape)[0]).max() < 1e-4


@pytest.mark.parametrize("style", OTHER_REST, ids=_name)
@pytest.mark.parametrize("shape", [TALL, STOUT], ids=lambda shape: shape.name)
def test_rigid_vertices_are_the_same_in_every_rest_pose(shape: BodyShape, style: RigStyle) -> None:
    vertices, _ = _skinned(_read(shape, style))
    expected, largest = _reference(shape)
    distance = np.linalg.norm(vertices - expected, axis=-1).max(axis=0)
    rigid = largest > 1.0 - 1e-6
    assert rigid.mean() > 0.4
    assert distance[rigid].max() < 1e-4
    assert distance.max() < 1.5 * shape.arm_radius_m[0]


@pytest.mark.parametrize(("style", "degrees"), [(RigStyle("A"), 45.0), (RigStyle("N"), 78.0), (RigStyle("T"), 0.0)])
def test_rest_poses_lower_the_arms(style: RigStyle, degrees: float) -> None:
    scene = _read(TALL, style)
    _, place = kinematics.rest_world(scene.skeleton)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder, wrist = (place[scene.skeleton.names.index(side + part)] for part in ("UpperArm", "Hand"))
        arm = quat.unit(wrist - shoulder)
        assert np.isclose(np.degrees(np.arcsin(-arm[1])), degrees, atol=1e-3) and sign * arm[0] > 0.0


def test_arm_twist_turns_the_palm_but_moves_no_arm_joint() -> None:
    straight, twisted = _read(TALL, RigStyle()), _read(TALL, RigStyle(arm_twist_deg=90.0))
    _, before = kinematics.rest_world(straight.skeleton)
    _, after = kinematics.rest_world(twisted.skeleton)
    names = straight.skeleton.names
    arm = [names.index(f"left{part}") for part in ("UpperArm", "LowerArm", "Hand")]
    assert np.allclose(before[arm], after[arm], atol=1e-6)
    wrist, thumb = names.index("leftHand"), names.index("leftThumbDistal")
    assert (before[thumb] - before[wrist])[2] > 0.04, "forward at first"
    assert (after[thumb] - after[wrist])[1] < -0.04, "then down"


def test_file_data_is_in_the_styles_own_space() -> None:
    scene = _read(TALL, RigStyle(unit="cm", up_axis="Z"))
    assert scene.rest_kind == "bind"
    hips = scene.skeleton.names.index("hips")
    assert np.isclose(scene.skeleton.translation_scale[hips], 0.01)
