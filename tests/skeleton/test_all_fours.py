"""Animals with a human's joint names are refused, people in whatever bind pose are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.rebuilt_rigs import RebuiltRig, plain_rig, rig_bundle
from tests.skeleton.role_rigs import PLACES
from workers.contract.errors import NotUpright
from workers.engine.inspection import inspect_file
from workers.formats.read import read_scene
from workers.preparation.prepare import prepare_character
from workers.skeleton import quat
from workers.skeleton.all_fours import stands_on_all_fours
from workers.skeleton.mapping import HumanoidMapping, RoleMatch
from workers.skeleton.model import Array

ROLES = tuple(PLACES)
HUMAN = HumanoidMapping({role: RoleMatch(index, 1.0, "made so") for index, role in enumerate(ROLES)}, {}, ())
TRUNK_M = 0.6


def pose(trunk_deg: float, arms_deg: float, legs_deg: float, arm_share: float = 1.0, yaw_deg: float = 0.0) -> Array:
    """Joints `(roles, 3)`: the trunk so far over the level, arms and legs so far from straight down, hands at
    `arm_share` of the length that reaches the ground.
    """
    places = {role: np.array(place) for role, place in PLACES.items()}
    trunk = np.array([0.0, np.sin(np.radians(trunk_deg)), np.cos(np.radians(trunk_deg))]) * TRUNK_M
    hips = np.array([0.0, 0.7, 0.0])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        beside = np.array([0.1 * sign, 0.0, 0.0])
        places[f"{side}UpperLeg"], places[f"{side}UpperArm"] = hips + beside, hips + trunk + beside
        reach = arm_share * (hips + trunk)[1]
        for start, end, angle, length in (("UpperLeg", "Foot", legs_deg, 0.7), ("UpperArm", "Hand", arms_deg, reach)):
            down = np.array([0.0, -np.cos(np.radians(angle)), np.sin(np.radians(angle))])
            places[f"{side}{end}"] = places[f"{side}{start}"] + length * down
    turn = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.radians(yaw_deg))
    return np.array([quat.rotate(turn, places[role]) for role in ROLES])


@pytest.mark.parametrize("yaw_deg", [0.0, 90.0, 200.0])
@pytest.mark.parametrize("trunk_deg", [-15.0, 0.0, 20.0])
def test_trunk_level_and_hands_on_the_ground(trunk_deg: float, yaw_deg: float) -> None:
    assert stands_on_all_fours(HUMAN, pose(trunk_deg, 10.0, -10.0, yaw_deg=yaw_deg))


@pytest.mark.parametrize(
    "places",
    [
        pose(90.0, 0.0, 0.0, 0.6), pose(90.0, 90.0, 0.0, 0.6), pose(60.0, 0.0, 0.0), pose(5.0, 5.0, 5.0, 0.5),
        pose(0.0, 90.0, 90.0), pose(0.0, 10.0, -90.0), pose(0.0, 80.0, 0.0),
    ],
    ids=["standing", "T pose", "ape", "leaning on nothing", "diving", "lying", "bowing"],
)  # fmt: skip
def test_people(places: Array) -> None:
    assert not stands_on_all_fours(HUMAN, places)


def test_without_hands_nobody_can_say() -> None:
    handless = replace(HUMAN, roles={role: match for role, match in HUMAN.roles.items() if role != "leftHand"})
    assert not stands_on_all_fours(handless, pose(0.0, 0.0, 0.0))


def animal() -> RebuiltRig:
    """The sample body's joints where an animal has them, names and all."""
    rig = plain_rig()
    hips, trunk = np.array([0.0, 0.7, 0.0]), (0.0, 0.12, 0.24, 0.36, 0.5, 0.62)
    spine = ("hips", "spine", "chest", "upperChest", "neck", "head")
    places = {role: hips + np.array([0.0, 0.0, along]) for role, along in zip(spine, trunk, strict=True)}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for parts, along in ((("UpperLeg", "LowerLeg", "Foot"), 0.0), (("UpperArm", "LowerArm", "Hand"), 0.45)):
            for step, part in enumerate(parts):
                places[side + part] = np.array([0.1 * sign, 0.68 - 0.31 * step, along])
        places[f"{side}Toes"] = np.array([0.1 * sign, 0.02, 0.08])
        places[f"{side}Shoulder"] = np.array([0.04 * sign, 0.72, 0.42])
    joints, at = [], np.zeros(3)
    for joint in rig.joints:  # fingers stay with the hand before them
        at = np.asarray(places.get(joint.name, at + np.array([0.0, -0.01, 0.01])))
        joints.append(replace(joint, place=(float(at[0]), float(at[1]), float(at[2]))))
    return replace(rig, joints=tuple(joints))


def test_an_animal_is_refused_in_one_line() -> None:
    bundle = rig_bundle(animal(), name="fox.glb")
    with pytest.raises(NotUpright, match="character: bound on all fours"):
        prepare_character(read_scene(bundle), {})
    assert inspect_file(bundle)["problem"]["code"] == "not-upright"


def test_whoever_names_its_joints_is_believed() -> None:
    scene = read_scene(rig_bundle(animal()))
    assert prepare_character(scene, {"hips": "hips"}).body.has("hips")
