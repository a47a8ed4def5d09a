"""The engine on sample files: options, post-conditions, what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from workers.contract.errors import (
    ClipNotFound,
    InvalidOptions,
    ModelUnavailable,
    SourceMismatch,
)
from workers.contract.options import JobOptions
from workers.engine import learned
from workers.engine.engine import EngineResult, retarget
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import TALL
from workers.scores.surface_scores import KEYS as SURFACE_KEYS
from workers.skeleton import kinematics
from workers.skeleton.model import Array, Scene

Samples = dict[str, FileBundle]


def run(samples: Samples, motion: str = "walk.bvh", character: str = "stout.glb", **options: Any) -> EngineResult:
    return retarget(samples[motion], samples[character], JobOptions.model_validate(options))


def result_scene(result: EngineResult) -> Scene:
    ((name, data),) = result.artifacts.items()
    return read_scene(FileBundle(name, data))


def hips_path(result: EngineResult) -> Array:
    scene = result_scene(result)
    clip = scene.load_clip(len(scene.clips) - 1, None)
    return kinematics.clip_world(scene.skeleton, clip)[1][:, scene.skeleton.names.index("hips")]


def test_walk_passes_with_its_feet_held(samples: Samples) -> None:
    report = run(samples).report
    assert report["verdict"]["verdict"] == "pass"
    assert report["scores"]["foot_skate_result"] <= 1.2 * report["scores"]["foot_skate_source"]
    assert report["scores"]["foot_float_cm"] < 0.5
    assert report["engine"]["method"] == "analytic"
    json.dumps(report, allow_nan=False)


def test_nothing_in_a_job_is_random(samples: Samples) -> None:
    first, again, seeded = (run(samples, "wave.bvh", end_s=1.0, seed=seed) for seed in (0, 0, 5))
    assert first.artifacts == again.artifacts == seeded.artifacts
    assert first.report["scores"] == again.report["scores"] == seeded.report["scores"]


def test_stages_rise_in_order(samples: Samples) -> None:
    seen: list[tuple[str, float]] = []
    retarget(samples["wave.bvh"], samples["stout.glb"], JobOptions(), on_stage=lambda *stage: seen.append(stage))
    assert [name for name, _ in seen] == ["loading", "mapping", "mapping", "retargeting", "scoring", "scoring"]
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1.0


def test_what_on_stage_raises_ends_the_job(samples: Samples) -> None:
    def stop(stage: str, fraction: float) -> None:
        if stage == "retargeting":
            raise LookupError("stop")

    with pytest.raises(LookupError):
        retarget(samples["wave.bvh"], samples["stout.glb"], JobOptions(), on_stage=stop)


def test_same_input_same_bytes(samples: Samples) -> None:
    assert run(samples).artifacts == run(samples).artifacts


def test_clip_is_named_after_the_source_and_last(samples: Samples) -> None:
    scene = result_scene(run(samples, character="wave.glb"))
    assert [clip.name for clip in scene.clips] == ["wave", "walk"]
    dropped = result_scene(run(samples, character="wave.glb", existing_clips="drop", clip_name="renamed"))
    assert [clip.name for clip in dropped.clips] == ["renamed"]


def test_upload_is_handed_back_untouched_but_for_the_clip(samples: Samples) -> None:
    before = read_scene(samples["stout.glb"]).document.document.json
    after = result_scene(run(samples)).document.document.json
    for key in ("nodes", "meshes", "skins", "materials", "scenes"):
        assert after[key] == before[key]


def test_in_place_stays_and_keep_travels(samples: Samples) -> None:
    kept, placed = hips_path(run(samples)), hips_path(run(samples, root_motion="in_place"))
    assert np.linalg.norm((kept[-1] - kept[0])[[0, 2]]) > 0.5
    assert np.linalg.norm((placed - placed[0])[:, [0, 2]], axis=1).max() < 0.05
    assert np.allclose(placed[:, 1], kept[:, 1], atol=1e-4)


def test_root_joint_needs_a_joint_above_the_hips(samples: Samples) -> None:
    with pytest.raises(InvalidOptions, match="no joint above its hips"):
        run(samples, root_motion="root_joint")


def test_start_origin_starts_over_the_rest_place(samples: Samples) -> None:
    path = hips_path(run(samples, start="origin", start_s=0.5))
    assert np.allclose(path[0, [0, 2]], 0.0, atol=1e-3)


def test_fps_and_range(samples: Samples) -> None:
    report = run(samples, fps=60, start_s=0.5, end_s=1.5).report
    assert report["target"]["fps"] == pytest.approx(60.0)
    assert report["target"]["duration_s"] == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(InvalidOptions, match="beyond the clip's end"):
        run(samples, start_s=900.0)


def test_bvh_out_moves_like_the_glb(samples: Samples) -> None:
    as_bvh, as_glb = run(samples, format="bvh"), run(samples)
    assert list(as_bvh.artifacts) == ["result.bvh"]
    assert np.allclose(hips_path(as_bvh), hips_path(as_glb), atol=1e-3)


def test_animation_output_has_no_mesh_and_moves_the_same(samples: Samples) -> None:
    light = run(samples, output="animation")
    assert result_scene(light).meshes == 0
    assert np.allclose(hips_path(light), hips_path(run(samples)), atol=1e-4)
    assert len(light.artifacts["result.glb"]) < len(run(samples).artifacts["result.glb"])


def test_clip_all_gives_every_clip_and_the_worst_verdict(samples: Samples) -> None:
    result = run(samples, motion="wave.glb", clip="all")
    assert [clip.name for clip in result_scene(result).clips] == ["wave"]
    with pytest.raises(ClipNotFound, match="'walk'"):
        run(samples, motion="wave.glb", clip="walk")


def test_source_character_lends_its_rest_pose(samples: Samples) -> None:
    options = JobOptions()
    result = retarget(samples["walk.bvh"], samples["stout.glb"], options, source_character=samples["tall.glb"])
    assert result.report["source"]["rest_pose"] == {"kind": "source-character", "guessed": False}


def test_a_source_character_of_another_rig_is_refused(samples: Samples) -> None:
    renamed = FileBundle(
        "renamed.glb", samples["tall.glb"].data.replace(b'"leftUpperArm"', b'"leftHigherArm'[:13] + b'"')
    )
    with pytest.raises(SourceMismatch, match="lacks 1 joints"):
        retarget(samples["walk.bvh"], samples["stout.glb"], JobOptions(), source_character=renamed)
    turned = FileBundle("turned.glb", make_character(TALL, RigStyle(bone_axes="bone_y")))
    with pytest.raises(SourceMismatch, match="degrees away"):
        retarget(samples["walk.bvh"], samples["stout.glb"], JobOptions(), source_character=turned)


def test_mapping_override_and_its_faults(samples: Samples) -> None:
    report = run(samples, mapping={"target": {"leftToes": None}}).report
    assert "leftToes" not in report["mapping"]["target"]["roles"]
    with pytest.raises(InvalidOptions, match="noSuchJoint"):
        run(samples, mapping={"target": {"leftToes": "noSuchJoint"}})


def test_what_this_version_lacks_is_refused_not_left_out(samples: Samples) -> None:
    with pytest.raises(ModelUnavailable, match="retarget models pull clip"):
        run(samples, encoder="clip")
    with pytest.raises(InvalidOptions, match="geometry"):
        run(samples, refine="semantic", encoder="none")


def test_the_network_runs_and_a_worse_result_is_told(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETARGET_SURFACE_SCORES")
    made, plain = (
        retarget(samples["hands_on_hips.bvh"], samples["stout.glb"], JobOptions(method=method, encoder="none"))
        for method in ("smt", "analytic")
    )
    assert made.report["engine"]["method"] == "smt"
    assert made.report["scores"]["penetration_pct"] < plain.report["scores"]["penetration_pct"]
    codes = {warning["code"] for warning in made.report["warnings"]}
    assert "network-worse" not in codes and "network-not-taken" not in codes
    monkeypatch.setattr(learned, "ALLOWED", {"penetration_pct": (-100.0, -1.0)})
    told = retarget(samples["hands_on_hips.bvh"], samples["stout.glb"], JobOptions(method="smt", encoder="none"))
    assert [it["code"] for it in told.report["warnings"]].count("network-worse") == 1
    assert told.report["engine"]["method"] == "smt"


def test_a_refined_clip_stands_beside_what_it_was(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RETARGET_SURFACE_SCORES")
    seen: list[tuple[str, float]] = []
    options = JobOptions(refine="geometry", refine_budget_s=4.0, encoder="none")
    result = retarget(samples["clap.bvh"], samples["stout.glb"], options, on_stage=lambda *stage: seen.append(stage))
    report = result.report
    assert report["refinement"]["mode"] == "geometry"
    assert set(report["scores_before_refinement"]) == set(report["scores"])
    assert set(report["timeline_before_refinement"]) == set(report["timeline"]) == set(report["timeline_naive_copy"])
    for key in ("penetration_pct", "contact_error", "contact_recall"):
        assert report["scores"][key] is not None
        assert report["scores_naive_copy"][key] is not None
    before = report["scores_before_refinement"]["penetration_pct"]
    assert report["scores"]["penetration_pct"] <= before + 0.05  # near: the same where nothing was refined
    naive = max(report["timeline_naive_copy"]["penetration_pct"])
    assert max(report["timeline"]["penetration_pct"]) <= naive + 0.05  # near: the same
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert "refining" in [name for name, _ in seen]
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize(("option", "value"), [("foot_contact", "off"), ("ground", "none")])
def test_feet_that_the_user_left_where_they_are_decide_nothing(samples: Samples, option: str, value: str) -> None:
    report = run(samples, encoder="none", end_s=0.5, **{option: value}).report
    assert report["scores"]["foot_own_floor_cm"] is None
    assert option in report["not_applicable"]["foot_own_floor_cm"]
    assert "foot_own_floor" in report["verdict"]["absent"]
    assert "foot_own_floor" not in report["verdict"]["decided_by"]


def test_surface_scores_are_in_every_report_or_say_why_not(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    switched_off = run(samples, encoder="none").report
    assert switched_off["refinement"] is None
    for key in SURFACE_KEYS:
        assert switched_off["scores"][key] is None
        assert "RETARGET_SURFACE_SCORES" in switched_off["not_applicable"][key]
    monkeypatch.delenv("RETARGET_SURFACE_SCORES")
    report = run(samples, encoder="none").report
    assert report["scores"]["penetration_pct"] >= 0.0
    assert report["scores_naive_copy"]["penetration_pct"] >= 0.0
    assert report["scores"]["undriven_skin_pct"] == report["scores_naive_copy"]["undriven_skin_pct"] == 0.0
    assert report["scores"]["skin_longest_cm"] > 0.0
    assert report["scores"]["contact_error"] is None
    assert "does not touch itself" in report["not_applicable"]["contact_error"]
    assert report["timeline"]["penetration_pct"] is not None
    bare = run(samples, character="walk.bvh", encoder="none").report
    assert bare["scores"]["penetration_pct"] is None
    assert "no mesh" in bare["not_applicable"]["penetration_pct"]
    assert bare["timeline"]["penetration_pct"] is None


@pytest.mark.parametrize("clip", ["walk", "wave", "hands_on_hips", "clap", "reach_overhead"])
def test_bvh_and_glb_of_one_motion_agree(samples: Samples, clip: str) -> None:
    from_bvh, from_glb = hips_path(run(samples, motion=f"{clip}.bvh")), hips_path(run(samples, motion=f"{clip}.glb"))
    assert np.abs(from_bvh - from_glb).max() < 0.03
