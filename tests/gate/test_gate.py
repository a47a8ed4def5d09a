"""The gate finds what was spoilt and lets noise pass; it computes only what changed; its files hold what it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from service.cli import main
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.gate.motion_changes import motion_changes
from workers.gate.motion_signature import sign_motion, unpack_motion
from workers.gate.tolerances import Tolerances
from workers.lab.eye.data.damage import reach_to
from workers.lab.studies.meaning_damage import stretched, with_sides_swapped
from workers.lab.studies.spoilt_results import Good, frozen_limb
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.retargeting.feet.legs import carried
from workers.skeleton import quat

LIMITS = Tolerances.model_validate({})
OPTIONS = parse_options({})
RNG_SEED = 5


@pytest.fixture(scope="module")
def good(samples: dict[str, FileBundle]) -> Good:
    """The walk on a stout body, and another clip's poses on it."""
    target = prepare_character(read_scene(samples["stout.glb"]), OPTIONS.mapping)
    done, other = (
        retarget_clip(prepare_motion(read_scene(samples[name]), 0, OPTIONS), target, OPTIONS)
        for name in ("walk.bvh", "wave.bvh")
    )
    return Good(done, target, OPTIONS, other.result, 0)


def losses(before: BodyMotion, after: BodyMotion) -> set[str]:
    signed = [unpack_motion(sign_motion(motion)) for motion in (before, after)]
    return {change.what for change in motion_changes(signed[0], signed[1], LIMITS) if change.is_loss}


def swapped(good: Good) -> BodyMotion:
    source = with_sides_swapped(good.done.source, re.compile("left|right"))
    return retarget_clip(source, good.target, good.options).result


def hand_off(good: Good) -> BodyMotion:
    """10 cm of an adult, away from the body."""
    away = quat.rotate(good.motion.body.facing, np.array([0.0, 0.0, 0.1 / 1.75 * good.motion.body.height_m]))
    return reach_to(good.motion, "left", np.broadcast_to(away, (good.motion.frames, 3)))


def foot_sunk(good: Good) -> BodyMotion:
    """5 cm of an adult, below where it stood."""
    motion = good.motion
    joints = carried(motion.body, motion.body.mapping.roles["rightFoot"].joint)
    positions = motion.positions_m.copy()
    positions[:, joints, 1] -= 0.05 / 1.75 * motion.body.height_m
    return replace(motion, positions_m=positions)


def half_speed(good: Good) -> BodyMotion:
    motion, half = good.motion, good.motion.frames // 2
    first = replace(motion, rotations=motion.rotations[:half], positions_m=motion.positions_m[:half])
    return stretched(first, motion.frames)


DEFECTS: dict[str, Callable[[Good], BodyMotion]] = {
    "swapped": swapped,
    "hand off": hand_off,
    "foot sunk": foot_sunk,
    "frozen limb": lambda good: frozen_limb(good, 1.0),
    "half speed": half_speed,
    "wrong clip": lambda good: stretched(good.other, good.motion.frames),
}


@pytest.mark.parametrize("kind", DEFECTS)
def test_a_spoilt_motion_is_a_loss(good: Good, kind: str) -> None:
    assert losses(good.motion, DEFECTS[kind](good))


def test_noise_and_itself_are_no_loss(good: Good) -> None:
    motion = good.motion
    random = np.random.default_rng(RNG_SEED)
    sway = 2e-3 * motion.body.height_m * random.standard_normal((1, motion.positions_m.shape[1], 3))
    turn = quat.from_rotation_vector(np.radians(1.0) * random.standard_normal((*motion.rotations.shape[:2], 3)))
    shaken = replace(motion, positions_m=motion.positions_m + sway, rotations=quat.multiply(turn, motion.rotations))
    assert not losses(motion, motion) and not losses(motion, shaken)


def test_the_signature_does_not_grow_with_the_clip(good: Good) -> None:
    long = stretched(good.motion, 20 * good.motion.frames)
    sizes = [len(sign_motion(motion).model_dump_json()) for motion in (good.motion, long)]
    assert sizes[1] < 1.3 * sizes[0] < 40_000


@pytest.fixture(scope="module")
def library(samples: dict[str, FileBundle], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of two rows, accepted."""
    folder = tmp_path_factory.mktemp("library")
    for name in ("walk.bvh", "wave.bvh", "stout.glb"):
        (folder / name).write_bytes(samples[name].data)
    manifest = folder / "lib.toml"
    manifest.write_text(
        "[options]\nencoder = 'none'\nend_s = 0.4\nkeyframes = 2\n"
        "[[rows]]\nmotions = '*.bvh'\ncharacters = 'stout.glb'\n"
    )
    assert main(["gate", str(manifest), "--accept", "--jobs", "1"]) == 0
    return manifest


def test_nothing_changed_nothing_is_computed(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", str(library), "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "2 same" in printed and "2 rows, 0 computed" in printed


def test_a_wrong_clip_is_lost_and_its_sheet_comes_first(
    library: Path, samples: dict[str, FileBundle], capsys: pytest.CaptureFixture[str]
) -> None:
    (library.parent / "walk.bvh").write_bytes(samples["reach_overhead.bvh"].data)
    told = library.with_name("told.json")
    try:
        assert main(["gate", str(library), "--jobs", "1", "--json", str(told)]) == 5
    finally:
        (library.parent / "walk.bvh").write_bytes(samples["walk.bvh"].data)
    printed = capsys.readouterr().out
    assert "1 lost, 1 same" in printed and "2 rows, 1 computed" in printed
    rows = {row["row"]: row for row in json.loads(told.read_text())["rows"]}
    assert rows["walk.bvh -> stout.glb"]["status"] == "lost" and rows["wave.bvh -> stout.glb"]["status"] == "same"
    page = library.with_suffix(".gate").joinpath("index.html").read_text()
    assert page.index("walk.bvh") < page.index("wave.bvh") and page.count("<img") == 3  # now, accepted, and the same
    suite = Xml.parse(library.with_suffix(".gate") / "junit.xml").getroot().find("testsuite")
    assert suite is not None and (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_a_motion_that_went_is_a_loss_and_one_that_came_is_new(
    library: Path, samples: dict[str, FileBundle], capsys: pytest.CaptureFixture[str]
) -> None:
    wave = library.parent / "wave.bvh"
    wave.rename(wave.with_name("hello.bvh"))
    try:
        assert main(["gate", str(library), "--jobs", "1"]) == 5
    finally:
        wave.with_name("hello.bvh").rename(wave)
    assert "1 gone, 1 new, 1 same" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rows = []", "/rows"),
        ("[[rows]]\nmotions = 'no*.bvh'\ncharacters = 'stout.glb'", "'no*.bvh' finds no file"),
        ("[[rows]]\nmotions = 'walk.bvh'\ncharacters = 'none.glb'", "no file"),
        ("[[rows]]\nmotions = 'walk.bvh'\ncharacters = 'stout.glb'\nspeed = 2", "speed"),
        ("[options]\nfps = 'quick'\n[[rows]]\nmotions = 'walk.bvh'\ncharacters = 'stout.glb'", "/fps"),
        ("[[rows", "lib2.toml"),
        ("[[rows]]\nmotions = 'walk.bvh'\ncharacters = 'stout.glb'", "nothing was accepted yet"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_in_a_line(
    library: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = library.with_name("lib2.toml")
    other.write_text(text)
    assert main(["gate", str(other)]) in (2, 3)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and told in line
