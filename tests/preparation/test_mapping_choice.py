"""Override, definition, preset: who wins, role by role, and what is said of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from workers.contract.definitions import CharacterDefinition, parse_definition
from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions, JointChoice, MappingOverride
from workers.engine.engine import EngineResult, retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container
from workers.formats.read import read_scene
from workers.preparation.mapping_choice import MappingPreset, choose_mapping
from workers.skeleton import kinematics
from workers.skeleton.fingerprint import skeleton_fingerprint
from workers.skeleton.model import Array, Skeleton

Samples = dict[str, FileBundle]


@pytest.fixture(scope="module")
def skeleton(samples: Samples) -> Skeleton:
    return read_scene(samples["stout.glb"]).skeleton


def chosen(
    skeleton: Skeleton,
    override: dict[str, JointChoice] | None = None,
    definition: dict[str, Any] | None = None,
    preset: dict[str, JointChoice] | None = None,
) -> dict[str, tuple[str | None, str]]:
    """Role -> (joint name, who said so)."""
    choice = choose_mapping(
        skeleton,
        "target",
        MappingOverride(target=override or {}),
        parse_definition(json.dumps({"mapping": definition or {}})),
        lambda side, fingerprint, name: None if preset is None else MappingPreset("map_1", "ours", preset),
    )
    names = {int(index): name for index, name in zip(skeleton.file_indices, skeleton.names, strict=True)}
    found: dict[str, tuple[str | None, str]] = {}
    for role, joint in choice.override.items():
        assert joint is None or not isinstance(joint, str)
        found[role] = (None if joint is None else names[joint.index], choice.reasons[role].split()[-1])
    return found


def test_the_stronger_wins_role_by_role(skeleton: Skeleton) -> None:
    found = chosen(
        skeleton,
        {"head": "neck"},
        {"head": "head", "leftHand": None},
        {"head": None, "leftHand": "leftHand", "rightHand": "rightHand"},
    )
    assert found == {
        "head": ("neck", "override"),
        "leftHand": (None, "definition"),
        "rightHand": ("rightHand", "'ours'"),
    }


def test_a_joint_belongs_to_the_stronger(skeleton: Skeleton) -> None:
    found = chosen(skeleton, {"head": "neck"}, {"neck": "neck"}, {"neck": "head", "jaw": "neck"})
    assert found == {"head": ("neck", "override"), "neck": ("head", "'ours'")}


def test_the_lookup_is_asked_by_fingerprint_and_id(skeleton: Skeleton) -> None:
    asked: list[tuple[str, str, str | None]] = []

    def find(side: str, fingerprint: str, name: str | None) -> None:
        asked.append((side, fingerprint, name))

    for options in (MappingOverride(), MappingOverride(target_preset="map_7"), MappingOverride(target_preset="none")):
        assert choose_mapping(skeleton, "target", options, None, find).preset is None
    choose_mapping(skeleton, "source", MappingOverride(target_preset="map_7"), None, find)
    known = skeleton_fingerprint(skeleton)
    assert asked == [("target", known, None), ("target", known, "map_7"), ("source", known, None)]


def test_errors_name_whose_word_is_wrong(skeleton: Skeleton) -> None:
    with pytest.raises(InvalidOptions, match="mapping override: no joint 'x'"):
        chosen(skeleton, {"head": "x"})
    with pytest.raises(InvalidOptions, match="definition: line 1, /mapping/head: no joint 'x'"):
        chosen(skeleton, None, {"head": "x"})
    with pytest.raises(InvalidOptions, match=r"mapping preset 'ours' \(map_1\): no joint 'x'"):
        chosen(skeleton, None, None, {"head": "x"})
    index = JobOptions.model_validate({"mapping": {"target": {"head": {"index": 9}}}}).mapping.target
    with pytest.raises(InvalidOptions, match="which differs between files"):
        chosen(skeleton, None, None, index)
    with pytest.raises(InvalidOptions, match="kept by the service"):
        choose_mapping(skeleton, "target", MappingOverride(target_preset="map_7"))


def source_defined(samples: Samples, definition: CharacterDefinition | None, motion: str = "walk.bvh") -> EngineResult:
    return retarget(samples[motion], samples["stout.glb"], JobOptions(), source_definition=definition)


def positions(result: EngineResult) -> Array:
    scene = read_scene(FileBundle("result.glb", result.artifacts["result.glb"]))
    return kinematics.clip_world(scene.skeleton, scene.load_clip(len(scene.clips) - 1, None))[1]


def test_the_size_of_a_source_does_not_matter(samples: Samples) -> None:
    factor = read_scene(samples["walk.bvh"]).units.factor
    doubled = parse_definition(json.dumps({"scale": 2 * factor, "up_axis": "Y"}))
    plain, other = source_defined(samples, None), source_defined(samples, doubled)
    assert np.abs(positions(plain) - positions(other)).max() < 0.01
    assert other.report["source"]["units"]["guessed"] is False
    assert other.report["source"]["height_m"] == pytest.approx(2 * plain.report["source"]["height_m"], rel=1e-4)


def test_a_source_definition_names_mapping_rest_pose_and_clip(samples: Samples) -> None:
    document = dict(read_scene(samples["wave.glb"]).document.document.json)
    buffer = read_scene(samples["wave.glb"]).document.document.buffers[0]
    document["animations"] = [{**document["animations"][0], "name": name} for name in ("one", "two")]
    twice = {**samples, "twice.glb": FileBundle("twice.glb", join_container(document, buffer))}
    definition = parse_definition('{"clip": "two", "rest_pose": "node", "mapping": {"leftToes": null}}')
    report = source_defined(twice, definition, "twice.glb").report
    assert report["source"]["clip"] == "two" and report["source"]["rest_pose"] == {"kind": "node", "guessed": False}
    assert "leftToes" not in report["mapping"]["source"]["roles"]
    with pytest.raises(InvalidOptions, match="line 1, /clip"):
        source_defined(twice, parse_definition('{"clip": "three"}'), "twice.glb")
