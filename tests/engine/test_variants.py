"""Jobs whose clips are mirrored, closed, additive, reduced and told of by events, read back from their files."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.glb_editor import GlbEditor
from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions, parse_options
from workers.contract.roles import mirror
from workers.engine.engine import EngineResult, retarget
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion, from_clip
from workers.preparation.prepare import prepare_character
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT
from workers.samples.write import sample_files
from workers.skeleton import quat
from workers.skeleton.model import Array, Clip, Scene
from workers.skeleton.symmetry import find_symmetry

CHARACTER = make_character(STOUT, RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo"))
VARIANTS = ("mirror", "loop", "additive", "additive_rest", "in_place", "in_place+loop+mirror")


@cache
def job(character: bytes = CHARACTER, **options: Any) -> EngineResult:
    """A walk that is cut before it comes round, without pictures."""
    asked = JobOptions.model_validate({"encoder": "none", "end_s": 1.9, **options})
    return retarget(FileBundle("walk.bvh", sample_files()["walk.bvh"]), FileBundle("c.glb", character), asked)


@pytest.fixture(scope="module")
def whole() -> EngineResult:
    return job(variants=VARIANTS, events=True)


def scene_of(result: EngineResult, name: str = "result.glb") -> Scene:
    return read_scene(FileBundle(name, result.artifacts[name]))


def clip_of(result: EngineResult, name: str = "result.glb") -> Clip:
    scene = scene_of(result, name)
    return scene.load_clip(len(scene.clips) - 1, None)


def motion_of(result: EngineResult, name: str = "result.glb") -> BodyMotion:
    body = prepare_character(read_scene(FileBundle("c.glb", CHARACTER)), {}).body
    return from_clip(body, clip_of(result, name))


def test_each_variant_is_a_file_with_a_clear_name(whole: EngineResult) -> None:
    names = {
        "result.glb": "walk",
        "mirror.glb": "walk_Mirror",
        "loop.glb": "walk_Loop",
        "additive.glb": "walk_ADD",
        "additive_rest.glb": "walk_ADD",
        "in_place.glb": "walk_IP",
        "in_place-loop-mirror.glb": "walk_Mirror_IP_Loop",
    }
    assert [*whole.artifacts] == [*names, "events.json"]
    assert {name: clip_of(whole, name).name for name in names} == names
    told = {row["file"]: [clip["clip"] for clip in row["clips"]] for row in whole.report["variants"]}
    assert told == {name: [clip] for name, clip in names.items() if name != "result.glb"}
    assert whole.report["shaping"][0]["mirrored"] is False
    json.dumps(whole.report, allow_nan=False)


def test_variants_change_nothing_of_the_result(whole: EngineResult) -> None:
    plain = job()
    assert plain.artifacts["result.glb"] == job(variants=VARIANTS).artifacts["result.glb"]
    assert plain.report["scores"] == whole.report["scores"]
    assert [*plain.artifacts] == ["result.glb"] and plain.report["variants"] == []


def test_a_variant_is_what_a_job_with_its_options_gives(whole: EngineResult) -> None:
    alone = job(root_motion="in_place", loop="close", mirror=True, name_tokens=True)
    pair = [motion_of(whole, "in_place-loop-mirror.glb"), motion_of(alone)]
    assert np.abs(pair[0].positions_m - pair[1].positions_m).max() < 1e-6
    assert alone.report["verdict"]["verdict"] == job().report["verdict"]["verdict"]
    assert alone.report["shaping"][0]["loop"]["seam_after"]["pose_deg"] < 0.1


def test_the_mirrored_file_shows_every_role_in_the_mirror(whole: EngineResult) -> None:
    plain, mirrored = motion_of(whole), motion_of(whole, "mirror.glb")
    symmetry, roles = find_symmetry(plain.body), plain.body.mapping.roles
    for role, match in roles.items():
        seen = symmetry.place(plain.positions_m[:, roles[mirror(role)].joint])
        assert np.abs(mirrored.positions_m[:, match.joint] - seen).max() < 1e-4, role


def test_scores_of_a_mirrored_job_are_those_of_the_job() -> None:
    plain, mirrored = job().report["scores"], job(mirror=True).report["scores"]
    for name in ("foot_skate_ratio", "limb_direction_error_deg", "arm_error_deg", "foot_float_cm", "jerk_ratio"):
        assert mirrored[name] == pytest.approx(plain[name], rel=0.05, abs=0.02), name


def test_the_closed_file_has_no_seam(whole: EngineResult) -> None:
    for name in ("loop.glb", "in_place-loop-mirror.glb"):
        clip = clip_of(whole, name)
        assert np.degrees(quat.angle_between(clip.rotations[0], clip.rotations[-1]).max()) < 0.1
        speeds = np.degrees(quat.angle_between(clip.rotations[:-1], clip.rotations[1:])) * clip.rate_hz
        inside = np.abs(np.diff(speeds, axis=0)).max()
        assert np.abs(speeds[-1] - speeds[0]).max() <= 1.05 * inside
        assert clip.frames == clip_of(whole).frames
    still = motion_of(whole, "in_place-loop-mirror.glb")
    path = still.positions_m[:, still.body.hips]
    assert np.abs(path[-1] - path[0]).max() < 1e-4
    steps = np.diff(path, axis=0)
    assert np.abs(steps[0] - steps[-1]).max() <= 1.05 * np.abs(np.diff(steps, axis=0)).max()


@pytest.mark.parametrize("name", ["additive.glb", "additive_rest.glb"])
def test_the_additive_file_and_its_base_are_the_clip(whole: EngineResult, name: str) -> None:
    scene, clip, added = scene_of(whole), clip_of(whole), clip_of(whole, name)
    keyed = np.flatnonzero(np.abs(clip.rotations - clip.rotations[:1]).max(axis=(0, 2)) > 1e-6)
    base = clip.rotations[0] if name == "additive.glb" else scene.skeleton.node_rotations
    again = quat.multiply(base[keyed], added.rotations[:, keyed])
    assert quat.angle_between(again, clip.rotations[:, keyed]).max() < 1e-4
    (hips,) = clip.translations_m
    start: Array = clip.translations_m[hips][0] if name == "additive.glb" else scene.skeleton.node_offsets_m[hips]
    assert np.abs(start + added.translations_m[hips] - clip.translations_m[hips]).max() < 1e-4
    told = GlbEditor(whole.artifacts[name]).json["animations"][-1]["extras"]["additive"]
    assert told == {"base": 0 if name == "additive.glb" else "rest", "form": "delta"}


def test_events_agree_with_the_planted_frames_of_the_report(whole: EngineResult) -> None:
    told = json.loads(whole.artifacts["events.json"])
    rows = {row["file"]: row for row in told["clips"]}
    assert set(rows) == set(whole.artifacts) - {"events.json"}
    row = rows["result.glb"]
    planted = np.array(whole.report["timeline"]["planted"])
    assert whole.report["timeline"]["frames_per_point"] == 1 and len(planted) == row["frames"]
    down = np.zeros(len(planted), dtype=bool)
    for pairs in row["planted_frames"].values():
        for start, stop in pairs:
            down[start:stop] = True
    assert np.array_equal(down, planted > 0.0)
    ends = {(side, n) for side, pairs in row["planted_frames"].items() for pair in pairs for n in pair}
    assert row["events"] and all((event["foot"], event["frame"]) in ends for event in row["events"])
    written = GlbEditor(whole.artifacts["result.glb"]).json["animations"][-1]
    assert written["extras"]["events"] == row["events"]
    across = rows["mirror.glb"]["planted_frames"]
    assert across == {"left": row["planted_frames"]["right"], "right": row["planted_frames"]["left"]}


@pytest.mark.parametrize("output", ["full", "animation"])
def test_reduced_keys_read_back_within_the_tolerance(output: str) -> None:
    reduced, plain = job(tolerance_deg=0.4, output=output), job(output=output)
    off = np.degrees(quat.angle_between(clip_of(reduced).rotations, clip_of(plain).rotations))
    assert 0.0 < off.max() <= 0.4
    keys = reduced.report["shaping"][0]["keys"]
    assert keys["keys_after"] < 0.7 * keys["keys_before"] and keys["worst_deg"] <= 0.4
    assert clip_of(reduced).frames == clip_of(plain).frames and clip_of(reduced).rate_hz == clip_of(plain).rate_hz
    assert _keys(reduced) == keys["keys_after"] and _keys(plain) == keys["keys_before"]


def _keys(result: EngineResult) -> int:
    document = GlbEditor(result.artifacts["result.glb"]).json
    samplers = document["animations"][-1]["samplers"]
    return sum(document["accessors"][sampler["input"]]["count"] for sampler in samplers)


def test_other_formats_hold_the_same_clips() -> None:
    fbx = job(format="fbx", variants=("mirror",), tolerance_deg=1.0, end_s=0.4)
    assert [*fbx.artifacts] == ["result.fbx", "mirror.fbx"]
    assert [notice["code"] for notice in fbx.report["warnings"]].count("keys-not-left-out") == 1


def test_what_contradicts_itself_is_refused() -> None:
    for options, text in (
        ({"variants": ["in_place+root_joint"]}, "asks for both in_place and root_joint"),
        ({"variants": ["mirror+loop", "loop+mirror"]}, "asked for twice"),
        ({"variants": ["upside_down"]}, "variants"),
        ({"additive_form": "on_rest"}, "additive_form needs additive"),
    ):
        with pytest.raises(InvalidOptions, match=text):
            parse_options(options)
    assert parse_options({"variants": "mirror, in_place+loop"}).variants == ("mirror", "in_place+loop")
    with pytest.raises(InvalidOptions, match="has no frame 900"):
        job(additive=900)
