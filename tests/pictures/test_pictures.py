"""The pictures of a job: which there are, what is marked and warned of, and what happens without their packages."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workers.contract.errors import ModelUnavailable
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, report_clip, retarget
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.pictures import draw as pictures
from workers.pictures.draw import ScoredClip, draw_preview, draw_sheet
from workers.pictures.lettering import ALARM, GAP, LINE
from workers.pictures.packages import check_pictures
from workers.pictures.sheet import MARGIN, SIZE
from workers.preparation.prepare import PreparedCharacter, prepare_character, prepare_motion
from workers.rendering.renderer import choose_renderer
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import TALL
from workers.semantics.clip_meaning import Meaning
from workers.semantics.viewed_clip import view_clip

Samples = dict[str, FileBundle]
SHORT: dict[str, Any] = {"preview": True, "end_s": 0.2, "keyframes": 2, "encoder": "none"}
TITLE = LINE + 4


def run(samples: Samples, motion: str, character: str, **options: Any) -> EngineResult:
    return retarget(samples[motion], samples[character], JobOptions.model_validate({**SHORT, **options}))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("character", ["stout.glb", "clap.bvh"])
def test_a_clip_gets_a_preview_and_a_sheet(samples: Samples, character: str) -> None:
    """On a character and on a bare skeleton, which gets a body."""
    seen: list[tuple[str, float]] = []
    options = JobOptions.model_validate(SHORT)
    result = retarget(samples["wave.bvh"], samples[character], options, on_stage=lambda *stage: seen.append(stage))
    kind = character[-3:]
    assert list(result.artifacts) == [f"result.{kind}", "sheet.png", "preview.webp"]
    assert opened(result.artifacts["sheet.png"]).size == (MARGIN + 2 * SIZE + GAP, TITLE + LINE + 3 * SIZE + 4 * GAP)
    preview = opened(result.artifacts["preview.webp"])
    assert (preview.format, getattr(preview, "n_frames", 1)) == ("WEBP", 4)
    assert [fraction for _, fraction in seen] == sorted(fraction for _, fraction in seen)
    drawing = [fraction for name, fraction in seen if name == "drawing"]
    assert len(drawing) > 4 and drawing[-1] <= 0.99, "told frame by frame"
    assert "preview-limited" not in [warning["code"] for warning in result.report["warnings"]]
    plain = run(samples, "wave.bvh", character, preview=False)
    assert plain.artifacts == {f"result.{kind}": result.artifacts[f"result.{kind}"]}, "pictures change no result"


def test_another_motion_is_another_sheet(samples: Samples) -> None:
    sheets = [run(samples, f"{name}.bvh", "stout.glb").artifacts["sheet.png"] for name in ("wave", "walk", "wave")]
    assert sheets[0] == sheets[2] != sheets[1]


def test_of_many_clips_the_worst_are_drawn_under_their_index(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = make_clips(TALL)
    assert len(clips) > pictures.MAX_CLIPS
    motion = FileBundle("all.glb", make_character(TALL, motions=clips))
    judged: list[str] = []

    def verdict(*words: Any) -> dict[str, Any]:
        """Only the first clip passes."""
        report = report_clip(*words)
        report["verdict"] = {**report["verdict"], "verdict": "review" if judged else "pass"}
        judged.append(report["source"]["clip"])
        return report

    monkeypatch.setattr("workers.engine.engine.report_clip", verdict)
    monkeypatch.setattr(pictures, "draw_preview", lambda clip, *_: (clip.report["source"]["clip"].encode(), []))
    monkeypatch.setattr(pictures, "draw_sheet", lambda clip, *_: clip.report["source"]["clip"].encode())
    options = JobOptions.model_validate({**SHORT, "clip": "all"})
    result = retarget(motion, FileBundle("tall.glb", make_character(TALL)), options)
    drawn = {name: data.decode() for name, data in result.artifacts.items() if name != "result.glb"}
    expected = {index: clips[index].name for index in range(1, pictures.MAX_CLIPS + 1)}
    assert drawn == {
        name: clip for index, clip in expected.items() for name in (f"sheet-{index}.png", f"preview-{index}.webp")
    }
    (warning,) = (entry for entry in result.report["warnings"] if entry["code"] == "preview-limited")
    assert f"{pictures.MAX_CLIPS} of {len(clips)} clips" in warning["message"]


@pytest.fixture(scope="module")
def waving(samples: Samples) -> tuple[RetargetedClip, PreparedCharacter]:
    target = prepare_character(read_scene(samples["stout.glb"]), {})
    options = JobOptions(end_s=1.0)
    return retarget_clip(prepare_motion(read_scene(samples["wave.bvh"]), 0, options), target, options), target


def scored(waving: tuple[RetargetedClip, PreparedCharacter], **facts: Any) -> ScoredClip:
    seen = view_clip(*waving, budget=3)
    moments = [
        {"frame": int(frame), "calibrated": ours, "calibrated_naive_copy": copy, "time_s": frame / 30, "reason": "why"}
        for frame, ours, copy in zip(seen.keyframes, (0.9, 0.2, 0.7), (0.8, 0.6, 0.5), strict=True)
    ]
    told = {"keyframes": moments, "worst_moments": [moments[1]], "encoder": {"name": "eye"}, **facts}
    report = {
        "verdict": {"verdict": "pass"},
        "scores": {"semantic_similarity": {"raw": 0.98, "calibrated": 0.6}},
        "scores_naive_copy": {"semantic_similarity": {"raw": 0.97, "calibrated": 0.5}},
    }
    return ScoredClip(waving[0], Meaning(facts=told, seen=seen), report)


def test_the_sheet_shows_each_score_and_marks_the_worst(waving: tuple[RetargetedClip, PreparedCharacter]) -> None:
    clip = scored(waving)
    assert clip.meaning.seen is not None
    image = opened(draw_sheet(clip, clip.meaning.seen, choose_renderer()))
    # Result and copy have a line of scores below their pictures, the source has none.
    assert image.size == (MARGIN + 3 * SIZE + 2 * GAP, TITLE + LINE + 3 * SIZE + 2 * LINE + 4 * GAP)
    pixels = np.asarray(image.convert("RGB"), dtype=int)
    marked = (pixels == ALARM).all(axis=2)
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    top, left = TITLE + LINE + SIZE + 3 * GAP, MARGIN + SIZE + GAP
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (top, top + SIZE - 1, left, left + SIZE - 1)


def test_scores_that_are_not_calibrated_are_not_drawn(waving: tuple[RetargetedClip, PreparedCharacter]) -> None:
    clip = scored(waving)
    assert clip.meaning.facts is not None and clip.meaning.seen is not None
    for moment in clip.meaning.facts["keyframes"]:
        moment.update(calibrated=None, calibrated_naive_copy=None)
    image = opened(draw_sheet(clip, clip.meaning.seen, choose_renderer()))
    assert image.height == TITLE + LINE + 3 * SIZE + 4 * GAP


def test_a_clip_too_long_for_its_rate_is_told(
    waving: tuple[RetargetedClip, PreparedCharacter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_FRAMES", {"webp": 3})
    clip, told = scored(waving), list[float]()
    assert clip.meaning.seen is not None
    data, (notice,) = draw_preview(clip, clip.meaning.seen, choose_renderer(), "webp", told.append)
    assert getattr(opened(data), "n_frames", 1) == 3
    assert notice.code == "preview-limited" and "start_s" in notice.message
    assert told == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_without_pyav_webm_is_refused_and_webp_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ModelUnavailable, match=r"webm needs the package av.*pip install"):
        check_pictures(JobOptions(preview=True, preview_format="webm"))
    check_pictures(JobOptions(preview=True))


def test_without_torch_a_preview_is_one_line_of_error_and_nothing_is_written(samples: Samples, tmp_path: Path) -> None:
    for name in ("wave.bvh", "stout.glb"):
        (tmp_path / name).write_bytes(samples[name].data)
    code = "import sys; sys.modules['torch'] = None; from service.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["run", "wave.bvh", "stout.glb", "-o", "out.glb", "--encoder", "none"]
    command = [sys.executable, "-c", code, *words]
    refused = subprocess.run([*command, "--preview"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 4
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith("error: model-unavailable: preview: webp needs the package torch")
    assert "Traceback" not in refused.stderr and not list(tmp_path.glob("out*"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and [path.name for path in tmp_path.glob("out*")] == ["out.glb"]
