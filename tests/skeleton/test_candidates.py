"""What an incomplete mapping suggests: joints whose names fit, then those in the right place, never one in use."""

from __future__ import annotations

import json

import pytest

from workers.contract.errors import MappingIncomplete
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container
from workers.formats.read import read_scene
from workers.samples.glb import make_character
from workers.samples.shape import STOUT
from workers.skeleton.find_roles.find import find_roles, require_roles
from workers.skeleton.model import Skeleton


def rig(*cut: str, **renamed: str) -> Skeleton:
    """The sample's skeleton with some joints' children gone and others renamed."""
    document = json.loads(json.dumps(read_scene(FileBundle("s.glb", make_character(STOUT))).document.document.json))
    for node in document["nodes"]:
        node.pop("mesh", None), node.pop("skin", None)
        if node["name"] in cut:
            node.pop("children")
        node["name"] = renamed.get(node["name"], node["name"])
    bare = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": document["nodes"]}
    return read_scene(FileBundle("bare.glb", join_container(bare, b""))).skeleton


def missing(skeleton: Skeleton, **override: None) -> MappingIncomplete:
    mapping = find_roles(skeleton, override=override)
    with pytest.raises(MappingIncomplete) as caught:
        require_roles(mapping, skeleton, "hero.glb")
    return caught.value


def test_a_role_that_was_left_out_is_suggested_again() -> None:
    error = missing(rig(), leftLowerLeg=None)
    assert error.extra["roles"] == ["leftLowerLeg"]
    assert error.extra["candidates"]["leftLowerLeg"][0] == "leftLowerLeg"
    assert "hero.glb: no joint found for leftLowerLeg (candidates: leftLowerLeg: leftLowerLeg" in error.detail


def test_without_a_name_the_place_counts() -> None:
    error = missing(rig(leftLowerLeg="strut"), leftLowerLeg=None)
    assert error.extra["candidates"]["leftLowerLeg"] == ["strut"]


def test_joints_that_have_a_role_are_not_suggested() -> None:
    skeleton = rig()
    error = missing(skeleton, leftLowerLeg=None, rightLowerArm=None)
    mapping = find_roles(skeleton, override={"leftLowerLeg": None, "rightLowerArm": None})
    taken = {skeleton.names[match.joint] for match in mapping.roles.values()}
    assert set(error.extra["candidates"]) == {"leftLowerLeg", "rightLowerArm"}
    assert not taken & {name for names in error.extra["candidates"].values() for name in names}


def test_without_a_body_every_role_gets_the_joints_of_its_name() -> None:
    error = missing(rig("leftUpperLeg"))
    assert "leftLowerLeg" in error.extra["roles"] and error.extra["candidates"]["hips"][0] == "hips"
