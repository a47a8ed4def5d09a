"""The same walk as a BVH, as an SMPL npz and as an array of joints comes out as the same motion of the character."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.formats.bvh.test_bvh_dialects import DIALECTS, bvh
from tests.formats.smpl.smpl_kit import Z_UP, features, packed, rotation_vector, saved, walking
from workers.contract.options import parse_options
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.formats.smpl.body_model import BODY_MODEL_NAME
from workers.formats.smpl.joints import smpl_joints
from workers.preparation.prepare import roles_at_rest
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array

MAX_DEG, MAX_M = 1.0, 0.005
LIMBS = [
    (f"{side}{upper}", f"{side}{lower}")
    for side in ("left", "right")
    for upper, lower in (
        ("UpperArm", "LowerArm"), ("LowerArm", "Hand"), ("UpperLeg", "LowerLeg"), ("LowerLeg", "Foot"),
    )
]  # fmt: skip
ENDS = ("leftHand", "rightHand", "leftFoot", "rightFoot", "leftToes", "rightToes", "head")


def as_smpl(motion: FileBundle) -> FileBundle:
    """The motion on SMPL's 22 joints, with a model file that has this body's limbs.

    A joint that the rig lacks stands in its parent's place.
    """
    scene = read_scene(motion)
    skeleton, clip = scene.skeleton, scene.load_clip(0, None)
    body = smpl_joints(22)
    roles = {role: match.joint for role, match in roles_at_rest(scene, {}).roles.items()}
    role_of = {joint: role for role, joint in body.roles.items()}
    chosen: list[int] = []
    for joint, parent in enumerate(body.parents):
        chosen.append(roles.get(role_of[joint], chosen[parent] if parent >= 0 else -1))
    world, places = kinematics.clip_world(skeleton, clip)
    rest, stand = kinematics.rest_world(skeleton)
    turns = quat.multiply(world[:, chosen], quat.conjugate(rest[chosen]))
    local = turns.copy()
    for joint, parent in enumerate(body.parents):
        if parent >= 0:
            local[:, joint] = quat.multiply(quat.conjugate(turns[:, parent]), turns[:, joint])
    local[:, 0] = quat.multiply(Z_UP, local[:, 0])
    model = {
        "v_template": np.concatenate([stand[chosen], np.zeros((30, 3))]),
        "shapedirs": np.zeros((52, 3, 10)),
        "J_regressor": np.eye(52),
    }
    poses = np.zeros((clip.frames, 52, 3))
    poses[:, :22] = rotation_vector(local)
    arrays = {
        "poses": poses.reshape(clip.frames, -1),
        "trans": quat.rotate(Z_UP, places[:, chosen[0]]) - stand[chosen[0]],
        "mocap_framerate": clip.rate_hz,
        "betas": np.zeros(16),
    }
    return FileBundle("walk.npz", packed(arrays), {BODY_MODEL_NAME: partial(bytes, packed(model))})


def _as_first(got: dict[str, Array], expected: dict[str, Array]) -> dict[str, Array]:
    """Turned about the vertical and moved, so that the first frame's hips stand where `expected` has them."""
    ours, theirs = (places["rightUpperLeg"][0] - places["leftUpperLeg"][0] for places in (got, expected))
    turn = quat.between(ours * [1.0, 0.0, 1.0], theirs * [1.0, 0.0, 1.0])
    start, goal = (places["hips"][0] * [1.0, 0.0, 1.0] for places in (got, expected))
    return {role: quat.rotate(turn, path - start) + goal for role, path in got.items()}


def result(motion: FileBundle, character: FileBundle, **options: Any) -> tuple[dict[str, Array], dict[str, Any]]:
    """Places `(frames, 3)` of the result's joints by role, and the report."""
    made = retarget(motion, character, parse_options({"preview": False, "encoder": "none", **options}))
    scene = read_scene(FileBundle("result.glb", made.artifacts["result.glb"]))
    clip = scene.load_clip(len(scene.clips) - 1, None)
    positions = kinematics.clip_world(scene.skeleton, clip)[1]
    found = roles_at_rest(scene, {}).roles
    return {role: positions[:, match.joint] for role, match in found.items()}, made.report


def apart_deg(a: dict[str, Array], b: dict[str, Array]) -> float:
    worst = 0.0
    for upper, lower in LIMBS:
        ours, theirs = a[lower] - a[upper], b[lower] - b[upper]
        sine = np.linalg.norm(np.cross(ours, theirs), axis=-1)
        worst = max(worst, float(np.degrees(np.arctan2(sine, np.sum(ours * theirs, axis=-1))).max()))
    return worst


def check(expected: dict[str, Array], got: dict[str, Array], name: str) -> None:
    assert apart_deg(expected, got) < MAX_DEG, name
    far = {role: float(np.linalg.norm(expected[role] - got[role], axis=-1).max()) for role in ENDS}
    assert max(far.values()) < MAX_M, (name, far)


@pytest.mark.parametrize("motion", ["walk.bvh", "wave.bvh"])
def test_a_bvh_and_its_smpl_file_give_the_same_motion(motion: str, samples: dict[str, FileBundle]) -> None:
    """Any rig: the model file has its limbs."""
    expected, _ = result(samples[motion], samples["stout.glb"])
    got, report = result(as_smpl(samples[motion]), samples["stout.glb"])
    check(expected, got, motion)
    assert report["source"]["format"] == "npz"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_smpl_body_is_the_same_as_bvh_npz_joints_and_features(seed: int, samples: dict[str, FileBundle]) -> None:
    """Z up and Y up, with rotations and without: what joint places cannot say does not turn limbs aside."""
    moving = walking(seed, joints=22, frames=30)
    for joint, name in enumerate(moving.joints.names):
        if name.split("_")[-1] not in ("pelvis", "hip", "knee", "shoulder", "elbow"):  # those that may twist unseen
            moving.vectors[:, joint] *= 0.1
    text = bvh(moving, replace(DIALECTS["smpl2bvh"], end_sites=False, adds=False))
    expected, _ = result(FileBundle("walk.bvh", text), samples["stout.glb"], source_fps=20)
    places = moving.places()
    values, _ = features(np.concatenate([places, places[-1:]]))
    for file, data in (
        ("walk.npz", moving.turned(Z_UP).npz(mocap_framerate=20.0)),
        ("joints.npy", saved(places)),
        ("features.npy", saved(values)),
    ):
        got, report = result(FileBundle(file, data), samples["stout.glb"])
        if file.endswith("npy"):  # features start above the origin and face +Z, places know of no other pelvis' place
            got = _as_first(got, expected)
        check(expected, got, file)
        codes = {warning["code"] for warning in report["warnings"]}
        assert ("no-twist" in codes) == file.endswith("npy")
