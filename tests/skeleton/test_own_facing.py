"""A rig bound aside from where its own clips face is taken to face as they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.poses import SampleMotion
from workers.samples.shape import STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.body import UP, heading
from workers.skeleton.model import Array, Scene

OPTIONS = JobOptions(foot_contact="off")


def turned_clips(degrees: float, count: int = 4) -> list[SampleMotion]:
    """Sample clips of the tall body, each turned about the vertical as a whole."""
    turn = quat.from_axis_angle(UP, np.radians(degrees))
    clips = make_clips(TALL)[:count]
    return [
        replace(clip, turns=quat.multiply(turn, clip.turns), hips_m=quat.rotate(turn, clip.hips_m)) for clip in clips
    ]


def rig(degrees: float, count: int = 4) -> Scene:
    return read_scene(FileBundle("rig.glb", make_character(TALL, motions=turned_clips(degrees, count))))


def mean_heading_deg(positions: Array, names: tuple[str, ...]) -> float:
    left, right = names.index("leftUpperLeg"), names.index("rightUpperLeg")
    turned = quat.mean(heading(positions[:, left] - positions[:, right]))
    return float((np.degrees(2.0 * np.arctan2(turned[1], turned[3])) + 180.0) % 360.0 - 180.0)


@pytest.mark.parametrize("degrees", [90.0, -90.0, 180.0])
def test_a_new_clip_faces_as_the_rigs_own_clips(degrees: float) -> None:
    character = prepare_character(rig(degrees), {})
    assert [notice.code for notice in character.rest.notices] == ["facing-from-clips"]
    plain = read_scene(FileBundle("stout.glb", make_character(STOUT, motions=make_clips(STOUT)[1:2])))
    result = retarget_clip(prepare_motion(plain, 0, OPTIONS), character, OPTIONS).result
    found = mean_heading_deg(result.positions_m, character.scene.skeleton.names)
    assert abs((found - degrees + 180.0) % 360.0 - 180.0) < 10.0
    assert result.positions_m[:, :, 1].min() > -0.02


@pytest.mark.parametrize("degrees", [90.0, 180.0])
def test_its_own_clips_come_out_facing_forward_on_another_rig(degrees: float) -> None:
    other = prepare_character(read_scene(FileBundle("stout.glb", make_character(STOUT))), {})
    result = retarget_clip(prepare_motion(rig(degrees), 1, OPTIONS), other, OPTIONS).result
    assert abs(mean_heading_deg(result.positions_m, other.scene.skeleton.names)) < 10.0


@pytest.mark.parametrize(("degrees", "count"), [(0.0, 4), (90.0, 2), (40.0, 4)])
def test_what_is_no_agreed_right_angle_changes_nothing(degrees: float, count: int) -> None:
    assert prepare_character(rig(degrees, count), {}).rest.notices == ()


def test_the_mesh_still_stands_on_its_soles() -> None:
    straight, aside = prepare_character(rig(0.0), {}).body, prepare_character(rig(90.0), {}).body
    assert aside.floor_m == pytest.approx(straight.floor_m, abs=1e-3)
    assert aside.sole_drop_m == pytest.approx(straight.sole_drop_m, abs=1e-3)
