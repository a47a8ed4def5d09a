"""Units and up axis of a BVH are guessed from the body, whatever its zero pose, size and facing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.formats.bvh.bvh_kit import ENDS, PERSON, TO_FILE, person, scene_of
from workers.formats.body_plan import BodyPlan, body_plan
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Scene

UNITS_PER_M = {"m": 1.0, "dm": 10.0, "cm": 100.0, "mm": 1000.0, "inch": 1 / 0.0254, "foot": 1 / 0.3048}
CMU = "cmu (5.644 cm)"

# Real folders: unit, up axis. Every BVH in them must be guessed so.
REAL = {
    "cmu-cc": ("cm", "Y"),
    "cmu-cgspeed": (CMU, "Y"),
    "xia-style": (CMU, "Y"),
    "makehuman": ("dm", "Z"),
    "threejs": ("cm", "Y"),
    "malformed/bvh": ("cm", "Y"),
}


def plan_of(scale: float = 1.0) -> BodyPlan:
    joints = [*PERSON, *((f"end{joint}", joint, offset) for joint, offset in ENDS.items())]
    return body_plan(tuple(parent for _, parent, _ in joints), np.array([offset for _, _, offset in joints]) * scale)


def world_y_up(scene: Scene) -> np.ndarray:
    return kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))[1]


def test_plan_finds_legs_arms_and_stature_without_names_or_pose() -> None:
    plan = plan_of()
    assert sorted(limb.start for limb in plan.legs) == [13, 16]
    assert sorted(limb.start for limb in plan.arms) == [5, 9]
    assert (plan.hips, plan.shoulders) == (0, 2)
    assert 1.5 < plan.stature < 2.2


def test_plan_does_not_depend_on_directions_or_order_of_axes() -> None:
    joints = [*PERSON, *((f"end{joint}", joint, offset) for joint, offset in ENDS.items())]
    rng = np.random.default_rng(5)
    offsets = np.array([offset for _, _, offset in joints])
    turned = quat.rotate(quat.normalize(rng.normal(size=(len(offsets), 4))), offsets)
    parents = tuple(parent for _, parent, _ in joints)
    straight, wild = body_plan(parents, offsets), body_plan(parents, turned)
    assert wild.stature == pytest.approx(straight.stature)
    assert {limb.start for limb in wild.legs} == {limb.start for limb in straight.legs}


@pytest.mark.parametrize("up", ["X", "Y", "Z"])
@pytest.mark.parametrize("unit", UNITS_PER_M)
@pytest.mark.parametrize("size", [0.9, 1.0, 1.1])
def test_grown_people_in_every_unit_and_axis(unit: str, up: str, size: float) -> None:
    scene = scene_of(person(scale=UNITS_PER_M[unit] * size, up=up))
    assert (scene.units.unit, scene.units.up_axis, scene.units.guessed) == (unit, up, True)
    assert scene.units.factor == pytest.approx(1.0 / UNITS_PER_M[unit])
    assert np.all(scene.skeleton.translation_scale == scene.units.factor)
    expected = size * np.cumsum([0.93, 0.12, 0.20, 0.22, 0.10])
    assert np.allclose(world_y_up(scene)[0, :5, 1], expected, atol=1e-4)
    assert np.allclose(kinematics.rest_world(scene.skeleton)[1][:5, 1], expected, atol=1e-4)
    assert "units-guessed" in [notice.code for notice in scene.notices]


def test_the_turn_to_y_up_is_right_handed_and_keeps_shape() -> None:
    straight = world_y_up(scene_of(person(up="Y")))
    for up in "XZ":
        turned = world_y_up(scene_of(person(up=up)))
        assert np.allclose(
            np.linalg.norm(turned[0, 8] - turned[0, 12]), np.linalg.norm(straight[0, 8] - straight[0, 12])
        )
        assert np.allclose(turned[..., 1], straight[..., 1], atol=1e-6)
        # Left of the face stays left: (left - right) x up points the same way as the toes.
        left, ahead = turned[0, 8] - turned[0, 12], turned[0, 22] - turned[0, 15]
        assert np.dot(np.cross(left, [0.0, 1.0, 0.0]), ahead) > 0


@pytest.mark.parametrize("unit", ["m", "cm"])
@pytest.mark.parametrize("stature", [1.0, 1.2, 2.6])
def test_children_and_giants_in_plain_units_stay_themselves(unit: str, stature: float) -> None:
    scene = scene_of(person(scale=UNITS_PER_M[unit] * stature / 1.75))
    assert scene.units.unit == unit


def test_the_cmu_unit() -> None:
    assert scene_of(person(scale=0.45 / 0.0254)).units.unit == CMU


def test_a_body_of_no_known_unit_is_scaled_to_a_person() -> None:
    scene = scene_of(person(scale=1e5))
    assert scene.units.unit == "unknown"
    heights = world_y_up(scene)[..., 1]
    assert 1.2 < heights.max() - heights.min() < 2.1


def test_a_wild_zero_pose_does_not_mislead() -> None:
    """All bones point along +X in the file; rotations put the body upright along Z, as exporters with bone axes do."""
    joints = [*PERSON]
    world = [quat.between(np.array([1.0, 0.0, 0.0]), TO_FILE["Z"] @ np.array(offset)) for _, _, offset in joints]
    children = {parent: joint for joint, (_, parent, _) in enumerate(joints)}
    frames = [world[children[joint]] if joint in children else world[joint] for joint in range(len(joints))]
    head, _, _ = person(rotation="ZXY").partition("MOTION")
    for joint, (_, parent, offset) in enumerate(joints):
        if parent >= 0:
            old = "OFFSET " + " ".join(f"{100.0 * v:.6f}" for v in offset)
            # Where the bone is not its parent's main child, its offset is the true one seen from the parent's frame.
            seen = quat.rotate(quat.conjugate(frames[parent]), TO_FILE["Z"] @ np.array(offset) * 100.0)
            head = head.replace(f"JOINT {joints[joint][0]}\n", f"JOINT {joints[joint][0]}\n#", 1)
            before, _, after = head.partition("#")
            head = before + after.replace(old, "OFFSET " + " ".join(f"{v:.6f}" for v in seen), 1)
    local = [
        frames[joint] if parent < 0 else quat.multiply(quat.conjugate(frames[parent]), frames[joint])
        for joint, (_, parent, _) in enumerate(joints)
    ]
    angles = np.degrees(quat.to_euler_zxy(np.array(local))).ravel()
    row = " ".join(f"{v:.6f}" for v in [0.0, 0.0, 93.0, *angles])
    scene = scene_of(f"{head}MOTION\nFrames: 2\nFrame Time: 0.033333\n{row}\n{row}\n")
    assert (scene.units.unit, scene.units.up_axis) == ("cm", "Z")
    assert np.allclose(world_y_up(scene)[0, :5, 1], np.cumsum([0.93, 0.12, 0.20, 0.22, 0.10]), atol=1e-4)


def test_lying_down_does_not_turn_the_world() -> None:
    """A Y-up rig with a plausible zero pose that lies on the ground along Z throughout."""
    rows = np.zeros((4, 3 + 3 * len(PERSON)))
    rows[:, 1], rows[:, 4] = 12.0, -90.0
    scene = scene_of(person(rows))
    assert scene.units.up_axis == "Y"


def test_skeletons_that_are_no_body_still_read() -> None:
    snake = "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xrotation JOINT b { OFFSET 0 0 80 CHANNELS 0 } } MOTION\n"
    scene = scene_of(f"{snake}Frames: 1\nFrame Time: 0.1\n0\n")
    assert scene.units.guessed
    assert scene.skeleton.rest_offsets_m[1] == pytest.approx([0.0, 0.0, 80.0 * scene.units.factor])
    point = "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xrotation } MOTION\nFrames: 1\nFrame Time: 0.1\n0\n"
    assert (scene_of(point).units.unit, scene_of(point).units.up_axis) == ("cm", "Y")


def test_every_real_file_is_guessed_right(shared_data: Path) -> None:
    for folder, expected in REAL.items():
        files = sorted((shared_data / folder if "/" in folder else shared_data / "motions" / folder).glob("*.bvh"))
        assert files, folder
        for file in files:
            scene = scene_of(file.read_bytes(), file.name)
            assert (scene.units.unit, scene.units.up_axis) == expected, f"{file}: {scene.units.reason}"


def test_the_same_take_in_two_conversions_moves_alike(shared_data: Path) -> None:
    """CMU 01_01 as centimetres with a wild zero pose and in 5.64 cm units: height range and travel agree."""
    spans = []
    for file in ("cmu-cc/001_01.bvh", "cmu-cgspeed/01_01.bvh"):
        scene = scene_of((shared_data / "motions" / file).read_bytes())
        hips = world_y_up(scene)[5:, 0]
        spans.append(np.ptp(hips, axis=0)[[0, 1, 2]])
    assert np.allclose(spans[0][1], spans[1][1], rtol=0.25)
    assert np.allclose(np.linalg.norm(spans[0]), np.linalg.norm(spans[1]), rtol=0.25)
