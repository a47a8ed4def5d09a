"""The eye study end to end on the project's own samples: a tiny random encoder, joint positions, and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from service import cli
from workers.lab.eye.study import results as results
from workers.lab.eye.study.baselines import EncoderObserver, JointObserver
from workers.lab.eye.study.calibration import VIEW_SETS, measure_anchors
from workers.lab.eye.study.eye import EyeReport, compare
from workers.lab.eye.study.metrics import Figure
from workers.lab.eye.study.negatives import ARM_STEPS_DEG, HARD_KINDS, arm_steps, hard_negatives, shuffled
from workers.lab.eye.study.pairs import MomentPair, make_pairs, plan_groups, pose_points
from workers.lab.eye.study.results import CLEAN, OTHER_CLIP, OTHER_MOMENT, LookPlan, look_at, on_other
from workers.lab.eye.study.table import report_lines
from workers.semantics.encoders.base import Encoder
from workers.semantics.viewed_clip import VIEWS


class TinyEncoder(Encoder):
    """Random projections of the coarse picture: it sees where the body is, and knows no words."""

    capabilities = frozenset({"embed", "match"})
    match_scale = "cosine"

    def __init__(self) -> None:
        super().__init__("tiny", "tiny:0", torch.device("cpu"), torch.float32, 16)
        self.weights = torch.randn(28 * 28, 32, generator=torch.Generator().manual_seed(2))
        self.pictures = 0

    def _embed(self, images: torch.Tensor, start: int) -> torch.Tensor:
        self.pictures += len(images)
        coarse = torch.nn.functional.adaptive_avg_pool2d(images.mean(dim=1), 28).flatten(1)
        return (coarse - coarse.mean(dim=1, keepdim=True)) @ self.weights

    def _match(self, images: torch.Tensor, text: str) -> torch.Tensor:
        return self._embed(images, 0)[:, len(text) % 32].tanh()


class ContextEncoder(TinyEncoder):
    """Every row depends on all pictures of its batch, as that of a video model does."""

    temporal = True

    def _embed_frames(self, images: torch.Tensor) -> torch.Tensor:
        rows = self._embed(images, 0)
        return rows + 0.1 * rows.roll(1, dims=0)


MOMENTS = 4


@pytest.fixture(scope="module", autouse=True)
def few_pictures() -> Iterator[None]:
    """Fewer moments of a clip and kinds of damage than the study has: every picture takes its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.lab.eye.study.pairs.MOMENTS", MOMENTS)
        patch.setattr("workers.lab.eye.study.results.HARD_KINDS", HARD_KINDS[1:3] + HARD_KINDS[6:])
        yield


@pytest.fixture(scope="module")
def pairs() -> list[MomentPair]:
    return [pair for group in plan_groups(None, 3, 2) for pair in make_pairs(group)]


@pytest.fixture(scope="module")
def report() -> EyeReport:
    return compare([EncoderObserver(TinyEncoder()), JointObserver()], None, clips=2)


def figure(report: EyeReport, encoder: str, name: str, study: str = "") -> Figure:
    found = [row.figure for row in report.rows[encoder] if row.name == name and row.study.startswith(study)]
    assert found, name
    return found[0]


def test_pairs_show_the_same_moments_on_bodies_of_other_shape(pairs: list[MomentPair]) -> None:
    names = {pair.group for pair in pairs}
    assert len(names) == 2 and any("generated" in name for name in names)
    for pair in pairs:
        assert len(pair.source) == len(pair.other) == len(pair.times_s) == MOMENTS
        assert pair.source.rendered_body.posable.name != pair.other.rendered_body.posable.name
        apart = pose_points(pair.source.motion, ["leftHand"]) - pose_points(pair.other.motion, ["leftHand"])
        assert 0.0 < np.abs(apart).max() < 0.2  # of height: alike, but not the same body


def test_strangers_are_far_in_time_and_unlike_in_pose(pairs: list[MomentPair]) -> None:
    for number, pair in enumerate(pairs):
        for sight in results.strangers(pairs, number):
            assert sight.known is not None
            index, there = sight.known
            if sight.label.startswith(OTHER_MOMENT):
                assert index == number
                assert (np.abs(pair.times_s[sight.moments] - pair.times_s[there]) >= results.APART_S).all()
            else:
                assert index != number and sight.label.startswith(OTHER_CLIP)
                assert pairs[index].group == pair.group


def test_known_pictures_are_not_looked_at_again_and_score_alike(pairs: list[MomentPair]) -> None:
    few = pairs[:2]
    plain, context = TinyEncoder(), ContextEncoder()
    looks = look_at(few, [EncoderObserver(plain)], LookPlan())["tiny"]
    look_at(few, [EncoderObserver(context)], LookPlan())
    assert plain.pictures == len(few) * 2 * MOMENTS * len(VIEWS)
    assert context.pictures > plain.pictures  # its rows depend on their neighbours: shown as a job would show them
    stranger = next(label for label in looks[0].scores if label.startswith(OTHER_CLIP))
    moments, scores = looks[0].scores[stranger]
    assert np.allclose(scores, EncoderObserver(plain).alike(looks[0].source[moments], looks[1].other[moments]))


def test_hard_negatives_are_the_same_each_time_and_leave_other_moments_alone(pairs: list[MomentPair]) -> None:
    pair = pairs[0]
    found = hard_negatives(pair.other, HARD_KINDS[2], pair.clip, 2)
    again = hard_negatives(pair.other, HARD_KINDS[2], pair.clip, 2)
    assert found is not None and again is not None and found[0] == again[0] and len(found[0]) == 2
    assert np.array_equal(found[1].motion.rotations, again[1].motion.rotations)
    moved = np.abs(found[1].motion.positions_m - pair.other.at(found[0]).motion.positions_m).max(axis=(1, 2))
    assert (moved > 0.02).all()


def test_an_arm_goes_farther_with_every_step(pairs: list[MomentPair]) -> None:
    pair = pairs[0]
    before = pose_points(pair.other.motion, ["leftHand", "rightHand"])
    way = [
        np.linalg.norm(pose_points(take.motion, ["leftHand", "rightHand"]) - before, axis=-1).mean()
        for take in arm_steps(pair.other, pair.clip)
    ]
    assert len(way) == len(ARM_STEPS_DEG) and way == sorted(way) and way[0] > 0.0


def test_a_shuffle_leaves_no_moment_in_its_place() -> None:
    for count in (2, 5, 8):
        order = shuffled(count, "a clip")
        assert sorted(order) == list(range(count))
        assert all(moment != place for place, moment in enumerate(order))


def test_the_report_has_every_study_for_every_encoder(report: EyeReport) -> None:
    assert list(report.rows) == ["tiny", "joints"]
    for name in report.rows:
        assert {row.study[0] for row in report.rows[name]} >= {"1", "2", "3", "5"}
        for row in report.rows[name]:
            if "AUC" in row.study and row.figure.value is not None:
                assert 0.0 <= row.figure.value <= 1.0  # near: bounds of a share
    assert any(row.study.startswith("4") for row in report.rows["tiny"])
    assert not any(row.study.startswith("4") for row in report.rows["joints"])
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert json.loads(text)["held_out"] is False
    lines = list(report_lines(report))
    assert any("tiny" in line and "joints" in line for line in lines)
    assert any("own samples" in line for line in lines)


def test_joints_tell_moments_and_growing_damage_apart(report: EyeReport) -> None:
    assert (figure(report, "joints", "other moments, half each").value or 0.0) > 0.9
    losses = [figure(report, "joints", f"arm turned {degrees} deg, raw").value or 0.0 for degrees in ARM_STEPS_DEG]
    assert losses == sorted(losses)
    assert (figure(report, "joints", "frames shuffled, raw").value or 0.0) > 0.0


def test_damage_is_compared_with_the_same_moments_undamaged(pairs: list[MomentPair]) -> None:
    look = look_at(pairs[:1], [JointObserver()], LookPlan(hard_moments=3))["joints"][0]
    moments, scores = look.scores[on_other(HARD_KINDS[2].name)]
    good = look.scores[CLEAN][1][moments]
    assert scores.shape == good.shape
    assert scores.mean() < good.mean()


def test_two_runs_give_the_same_figures(report: EyeReport) -> None:
    again = compare([JointObserver()], None, clips=2)
    assert again.rows["joints"] == report.rows["joints"]


def test_anchors_are_measured_for_every_view_set_and_kind_of_source() -> None:
    found = measure_anchors(TinyEncoder(), None, clips=2)
    assert {(entry.views, entry.body) for entry in found} == {
        (views, body) for views in VIEW_SETS for body in ("skinned", "generated")
    }
    for entry in found:
        assert entry.other_quartiles[0] <= entry.other_median <= entry.other_quartiles[1]  # near: order
        assert entry.same_quartiles[0] <= entry.same_median <= entry.same_quartiles[1]  # near: order
        assert entry.clips == 2 and entry.bodies == 2


def test_the_command_prints_a_table_and_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "eye.json"
    assert cli.main(["evaluate", "eye", "--encoder", "joints", "--clips", "2", "--report", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "against hard negatives" in printed and "anchors" in printed
    assert set(json.loads(out.read_text())["encoders"]) == {"joints"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--encoder", "joints", "--data", "/nowhere"], 2, "no folder"),
        (["--encoder", "mobilenet"], 4, "--data"),
        (["--encoder", "nothing-of-that-name"], 2, "there is no model"),
        (["--encoder", "joints", "--clips", "1"], 2, "at least 2"),
        (["--encoder", "joints", "--save"], 2, "--calibrate"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "eye", *arguments]) == code
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and error[0].startswith("error: ") and words in error[0]


def test_a_folder_without_the_data_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "eye", "--encoder", "joints", "--data", str(tmp_path)]) == 2
    assert "lacks characters/" in capsys.readouterr().err
