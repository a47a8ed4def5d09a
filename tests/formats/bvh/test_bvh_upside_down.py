"""Camera space has Y down: such a body is turned upright, one that stands on its hands is not."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from tests.formats.bvh.bvh_kit import PERSON, person, scene_of, swinging_rows
from workers.contract.definitions import CharacterDefinition, parse_definition
from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.formats.up_axis import AXES, DOWN_AXES, UpEvidence, guess_up_axis, to_y_up, up_direction
from workers.ingest.stored.scene_store import load_scene, save_scene
from workers.preparation.apply_definition import defined_scene
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Scene

FRAMES = 40
ARM_COLUMNS = (3 + 3 * 6, 3 + 3 * 10)  # Z rotation of the upper arms


def upright_rows(arms_deg: float = -75.0) -> Array:
    """Somebody walks along +Z; arms hang by `arms_deg` below the horizontal, or reach up where it is positive."""
    rows = 0.4 * swinging_rows(FRAMES, degrees=20.0)
    rows[:, :3] = np.stack([np.zeros(FRAMES), np.full(FRAMES, 93.0), np.linspace(0.0, 150.0, FRAMES)], axis=1)
    rows[:, ARM_COLUMNS[0]] = arms_deg
    rows[:, ARM_COLUMNS[1]] = -arms_deg
    return rows


def turned(rows: Array, turn: Array) -> Array:
    """The same motion with the world turned: root positions and root rotations (ZXY), the zero pose as it was."""
    rows = rows.copy()
    rows[:, :3] = quat.rotate(turn, rows[:, :3])
    own = quat.from_euler(np.radians(rows[:, None, 3:6]), "ZXY")
    rows[:, 3:6] = np.degrees(quat.to_euler_zxy(quat.multiply(turn, own)))[:, 0]
    return rows


def half_turn(axis: str) -> Array:
    return quat.from_axis_angle(np.eye(3)["XYZ".index(axis)], np.array(np.pi))


def world(scene: Scene) -> Array:
    return kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))[1]


def apart_up_to_heading(a: Array, b: Array) -> float:
    """Largest distance of two `(frames, joints, 3)` after the best turn about the vertical."""
    first, second = (places[..., 2] + 1j * places[..., 0] for places in (a, b))
    turn = (second * np.conj(first)).sum()
    flat = np.abs(first * turn / abs(turn) - second)
    return float(np.hypot(flat, a[..., 1] - b[..., 1]).max())


def codes(scene: Scene) -> set[str]:
    return {notice.code for notice in scene.notices}


@pytest.mark.parametrize("axis", ["Z", "X"])
@pytest.mark.parametrize("arms_deg", [-75.0, -20.0, 0.0])
def test_a_body_in_camera_space_is_turned_upright(axis: str, arms_deg: float) -> None:
    rows = upright_rows(arms_deg)
    scene = scene_of(person(turned(rows, half_turn(axis))))
    assert scene.units.up_axis == "-Y"
    assert "upside-down-turned" in codes(scene) and "up-axis-uncertain" not in codes(scene)
    assert apart_up_to_heading(world(scene), world(scene_of(person(rows)))) < 0.01
    heights = kinematics.rest_world(scene.skeleton)[1][:, 1]
    assert heights[3] > heights[0] > heights[15]  # its zero pose stands on its feet: neck, hips, foot


def test_left_stays_left() -> None:
    """Negated positions with a turned root are a rotation and no mirror image."""
    scene = scene_of(person(turned(upright_rows(), half_turn("Z"))))
    places = world(scene)[0]
    names = scene.skeleton.names
    left = places[names.index("LeftUpLeg")] - places[names.index("RightUpLeg")]
    foot = next(
        node
        for node in range(len(names))
        if scene.skeleton.end_site[node] and scene.skeleton.parents[node] == names.index("LeftFoot")
    )
    ahead = (places[foot] - places[names.index("LeftFoot")]) * [1.0, 0.0, 1.0]
    assert np.cross(left, [0.0, 1.0, 0.0]) @ ahead > 0.0


@pytest.mark.parametrize("axis", ["X", "Z"])
def test_a_file_whose_offsets_point_down_too(axis: str) -> None:
    """The whole skeleton is built in camera space: OFFSETs are turned, rotations are as seen from there."""
    rows, turn = upright_rows(), half_turn(axis)
    lines = person(rows).split("MOTION\n")[0].splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith("OFFSET"):
            offset = quat.rotate(turn, np.array([float(v) for v in line.split()[1:]]))
            lines[number] = "OFFSET " + " ".join(f"{v:.6f}" for v in offset)
    local = quat.from_euler(np.radians(rows[:, 3:].reshape(FRAMES, len(PERSON), 3)), "ZXY")
    seen = quat.multiply(quat.multiply(turn, local), quat.conjugate(turn))
    moved = np.concatenate(
        [quat.rotate(turn, rows[:, :3]), np.degrees(quat.to_euler_zxy(seen)).reshape(FRAMES, -1)], axis=1
    )
    values = "\n".join(" ".join(f"{v:.6f}" for v in row) for row in moved)
    text = "\n".join(lines) + f"\nMOTION\nFrames: {FRAMES}\nFrame Time: 0.033333\n{values}\n"
    scene = scene_of(text)
    assert scene.units.up_axis == "-Y" and "up-axis-uncertain" not in codes(scene)
    assert apart_up_to_heading(world(scene), world(scene_of(person(rows)))) < 0.01


@pytest.mark.parametrize("height_cm", [0.0, 60.0, 300.0])
def test_camera_space_without_a_ground_is_turned_and_uncertain(height_cm: float) -> None:
    rows = turned(upright_rows(), half_turn("X"))
    rows[:, :3] = [0.0, height_cm, 320.0]
    scene = scene_of(person(rows))
    assert scene.units.up_axis == "-Y"
    assert {"upside-down-turned", "up-axis-uncertain"} <= codes(scene)


def test_the_ground_speaks_for_camera_space_even_with_raised_arms_or_on_a_chair() -> None:
    cheering, sitting = upright_rows(arms_deg=80.0), upright_rows()
    for joint, degrees in ((13, -80.0), (14, 80.0), (16, -80.0), (17, 80.0)):  # X rotation of thighs and shins
        sitting[:, 3 + 3 * joint + 1] = degrees
    sitting[:, 1] = 51.0
    for rows in (cheering, sitting):
        scene = scene_of(person(turned(rows, half_turn("Z"))))
        assert scene.units.up_axis == "-Y"
        assert apart_up_to_heading(world(scene), world(scene_of(person(rows)))) < 0.01


def evidence(**given: Any) -> UpEvidence:
    """Head down along Y throughout, in a file without a usable zero pose and without a ground."""
    nothing, along_y = np.zeros(3), np.array([0.0, 1.0, 0.0])
    values: dict[str, Any] = {
        "motion": -along_y, "zero": nothing, "ground": nothing, "ground_down": nothing,
        "trunk_down": along_y, "head_down": along_y, "arms": -0.9,
    }  # fmt: skip
    return UpEvidence(**{**values, **given})


def test_without_a_zero_pose_arms_and_ground_tell_a_handstand_from_camera_space() -> None:
    along_y = np.array([0.0, 1.0, 0.0])
    assert guess_up_axis(evidence()).axis == "-Y"
    assert guess_up_axis(evidence()).is_close
    assert not guess_up_axis(evidence(ground_down=along_y)).is_close
    for handstand in (evidence(arms=0.9), evidence(arms=None), evidence(arms=0.9, ground=along_y)):
        assert guess_up_axis(handstand).axis == "Y"


def on_hands(height_cm: float) -> Array:
    """A handstand throughout: the body head down, arms beyond the head, hands on the ground at 0."""
    rows = upright_rows(arms_deg=80.0)
    rows[:, :3] = 0.0
    rows = turned(rows, half_turn("Z"))
    rows[:, 1] = height_cm
    return rows


def test_a_handstand_is_not_turned_over() -> None:
    lowest = world(scene_of(person(on_hands(0.0))))[..., 1].min()
    scene = scene_of(person(on_hands(-100.0 * lowest)))
    assert scene.units.up_axis == "Y"
    assert "upside-down-turned" not in codes(scene)
    heads = world(scene)[:, scene.skeleton.names.index("Head"), 1]
    assert np.all(heads < world(scene)[:, 0, 1])


def test_a_handstand_without_a_ground_stays_and_is_uncertain() -> None:
    scene = scene_of(person(on_hands(0.0)))
    assert scene.units.up_axis == "Y"
    assert "up-axis-uncertain" in codes(scene)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_somersault_is_not_turned_over(share: float) -> None:
    rows = upright_rows()
    over = int(share * FRAMES)
    rows[:over] = turned(rows[:over], half_turn("X"))
    rows[:, 1] = 93.0
    assert scene_of(person(rows)).units.up_axis == "Y"


@pytest.mark.parametrize("degrees", [-90.0, 90.0])
def test_lying_either_way_does_not_turn_the_world(degrees: float) -> None:
    rows = np.zeros((6, 3 + 3 * len(PERSON)))
    rows[:, 1], rows[:, 4] = 12.0, degrees
    assert scene_of(person(rows)).units.up_axis == "Y"


@pytest.mark.parametrize("axis", [*AXES, *DOWN_AXES])
def test_every_axis_turns_up(axis: Any) -> None:
    assert np.allclose(quat.rotate(to_y_up(axis), up_direction(axis)), [0.0, 1.0, 0.0])


def define(**fields: Any) -> CharacterDefinition:
    return parse_definition(json.dumps(fields), "source_definition")


@pytest.mark.parametrize("axis", [*AXES, *DOWN_AXES])
def test_a_definition_says_which_axis_is_up_whatever_was_guessed(axis: Any) -> None:
    """Handstands in every frame of reference: the guess may be wrong, the definition decides."""
    into_file = quat.conjugate(to_y_up(axis))
    for rows in (upright_rows(), upright_rows(arms_deg=80.0)):
        plain = world(scene_of(person(rows)))
        scene = defined_scene(scene_of(person(turned(rows, into_file))), define(up_axis=axis))
        assert scene.units.up_axis == axis
        assert apart_up_to_heading(world(scene), plain) < 0.01
        assert not codes(scene) & {"up-axis-uncertain", "upside-down-turned"}


def test_a_handstand_taken_for_camera_space_is_put_right() -> None:
    """Hanging by the legs, arms at the sides: it looks like camera space, and only the user knows."""
    rows = turned(upright_rows(), half_turn("Z"))
    guessed = scene_of(person(rows))
    assert guessed.units.up_axis == "-Y"
    told = defined_scene(guessed, define(up_axis="Y"))
    heads, hips = world(told)[:, 4, 1], world(told)[:, 0, 1]
    assert np.all(heads < hips)
    heights = kinematics.rest_world(told.skeleton)[1][:, 1]
    assert heights[3] > heights[0] > heights[15]


@pytest.mark.parametrize("axis", [None, "Y", "-Y"])
def test_a_stored_scene_keeps_its_axis_and_takes_a_definition(axis: str | None) -> None:
    fresh = scene_of(person(turned(upright_rows(), half_turn("Z"))))
    file = io.BytesIO()
    save_scene(fresh, file)
    stored = load_scene(file.getvalue())
    assert stored.units.up_axis == "-Y"
    definition = None if axis is None else define(up_axis=axis)
    assert np.allclose(world(defined_scene(stored, definition)), world(defined_scene(fresh, definition)), atol=1e-6)


def test_what_is_no_axis_is_refused_with_its_place() -> None:
    for value in ("-W", "down", "y", "+Y"):
        with pytest.raises(InvalidOptions, match="line 1, /up_axis"):
            define(up_axis=value)


def test_the_result_stands_as_that_of_the_upright_file(samples: dict[str, FileBundle]) -> None:
    rows = upright_rows()
    reports, places = [], []
    for text in (person(rows), person(turned(rows, half_turn("Z")))):
        result = retarget(FileBundle("m.bvh", text.encode()), samples["stout.glb"], JobOptions())
        scene = scene_from(result.artifacts["result.glb"])
        places.append(kinematics.clip_world(scene.skeleton, scene.load_clip(len(scene.clips) - 1, None))[1])
        reports.append(result.report)
    assert apart_up_to_heading(places[0], places[1]) < 0.02
    assert reports[0]["verdict"]["verdict"] == reports[1]["verdict"]["verdict"]
    assert places[1][..., 1].max() > 0.85


def scene_from(data: bytes) -> Scene:
    return read_scene(FileBundle("result.glb", data))
