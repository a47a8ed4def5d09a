"""Only joints that carry the body say where the ground is: what else hangs on a skeleton changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tests.formats.bvh.bvh_kit import person, scene_of, swinging_rows, with_branch
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.body_plan import body_plan
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.skeleton import kinematics
from workers.skeleton.model import Array

Branch = list[tuple[float, float, float]]

# In centimetres; the hips stand at 93.
STRAY: dict[str, tuple[str, Branch]] = {
    "face helper on the hips": ("Hips", [(0, -166, 0), (0, 1, 0)]),
    "helper under the hips, no end": ("Hips", [(0, -250, 0), (0, 0, 0)]),
    "helper on the chest": ("Chest", [(0, -300, 10), (0, 2, 0)]),
    "helper on the head": ("Head", [(0, -330, 0), (0, 1, 0)]),
    "helper above the head": ("Head", [(0, 200, 0), (0, 1, 0)]),
    "target under one foot": ("LeftFoot", [(0, -120, 0), (0, 1, 0)]),
    "target under the other foot": ("RightFoot", [(0, -90, 30), (0, 0, 1)]),
    "sword in the right hand": ("RightHand", [(-8, 0, 0), (0, -140, 0)]),
    "staff in the left hand": ("LeftHand", [(8, 0, 0), (0, -200, 0)]),
    "tail": ("Hips", [(0, 0, -12), *[(0, -30, -5)] * 5, (0, -10, 0)]),
    "hair to below the floor": ("Head", [(0, 5, -8), *[(0, -45, 0)] * 5, (0, -5, 0)]),
}


def hips(text: str) -> Array:
    scene = scene_of(text)
    return kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))[1][:, scene.skeleton.names.index("Hips")]


def standing(adds: bool) -> str:
    """Swinging limbs over the ground; positions replace the root's OFFSET, or are added to it."""
    rows = swinging_rows(40)
    rows[:, 1] = 93.0 + 2.0 * np.sin(np.arange(40) / 3.0)
    if adds:
        rows[:, 1] -= 93.0
    return person(rows)


def cape(text: str) -> str:
    for name, x in (("left", 15.0), ("right", -15.0), ("mid", 0.0)):
        text = with_branch(text, "Chest", [(x, 12, -8), *[(0, -32, -1)] * 6, (0, -5, 0)], name)
    return text


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("kind", STRAY)
def test_what_hangs_on_a_body_does_not_move_its_ground(kind: str, adds: bool) -> None:
    plain = standing(adds)
    assert np.allclose(hips(with_branch(plain, *STRAY[kind])), hips(plain), atol=1e-6)


@pytest.mark.parametrize("adds", [False, True])
def test_both_feet_with_targets_and_a_cape_do_not_either(adds: bool) -> None:
    plain = standing(adds)
    targets = with_branch(plain, "LeftFoot", [(0, -110, 0), (0, 1, 0)], "left")
    targets = with_branch(targets, "RightFoot", [(0, -110, 0), (0, 1, 0)], "right")
    for text in (targets, cape(plain), cape(targets)):
        scene = scene_of(text)
        assert scene.units.unit == "cm" and scene.units.up_axis == "Y"
        assert np.allclose(hips(text), hips(plain), atol=1e-6)


@pytest.mark.parametrize("up", ["X", "Y", "Z"])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_in_every_axis_and_unit(up: str, scale: float) -> None:
    plain = person(scale=scale, up=up)
    down = {"X": (-1.7, 0, 0), "Y": (0, -1.7, 0), "Z": (0, 0, -1.7)}[up]
    offset = (down[0] * scale, down[1] * scale, down[2] * scale)
    assert np.allclose(hips(with_branch(plain, "Hips", [offset, (0, 0.01, 0)])), hips(plain), atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("joint", ["Hips", "Chest", "Head", "Neck"])
def test_a_helper_that_carries_a_whole_face_changes_neither_unit_nor_ground(joint: str, scale: float) -> None:
    plain = person(scale=scale)
    text = with_branch(plain, joint, [(0, -3.3 * scale, 0), (0, 0.02 * scale, 0)])
    for number in range(4):
        text = with_branch(
            text, "helper0", [(0.01 * scale * number, 0.05 * scale, 0), (0, 0.02 * scale, 0)], f"lip{number}"
        )
    scene = scene_of(text)
    assert (scene.units.unit, scene.units.up_axis) == ("m" if scale == 1.0 else "cm", "Y")
    assert np.allclose(hips(text), hips(plain), atol=1e-6)


@pytest.mark.parametrize("adds", [False, True])
def test_a_second_root_below_the_floor_is_no_body(adds: bool) -> None:
    plain = standing(adds)
    head, motion = plain.split("MOTION\n")
    root = "ROOT target\n{\nOFFSET 0 -200 0\nCHANNELS 3 Xposition Yposition Zposition\n"
    root += "End Site\n{\nOFFSET 0 -100 0\n}\n}\n"
    count, frame_time, *rows = motion.splitlines()
    place = "0 0 0" if adds else "0 -200 0"
    text = "\n".join([head + root + "MOTION", count, frame_time, *(f"{row} {place}" for row in rows)]) + "\n"
    assert np.allclose(hips(text), hips(plain), atol=1e-6)


def test_the_plan_names_what_carries_the_body() -> None:
    scene = scene_of(with_branch(standing(False), "Hips", [(0, -166, 0), (0, 1, 0)]))
    skeleton = scene.skeleton
    plan = body_plan(tuple(int(parent) for parent in skeleton.parents), skeleton.rest_offsets_m)
    names = {skeleton.names[node] for node in plan.carrying}
    assert {"Hips", "Spine", "Chest", "LeftUpLeg", "LeftFoot", "RightHand"} <= names
    assert not {"helper0", "Neck", "Head"} & names


def test_a_sparse_skeleton_of_last_bones_only_is_not_judged() -> None:
    offsets = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -3.0, 0.0]])
    assert body_plan((-1, 0, 0), offsets).carrying == (0, 1, 2)


@pytest.mark.parametrize("kind", ["face helper on the hips", "target under one foot", "helper on the head"])
def test_the_result_stands_where_it_stands_without(samples: dict[str, FileBundle], kind: str) -> None:
    plain = standing(False)
    places = []
    for text in (plain, with_branch(plain, *STRAY[kind])):
        result = retarget(FileBundle("m.bvh", text.encode()), samples["stout.glb"], JobOptions())
        scene = read_scene(FileBundle("result.glb", result.artifacts["result.glb"]))
        places.append(kinematics.clip_world(scene.skeleton, scene.load_clip(len(scene.clips) - 1, None))[1])
    assert np.abs(places[0] - places[1]).max() < 0.01
