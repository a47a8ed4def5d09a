"""Standards as rigs: what is written is what was meant, and a few of them bring each other's motion exactly."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.lab.standards.rigs import STYLES, Standard, make_standard, standards
from workers.lab.standards.study import Mapped, StandardPair, study_standards
from workers.lab.standards.table import CELL, LABEL, as_csv, matrix_picture, summary
from workers.preparation.prepare import prepare_motion

SOME = ("unreal5", "roblox_r15", "mmd", "character_creator")


@pytest.fixture(scope="module")
def some() -> list[Standard]:
    return [standard for standard in standards() if standard.name in SOME]


def test_a_rig_moves_as_it_is_said_to(some: list[Standard]) -> None:
    for standard in some:
        scene = read_scene(FileBundle("made.glb", standard.glb))
        for number, motion in enumerate(standard.motions):
            read = prepare_motion(scene, number, parse_options({"encoder": "none"})).motion
            order = [scene.skeleton.names.index(name) for name in standard.convention.joints]
            np.testing.assert_allclose(read.positions_m[:, order], standard.positions(motion), atol=1e-4)


def test_each_standard_has_a_style_and_a_size_of_its_own() -> None:
    made = standards()
    assert [standard.name for standard in made] == list(STYLES)
    assert len({standard.rig.body.shape.height_m for standard in made}) == len(made) >= 20
    again = make_standard(made[3].convention, 3)
    assert again.glb == made[3].glb


def test_limbs_point_where_they_should(some: list[Standard]) -> None:
    pairs: list[StandardPair] = []
    mapped = study_standards(some, pairs.append)
    assert len(pairs) == len(some) * (len(some) - 1)
    assert all(pair.error_deg is not None and pair.error_deg < 1.0 for pair in pairs), pairs
    # A and T poses differ by 45 degrees, which a copy carries into the arms.
    assert max(pair.naive_deg or 0.0 for pair in pairs) > 5.0
    assert all(item.right == item.present for item in mapped), [item.misses for item in mapped]


def test_a_study_is_told_whole() -> None:
    pairs = [
        StandardPair("a", "b", 1.5, 12.0, "leftUpperArm-leftLowerArm", 4.0),
        StandardPair("b", "a", None, failure="b has no hips"),
    ]
    told = summary(pairs, [Mapped("a", 1, 2, ("hips: nothing instead of Hip",))])
    assert "1 of 2 pairs; roles found 1 of 2" in told
    assert "b on a: b has no hips" in told and "1.50 degrees" in told and "12.00" in told
    rows = list(csv.DictReader(io.StringIO(as_csv(pairs))))
    assert [row["failure"] for row in rows] == ["", "b has no hips"]
    picture = matrix_picture(pairs)
    good = picture.getpixel((LABEL + CELL + 4, LABEL + 4))
    bad = picture.getpixel((LABEL + 4, LABEL + CELL + 4))
    assert good != bad and isinstance(bad, tuple) and bad[0] > bad[1] + 100
