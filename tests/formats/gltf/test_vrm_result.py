"""A VRM character with a motion: what VRM asks of an animation, what of the file comes back, which way it faces."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.formats.gltf.vrm_kit import node_of, vrm, vrm0_extensions, vrm1_extensions, vrm_facing_back
from workers.contract.options import JobOptions
from workers.engine.engine import retarget_scenes
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import split_container
from workers.formats.limits import DEFAULT_LIMITS
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import ROLES, STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.body import UP
from workers.skeleton.model import Array, Scene

HALF_TURN = quat.from_axis_angle(UP, np.pi)


@cache
def motion_scene() -> Scene:
    return read_scene(FileBundle("source.glb", make_character(TALL, None, make_clips(TALL))))


@cache
def character(version: int) -> Scene:
    bundle = vrm_facing_back(STOUT, vrm0_extensions()) if version == 0 else vrm(STOUT, vrm1_extensions())
    return read_scene(bundle)


def turns(result: BodyMotion) -> Array:
    """World turns of the roles away from the rest pose."""
    joints = [result.body.mapping.roles[role].joint for role in ROLES]
    return quat.multiply(result.rotations[:, joints], quat.conjugate(result.body.rest_rotations[joints]))


@pytest.mark.parametrize("contact", ["auto", "off"])
@pytest.mark.parametrize("clip", [0, 2])
def test_both_versions_move_alike_each_as_it_faces(clip: int, contact: Any) -> None:
    options = JobOptions(foot_contact=contact)
    source = prepare_motion(motion_scene(), clip, options)
    new, old = (retarget_clip(source, prepare_character(character(v), {}), options).result for v in (1, 0))
    # What faces +Z in the one faces -Z in the other.
    assert quat.angle_between(new.body.facing, quat.IDENTITY) < 1e-3
    assert quat.angle_between(old.body.facing, HALF_TURN) < 1e-3
    turned = quat.multiply(quat.multiply(HALF_TURN, turns(new)), quat.conjugate(HALF_TURN))
    assert np.degrees(quat.angle_between(turned, turns(old))).max() < 0.5
    joints = [old.body.mapping.roles[role].joint for role in ROLES]
    places = [new.body.mapping.roles[role].joint for role in ROLES]
    there = new.positions_m[:, places] * [-1.0, 1.0, -1.0]
    assert np.abs(old.positions_m[:, joints] - there).max() < 0.001


def written(version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """JSON of the uploaded and of the returned file."""
    result = retarget_scenes(motion_scene(), character(version), JobOptions())
    assert result.report["mapping"]["target"]["roles"]["hips"]["reason"] == "the file's VRM map"
    again = split_container(result.artifacts["result.glb"], "result.glb", DEFAULT_LIMITS).json
    return character(version).document.document.json, again


@pytest.mark.parametrize("version", [0, 1])
def test_extensions_come_back_letter_by_letter(version: int) -> None:
    before, after = written(version)
    for key in ("extensions", "extensionsUsed", "nodes", "meshes", "skins", "materials", "scenes"):
        assert json.dumps(after[key]) == json.dumps(before[key]), key


@pytest.mark.parametrize("version", [0, 1])
def test_only_the_hips_are_translated_and_nothing_is_scaled(version: int) -> None:
    _, after = written(version)
    targets = [channel["target"] for channel in after["animations"][-1]["channels"]]
    assert {target["path"] for target in targets} == {"rotation", "translation"}
    assert [target["node"] for target in targets if target["path"] == "translation"] == [node_of("hips")]
    assert {node_of(role) for role in ROLES} == {t["node"] for t in targets if t["path"] == "rotation"}


def test_a_vrm_file_serves_as_motion() -> None:
    clips = tuple(make_clips(TALL)[:1])
    source = read_scene(vrm(TALL, vrm1_extensions(), motions=clips))
    options = JobOptions(foot_contact="off")
    target = prepare_character(character(1), {})
    by_map = retarget_clip(prepare_motion(source, 0, options), target, options).result
    plain = retarget_clip(prepare_motion(motion_scene(), 0, options), target, options).result
    assert np.degrees(quat.angle_between(turns(by_map), turns(plain))).max() < 0.01
