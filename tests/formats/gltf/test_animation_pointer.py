"""KHR_animation_pointer: pointers to node transforms are channels of that node, all others are left as they are."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from tests.gltf_builder import GltfBuilder
from workers.contract.errors import ClipNotFound, ParseFailed
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container, split_container
from workers.formats.gltf.read import read_gltf
from workers.formats.limits import DEFAULT_LIMITS
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL

COLOUR = "/materials/0/pbrMetallicRoughness/baseColorFactor"
KEYS = [0.0, 0.5, 1.0]
TURNS = [[0.0, 0.0, 0.0, 1.0], [0.0, 0.6, 0.0, 0.8], [0.0, 0.0, 0.0, 1.0]]


def point(channel: dict[str, Any], pointer: Any) -> None:
    channel["target"] = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": pointer}}}


def pointed(glb: bytes, also: str | None = None) -> FileBundle:
    """Every channel by pointer, the extension required; `also` is one more that each animation points to."""
    container = split_container(glb, "made.glb", DEFAULT_LIMITS)
    document = copy.deepcopy(container.json)
    for animation in document["animations"]:
        for channel in animation["channels"]:
            point(channel, f"/nodes/{channel['target']['node']}/{channel['target']['path']}")
        if also is not None:
            animation["channels"].append({"sampler": 0})
            point(animation["channels"][-1], also)
    document |= {name: ["KHR_animation_pointer"] for name in ("extensionsUsed", "extensionsRequired")}
    return FileBundle("pointed.glb", join_container(document, container.binary or b""))


@pytest.mark.parametrize("interpolation", ["LINEAR", "STEP"])
def test_the_same_clip_by_pointer(interpolation: str) -> None:
    builder = GltfBuilder()
    tip = builder.node(builder.node(name="root"), name="tip")
    path = [[0.0, 1.0, 0.0], [0.5, 1.0, 0.0], [0.0, 2.0, 0.0]]
    grown = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [1.0, 1.0, 1.0]]
    channels = [(tip, "rotation", KEYS, TURNS), (0, "translation", KEYS, path), (0, "scale", KEYS, grown)]
    builder.animation(*channels, interpolation=interpolation)
    plain = read_gltf(builder.bundle())
    for channel in builder.document["animations"][0]["channels"]:
        point(channel, f"/nodes/{channel['target']['node']}/{channel['target']['path']}")
    by_pointer = read_gltf(builder.bundle())
    assert by_pointer.clips == plain.clips
    first, second = (scene.load_clip(0, None) for scene in (plain, by_pointer))
    np.testing.assert_array_equal(second.rotations, first.rotations)
    assert second.translations_m.keys() == first.translations_m.keys() == {0}
    assert by_pointer.extras["clip_notices"](0) == plain.extras["clip_notices"](0) != ()


def test_as_source_and_as_character_with_clips_of_its_own() -> None:
    clips = make_clips(TALL)[:1]
    motion, style = make_character(TALL, None, clips), RigStyle(names="numbered")
    character = make_character(STOUT, style, make_clips(STOUT)[:1])
    plain = retarget(FileBundle("m.glb", motion), FileBundle("c.glb", character), JobOptions())
    given = pointed(character, COLOUR)
    result = retarget(pointed(motion, COLOUR), given, JobOptions())
    assert result.report["scores"] == plain.report["scores"]
    assert result.report["target"]["frames"] == plain.report["target"]["frames"] > 1
    before, after = (
        split_container(data, "r.glb", DEFAULT_LIMITS).json for data in (given.data, result.artifacts["result.glb"])
    )
    assert json.dumps(after["animations"][:-1]) == json.dumps(before["animations"])
    assert after["extensionsRequired"] == ["KHR_animation_pointer"]
    own = read_gltf(FileBundle("r.glb", result.artifacts["result.glb"]))
    assert len(own.clips) == 2


@pytest.mark.parametrize(
    "pointer", [COLOUR, "/nodes/0/weights", "/nodes/00/rotation", "nodes/0/rotation", "", "/", "~"]
)
def test_other_pointers_move_no_node_and_the_error_says_so(pointer: str) -> None:
    builder = GltfBuilder()
    builder.node(name="root")
    builder.animation((0, "rotation", KEYS, TURNS))
    point(builder.document["animations"][0]["channels"][0], pointer)
    scene = read_gltf(builder.bundle())
    with pytest.raises(ClipNotFound) as caught:
        scene.find_clip(None)
    assert f"its animations move no node of the scene, but {pointer}" in caught.value.detail


@pytest.mark.parametrize("pointer", ["/nodes/7/rotation", "/nodes/999999999/scale", None, 3, ["/nodes/0/rotation"]])
def test_pointers_that_cannot_be(pointer: Any) -> None:
    builder = GltfBuilder()
    builder.node(name="root")
    builder.animation((0, "rotation", KEYS, TURNS))
    point(builder.document["animations"][0]["channels"][0], pointer)
    with pytest.raises(ParseFailed):
        read_gltf(builder.bundle())


@pytest.mark.parametrize("extensions", [None, {}, {"KHR_animation_pointer": 1}, {"other": {}}])
def test_a_pointer_without_its_extension(extensions: Any) -> None:
    builder = GltfBuilder()
    builder.node(name="root")
    builder.animation((0, "rotation", KEYS, TURNS))
    builder.document["animations"][0]["channels"][0]["target"] = {"path": "pointer", "extensions": extensions}
    with pytest.raises(ParseFailed):
        read_gltf(builder.bundle())


def test_a_file_without_animation_keeps_its_plain_error() -> None:
    builder = GltfBuilder()
    builder.node(name="root")
    with pytest.raises(ClipNotFound, match="has no clip; export it with its animation"):
        read_gltf(builder.bundle()).find_clip(None)
