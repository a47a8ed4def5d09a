"""Reading BVH text: grammar, channels, motion rows, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.bvh.bvh_kit import PERSON, person, person_channels, scene_of, swinging_rows
from workers.contract.errors import ClipNotFound, NoSkeleton, ParseFailed, RetargetError, TooLarge
from workers.formats.bundle import FileBundle
from workers.formats.bvh.read import read_bvh
from workers.formats.limits import Limits
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Scene


def codes(scene: Scene) -> list[str]:
    return [notice.code for notice in scene.notices]


def euler_matrix(degrees: dict[str, float], order: str) -> np.ndarray:
    """Product of axis rotations in the order listed, from the definition."""
    result = np.eye(3)
    for axis in order:
        c, s = np.cos(np.radians(degrees[axis])), np.sin(np.radians(degrees[axis]))
        turn = {
            "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
            "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }
        result = result @ np.array(turn[axis])
    return result


def test_joints_come_first_and_end_sites_after_in_order_of_appearance() -> None:
    skeleton = scene_of(person()).skeleton
    assert skeleton.names[: len(PERSON)] == tuple(name for name, _, _ in PERSON)
    assert skeleton.names[len(PERSON) :] == (
        "Head_end",
        "LeftHand_end",
        "RightHand_end",
        "LeftFoot_end",
        "RightFoot_end",
    )
    assert list(skeleton.file_indices) == list(range(len(PERSON) + 5))
    assert list(np.flatnonzero(skeleton.end_site)) == list(range(len(PERSON), len(PERSON) + 5))
    assert list(skeleton.parents[: len(PERSON)]) == [parent for _, parent, _ in PERSON]
    assert all(parent < joint for joint, parent in enumerate(skeleton.parents))


def test_scene_describes_one_clip_named_after_the_file() -> None:
    scene = scene_of(person(swinging_rows(31)), "some/dir/walk fast.v2.bvh")
    assert [clip.name for clip in scene.clips] == ["walk fast.v2"]
    assert scene.clips[0].rate_hz == 30.0
    assert scene.clips[0].duration_s == pytest.approx(1.0)
    assert (scene.format, scene.rest_kind, scene.load_mesh(), scene.skins) == ("bvh", "zero", None, 0)
    with pytest.raises(ClipNotFound):
        scene.find_clip("other")


@given(
    order=st.sampled_from(["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "ZXZ", "X", "YZ"]),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    position_first=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_channel_order_gives_the_product_of_axis_turns(
    order: str, angles: tuple[float, float, float], position_first: bool
) -> None:
    degrees = dict(zip("XYZ", angles, strict=True))
    turns = " ".join(f"{axis}rotation" for axis in order)
    moves = "Zposition Xposition Yposition"
    count = 3 + len(order)
    listed = f"{moves} {turns}" if position_first else f"{turns} {moves}"
    values = [f"{degrees[axis]:.9f}" for axis in order]
    place = ["30", "10", "20"]
    row = [*place, *values] if position_first else [*values, *place]
    text = (
        f"HIERARCHY\nROOT a\n{{\nOFFSET 0 0 0\nCHANNELS {count} {listed}\nEnd Site\n{{\nOFFSET 0 170 0\n}}\n}}\n"
        f"MOTION\nFrames: 1\nFrame Time: 0.01\n{' '.join(row)}\n"
    )
    scene = scene_of(text)
    turn = quat.to_matrix(scene.skeleton.rest_rotations[0])
    clip = scene.load_clip(0, None)
    assert np.allclose(quat.to_matrix(clip.rotations[0, 0]), turn @ euler_matrix(degrees, order), atol=1e-7)
    assert np.allclose(clip.translations_m[0][0], turn @ np.array([10, 20, 30]) * scene.units.factor, atol=1e-9)


def test_forward_kinematics_of_an_independent_computation() -> None:
    rows = swinging_rows(5)
    scene = scene_of(person(rows))
    _, positions = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
    for frame, row in enumerate(np.round(rows, 6)):
        world: list[tuple[np.ndarray, np.ndarray]] = []
        for joint, (_, parent, offset) in enumerate(PERSON):
            z, x, y = row[3 + 3 * joint : 6 + 3 * joint]
            local = euler_matrix({"X": x, "Y": y, "Z": z}, "ZXY")
            if parent < 0:
                world.append((local, row[:3] / 100.0))
            else:
                above, place = world[parent]
                world.append((above @ local, place + above @ np.array(offset)))
            assert np.allclose(positions[frame, joint], world[joint][1], atol=1e-7)


def spaced(text: str) -> str:
    return text.replace("Frames: ", "FRAMES :\t").replace("Frame Time: ", "frame time:")


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("\n", "\n\n \t\n"),
        lambda t: t.replace(" ", "\t\t "),
        lambda t: "\ufeff" + t,
        lambda t: t.replace("HIERARCHY", "hierarchy").replace("MOTION", "Motion").replace("JOINT", "Joint"),
        lambda t: (
            t.replace("OFFSET", "offset")
            .replace("CHANNELS", "Channels")
            .replace("rotation", "Rotation")
            .replace("End Site", "END SITE")
        ),
        spaced,
        lambda t: t.rstrip(),
        lambda t: t.replace("\n{", " {").replace("\t{", "{"),
        lambda t: "\n\n  " + t,
    ],
    ids=[
        "crlf",
        "blank-lines",
        "tabs",
        "bom",
        "case",
        "case-2",
        "spacing",
        "no-last-newline",
        "brace-on-line",
        "leading-blank",
    ],
)
def test_spelling_and_white_space_do_not_matter(change: Callable[[str], str]) -> None:
    plain, changed = scene_of(person(swinging_rows())), scene_of(change(person(swinging_rows())))
    assert changed.skeleton.names == plain.skeleton.names
    assert codes(changed) == codes(plain) == ["units-guessed"]
    assert np.array_equal(changed.load_clip(0, None).rotations, plain.load_clip(0, None).rotations)
    assert changed.clips == plain.clips


def test_names_may_hold_spaces_repeat_or_be_missing() -> None:
    text = person().replace("LeftArm", "Left Upper  Arm").replace("RightArm", "Spine").replace("ROOT Hips", "ROOT")
    names = scene_of(text).skeleton.names
    assert names[6] == "Left Upper Arm"
    assert names.count("Spine") == 2
    assert names[0] == "joint_0"


def test_several_roots() -> None:
    once = person().partition("MOTION")[0].removeprefix("HIERARCHY\n")
    row = " ".join(["0"] * 2 * person_channels())
    scene = scene_of(f"HIERARCHY\n{once}{once}MOTION\nFrames: 1\nFrame Time: 0.02\n{row}\n")
    assert list(np.flatnonzero(scene.skeleton.parents < 0)) == [0, len(PERSON)]
    assert len(scene.skeleton) == 2 * (len(PERSON) + 5)


@pytest.mark.parametrize(
    "announced", ["1", "99", "1000000000", "99999999999999999999999999", "0", "", "abc", "-4", "1e400"]
)
def test_frames_says_another_number_than_there_are_rows(announced: str) -> None:
    text = person(swinging_rows(12)).replace("Frames: 12", f"Frames: {announced}")
    scene = scene_of(text)
    assert scene.clips[0].frames == 12
    assert "frame-count-mismatch" in codes(scene)


@pytest.mark.parametrize("cut", [1, 5, 40, 200, 420])
def test_a_last_row_cut_short_is_left_out_and_said(cut: int) -> None:
    scene = scene_of(person(swinging_rows(12))[:-cut])
    whole = scene_of(person(swinging_rows(12))).load_clip(0, None)
    # Cutting only digits of the last number leaves a row that cannot be told from a whole one.
    short = scene.clips[0].frames == 11
    assert short == (cut > 10)
    assert ("last-row-incomplete" in codes(scene)) == short
    assert np.allclose(scene.load_clip(0, None).rotations[:11], whole.rotations[:11])


def test_a_last_row_that_ends_in_half_a_number() -> None:
    scene = scene_of(person(swinging_rows(12)) + "1.5 -")
    assert scene.clips[0].frames == 12
    assert "last-row-incomplete" in codes(scene)


@pytest.mark.parametrize(
    ("value", "line_offset"),
    [
        ("nan", 0),
        ("inf", 3),
        ("-Infinity", 1),
        ("1e400", 2),
        ("-1e300", 5),
        ("0,5", 4),
        ("1.2.3", 0),
        ("x", 6),
        ("\x00", 1),
        ("--1", 2),
    ],
)
def test_a_bad_number_is_refused_with_its_line(value: str, line_offset: int) -> None:
    lines = person(swinging_rows(12)).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    row = lines[first + line_offset].split(" ")
    row[7] = value
    lines[first + line_offset] = " ".join(row)
    with pytest.raises(ParseFailed, match=rf"clip.bvh, line {first + line_offset + 1}:.*number"):
        scene_of("\n".join(lines))


def test_a_row_with_too_few_numbers_is_refused_with_its_line() -> None:
    lines = person(swinging_rows(12)).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    lines[first + 4] = lines[first + 4].rsplit(" ", 1)[0]
    with pytest.raises(ParseFailed, match=rf"line {first + 5}: the row has {person_channels() - 1} numbers"):
        scene_of("\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("OFFSET 0.000000 93", "OFFSET nan 93", "not a usable length"),
        ("OFFSET 0.000000 93", "OFFSET 1e400 93", "not a usable length"),
        ("OFFSET 0.000000 93", "OFFSET 0,0 93", "not a number"),
        ("OFFSET 0.000000 93.000000 0.000000", "", "no OFFSET"),
        ("CHANNELS 6", "CHANNELS 5", "announces 5 but names 6"),
        ("CHANNELS 6", "CHANNELS 7", "announces 7 but names 6"),
        ("CHANNELS 6", "CHANNELS 1000000000000", "takes a count"),
        ("CHANNELS 6", "CHANNELS -1", "takes a count"),
        ("Yposition", "Xposition", "twice"),
        ("JOINT Spine", "JOINTS Spine", "not expected"),
        ("\t}\n}\nMOTION", "\t}\n}\n}\nMOTION", "not expected"),
        ("JOINT Spine\n\t{", "JOINT Spine\n", "'{' is expected"),
        ("JOINT Spine", "JOINT " + "a b " * 2000, "longer than"),
        ("HIERARCHY", "HIERARCHI", "starts with the word HIERARCHY"),
        ("MOTION", "", "not expected|MOTION"),
        ("Frame Time: 0.033333", "Frame Time: -0.03", "not plausible"),
        ("Frame Time: 0.033333", "Frame Time: 33.3333", "not plausible"),
        ("Frame Time: 0.033333", "Frame Time: nan", "not plausible"),
        ("Frame Time: 0.033333", "Frame Time: 1e-300", "not plausible"),
        ("Frame Time: 0.033333", "Frame Time: fast", "not plausible"),
    ],
)
def test_damage_in_the_hierarchy_or_header_is_named(old: str, new: str, message: str) -> None:
    text = person()
    assert old in text
    with pytest.raises(ParseFailed, match=message):
        scene_of(text.replace(old, new, 1))


def test_no_root_no_rows_no_channels() -> None:
    with pytest.raises(NoSkeleton):
        scene_of("HIERARCHY\nMOTION\nFrames: 0\nFrame Time: 0.1\n")
    with pytest.raises(ParseFailed, match="no complete motion row"):
        scene_of(person().partition("Frame Time: 0.033333")[0] + "Frame Time: 0.033333\n")
    with pytest.raises(ParseFailed, match="no joint has CHANNELS"):
        scene_of("HIERARCHY ROOT a { OFFSET 0 0 0 } MOTION Frames: 1\nFrame Time: 0.1\n0\n")
    with pytest.raises(ParseFailed, match="before MOTION"):
        scene_of(person().partition("MOTION")[0])


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        (".0083333", 120.0), ("0.008333", 120.0), ("0.041667", 24.0), ("0.016667", 60.0), ("0.033", 30.0),
        ("0.01", 100.0), ("0.0333667", 1 / 0.0333667), ("8.333333E-03", 120.0), ("0.5", 2.0),
        ("0.017", 60.0), ("0.0142857", 70.0),
    ],
)  # fmt: skip
def test_rate_is_the_one_that_was_rounded(text: str, rate: float) -> None:
    assert scene_of(person(frame_time=text)).clips[0].rate_hz == pytest.approx(rate, abs=1e-12)


@pytest.mark.parametrize("line", ["Frame Time: 0", "Frame Time: 0.0", "Frame Time:", ""])
def test_a_missing_frame_time_is_assumed_and_said(line: str) -> None:
    scene = scene_of(person(swinging_rows()).replace("Frame Time: 0.033333", line))
    assert scene.clips[0].rate_hz == 30.0
    assert "frame-time-assumed" in codes(scene)


def test_positions_on_every_joint_are_kept_only_where_they_move() -> None:
    text = person(positions_everywhere=True)
    assert set(scene_of(text).load_clip(0, None).translations_m) == set()
    head, _, rows = text.partition("Frame Time: 0.033333\n")
    values = np.array([[float(v) for v in row.split()] for row in rows.splitlines()])
    values[1, 6 * 4 + 1] += 2.0  # the head moves up by 2 cm
    clip = scene_of(head + "Frame Time: 0.033333\n" + "\n".join(" ".join(map(str, row)) for row in values)).load_clip(
        0, None
    )
    assert set(clip.translations_m) == {4}
    assert np.allclose(clip.translations_m[4], [[0.0, 0.10, 0.0], [0.0, 0.12, 0.0]])


def test_positions_added_to_offsets_are_recognised() -> None:
    text = person(positions_everywhere=True)
    head = text.partition("Frame Time: 0.033333\n")[0]
    values = np.zeros((2, 6 * len(PERSON)))
    values[1, 6 * 4 + 1] = 2.0
    scene = scene_of(head + "Frame Time: 0.033333\n" + "\n".join(" ".join(map(str, row)) for row in values))
    clip = scene.load_clip(0, None)
    assert "positions-added-to-offset" in codes(scene)
    assert set(clip.translations_m) == {4}
    assert np.allclose(clip.translations_m[4], [[0.0, 0.10, 0.0], [0.0, 0.12, 0.0]])
    assert np.allclose(kinematics.clip_world(scene.skeleton, clip)[1][0], kinematics.rest_world(scene.skeleton)[1])


@pytest.mark.parametrize("adds", [False, True])
def test_root_positions_replace_or_extend_the_offset_as_the_ground_says(adds: bool) -> None:
    rows = swinging_rows()
    if adds:
        rows[:, :3] -= [0.0, 93.0, 0.0]
    scene = scene_of(person(rows))
    _, positions = kinematics.clip_world(scene.skeleton, scene.load_clip(0, None))
    assert ("positions-added-to-offset" in codes(scene)) == adds
    assert -0.1 < positions[..., 1].min() < 0.2


def test_one_axis_of_position_keeps_the_offset_on_the_others() -> None:
    head, _, _ = person().partition("MOTION")
    head = head.replace("6 Xposition Yposition Zposition", "4 Yposition").replace(
        "OFFSET 0.000000 93", "OFFSET 7.000000 93"
    )
    rows = "\n".join(" ".join([str(y), *["0"] * (person_channels() - 3)]) for y in (90, 95))
    clip = scene_of(f"{head}MOTION\nFrames: 2\nFrame Time: 0.1\n{rows}\n").load_clip(0, None)
    assert np.allclose(clip.translations_m[0], [[0.07, 0.90, 0.0], [0.07, 0.95, 0.0]])


def test_scale_channels_are_skipped_and_said() -> None:
    text = person()
    text = text.replace(
        "CHANNELS 6 Xposition Yposition Zposition ", "CHANNELS 9 Xscale Yscale Zscale Xposition Yposition Zposition "
    )
    text = text.replace("0.000000 93.000000 0.000000 ", "1 1 1 0.000000 93.000000 0.000000 ")
    text = text.replace("OFFSET 1 1 1 ", "OFFSET ")
    scene = scene_of(text)
    assert "scale-channels-ignored" in codes(scene)
    assert np.allclose(scene.load_clip(0, None).rotations, scene_of(person()).load_clip(0, None).rotations)


def test_rotations_are_unit_and_continuous_over_a_full_turn() -> None:
    rows = np.zeros((90, person_channels()))
    rows[:, 1] = 93.0
    rows[:, 5] = np.linspace(0, 1080, 90)
    q = scene_of(person(rows)).load_clip(0, None).rotations
    assert np.allclose(np.linalg.norm(q, axis=-1), 1.0)
    assert (np.einsum("tji,tji->tj", q[1:], q[:-1]) > 0.9).all()


def chain(count: int) -> str:
    joints = "".join(f"JOINT a{i} {{ OFFSET 0 1 0 " for i in range(count))
    return (
        f"HIERARCHY ROOT r {{ OFFSET 0 0 0 CHANNELS 1 Xrotation {joints}"
        + "}" * (count + 1)
        + " MOTION\nFrames: 1\nFrame Time: 0.1\n0\n"
    )


def test_depth_bombs_are_refused_or_read_without_recursion() -> None:
    assert len(scene_of(chain(3000)).skeleton) == 3001
    with pytest.raises(TooLarge, match="joints"):
        scene_of(chain(300_000))


@pytest.mark.parametrize(
    "tail", ["1" * 3_000_000 + "\n0", " " * 3_000_000 + "1\n2", "0\n" * 1_500_000 + "x\n0", "0.5 " * 500_000]
)
def test_hostile_rows_are_refused(tail: str) -> None:
    """So long that the time-out strikes if the work grows faster than the text; as above and below."""
    with pytest.raises(RetargetError):
        scene_of(person(swinging_rows(3)) + tail)


@pytest.mark.parametrize("word", ["{", "a ", "a", "OFFSET 0 0 0 ", "CHANNELS 3 ", "Xrotation ", "1"])
@pytest.mark.parametrize(
    "start",
    ["HIERARCHY ROOT a ", "HIERARCHY ROOT a { ", "HIERARCHY ROOT a { OFFSET ", "HIERARCHY ROOT a { CHANNELS 1 "],
)
def test_hostile_hierarchies_are_refused(start: str, word: str) -> None:
    with pytest.raises(RetargetError):
        scene_of(start + word * 300_000)


def test_limits_on_frames_and_nodes() -> None:
    with pytest.raises(TooLarge, match="frames"):
        read_bvh(FileBundle("a.bvh", person(swinging_rows(20)).encode()), Limits(frames=19))
    with pytest.raises(TooLarge, match="end sites"):
        read_bvh(FileBundle("a.bvh", person().encode()), Limits(nodes=20))
    with pytest.raises(TooLarge, match="frames at 1000 Hz"):
        scene = read_bvh(FileBundle("a.bvh", person(swinging_rows(20)).encode()), Limits(frames=30))
        scene.load_clip(0, 1000.0)


def test_five_thousand_frames_of_sixty_joints() -> None:
    joints = 60
    head = "HIERARCHY ROOT r { OFFSET 0 0 0 CHANNELS 3 Zrotation Xrotation Yrotation "
    head += "JOINT j { OFFSET 0 3 0 CHANNELS 3 Zrotation Xrotation Yrotation " * (joints - 1) + "}" * joints
    row = " ".join(f"{value:.6f}" for value in np.random.default_rng(0).normal(0, 60, 3 * joints))
    data = (head + "\nMOTION\nFrames: 5000\nFrame Time: 0.0333333\n" + (row + "\n") * 5000).encode()
    clip = scene_of(data).load_clip(0, None)
    assert clip.rotations.shape == (5000, joints, 4)


def test_mutations_give_a_scene_or_a_typed_error() -> None:
    original = person(swinging_rows(4)).encode()
    rng = np.random.default_rng(2024)
    outcomes = {"read": 0, "refused": 0}
    words = [
        b"{",
        b"}",
        b"JOINT",
        b"nan",
        b"1e400",
        b"End Site",
        b"CHANNELS",
        b"OFFSET",
        b"MOTION",
        b"-",
        b"\x00",
        b"\xff\xfe",
        b" 9" * 50,
    ]
    for _ in range(500):
        data = bytearray(original)
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(0, len(data)))
            match int(rng.integers(0, 5)):
                case 0:
                    data[at] = int(rng.integers(0, 256))
                case 1:
                    del data[at : at + int(rng.integers(1, 60))]
                case 2:
                    data[at:at] = words[int(rng.integers(0, len(words)))]
                case 3:
                    data[at:at] = data[at // 2 : at // 2 + int(rng.integers(1, 200))]
                case 4:
                    del data[at:]
            if not data:
                break
        try:
            scene = scene_of(bytes(data))
            clip = scene.load_clip(0, None)
            assert np.isfinite(clip.rotations).all()
            assert np.isfinite(kinematics.clip_world(scene.skeleton, clip)[1]).all()
            outcomes["read"] += 1
        except RetargetError as error:
            assert "\n" not in error.detail
            outcomes["refused"] += 1
    assert outcomes["read"] > 20
    assert outcomes["refused"] > 100


def test_every_real_file_reads(shared_data: Path) -> None:
    files = sorted(shared_data.rglob("*.bvh"))
    assert files
    for file in files:
        scene = scene_of(file.read_bytes(), file.name)
        clip = scene.load_clip(0, None)
        assert np.isfinite(clip.rotations).all(), file
        expected = {"frame-count-mismatch"} if file.name == "Boxing_Toes.bvh" else set()
        assert set(codes(scene)) - {"units-guessed", "positions-added-to-offset"} == expected, file
