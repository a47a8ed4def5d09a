"""Two characters in one file: one is taken whole, the other is left whole, and a warning says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.two_kit import merged
from workers.contract.definitions import CharacterDefinition
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, retarget
from workers.engine.inspection import inspect_file
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.several_characters import find_characters

Samples = dict[str, FileBundle]
OPTIONS: dict[str, Any] = {"encoder": "none", "end_s": 0.3}
PAIRS = {
    "other names": ("stout.glb", "tall_a_pose.glb"),
    "the other first": ("tall_a_pose.glb", "stout.glb"),
    "the same names": ("stout.glb", "tall.glb"),
}


def two(samples: Samples, first: str, second: str, apart_m: float = 2.0, shared_root: bool = False) -> FileBundle:
    return merged(samples[first].data, samples[second].data, apart_m, shared_root).bundle("two.glb")


def run(motion: FileBundle, character: FileBundle, **given: Any) -> EngineResult:
    return retarget(motion, character, JobOptions.model_validate(OPTIONS), **given)


def warning(result: EngineResult) -> str | None:
    told = [w["message"] for w in result.report["warnings"] if w["code"] == "several-characters"]
    assert len(told) <= 1
    return told[0] if told else None


def moved(result: EngineResult) -> set[int]:
    """glTF nodes that the new clip keys."""
    scene = read_scene(FileBundle("r.glb", result.artifacts["result.glb"]))
    animation = scene.document.document.json["animations"][-1]
    return {channel["target"]["node"] for channel in animation["channels"]}


@pytest.mark.parametrize("shared_root", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_one_character_is_driven_and_measured_alone(samples: Samples, pair: str, shared_root: bool) -> None:
    file = two(samples, *PAIRS[pair], shared_root=shared_root)
    result = run(samples["walk.bvh"], file)
    text = warning(result)
    assert text is not None and "2 characters" in text and "the definition's `skin`" in text
    taken = int(text.split("taken is skin ")[1].split()[0])
    nodes = len(read_scene(samples[PAIRS[pair][0]]).skeleton)
    driven = moved(result)
    assert driven == {node for node in driven if (node >= nodes) == (taken == 1)}
    assert f"skin {1 - taken}" in text
    alone = run(samples["walk.bvh"], samples[PAIRS[pair][taken]])
    assert result.report["target"]["height_m"] == pytest.approx(alone.report["target"]["height_m"], abs=1e-3)


@pytest.mark.parametrize("skin", [0, 1])
def test_the_definition_chooses(samples: Samples, skin: int) -> None:
    names = PAIRS["the same names"]
    result = run(samples["walk.bvh"], two(samples, *names), definition=CharacterDefinition(skin=skin))
    assert warning(result) is None
    alone = run(samples["walk.bvh"], samples[names[skin]])
    assert result.report["target"]["height_m"] == pytest.approx(alone.report["target"]["height_m"], abs=1e-3)


@pytest.mark.parametrize("skin", [0, 1])
def test_the_mapping_chooses(samples: Samples, skin: int) -> None:
    file = two(samples, *PAIRS["the same names"])
    hips = [j for j, name in enumerate(read_scene(file).skeleton.names) if name == "hips"][skin]
    index = int(read_scene(file).skeleton.file_indices[hips])
    options = JobOptions.model_validate(OPTIONS | {"mapping": {"target": {"hips": {"index": index}}}})
    result = retarget(samples["walk.bvh"], file, options)
    text = warning(result)
    assert text is not None and f"taken is skin {skin}" in text
    assert result.report["mapping"]["target"]["roles"]["hips"]["index"] == index


@pytest.mark.parametrize("first", [True, False])
def test_of_a_motion_the_one_that_moves_is_taken(samples: Samples, first: bool) -> None:
    """Its result is that of the file with this one alone."""
    walker, other = "walk.glb", "tall_a_pose.glb"
    file = two(samples, *((walker, other) if first else (other, walker)), apart_m=0.0)
    result = run(file, samples["stout.glb"])
    text = warning(result)
    assert text is not None and "the clip moves no other" in text
    assert f"taken is skin {0 if first else 1}" in text
    alone = run(samples[walker], samples["stout.glb"])
    clips = []
    for item in (result, alone):
        scene = read_scene(FileBundle("r.glb", item.artifacts["result.glb"]))
        clips.append(scene.load_clip(len(scene.clips) - 1, None).rotations)
    np.testing.assert_allclose(clips[0], clips[1], atol=1e-5)


def test_each_clip_of_a_file_may_move_another_character(samples: Samples) -> None:
    file = two(samples, "walk.glb", "wave.glb")
    options = JobOptions.model_validate(OPTIONS | {"clip": "all"})
    result = retarget(file, samples["stout.glb"], options)
    told = [w["message"] for w in result.report["warnings"] if w["code"] == "several-characters"]
    assert any("taken is skin 0" in text for text in told) and any("taken is skin 1" in text for text in told)
    scene = read_scene(FileBundle("r.glb", result.artifacts["result.glb"]))
    for number, name in ((-2, "walk"), (-1, "wave")):
        alone = run(samples[f"{name}.glb"], samples["stout.glb"])
        wanted = read_scene(FileBundle("a.glb", alone.artifacts["result.glb"]))
        got = scene.load_clip(len(scene.clips) + number, None).rotations
        np.testing.assert_allclose(got, wanted.load_clip(len(wanted.clips) - 1, None).rotations, atol=1e-5)


def test_copies_of_one_armature_in_one_place_are_one_character(samples: Samples) -> None:
    scene = read_scene(two(samples, "stout.glb", "stout.glb", apart_m=0.0))
    assert find_characters(scene.skeleton, []) == []
    apart = read_scene(two(samples, "stout.glb", "stout.glb", apart_m=0.5))
    assert len(find_characters(apart.skeleton, [])) == 2


def two_actors(samples: Samples) -> FileBundle:
    """Two people recorded together: equal skeletons, zero poses in one place, a name for two joints each."""
    heads, frames = [], []
    for name in ("walk", "wave"):
        head, motion = samples[f"{name}.bvh"].data.decode().split("MOTION")
        heads.append(head.replace("HIERARCHY\n", ""))
        frames.append(motion.strip().split("\n"))
    rows = [f"{one} {other}" for one, other in zip(frames[0][2:], frames[1][2:], strict=False)]
    text = f"HIERARCHY\n{heads[0]}{heads[1]}MOTION\nFrames: {len(rows)}\n{frames[0][1]}\n" + "\n".join(rows) + "\n"
    return FileBundle("two.bvh", text.encode())


@pytest.mark.parametrize("second", [False, True])
def test_two_actors_in_a_bvh(samples: Samples, second: bool) -> None:
    file = two_actors(samples)
    hips = [number for number, name in enumerate(read_scene(file).skeleton.names) if name == "hips"][second]
    index = int(read_scene(file).skeleton.file_indices[hips])
    options = JobOptions.model_validate(OPTIONS | {"mapping": {"source": {"hips": {"index": index}}}})
    result = retarget(file, samples["stout.glb"], options)
    text = warning(result)
    assert text is not None and f"taken is hips 'hips' (index {index})" in text and "by index" in text
    alone = run(samples["wave.bvh" if second else "walk.bvh"], samples["stout.glb"])
    clips = []
    for item in (result, alone):
        scene = read_scene(FileBundle("r.glb", item.artifacts["result.glb"]))
        clips.append(scene.load_clip(len(scene.clips) - 1, None).rotations)
    np.testing.assert_allclose(clips[0], clips[1], atol=0.01)


def test_inspection_tells_too(samples: Samples) -> None:
    told = inspect_file(two(samples, *PAIRS["other names"]))
    assert "several-characters" in [w["code"] for w in told["warnings"]]
    assert inspect_file(samples["tall.glb"])["warnings"] == []
