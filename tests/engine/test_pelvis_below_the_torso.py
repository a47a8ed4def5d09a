"""Rigs whose torso carries the pelvis: what travels is the torso, and a trunk left behind does not pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.plain_bodies import plain_body
from tests.rebuilt_rigs import Joint, RebuiltRig, distances, plain_rig, result_world, rig_bundle, skinned, walk_of
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.motion.body_motion import BodyMotion
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.shape import INDEX, ROLES, STOUT, TALL
from workers.scores.limb_scores import joint_displacement_m
from workers.skeleton import kinematics
from workers.skeleton.model import Array, Scene

WORDS = {"torso": "torso", "hips": "hips"}
PELVIS = {"torso": "Body", "hips": "Pelvis"}
CHEST = {"torso": "Chest", "hips": "waist"}
LIMBS = ("UpperLeg", "LowerLeg", "UpperArm", "LowerArm")
TRUNK = ("spine", "chest", "upperChest")


def rig(names: dict[str, str], place: str, depth: int = 0) -> RebuiltRig:
    """The torso stands where `place` does, carries neck, arms and, over `depth` joints, the pelvis."""
    body = build_body(STOUT)
    at = body.joints_m[INDEX[place]]
    kept = [joint for joint in plain_rig().joints if joint.name not in TRUNK]
    torso = Joint("torso", "root", "chest", (float(at[0]), float(at[1]), float(at[2])))
    between = [Joint(f"waist{k}", f"waist{k - 1}" if k else "torso", "spine") for k in range(depth)]
    made = replace(
        plain_rig(),
        joints=(Joint("root", None, None, skinned=False), torso, *between, *kept),
        holders={role: "torso" if role in TRUNK else role for role in ROLES},
    )
    hung = {"hips": between[-1].name if between else "torso"}
    hung |= {joint.name: "torso" for joint in kept if joint.parent in TRUNK}
    return made.hung(hung).renamed(lambda name: names.get(name, name))


def moved(rig: RebuiltRig, **options: Any) -> tuple[dict[str, Any], Scene, Array, Array]:
    walk = FileBundle("walk.bvh", motion_to_bvh(build_body(TALL), walk_of(TALL)).encode())
    result = retarget(walk, rig_bundle(rig), JobOptions.model_validate(options))
    ((name, data),) = result.artifacts.items()
    scene, rotations, positions = result_world(data, name)
    return result.report, scene, positions, skinned(scene, rotations, positions)


@pytest.mark.parametrize(("place", "depth"), [("hips", 0), ("spine", 0), ("chest", 1)])
@pytest.mark.parametrize("names", [WORDS, PELVIS, CHEST], ids=["torso", "body", "chest"])
def test_the_trunk_goes_with_the_legs(names: dict[str, str], place: str, depth: int) -> None:
    report, scene, positions, skin = moved(rig(names, place, depth))
    assert report["mapping"]["target"]["roles"]["hips"]["joint"] == names["torso"]
    pairs = [(names["torso"], names["hips"]), (names["hips"], names.get("head", "head"))]
    apart = distances(scene, positions, pairs)
    assert np.ptp(apart[:, 0]).max() < 1e-4 and np.ptp(apart[:, 1]) < 0.05 * STOUT.height_m
    assert np.ptp(skin[:, :, 1], axis=1).max() < 1.2 * STOUT.height_m
    assert report["verdict"]["verdict"] == "pass"


def test_a_trunk_that_stays_behind_counts_as_displaced() -> None:
    """As with a map that says the pelvis is the hips: nothing carries the torso along."""
    side = [
        (f"{name}{part}", f"{name}{above}" if above in LIMBS else above, (sign * x, y, 0.0))
        for name, sign in (("left", 1.0), ("right", -1.0))
        for part, above, x, y in (
            ("UpperLeg", "hips", 0.1, -0.05), ("LowerLeg", "UpperLeg", 0.0, -0.4), ("Foot", "LowerLeg", 0.0, -0.4),
            ("UpperArm", "chest", 0.2, 0.4), ("LowerArm", "UpperArm", 0.3, 0.0), ("Hand", "LowerArm", 0.3, 0.0),
        )
    ]  # fmt: skip
    body = plain_body([("chest", None, (0.0, 0.9, 0.0)), ("hips", "chest", (0.0, 0.0, 0.0)), *side])
    rest = np.tile(body.rest_positions_m, (2, 1, 1))
    motion = BodyMotion(body, "torn", 30.0, 0.0, np.tile(body.rest_rotations, (2, 1, 1)), rest)
    assert joint_displacement_m(motion) < 1e-9
    moved = rest.copy()
    moved[:, kinematics.subtree(body.skeleton, body.hips)] += np.array([0.0, 0.0, 0.8])
    assert joint_displacement_m(replace(motion, positions_m=moved)) == pytest.approx(0.8, abs=0.01)


def test_the_user_says_the_pelvis_is_the_hips() -> None:
    """The torso above then follows it, and takes arms and head along."""
    _, scene, positions, skin = moved(rig(WORDS, "hips"), mapping={"target": {"hips": "hips"}})
    assert np.ptp(distances(scene, positions, [("torso", "hips")])) < 1e-4
    assert np.ptp(distances(scene, positions, [("hips", "head")])) < 0.05 * STOUT.height_m
    assert np.ptp(skin[:, :, 1], axis=1).max() < 1.2 * STOUT.height_m


def test_a_trunk_beside_arms_and_legs_is_no_neck() -> None:
    """Arms and legs meet in one joint, from which a trunk that carries none of them leads to the head."""
    renamed = {"spine": "body_lower", "chest": "body_upper"}
    made = plain_rig()
    made = replace(
        made,
        joints=tuple(joint for joint in made.joints if joint.name != "upperChest"),
        holders={role: "chest" if role == "upperChest" else role for role in ROLES},
    ).hung({"leftShoulder": "hips", "rightShoulder": "hips", "neck": "chest"})
    report, *_ = moved(made.renamed(lambda name: renamed.get(name, name)))
    found = report["mapping"]["target"]
    assert found["roles"]["neck"]["joint"] == "neck"
    assert found["roles"]["spine"]["joint"] in renamed.values() and len(found["chains"]["spine"]) == 2
