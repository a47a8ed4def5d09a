"""`scene.glb`, read with another library: its skinned vertices are those that were seen, its marks the body's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pygltflib
import pytest

from tests.node_packages import require_validator
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.parts import PARTS
from workers.pictures import scene_marks
from workers.pictures.scene_file import write_scene
from workers.pictures.scene_marks import marks
from workers.preparation.prepare import PreparedCharacter, prepare_character, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.semantics.viewed_clip import ViewedClip, view_clip
from workers.skeleton import quat
from workers.skeleton.model import Array

Samples = dict[str, FileBundle]
OPTIONS = JobOptions(start_s=1.0, end_s=1.5, encoder="none")
COMPONENTS = {5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
Made = tuple[RetargetedClip, PreparedCharacter, ViewedClip]


@pytest.fixture(scope="module")
def made(samples: Samples) -> Made:
    motion = prepare_motion(read_scene(samples["hands_on_hips.bvh"]), 0, OPTIONS)
    target = prepare_character(read_scene(samples["stout.glb"]), OPTIONS.mapping)
    clip = retarget_clip(motion, target, OPTIONS)
    return clip, target, view_clip(clip, target)


class Reader:
    """A GLB through pygltflib, posed by our own few lines of the specification."""

    def __init__(self, data: bytes) -> None:
        self.gltf = pygltflib.GLTF2.load_from_bytes(data)
        self.blob = self.gltf.binary_blob()

    def values(self, number: int) -> Array:
        accessor = self.gltf.accessors[number]
        start = self.gltf.bufferViews[accessor.bufferView].byteOffset + (accessor.byteOffset or 0)
        width = WIDTH[accessor.type]
        flat = np.frombuffer(self.blob, COMPONENTS[accessor.componentType], accessor.count * width, start)
        return flat.reshape(accessor.count, width).astype(np.float64)

    def matrices(self, frame: int) -> Array:
        """Every node in the world `(nodes, 4, 4)` in a frame of the animation."""
        local = np.tile(np.eye(4), (len(self.gltf.nodes), 1, 1))
        turns = np.tile([0.0, 0.0, 0.0, 1.0], (len(local), 1))
        for number, node in enumerate(self.gltf.nodes):
            local[number, :3, 3] = node.translation or [0.0, 0.0, 0.0]
        for channel in self.gltf.animations[0].channels:
            keys = self.values(self.gltf.animations[0].samplers[channel.sampler].output)
            value = keys[min(frame, len(keys) - 1)]
            if channel.target.path == "rotation":
                turns[channel.target.node] = value
            else:
                local[channel.target.node, :3, 3] = value
        local[:, :3, :3] = quat.to_matrix(turns)
        world = local.copy()
        for number, node in enumerate(self.gltf.nodes):  # parents come first
            for child in node.children:
                world[child] = world[number] @ local[child]
        return world

    def vertices(self, body: str, frame: int) -> Array:
        node = next(node for node in self.gltf.nodes if node.name == f"{body} surface")
        skin, primitive = self.gltf.skins[node.skin], self.gltf.meshes[node.mesh].primitives[0].attributes
        inverse = self.values(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
        moving = self.matrices(frame)[skin.joints] @ inverse
        weights, joints = self.values(primitive.WEIGHTS_0), self.values(primitive.JOINTS_0).astype(int)
        at = np.pad(self.values(primitive.POSITION), ((0, 0), (0, 1)), constant_values=1.0)
        blended: Array = np.einsum("vh,vhij,vj->vi", weights, moving[joints], at)[:, :3]
        return blended


def bodies_of(seen: ViewedClip) -> dict[str, Any]:
    return {"source": seen.source, "result": seen.result, "copy_rest": seen.naive}


def test_the_skinned_vertices_are_those_that_were_seen(made: Made) -> None:
    bodies = bodies_of(made[2])
    reader = Reader(write_scene(bodies, made[2].facing, {}))
    for name, body in bodies.items():
        for frame in (0, 7, body.motion.frames - 1):
            seen = body.vertices([frame])[0].numpy()
            apart = np.linalg.norm(reader.vertices(name, frame) - seen, axis=1)
            # a vertex that more than four joints hold is held by the four heaviest
            assert np.percentile(apart, 99) < 1e-4 and apart.max() < 5e-3, (name, frame, apart.max())


def test_bodies_of_one_surface_share_it_and_tell_their_ground(made: Made) -> None:
    seen = made[2]
    reader = Reader(write_scene(bodies_of(seen), seen.facing, {}))
    nodes = {node.name: node for node in reader.gltf.nodes}
    assert nodes["result surface"].mesh == nodes["copy_rest surface"].mesh != nodes["source surface"].mesh
    assert nodes["source"].extras["floor_m"] == pytest.approx(seen.source.floor_m, abs=1e-4)
    assert nodes["result"].extras["height_m"] == pytest.approx(seen.result.motion.body.height_m, abs=1e-4)
    times = reader.values(reader.gltf.animations[0].samplers[0].input)
    assert times.max() <= (seen.source.motion.frames - 1) / seen.source.motion.rate_hz + 1e-6


def test_marks_are_parts_of_the_body_that_touch_or_are_inside(made: Made) -> None:
    clip, target, seen = made
    found = marks(target, seen.result.motion)
    assert len(found["parts"]) == len(target.body.skeleton) and set(found["parts"]) <= set(PARTS)
    inside = found["inside"]
    assert {"leftHand", "rightHand"} <= set(inside["depth_cm"]), "the copied hands are in the belly"
    assert all(len(depths) == len(inside["times_s"]) for depths in inside["depth_cm"].values())
    source = marks(clip.source, clip.source.motion)
    assert {"leftHand", "rightHand"} <= {touch[0] for touch in source["touches"]}, "both hands rest on the hips"
    assert "inside" not in source, "a generated surface is a guess"


def test_without_the_packages_that_measure_nothing_is_marked(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Callable[[str], None] = lambda name: None  # noqa: E731 - stands for a finder that finds nothing
    monkeypatch.setattr(scene_marks, "find_spec", absent)
    assert marks(made[1], made[2].result.motion) == {}


@pytest.mark.parametrize("character", ["stout.glb", "clap.bvh"])
def test_a_job_that_asks_for_a_scene_gets_one_that_the_validator_accepts(samples: Samples, character: str) -> None:
    options = JobOptions.model_validate({"scene": True, "end_s": 0.2, "encoder": "none"})
    result = retarget(samples["wave.bvh"], samples[character], options)
    assert list(result.artifacts) == [f"result.{character[-3:]}", "scene.glb"]
    issues = require_validator().validate(result.artifacts["scene.glb"])["issues"]
    assert issues["numErrors"] == 0, issues
    plain = retarget(samples["wave.bvh"], samples[character], options.model_copy(update={"scene": False}))
    assert next(iter(plain.artifacts.values())) == next(iter(result.artifacts.values())), "a scene changes no result"
