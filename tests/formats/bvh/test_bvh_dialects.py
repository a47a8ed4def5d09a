"""BVH as motion generators, capture suites and humanoid projects write it: the same body, in each one's dialect.

smpl2bvh and MoMask: SMPL's names, the pelvis' place in the body as OFFSET, the travel added to it. Kimodo: a still root
above hips that have positions, no End Sites, centimetres. LaFAN1 and MotionBuilder: frames along the bones, so that the
zero pose is folded. Rokoko, Xsens and Bandai: positions on every joint. Mixamo's namespace; Z up; millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.formats.smpl.smpl_kit import Z_UP, Moving, walking
from workers.contract.options import parse_options
from workers.contract.roles import CORE_ROLES
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.prepare import prepare_motion
from workers.skeleton import quat
from workers.skeleton.kinematics import clip_world
from workers.skeleton.model import Array

SMPL2BVH = (
    "Pelvis Left_hip Right_hip Spine1 Left_knee Right_knee Spine2 Left_ankle Right_ankle Spine3 Left_foot Right_foot "
    "Neck Left_collar Right_collar Head Left_shoulder Right_shoulder Left_elbow Right_elbow Left_wrist Right_wrist"
)
MOTIONBUILDER = (
    "Hips LeftUpLeg RightUpLeg Spine LeftLeg RightLeg Spine1 LeftFoot RightFoot Spine2 LeftToe RightToe "
    "Neck LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand RightHand"
)
SOMA = (
    "Hips LeftLeg RightLeg Spine1 LeftShin RightShin Spine2 LeftFoot RightFoot Chest LeftToeBase RightToeBase "
    "Neck1 LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand RightHand"
)
XSENS = (
    "Hips LeftHip RightHip Chest LeftKnee RightKnee Chest2 LeftAnkle RightAnkle Chest3 LeftToe RightToe "
    "Neck LeftCollar RightCollar Head LeftShoulder RightShoulder LeftElbow RightElbow LeftWrist RightWrist"
)


@dataclass(frozen=True)
class Dialect:
    names: str
    order: str = "ZYX"
    unit_m: float = 0.01
    end_sites: bool = True
    adds: bool = False  # the root's travel is added to its OFFSET
    wrapper: bool = False  # a still root above the hips
    everywhere: bool = False  # positions on every joint
    aligned: bool = False  # frames turned to anywhere
    z_up: bool = False
    line: str = "\n"
    number: str = "%.6f"


DIALECTS = {
    "smpl2bvh": Dialect(SMPL2BVH, adds=True),
    "momask": Dialect(MOTIONBUILDER, unit_m=1.0, adds=True, number="%.8g"),
    "kimodo": Dialect(SOMA, end_sites=False, wrapper=True),
    "lafan1": Dialect(MOTIONBUILDER, aligned=True, line="\r\n"),
    "rokoko": Dialect(MOTIONBUILDER, "YXZ", everywhere=True),
    "xsens": Dialect(XSENS, "YXZ", everywhere=True, end_sites=False),
    "mixamo": Dialect(" ".join(f"mixamorig:{name}" for name in MOTIONBUILDER.split()), "XYZ", number="%.9e"),
    "isaac": Dialect(SMPL2BVH, "ZXY", unit_m=1.0, z_up=True),
    "optitrack": Dialect(MOTIONBUILDER, "ZXY", unit_m=0.001),
}


def _euler(q: Array, order: str) -> Array:
    """Degrees of intrinsic turns, by the matrix of R = R_a R_b R_c of three different axes."""
    i, j, k = ("XYZ".index(letter) for letter in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    m = quat.to_matrix(q)
    degrees: Array = np.degrees(
        np.stack(
            [
                np.arctan2(-sign * m[..., j, k], m[..., k, k]),
                np.arctan2(sign * m[..., i, k], np.hypot(m[..., i, i], m[..., i, j])),
                np.arctan2(-sign * m[..., i, j], m[..., i, i]),
            ],
            axis=-1,
        )
    )
    return degrees


def bvh(moving: Moving, dialect: Dialect) -> bytes:
    if dialect.z_up:
        moving = moving.turned(Z_UP)
    names, parents = dialect.names.split(), moving.joints.parents
    local, offsets = quat.from_rotation_vector(moving.vectors), moving.offsets / dialect.unit_m
    root = moving.root / dialect.unit_m
    if dialect.aligned:
        generator = np.random.default_rng(5)
        frames = quat.normalize(generator.normal(size=(len(names), 4)))
        above = [quat.IDENTITY if parent < 0 else frames[parent] for parent in parents]
        local = np.stack(
            [
                quat.multiply(quat.multiply(quat.conjugate(up), local[:, n]), frames[n])
                for n, up in enumerate(above)
            ],
            axis=1,
        )  # fmt: skip
        offsets = np.stack([quat.rotate(quat.conjugate(up), offsets[n]) for n, up in enumerate(above)])
    rotation = " ".join(f"{axis}rotation" for axis in dialect.order)
    moves = "6 Xposition Yposition Zposition "
    lines = ["HIERARCHY"]
    columns: list[Array] = []

    def number(*values: float) -> str:
        return " ".join(dialect.number % value for value in values)

    def joint(n: int, depth: int) -> None:
        pad = "  " * depth
        has_places = n == 0 or dialect.everywhere
        lines.extend([f"{pad}{'JOINT' if depth else 'ROOT'} {names[n]}", pad + "{"])
        lines.append(f"{pad}  OFFSET {number(*offsets[n])}")
        lines.append(f"{pad}  CHANNELS {moves if has_places else '3 '}{rotation}")
        if has_places:
            place = root - (offsets[0] if dialect.adds else 0.0) if n == 0 else np.tile(offsets[n], (len(root), 1))
            columns.append(place)
        columns.append(_euler(local[:, n], dialect.order))
        below = [child for child, parent in enumerate(parents) if parent == n]
        for child in below:
            joint(child, depth + 1)
        if not below and dialect.end_sites:
            lines.extend([f"{pad}  End Site", pad + "  {", f"{pad}    OFFSET {number(*offsets[n] * 0.3)}", pad + "  }"])
        lines.append(pad + "}")

    if dialect.wrapper:
        lines += ["ROOT Root", "{", f"  OFFSET {number(0, 0, 0)}", f"  CHANNELS {moves}{rotation}"]
        columns.append(np.zeros((len(root), 6)))
        offsets[0] = [0.0, 1.0 / dialect.unit_m, 0.0]
        joint(0, 1)
        lines.append("}")
    else:
        joint(0, 0)
    lines += ["MOTION", f"Frames: {len(root)}", "Frame Time: 0.0333333"]
    lines += [number(*row) for row in np.concatenate(columns, axis=1)]
    return (dialect.line.join(lines) + dialect.line).encode()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_is_the_same_motion(name: str, seed: int) -> None:
    """Joints within a millimetre of the truth, the body's roles on the right joints."""
    moving = walking(seed, joints=22)
    dialect = DIALECTS[name]
    scene = read_scene(FileBundle(f"{name}.bvh", bvh(moving, dialect)))
    positions = clip_world(scene.skeleton, scene.load_clip(0, None))[1]
    where = [scene.skeleton.names.index(joint) for joint in dialect.names.split()]
    assert np.abs(positions[:, where] - moving.places()).max() < 1e-3
    assert scene.units.up_axis == ("Z" if dialect.z_up else "Y")
    roles = prepare_motion(scene, 0, parse_options({})).body.mapping.roles
    expected = {role: where[joint] for role, joint in moving.joints.roles.items() if role in CORE_ROLES}
    assert {role: roles[role].joint for role in expected if role in roles} == expected
