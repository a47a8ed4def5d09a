"""Roots with negative scale: bodies face and bend as they are seen, and what is seen on the left is the left."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.formats.gltf.glb_player import GlbPlayer
from tests.formats.gltf.weightless_kit import pose_nodes
from tests.glb_editor import GlbEditor
from tests.mirror_kit import AXES, mirrored, opposite_vertices
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf.read import read_gltf
from workers.preparation.prepare import prepare_character
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.kinematics import rest_world
from workers.skeleton.model import Array, Indices

FRAMES = (0, 6, 12)
PLAIN = RigStyle()
MIXAMO = RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo", unit="cm", up_axis="Z")
# Where the mirror leaves the body facing, seen from where it faced: about Y.
SEEN_FACING = {"x": 1.0, "y": -1.0, "z": -1.0, "xyz": 1.0}


@cache
def file(style: RigStyle, clip: str | None = None) -> bytes:
    motions = [motion for motion in make_clips(TALL) if motion.name == clip]
    return make_character(TALL if clip else STOUT, style, motions)


def play(motion: bytes, character: bytes) -> tuple[Array, list[str]]:
    """Skinned vertices of some frames, and the codes of the warnings."""
    options = JobOptions(encoder="none", end_s=0.4)
    result = retarget(FileBundle("motion.glb", motion), FileBundle("character.glb", character), options)
    player = GlbPlayer(result.artifacts["result.glb"])
    placed = np.stack([player.skinned(player.world(-1, frame / 30.0)) for frame in FRAMES])
    return placed, [warning["code"] for warning in result.report["warnings"]]


@cache
def usual(clip: str, style: RigStyle) -> Array:
    return play(file(PLAIN, clip), file(style))[0]


@cache
def opposite() -> Indices:
    mesh = read_gltf(FileBundle("c.glb", file(PLAIN))).load_mesh()
    assert mesh is not None
    return opposite_vertices(mesh.positions_m)


@pytest.mark.parametrize("axes", AXES)
def test_a_character_mirrored_with_its_contents_moves_as_before(axes: str) -> None:
    placed, codes = play(file(PLAIN, "wave"), mirrored(file(MIXAMO), AXES[axes], contents=True).glb())
    assert np.linalg.norm(placed - usual("wave", MIXAMO), axis=-1).max() < 1e-3
    assert "sides-mirrored" not in codes


@pytest.mark.parametrize(("axes", "clip"), [*((axes, "wave") for axes in AXES), ("x", "walk"), ("xyz", "walk")])
def test_a_character_seen_in_a_mirror_waves_with_the_hand_on_its_left(axes: str, clip: str) -> None:
    placed, codes = play(file(PLAIN, clip), mirrored(file(PLAIN), AXES[axes], contents=False).glb())
    facing = SEEN_FACING[axes]
    wanted = usual(clip, PLAIN)[:, opposite()] * [facing, 1.0, facing]
    assert np.linalg.norm(placed - wanted, axis=-1).max() < 0.01
    assert "sides-mirrored" in codes


@pytest.mark.parametrize("axes", ["x", "y"])
def test_a_motion_mirrored_with_its_contents_is_the_same(axes: str) -> None:
    placed, _ = play(mirrored(file(PLAIN, "wave"), AXES[axes], contents=True).glb(), file(PLAIN))
    assert np.linalg.norm(placed - usual("wave", PLAIN), axis=-1).max() < 1e-3


@pytest.mark.parametrize("axes", AXES)
def test_a_motion_seen_in_a_mirror_is_copied_as_it_is_seen(axes: str) -> None:
    """The other hand waves, each knee bends forwards, the body faces where it walks."""
    placed, codes = play(mirrored(file(PLAIN, "walk"), AXES[axes], contents=False).glb(), file(PLAIN))
    wanted = usual("walk", PLAIN)[:, opposite()] * [-1.0, 1.0, 1.0]
    assert np.linalg.norm(placed - wanted, axis=-1).max() < 0.01
    assert "sides-mirrored" in codes


@pytest.mark.parametrize("contents", [True, False])
@pytest.mark.parametrize("axes", ["x", "z", "xyz"])
def test_the_bind_pose_is_found_in_a_mirror_though_nodes_stand_elsewhere(axes: str, contents: bool) -> None:
    plain = GlbEditor(file(MIXAMO))
    pose_nodes(plain, 0.8)
    edit = mirrored(plain.glb(), AXES[axes], contents)
    still = mirrored(file(MIXAMO), AXES[axes], contents)
    (turns, places), (wanted_turns, wanted) = (rest_world(read_gltf(e.bundle()).skeleton) for e in (edit, still))
    np.testing.assert_allclose(places, wanted, atol=1e-4)
    assert np.degrees(quat.angle_between(turns, wanted_turns).max()) < 0.1


@pytest.mark.parametrize("contents", [True, False])
def test_feet_without_toes_show_the_facing_by_their_surface(contents: bool) -> None:
    edit = GlbEditor(file(PLAIN))
    held = edit.attribute("JOINTS_0").astype(np.int64)
    for side in ("left", "right"):
        foot, toes = edit.node(f"{side}Foot"), edit.node(f"{side}Toes")
        held[held == edit.joints.index(toes)] = edit.joints.index(foot)
        edit.nodes[foot]["children"].remove(toes)
        edit.json["scenes"][0]["nodes"].append(toes)
        edit.nodes[toes]["name"] = "spare"
    edit.put_attribute("JOINTS_0", held, "VEC4", "u1")
    scene = read_gltf(mirrored(edit.glb(), AXES["x"], contents).bundle())
    mapping = prepare_character(scene, {}).body.mapping
    assert scene.skeleton.names[mapping.roles["leftUpperLeg"].joint] == ("left" if contents else "right") + "UpperLeg"


def test_the_users_word_on_sides_counts_in_a_mirror_too() -> None:
    scene = read_gltf(mirrored(file(PLAIN), AXES["x"], contents=False).bundle())
    named = {role: role for role in ("leftUpperLeg", "rightUpperLeg", "leftUpperArm", "rightUpperArm")}
    seen = prepare_character(scene, {}).body.mapping
    given = prepare_character(scene, named).body.mapping
    for role in named:
        other = role.replace("left", "_").replace("right", "left").replace("_", "right")
        assert scene.skeleton.names[seen.roles[role].joint] == other
        assert scene.skeleton.names[given.roles[role].joint] == role
