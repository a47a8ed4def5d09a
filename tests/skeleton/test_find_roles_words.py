"""Reading joint names: side, part, helpers, shared prefixes, side letters."""

from __future__ import annotations

import pytest

from workers.skeleton.find_roles.names import NameReader, NameReading, default_lexicon, split_name


def read(*names: str) -> dict[str, NameReading]:
    return dict(zip(names, NameReader(names).readings, strict=True))


@pytest.mark.parametrize(
    ("name", "side", "part"),
    [
        ("mixamorig:LeftUpLeg", "left", "UpperLeg"),
        ("mixamorig1:RightForeArm", "right", "LowerArm"),
        ("Armature|Bip01 L Thigh", "left", "UpperLeg"),
        ("lShldr", "left", "UpperArm"),
        ("rFoot", "right", "Foot"),
        ("DEF-upper_arm.L.001", "left", "UpperArm"),
        ("RFArm", "right", "LowerArm"),
        ("jntlclav", "left", "Shoulder"),
        ("upperarm_r", "right", "UpperArm"),
        ("THIGH_LEFT", "left", "UpperLeg"),
        ("avant-bras droit", "right", "LowerArm"),
        ("Oberschenkel_links", "left", "UpperLeg"),
        ("pantorrilla.derecha", "right", "LowerLeg"),
        ("左足首", "left", "Foot"),
        ("右手首", "right", "Hand"),
        ("LeftHandThumb1", "left", "Thumb"),
        ("J_Bip_C_UpperChest", None, "chest"),
        ("L5", None, "spine"),
        ("tête", None, "head"),
    ],
)
def test_side_and_part(name: str, side: str | None, part: str) -> None:
    reading = read(name)[name]
    assert reading.side == side
    assert max(reading.parts, key=lambda key: reading.parts[key]) == part
    assert reading.auxiliary == 0


@pytest.mark.parametrize(
    "name",
    [
        "UpperArmTwist_L",
        "IK-foot.l",
        "左足ＩＫ",
        "kneePole.R",
        "handslot.l",
        "HeadTop_End",
        "MCH-foot.L",
        "Bip01 L Toe0Nub",
    ],
)
def test_helpers(name: str) -> None:
    assert read(name)[name].auxiliary >= 0.9


@pytest.mark.parametrize("name", ["lThighBend", "Collar", "sarcophagus", "Bone", "ring", "Hips"])
def test_words_are_not_cut_from_other_words(name: str) -> None:
    """ "Bend" is no "end", a collar has no side."""
    reading = read(name)[name]
    assert reading.auxiliary < 0.9
    assert reading.side == ("left" if name.startswith("l") else None)


def test_words_that_most_joints_share_say_nothing() -> None:
    names = (
        "Hero_Body_Hips",
        "Hero_Body_Spine",
        "Hero_Body_LArm",
        "Hero_Body_RArm",
        "Hero_Body_Head",
        "Hero_Body_LLeg",
    )
    readings = read(*names)
    assert readings["Hero_Body_Hips"].parts == {"hips": 1.0}
    assert readings["Hero_Body_LArm"].score("UpperArm") == 0.9


def test_a_word_for_a_part_is_kept_though_many_fingers_bear_it() -> None:
    names = ["LeftHand", *(f"LeftHand{finger}{n}" for finger in ("Thumb", "Index", "Ring") for n in range(4)), "Hips"]
    assert read(*names)["LeftHand"].score("Hand") == 1.0


def test_side_letters_need_pairs() -> None:
    french = read("bras_g", "bras_d", "main_g", "main_d", "pied_g", "pied_d", "tete")
    assert french["bras_g"].side == "left" and french["bras_d"].side == "right"
    assert read("spine_d", "bone_g", "tail_e", "arm_s")["spine_d"].side is None


def test_long_and_odd_names_are_harmless() -> None:
    for name in ("", " ", "::", "a" * 5000, "é" * 300, "\u0130stanbul", "L" * 90, "0" * 400, "\U0001f9b4"):
        assert isinstance(split_name(name, default_lexicon()), list)
        read(name)
