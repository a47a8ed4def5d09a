"""`fps` is the rate of the written keys, exactly; `source_fps` says how fast the motion really is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.formats.bvh.bvh_kit import person, swinging_rows
from tests.gltf_builder import unpack_glb
from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions, parse_options
from workers.engine.engine import EngineResult, retarget
from workers.engine.score_files import score_files
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.skeleton import quat
from workers.skeleton.model import Array, Clip

Samples = dict[str, FileBundle]


def run(motion: FileBundle, samples: Samples, **options: Any) -> EngineResult:
    return retarget(motion, samples["stout.glb"], JobOptions.model_validate(options))


def swinging(frames: int, frame_time: str = "0.033333") -> FileBundle:
    """No loop: the last frame is half a swing after the first."""
    rows = swinging_rows(2 * frames)[:frames]
    return FileBundle("swing.bvh", person(rows, frame_time=frame_time).encode())


def key_times(data: bytes) -> Array:
    """Of the longest sampler of the last animation."""
    document, binary = unpack_glb(data)
    times = []
    for sampler in document["animations"][-1]["samplers"]:
        accessor = document["accessors"][sampler["input"]]
        view = document["bufferViews"][accessor["bufferView"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        times.append(np.frombuffer(binary, "<f4", accessor["count"], start).astype(np.float64))
    return max(times, key=len)


def written_clip(result: EngineResult) -> Clip:
    ((name, data),) = result.artifacts.items()
    scene = read_scene(FileBundle(name, data))
    return scene.load_clip(len(scene.clips) - 1, None)


def codes(result: EngineResult) -> set[str]:
    return {warning["code"] for warning in result.report["warnings"]}


@pytest.mark.parametrize("fps", [0.5, 1, 7, 9.99, 12, 23.976, 24, 29.97, 30, 50, 59.94, 60, 120])
def test_keys_lie_a_period_apart_up_to_the_end_of_the_clip(samples: Samples, fps: float) -> None:
    motion = swinging(100)
    result = run(motion, samples, fps=fps)
    count = int(99 / 30 * fps + 1e-6) + 1
    times = key_times(result.artifacts["result.glb"])
    assert np.allclose(times, np.arange(count) / fps, atol=1e-6)
    target = result.report["target"]
    assert (target["fps"], target["frames"]) == (pytest.approx(fps), count)
    assert written_clip(result).frames == count
    assert ("end-cut-by-fps" in codes(result)) == (abs(99 / 30 - (count - 1) / fps) > 1e-3 / fps)


@pytest.mark.parametrize("fps", [7, 24, 29.97, 31, 59.94])
def test_a_loop_still_closes_and_the_report_says_how(samples: Samples, fps: float) -> None:
    rows = swinging_rows(80)
    rows[:, 3:] *= 0.5
    motion = FileBundle("loop.bvh", person(rows).encode())
    own = written_clip(run(motion, samples))
    assert np.max(quat.angle_between(own.rotations[0], own.rotations[-1])) < 1e-3
    result = run(motion, samples, fps=fps)
    clip = written_clip(result)
    assert np.max(quat.angle_between(clip.rotations[0], clip.rotations[-1])) < 1e-3
    assert clip.frames == int(79 / 30 * fps + 1e-6) + 1
    assert "loop-fitted-to-fps" in codes(result)


def test_a_rate_below_one_frame_a_clip_is_a_pose_and_says_so(samples: Samples) -> None:
    result = run(swinging(31), samples, fps=0.5)
    assert result.report["target"]["frames"] == 1
    assert "fps-leaves-one-frame" in codes(result)


def test_a_rate_that_divides_the_clip_is_no_news(samples: Samples) -> None:
    assert not codes(run(swinging(91), samples, fps=60)) & {"end-cut-by-fps", "loop-fitted-to-fps"}


@pytest.mark.parametrize(("frame_time", "frames"), [("0.0333667", 520), ("0.0166834", 600), ("0.0083420", 560)])
def test_long_clips_at_broadcast_rates(samples: Samples, frame_time: str, frames: int) -> None:
    result = run(swinging(frames, frame_time), samples)
    rate = 1.0 / float(frame_time)
    assert result.report["target"]["frames"] == frames
    clip = written_clip(result)
    assert clip.frames == frames and clip.rate_hz == pytest.approx(rate, abs=1e-2)


def test_the_true_rate_changes_the_duration_and_no_frame(samples: Samples) -> None:
    slow, fast = run(swinging(60), samples), run(swinging(60), samples, source_fps=120)
    assert fast.report["target"]["frames"] == slow.report["target"]["frames"] == 60
    assert fast.report["source"]["fps"] == fast.report["target"]["fps"] == pytest.approx(120)
    assert written_clip(fast).duration_s == pytest.approx(59 / 120, abs=1e-5)
    meant = run(swinging(60, "0.00833333"), samples)
    assert np.allclose(written_clip(fast).rotations, written_clip(meant).rotations, atol=1e-6)


def test_the_true_rate_counts_before_the_range_and_the_result_rate(samples: Samples) -> None:
    report = run(swinging(121), samples, source_fps=60, start_s=0.5, end_s=1.5, fps=24).report
    assert report["target"]["duration_s"] == pytest.approx(1.0)
    assert (report["target"]["frames"], report["target"]["fps"]) == (25, pytest.approx(24))


def test_the_true_rate_of_a_glb_and_of_a_result_that_is_scored(samples: Samples) -> None:
    result = run(samples["wave.glb"], samples, source_fps=15)
    own = read_scene(samples["wave.glb"]).clips[0]
    assert result.report["target"]["frames"] == own.frames
    assert result.report["target"]["duration_s"] == pytest.approx((own.frames - 1) / 15)
    made = FileBundle("result.glb", result.artifacts["result.glb"])
    found = score_files(samples["wave.glb"], made, options=JobOptions(source_fps=15))
    assert found["result"]["frames"] == own.frames


def test_a_stated_rate_settles_a_missing_frame_time(samples: Samples) -> None:
    motion = swinging(60, "0")
    assert "frame-time-assumed" in codes(run(motion, samples))
    assert "frame-time-assumed" not in codes(run(motion, samples, source_fps=25))


@pytest.mark.parametrize("value", [0, -30, 1e6, "fast"])
def test_a_rate_is_a_positive_number(value: object) -> None:
    with pytest.raises(InvalidOptions, match="source_fps"):
        parse_options({"source_fps": value})
