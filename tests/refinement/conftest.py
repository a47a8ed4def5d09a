"""The sample clips on the stout sample character."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.prepare import PreparedCharacter, prepare_character, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.samples.body import build_body
from workers.samples.clips import CLIPS
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL, BodyShape

Retargeted = Callable[[str], RetargetedClip]


def _character(shape: BodyShape) -> PreparedCharacter:
    return prepare_character(read_scene(FileBundle(f"{shape.name}.glb", make_character(shape))), {})


@pytest.fixture(scope="session")
def stout() -> PreparedCharacter:
    return _character(STOUT)


@pytest.fixture(scope="session")
def tall() -> PreparedCharacter:
    return _character(TALL)


def _retargeted(name: str, character: PreparedCharacter, end_s: float | None = None) -> RetargetedClip:
    (make,) = [clip for clip in CLIPS if clip.__name__ == name]
    scene = read_scene(FileBundle(f"{name}.glb", make_character(TALL, motions=[make(build_body(TALL))])))
    return retarget_clip(prepare_motion(scene, 0, JobOptions(end_s=end_s)), character, JobOptions())


@pytest.fixture(scope="session")
def on_stout(stout: PreparedCharacter) -> Retargeted:
    """A sample clip of the tall body, with its skin, on the stout one, by name."""
    return cache(lambda name: _retargeted(name, stout))


@pytest.fixture(scope="session")
def first_clap(stout: PreparedCharacter) -> RetargetedClip:
    """The first of the claps alone, on the stout body."""
    return _retargeted("clap", stout, 0.5)


@pytest.fixture(scope="session")
def on_tall(tall: PreparedCharacter) -> Retargeted:
    """The beginning of a sample clip on the body it was made for."""
    return cache(lambda name: _retargeted(name, tall, 1.2))
