"""Files prepared before: once for the same scene and the same choices, and never by an answer that has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workers.contract.definitions import CharacterDefinition
from workers.contract.options import JobOptions, MappingOverride, parse_options
from workers.engine import prepared_files, scene_engine
from workers.engine.prepared_files import FILES_KEPT, PreparedFiles
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.mapping_choice import MappingPreset, Side
from workers.skeleton.model import Scene

Samples = dict[str, FileBundle]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files were prepared, in order."""
    names: list[str] = []

    def counted(name: str) -> None:
        work: Callable[..., Any] = getattr(prepared_files, name)

        def told(*given: Any) -> Any:
            names.append(name.removeprefix("prepare_"))
            return work(*given)

        monkeypatch.setattr(prepared_files, name, told)

    counted("prepare_character")
    counted("prepare_motion")
    return names


@pytest.fixture
def stout(samples: Samples) -> Scene:
    return read_scene(samples["stout.glb"])


@pytest.fixture
def walk(samples: Samples) -> Scene:
    return read_scene(samples["walk.bvh"])


def test_a_character_is_prepared_once_for_many_motions(stout: Scene, samples: Samples, made: list[str]) -> None:
    files = PreparedFiles()
    first = files.character(stout, MappingOverride())
    assert files.character(stout, MappingOverride()) is first
    assert files.character(read_scene(samples["stout.glb"]), MappingOverride()) is not first  # another object
    assert made == ["character"] * 2


def test_another_mapping_or_definition_is_another_character(stout: Scene, made: list[str]) -> None:
    files = PreparedFiles()
    plain = files.character(stout, MappingOverride())
    without = files.character(stout, MappingOverride(target={"leftToes": None}))
    tall = files.character(stout, MappingOverride(), CharacterDefinition(height_m=2.0))
    assert plain.body.has("leftToes") and not without.body.has("leftToes")
    assert tall.body.height_m == 2.0
    assert made == ["character"] * 3
    assert files.character(stout, MappingOverride(target={"leftToes": None})) is without


def test_a_preset_that_changed_is_not_missed(stout: Scene, made: list[str]) -> None:
    presets: list[MappingPreset | None] = [None]
    asked: list[Side] = []

    def find(side: Side, fingerprint: str, preset_id: str | None) -> MappingPreset | None:
        asked.append(side)
        return presets[0]

    files = PreparedFiles()
    plain = files.character(stout, MappingOverride(), None, find)
    assert files.character(stout, MappingOverride(), None, find) is plain
    presets[0] = MappingPreset("p1", "no toes", {"leftToes": None})
    changed = files.character(stout, MappingOverride(), None, find)
    assert changed.preset == presets[0] and not changed.body.has("leftToes")
    presets[0] = None
    assert files.character(stout, MappingOverride(), None, find).preset is None
    assert made == ["character"] * 3
    assert set(asked) == {"target"}


def test_a_motion_is_prepared_once_for_the_same_options(walk: Scene, made: list[str]) -> None:
    files = PreparedFiles()
    first = files.motion(walk, 0, JobOptions())
    assert files.motion(walk, 0, JobOptions()) is first
    shorter = files.motion(walk, 0, parse_options({"end_s": 0.5}))
    assert shorter.motion.frames < first.motion.frames
    assert made == ["motion"] * 2


def test_what_fails_is_not_remembered(stout: Scene, made: list[str]) -> None:
    files = PreparedFiles()
    for _ in range(2):
        with pytest.raises(Exception, match="nobody"):
            files.character(stout, MappingOverride(target={"hips": "nobody"}))
    assert made == ["character"] * 2


def test_few_are_kept(samples: Samples, made: list[str]) -> None:
    files = PreparedFiles()
    scenes = [read_scene(samples["stout.glb"]) for _ in range(FILES_KEPT + 1)]
    for scene in (*scenes, scenes[-1], scenes[0]):
        files.character(scene, MappingOverride())
    assert len(made) == FILES_KEPT + 2


def test_a_batch_prepares_each_file_once(samples: Samples, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two motions onto two characters through the workers' engine, with the same reports as each for itself."""
    monkeypatch.setattr(scene_engine, "_files", PreparedFiles())
    options = parse_options({"encoder": "none", "end_s": 0.3})

    def run(motion: Scene, character: Scene) -> dict[str, Any]:
        report = scene_engine.retarget(motion, character, options, on_stage=lambda *_: None).report
        return {name: value for name, value in report.items() if name != "timings_s"}

    names = [(m, c) for m in ("walk.bvh", "wave.bvh") for c in ("stout.glb", "tall.glb")]
    scenes = {name: read_scene(samples[name]) for pair in names for name in pair}
    batch = [run(scenes[motion], scenes[character]) for motion, character in names]
    assert sorted(made) == ["character"] * 2 + ["motion"] * 2
    assert batch == [run(read_scene(samples[motion]), read_scene(samples[character])) for motion, character in names]
