"""Semantic scores of a clip: known values, invariances, the cache, what is absent and what is refused.

`PixelEncoder` sees coarse pictures as they are, so that its scores follow from the pictures; the tiny models of
`test_scoring_engine` know nothing and show that the paths work.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from model_store.catalogue import find_manifest
from model_store.manifest import Anchors, Manifest
from workers.contract.errors import OutputInvalid
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.prepare import PreparedCharacter, prepare_character, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.samples.write import sample_files
from workers.semantics import scoring
from workers.semantics.clip_meaning import Meaning
from workers.semantics.encoders.base import Encoder
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.scoring import measure_meaning
from workers.semantics.source_cache import SourceCache
from workers.semantics.viewed_clip import ViewedClip, from_origin, view_clip
from workers.skeleton import quat

OPTIONS = parse_options(None)
VIEWS = ("front", "side")


class PixelEncoder(Encoder):
    """Embedding: the picture in 28 x 28 grey pixels, its mean taken off."""

    capabilities = frozenset({"embed", "match"})
    match_scale = "cosine"

    def __init__(self, **_: Any) -> None:
        super().__init__("pixels", "pixels@1", torch.device("cpu"), torch.float32, 8)
        self.embedded = 0

    def _embed(self, images: Tensor, start: int) -> Tensor:
        self.embedded += len(images)
        grey = functional.adaptive_avg_pool2d(images.mean(dim=1), 28).flatten(1)
        return grey - grey.mean(dim=1, keepdim=True)

    def _match(self, images: Tensor, text: str) -> Tensor:
        return images.mean(dim=(1, 2, 3)) / (1 + len(text))


class AskedEncoder(PixelEncoder):
    """Guided by what it is told of each frame: a number in the words, added to the embedding."""

    capabilities = frozenset({"embed", "describe", "match"})
    prompts: list[str] | None = None

    @property
    def guiding_prompts(self) -> list[str] | None:
        return self.prompts

    def guided_by(self, source_images: Tensor) -> Encoder:
        return self.guided_with(self.describe(source_images))

    def guided_with(self, prompts: list[str]) -> Encoder:
        guided = AskedEncoder()
        guided.prompts = prompts
        return guided

    def _embed_frames(self, images: Tensor) -> Tensor:
        assert self.prompts is not None, "nothing is embedded unguided"
        assert len(self.prompts) == len(images)
        told = torch.tensor([float(prompt.split()[-1]) for prompt in self.prompts])
        return super()._embed_frames(images) + told[:, None]

    def _describe(self, images: Tensor) -> list[str]:
        return [f"brightness {value:.4f}" for value in images.mean(dim=(1, 2, 3)).tolist()]


class BlindEncoder(PixelEncoder):
    def _embed(self, images: Tensor, start: int) -> Tensor:
        return torch.full((len(images), 4), float("nan"))


def loaded(encoder: Encoder | None = None, *anchors: Anchors) -> LoadedEncoder:
    manifest: Manifest = find_manifest("clip").model_copy(update={"calibration": anchors})
    return LoadedEncoder(encoder or PixelEncoder(), manifest)


def measure(seen: ViewedClip, encoder: LoadedEncoder | None = None, **given: Any) -> Meaning:
    return measure_meaning(seen, encoder or loaded(), cache=given.pop("cache", SourceCache()), **given)


@pytest.fixture(scope="module")
def walk() -> tuple[RetargetedClip, PreparedCharacter]:
    files = {name: FileBundle(name, data) for name, data in sample_files().items()}
    target = prepare_character(read_scene(files["stout.glb"]), {})
    source = prepare_motion(read_scene(files["walk.bvh"]), 0, OPTIONS)
    return retarget_clip(source, target, OPTIONS), target


@pytest.fixture(scope="module")
def seen(walk: tuple[RetargetedClip, PreparedCharacter]) -> ViewedClip:
    return view_clip(*walk, budget=4, views=VIEWS)


@pytest.fixture(scope="module")
def meaning(seen: ViewedClip) -> Meaning:
    return measure(seen)


def damaged(seen: ViewedClip, **changes: Any) -> ViewedClip:
    """The clip with another motion of the result."""
    motion = replace(seen.result.motion, **changes)
    return replace(seen, result=replace(seen.result, motion=motion))


def frozen(seen: ViewedClip) -> ViewedClip:
    motion = seen.result.motion
    first = {name: np.repeat(getattr(motion, name)[:1], motion.frames, axis=0) for name in ("rotations", "positions_m")}
    return damaged(seen, **first)


def test_the_same_motion_on_the_same_body_is_the_same(seen: ViewedClip) -> None:
    same = replace(seen, result=seen.source, naive=seen.source)
    found = measure(same)
    assert found.result.raw == pytest.approx(1.0, abs=1e-6)
    assert found.result.scl == 0.0
    assert found.naive.raw == pytest.approx(1.0, abs=1e-6)
    assert found.result.itm == found.result.itm_source


def test_a_damaged_result_is_less_alike_than_a_good_one(seen: ViewedClip, meaning: Meaning) -> None:
    assert meaning.result.raw is not None
    assert meaning.result.scl is not None
    upside_down = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.pi)
    motion = seen.result.motion
    fallen = damaged(
        seen,
        rotations=quat.multiply(upside_down, motion.rotations),
        positions_m=quat.rotate(upside_down, motion.positions_m) + np.array([0.0, 2.0, 0.0]),
    )
    for worse in (frozen(seen), fallen):
        found = measure(worse)
        assert found.result.raw is not None
        assert found.result.scl is not None
        assert found.result.raw < meaning.result.raw  # near: digits move it by 1e-6, the damage by 1e-2
        assert found.result.scl > meaning.result.scl  # near: digits move it by 1e-6, the damage by 5e-4
        assert found.naive == meaning.naive  # the copy is not touched by it


def test_heading_place_and_start_are_no_part_of_meaning(walk: tuple[RetargetedClip, PreparedCharacter]) -> None:
    done, _ = walk
    turn = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), 1.3)
    motion = done.source.motion
    body = replace(motion.body, facing=quat.multiply(turn, motion.body.facing))
    moved = replace(
        motion,
        body=body,
        rotations=quat.multiply(turn, motion.rotations),
        positions_m=quat.rotate(turn, motion.positions_m) + np.array([7.0, 0.0, -3.0]),
    )
    assert np.allclose(from_origin(moved).positions_m, from_origin(motion).positions_m, atol=1e-9)
    assert np.allclose(quat.angle_between(from_origin(moved).rotations, from_origin(motion).rotations), 0.0, atol=1e-6)


def test_the_result_is_seen_with_its_travel(walk: tuple[RetargetedClip, PreparedCharacter]) -> None:
    done, target = walk
    placed = retarget_clip(done.source, target, parse_options({"root_motion": "in_place"}))
    assert np.array_equal(
        view_clip(placed, target).result.motion.positions_m, view_clip(*walk).result.motion.positions_m
    )


def test_between_keyframes_the_timeline_is_interpolated(seen: ViewedClip, meaning: Meaning) -> None:
    assert meaning.per_frame is not None
    assert meaning.facts is not None
    assert meaning.per_frame.shape == (seen.source.motion.frames,)
    keys = meaning.facts["keyframes"]
    assert [key["frame"] for key in keys] == list(seen.keyframes)
    assert np.allclose(meaning.per_frame[seen.keyframes], [key["raw"] for key in keys])
    first, second = seen.keyframes[:2]
    middle = (first + second) // 2
    share = (middle - first) / (second - first)
    expected = (1 - share) * keys[0]["raw"] + share * keys[1]["raw"]
    assert meaning.per_frame[middle] == pytest.approx(expected)
    assert meaning.result.raw == pytest.approx(np.mean([key["raw"] for key in keys]), abs=1e-6)


def test_worst_moments_are_the_least_alike_and_say_why(seen: ViewedClip, meaning: Meaning) -> None:
    assert meaning.facts is not None
    worst = meaning.facts["worst_moments"]
    ordered = sorted(key["raw"] for key in meaning.facts["keyframes"])
    assert [moment["raw"] for moment in worst] == ordered[: len(worst)]
    assert all(moment["reason"] and moment["view"] in VIEWS for moment in worst)
    assert all(moment["view_raw"] <= moment["raw"] for moment in worst)  # near: the least and the mean of its views


def test_a_cached_source_gives_the_same_bits_and_is_not_rendered(
    seen: ViewedClip, meaning: Meaning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SourceCache(tmp_path)
    assert measure(seen, cache=cache).result == meaning.result
    rendered = []
    plain = scoring.render

    def counted(body: Any, *rest: Any) -> Tensor:
        rendered.append(body)
        return plain(body, *rest)

    monkeypatch.setattr(scoring, "render", counted)
    for again in (cache, SourceCache(tmp_path)):  # from memory, and from the folder
        rendered.clear()
        found = measure(seen, cache=again)
        assert (found.result, found.naive) == (meaning.result, meaning.naive)
        assert seen.source not in rendered
        assert len(rendered) == 2 * len(VIEWS)
        assert found.facts is not None
        assert found.facts["views_from_cache"] == len(VIEWS)


def test_another_source_text_or_encoder_is_no_hit(seen: ViewedClip) -> None:
    cache = SourceCache()

    def hits(shown: ViewedClip, encoder: Encoder | None = None, **given: Any) -> int:
        found = measure(shown, loaded(encoder), cache=cache, **given)
        assert found.facts is not None
        return int(found.facts["views_from_cache"])

    assert hits(seen) == 0
    assert hits(frozen(seen)) == len(VIEWS)  # the result is no part of it
    assert hits(seen, description="a person who hops") == 0
    other = PixelEncoder()
    other.identity = "pixels@2"
    assert hits(seen, other) == 0
    motion = seen.source.motion
    nudged = replace(motion, positions_m=motion.positions_m + np.array([0.0, 1e-3, 0.0]))
    assert hits(replace(seen, source=replace(seen.source, motion=nudged))) == 0
    assert hits(replace(seen, keyframes=seen.keyframes[:-1])) == 0


def test_an_asked_encoder_is_guided_by_the_source_alone(seen: ViewedClip) -> None:
    cache = SourceCache()
    first, second = (measure(seen, loaded(AskedEncoder()), cache=cache) for _ in range(2))
    assert first.result == second.result  # what guides is in the cache, too
    assert first.facts is not None
    assert second.facts is not None
    assert second.facts["views_from_cache"] == len(VIEWS)
    answers = first.facts["answers"]
    assert answers == second.facts["answers"]
    assert [answer["frame"] for answer in answers] == list(seen.keyframes)
    assert first.facts["description"] in {answer["source"] for answer in answers}
    assert {answer["result"] for answer in answers} != {answer["source"] for answer in answers}


def test_a_given_description_comes_before_all_others(seen: ViewedClip) -> None:
    for encoder in (PixelEncoder(), AskedEncoder()):
        found = measure(seen, loaded(encoder), description="a person who walks")
        assert found.facts is not None
        assert found.facts["description"] == "a person who walks"
        assert found.result.itm is not None
    named = measure(seen)
    assert named.facts is not None
    assert named.facts["description"] == "walk"  # the clip's name


def test_without_words_there_is_no_match_and_a_reason(seen: ViewedClip) -> None:
    motion = replace(seen.source.motion, name="mixamo.com|Take 001")
    found = measure(replace(seen, source=replace(seen.source, motion=motion)))
    assert found.result.itm is None
    assert "give the option description" in found.result.reasons["itm"]


def test_calibrated_where_the_views_and_the_body_have_anchors(seen: ViewedClip, meaning: Meaning) -> None:
    assert meaning.result.raw is not None
    assert meaning.result.calibrated is None
    assert "not calibrated" in meaning.result.reasons["semantic_similarity.calibrated"]
    low, high = meaning.result.raw - 0.2, min(1.0, meaning.result.raw + 0.05)
    anchors = Anchors(
        views=VIEWS, body="generated", other_median=low, other_quartiles=(low, low), same_median=high,
        same_quartiles=(high, high), clips=50, bodies=3,
    )  # fmt: skip
    found = measure(seen, loaded(None, anchors))
    assert found.result.calibrated == pytest.approx((meaning.result.raw - low) / (high - low))
    skinned = anchors.model_copy(update={"body": "skinned"})
    assert measure(seen, loaded(None, skinned)).result.calibrated is None
    assert loaded(None, anchors).views == VIEWS


def test_what_is_not_finite_is_an_error(seen: ViewedClip) -> None:
    with pytest.raises(OutputInvalid, match="not finite"):
        measure(seen, loaded(BlindEncoder()))


def test_steps_rise_to_the_end_and_stop_where_told(seen: ViewedClip) -> None:
    steps: list[float] = []
    measure(seen, on_step=steps.append)
    assert steps == sorted(steps)
    assert (len(steps), steps[-1]) == (3 * len(VIEWS), 1.0)
    encoder = PixelEncoder()

    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        measure(seen, loaded(encoder), on_step=stop)
    assert encoder.embedded == len(seen.keyframes)


def test_a_skinned_source_is_its_own_body_and_a_bvh_gets_one(walk: tuple[RetargetedClip, PreparedCharacter]) -> None:
    done, target = walk
    shown = view_clip(done, target)
    assert shown.source_body == "generated"
    assert view_clip(done, target).result.skin is shown.result.skin  # prepared once
    skinned = prepare_motion(read_scene(FileBundle("wave.glb", sample_files()["wave.glb"])), 0, OPTIONS)
    own = view_clip(retarget_clip(skinned, target, OPTIONS), target)
    assert own.source_body == "skinned"
    mesh = skinned.scene.load_mesh()
    assert mesh is not None
    assert len(own.source.skin.faces) <= len(mesh.faces)
