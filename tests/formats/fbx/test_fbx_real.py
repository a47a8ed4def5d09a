"""Real FBX files: equal to their GLB and FBX twins, skinned as ufbx skins them, valid as GLB, usable by the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from tests.formats.gltf.glb_player import GlbPlayer
from tests.node_packages import require_three, require_validator
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.fbx.process import convert_fbx
from workers.formats.limits import DEFAULT_LIMITS
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.gltf_validator import error_counts
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Scene

HIK_BINARY, HIK_ASCII = "ufbx/maya_human_ik_7400_binary.fbx", "ufbx/maya_human_ik_6100_ascii.fbx"
SAMBA, KNIGHT = "threejs/Samba_Dancing.fbx", "quaternius-fbx/KnightCharacter.fbx"
SKINNED = (
    SAMBA, KNIGHT, "quaternius-fbx/AnimatedHuman.fbx", "quaternius-fbx/AnimatedWoman.fbx", "quaternius-fbx/Zombie.fbx",
    "ufbx/blender_293_barbarian_7400_binary.fbx", "ufbx/maya_kenney_character_7700_binary.fbx",
    "ufbx/maya_game_sausage_7500_binary_combined.fbx", "assimp/animation_with_skeleton.fbx", "assimp/huesitos.fbx",
)  # fmt: skip
# Not the barbarian (three.js plays its blend shapes) nor the sausage (its takes start late, and three.js keeps that).
PLAYED_BY_THREE = tuple(name for name in SKINNED if "barbarian" not in name and "sausage" not in name)
EVERY = (*SKINNED, HIK_BINARY, HIK_ASCII)


@cache
def read(path: Path) -> Scene:
    return read_scene(bundle_from_path(path))


@cache
def converted(path: Path) -> tuple[bytes, tuple[str, ...]]:
    """GLB and the messages of the notices."""
    bundle = bundle_from_path(path)
    glb, header = convert_fbx(bundle.data, bundle.name, [], DEFAULT_LIMITS)
    return glb, tuple(f"{code}: {message}" for code, message, _ in header["notices"])


@pytest.fixture
def characters(shared_data: Path) -> Path:
    return shared_data / "characters"


def assert_equal_poses(first: Scene, second: Scene, poses: Callable[[Scene], tuple[np.ndarray, np.ndarray]]) -> None:
    """World positions within 1 mm and rotations within 0.1 degrees of all joints that move a skin."""
    names = [n for n, moves in zip(first.skeleton.names, first.skeleton.deforming, strict=True) if moves]
    here = [first.skeleton.names.index(name) for name in names]
    there = [second.skeleton.names.index(name) for name in names]
    (rotations, positions), (other_rotations, other_positions) = poses(first), poses(second)
    assert positions.ndim == 2 or len(positions) == len(other_positions)
    assert np.abs(positions[..., here, :] - other_positions[..., there, :]).max() < 1e-3
    apart = quat.angle_between(rotations[..., here, :], other_rotations[..., there, :])
    assert np.degrees(apart.max()) < 0.1


def world_of_clip(number: int, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    return kinematics.clip_world(scene.skeleton, scene.load_clip(number, 24.0))


def test_knight_fbx_equals_its_glb_in_all_clips_and_the_bind_pose(characters: Path) -> None:
    fbx, glb = read(characters / KNIGHT), read(characters / "quaternius-fbx/KnightCharacter.glb")
    assert [clip.name for clip in fbx.clips] == [clip.name for clip in glb.clips]
    assert len(fbx.clips) == 12
    assert_equal_poses(fbx, glb, lambda scene: kinematics.rest_world(scene.skeleton))
    for number in range(12):
        assert_equal_poses(fbx, glb, partial(world_of_clip, number))
    mesh, other = fbx.load_mesh(), glb.load_mesh()
    assert mesh is not None and other is not None
    np.testing.assert_allclose(mesh.positions_m.min(axis=0), other.positions_m.min(axis=0), atol=1e-3)
    np.testing.assert_allclose(mesh.positions_m.max(axis=0), other.positions_m.max(axis=0), atol=1e-3)


def test_human_ik_in_two_versions_and_encodings_is_one_skeleton(characters: Path) -> None:
    binary, text = read(characters / HIK_BINARY), read(characters / HIK_ASCII)
    assert (binary.extras["fbx"]["ascii"], text.extras["fbx"]["ascii"]) == (False, True)
    assert (binary.extras["fbx"]["version"], text.extras["fbx"]["version"]) == (7400, 6100)
    assert binary.rest_kind == text.rest_kind == "node"  # neither holds a bind pose

    def nodes(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        rotations = kinematics.world_rotations(scene.skeleton, scene.skeleton.node_rotations)
        return rotations, kinematics.world_positions(scene.skeleton, rotations, scene.skeleton.node_offsets_m)

    assert_equal_poses(binary, text, nodes)
    # The ASCII file's take holds no curves, which is told.
    assert [(clip.name, clip.frames) for clip in binary.clips] == [("Take 001", 120)]
    assert text.clips == () and "take-empty" in {notice.code for notice in text.notices}


@pytest.mark.parametrize("name", EVERY)
def test_every_file_reads_and_is_a_valid_glb(characters: Path, name: str) -> None:
    scene = read(characters / name)
    assert scene.format == "fbx" and scene.extras["fbx"]["version"] >= 6100
    for number, clip in enumerate(scene.clips):
        loaded = scene.load_clip(number, None)
        assert (loaded.frames, loaded.rate_hz) == (clip.frames, scene.extras["fbx"]["rate_hz"])
    assert not error_counts(require_validator().validate(converted(characters / name)[0]))


@pytest.mark.parametrize("name", SKINNED)
def test_nodes_and_skinned_vertices_are_where_ufbx_puts_them(characters: Path, name: str, tmp_path: Path) -> None:
    """At two thirds of every take. Vertices that lost influences beyond four or that the take's blend shapes move may
    differ, and no others.
    """
    out = tmp_path / "truth.npz"
    command = [
        sys.executable,
        str(Path(__file__).with_name("fbx_truth.py")),
        str(characters / name),
        "0.6667",
        str(out),
    ]
    subprocess.run(command, check=True, timeout=60)
    truth = np.load(out)
    glb, notices = converted(characters / name)
    player = GlbPlayer(glb)
    rate = read(characters / name).extras["fbx"]["rate_hz"]
    written = {node.get("name"): number for number, node in enumerate(player.json["nodes"])}
    reduced = sum(int(text.split(": ")[2].split()[0]) for text in notices if text.startswith("influences-reduced"))
    played = 0
    for number in range(sum(key.endswith("_frame") for key in truth)):
        take = str(truth[f"take{number}_name"])
        if any(text.startswith(f"take-empty: take {take!r}") for text in notices):
            continue
        played += 1
        world = player.world(player.animation(take), float(truth[f"take{number}_frame"]) / rate)
        vertices, wanted = player.skinned(world), truth[f"take{number}_vertices"]
        size = float(np.ptp(wanted, axis=0).max())
        for entry, node in enumerate(truth["names"]):
            if node and node in written and "skin" not in player.json["nodes"][written[node]]:
                apart = world[written[node], :3, 3] - truth[f"take{number}_nodes"][entry, :3, 3]
                assert np.abs(apart).max() < 1e-4 * size, (take, node)
        # Vertices are welded and reordered: each one written lies on one of ufbx's, and each of ufbx's on one written.
        some, others = (points[:: len(points) // 3000 + 1] for points in (vertices, wanted))
        strays = some[_nearest(some, wanted) > 1e-4 * size]
        excused = reduced + int(truth[f"take{number}_blended"])
        assert len(np.unique(np.round(strays / size, 6), axis=0)) <= excused < 0.75 * len(wanted)
        assert (_nearest(others, vertices) > 1e-4 * size).sum() <= excused
    assert played


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance of each point to the nearest of the others."""
    result = np.empty(len(points))
    for start in range(0, len(points), 512):
        block = points[start : start + 512]
        squared = (others**2).sum(axis=1) - 2.0 * block @ others.T  # but for a constant a row
        found = others[np.argmin(squared, axis=1)]
        result[start : start + 512] = np.linalg.norm(block - found, axis=1)
    return result


@pytest.mark.parametrize("name", SKINNED)
def test_the_bind_pose_is_the_one_that_the_file_states(characters: Path, name: str) -> None:
    """Inverse bind matrices are written for the world: `world * inverse bind matrix` is the identity for all joints."""
    scene = read(characters / name)
    assert scene.rest_kind == "bind" and not {n.code for n in scene.notices} & {"bind-poses-disagree"}
    source = scene.document
    for skin in source.skins:
        entries = [source.tree.position_of[int(node)] for node in skin.joints]
        made = source.bind.affine[entries] @ skin.inverse_bind
        scale = max(1.0, float(np.abs(source.bind.affine[entries][:, :3, 3]).max()))
        assert np.abs(made - np.eye(4)).max() < 1e-3 * scale


@pytest.fixture(scope="module")
def three() -> Path:
    return require_three()


@pytest.mark.parametrize("name", PLAYED_BY_THREE)
def test_skinned_vertices_are_where_three_js_puts_them(characters: Path, three: Path, name: str) -> None:
    """A second reader, which also keeps four influences. It plays in the file's unit."""
    scene = read(characters / name)
    clip = scene.clips[min(1, len(scene.clips) - 1)]
    moment = (clip.frames // 2) / clip.rate_hz
    command = ["node", str(Path(__file__).with_name("three_fbx.mjs")), str(three), str(characters / name)]
    done = subprocess.run([*command, clip.name, str(moment)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-300:]
    corners = np.array(json.loads(done.stdout)) * scene.extras["fbx"]["unit_m"]
    wanted = np.unique(np.round(corners, 6), axis=0)
    player = GlbPlayer(converted(characters / name)[0])
    vertices = player.skinned(player.world(player.animation(clip.name), moment))
    size = float(np.ptp(vertices, axis=0).max())
    assert _nearest(wanted[:: len(wanted) // 3000 + 1], vertices).max() < 2e-4 * size
    assert _nearest(vertices[:: len(vertices) // 3000 + 1], wanted).max() < 2e-4 * size


def test_samba_names_its_units(characters: Path) -> None:
    bundle = bundle_from_path(characters / SAMBA)
    scene = read_scene(bundle)
    assert (scene.units.factor, scene.units.unit, scene.units.up_axis, scene.units.guessed) == (0.01, "cm", "Y", False)
    assert [(clip.name, clip.frames, clip.rate_hz) for clip in scene.clips] == [("mixamo.com", 547, 30.0)]
    assert "ufbx" not in sys.modules


@pytest.mark.parametrize(
    ("motion", "character"),
    [
        (SAMBA, KNIGHT), (SAMBA, "quaternius-fbx/Zombie.fbx"), (SAMBA, "ufbx/maya_kenney_character_7700_binary.fbx"),
        (SAMBA, "mixamo-xy-pair/Ybot.glb"), ("quaternius-fbx/AnimatedWoman.fbx", SAMBA), (HIK_BINARY, SAMBA),
        (HIK_BINARY, "quaternius-fbx/AnimatedHuman.fbx"),
    ],
)  # fmt: skip
def test_fbx_as_motion_and_as_character(characters: Path, motion: str, character: str) -> None:
    options = JobOptions.model_validate({"end_s": 1.0})
    result = retarget(bundle_from_path(characters / motion), bundle_from_path(characters / character), options)
    assert result.report["verdict"]["verdict"] in ("pass", "review")
    glb = result.artifacts["result.glb"]
    assert glb.startswith(b"glTF")
    again = read_scene(FileBundle("result.glb", glb))
    assert len(again.clips) == len(read(characters / character).clips) + 1
    assert not error_counts(require_validator().validate(glb))
