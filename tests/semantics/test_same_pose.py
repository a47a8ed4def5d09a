"""What an encoder's scores are worth on two bodies: told for each pair, once, and aloud where it is little."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import walk, wave
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL
from workers.semantics import same_pose as module
from workers.semantics.clip_meaning import Meaning
from workers.semantics.meaning import MeaningStage
from workers.semantics.same_pose import SamePose

OPTIONS = parse_options({"keyframes": 2})


@pytest.fixture(scope="module")
def characters() -> dict[str, PreparedCharacter]:
    styles = {"T": RigStyle(), "A": RigStyle(rest_pose="A", bone_axes="bone_x", up_axis="Z", unit="cm")}
    return {
        f"{shape.name} {pose}": prepare_character(read_scene(FileBundle("it.glb", make_character(shape, style))), {})
        for shape in (TALL, STOUT)
        for pose, style in styles.items()
    }


def _motion(clip: str) -> PreparedMotion:
    body = build_body(TALL)
    text = motion_to_bvh(body, {"walk": walk, "wave": wave}[clip](body))
    return prepare_motion(read_scene(FileBundle(f"{clip}.bvh", text.encode())), 0, OPTIONS)


def _measured(motion: PreparedMotion, target: PreparedCharacter) -> Meaning:
    made = retarget_clip(motion, target, OPTIONS)
    return MeaningStage("eye").measure_clip(made, target, OPTIONS, lambda share: None)


def _value(meaning: Meaning) -> float:
    assert meaning.facts is not None
    found = meaning.facts["same_pose"]["calibrated"]
    assert isinstance(found, float)
    return found


def test_it_is_of_the_bodies_and_neither_of_the_clip_nor_of_how_a_rig_rests(
    characters: dict[str, PreparedCharacter], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {name: _value(_measured(_motion("walk"), target)) for name, target in characters.items()}
    assert values["tall T"] > 0.9 and values["stout T"] > module.KNOWN_FROM
    for shape in ("tall", "stout"):
        assert values[f"{shape} T"] == pytest.approx(values[f"{shape} A"], abs=0.03)
    looked = []
    monkeypatch.setattr(module, "_looked_at", lambda *both: looked.append(both))
    again = _measured(_motion("walk"), characters["tall T"])
    assert _value(again) == values["tall T"] and looked == []  # two bodies are looked at once


def test_an_encoder_that_does_not_know_a_body_says_so() -> None:
    (notice,) = SamePose(0.1, 0.31).notices("eye@1")
    assert notice.code == "encoder-unsure" and "0.31" in notice.message and "eye@1" in notice.message
    assert SamePose(0.8, module.KNOWN_FROM).notices("eye@1") == SamePose(0.8, None).notices("eye@1") == ()


def test_a_clip_that_was_not_looked_at_says_nothing(characters: dict[str, PreparedCharacter]) -> None:
    made = retarget_clip(_motion("wave"), characters["tall T"], OPTIONS)
    meaning = MeaningStage("none").measure_clip(made, characters["tall T"], OPTIONS, lambda share: None)
    assert meaning.facts is None and replace(meaning) is not None
