"""A motion whose skin covers part of the body gives the result of the same motion with its whole skin."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.formats.gltf.glb_player import GlbPlayer
from tests.formats.gltf.weightless_kit import pose_nodes
from tests.glb_editor import GlbEditor
from tests.partial_kit import covering
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, retarget
from workers.engine.inspection import inspect_file
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.prepared import surfaces_of
from workers.preparation.prepare import PreparedMotion, prepare_character, prepare_motion
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL
from workers.semantics.viewed_clip import skin_of
from workers.skeleton.model import Array

LEG = ("Leg", "Foot", "Toes")
HAND = ("Hand", "Thumb", "Index", "Middle", "Ring", "Little")
COVERS: dict[str, Callable[[str], bool]] = {
    "head": lambda name: name in ("neck", "head"),
    "upper body": lambda name: name != "hips" and not any(part in name for part in LEG),
    "gloves": lambda name: any(part in name for part in HAND),
    "trousers": lambda name: name == "hips" or any(part in name for part in LEG),
    "all but the head": lambda name: name not in ("neck", "head"),
}
OPTIONS: dict[str, Any] = {"encoder": "none", "end_s": 0.4}


@cache
def whole(clip: str, posed: bool = False) -> bytes:
    edit = GlbEditor(make_character(TALL, RigStyle(), [m for m in make_clips(TALL) if m.name == clip]))
    if posed:
        pose_nodes(edit, 0.6)
    return edit.glb()


def part(clip: str, cover: str, skin_lists_all: bool, posed: bool = False) -> FileBundle:
    return covering(whole(clip, posed), COVERS[cover], skin_lists_all).bundle("part.glb")


@cache
def character() -> bytes:
    return make_character(STOUT)


def run(motion: FileBundle, **options: Any) -> EngineResult:
    return retarget(motion, FileBundle("c.glb", character()), JobOptions.model_validate(OPTIONS | options))


def played(result: EngineResult) -> Array:
    player = GlbPlayer(result.artifacts["result.glb"])
    return np.stack([player.skinned(player.world(-1, frame / 30.0)) for frame in (0, 6, 12)])


@cache
def usual(clip: str) -> Array:
    return played(run(FileBundle("whole.glb", whole(clip))))


@pytest.mark.parametrize("skin_lists_all", [True, False])
@pytest.mark.parametrize("cover", COVERS)
def test_the_result_is_that_of_the_whole_skin(cover: str, skin_lists_all: bool) -> None:
    result = run(part("walk", cover, skin_lists_all))
    assert np.linalg.norm(played(result) - usual("walk"), axis=-1).max() < 0.01
    assert [w["code"] for w in result.report["warnings"]].count("surface-partial") == 1
    assert result.report["verdict"]["verdict"] == "pass"
    whole_height = prepared(FileBundle("w.glb", whole("walk"))).body.height_m
    assert result.report["source"]["height_m"] == pytest.approx(whole_height, rel=0.06)


@pytest.mark.parametrize("cover", [cover for cover in COVERS if cover != "all but the head"])
def test_nodes_in_mid_movement_are_no_rest_pose(cover: str) -> None:
    """Where the skin says nothing of a limb and its nodes stand anyhow, the rest pose comes from the motion."""
    if cover == "trousers":
        listed = run(part("walk", cover, True, posed=True))
        assert np.linalg.norm(played(listed) - usual("walk"), axis=-1).max() < 0.01
    result = run(part("walk", cover, False, posed=True))
    assert result.report["source"]["rest_pose"] == {"kind": "estimated", "guessed": True}
    assert np.linalg.norm(played(result) - usual("walk"), axis=-1).max() < 0.03


def prepared(motion: FileBundle) -> PreparedMotion:
    return prepare_motion(read_scene(motion), 0, JobOptions.model_validate(OPTIONS))


@pytest.mark.parametrize("cover", COVERS)
def test_a_partial_mesh_is_neither_drawn_nor_measured(cover: str) -> None:
    source = prepared(part("wave", cover, skin_lists_all=True))
    assert skin_of(source.scene, source.body)[1] == "generated"
    drawn = surfaces_of(source).full.mesh.positions_m
    assert np.ptp(drawn[:, 1]) > 0.9 * source.body.height_m
    full = prepared(FileBundle("w.glb", whole("wave")))
    assert abs(source.body.floor_m - full.body.floor_m) < 0.02 * full.body.height_m
    assert skin_of(full.scene, full.body)[1] == "skinned"


def test_a_character_is_drawn_by_its_own_mesh_whatever_that_covers() -> None:
    target = prepare_character(read_scene(part("wave", "upper body", skin_lists_all=True)), {})
    assert skin_of(target.scene, target.body)[1] == "skinned"


def test_every_clip_of_such_a_file_is_told_once() -> None:
    edit = covering(make_character(TALL, RigStyle(), make_clips(TALL)[:2]), COVERS["head"], skin_lists_all=False)
    report = run(edit.bundle(), clip="all").report
    assert [w["code"] for w in report["warnings"]].count("surface-partial") == 1


def test_inspection_says_that_it_is_a_motion_and_no_character() -> None:
    told = inspect_file(part("wave", "head", skin_lists_all=False))
    assert told["usable_as"] == {"motion": True, "character": False}
    assert told["rest_pose"]["kind"] == "node"
