"""`format: fbx`: the FBX of a job moves as its GLB does, whatever the character, and is read again before it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.cli import main
from tests.formats.fbx.fbx_player import FbxPlayer
from tests.formats.gltf.glb_player import GlbPlayer
from tests.formats.gltf.rigid_kit import rigid
from tests.glb_editor import GlbEditor
from workers.contract.errors import OutputInvalid
from workers.contract.options import JobOptions
from workers.engine import export
from workers.engine.engine import EngineResult, retarget
from workers.formats.bundle import FileBundle
from workers.formats.fbx.write.write import WrittenFbx, write_fbx
from workers.formats.read import read_scene
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT
from workers.skeleton import kinematics
from workers.skeleton.model import Array, Scene

Samples = dict[str, FileBundle]
MIXAMO = RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo", unit="cm", up_axis="Z")
CENTIMETRE = 0.01


def with_own_clip(samples: Samples) -> FileBundle:
    return FileBundle("own.glb", make_character(STOUT, MIXAMO, make_clips(STOUT)[1:2]))


def as_fbx(samples: Samples) -> FileBundle:
    return FileBundle("stout.fbx", write_fbx(samples["stout.glb"].data, 1.0).data)


CHARACTERS: dict[str, Callable[[Samples], FileBundle]] = {
    "a rig of centimetres with a clip": with_own_clip,
    "an FBX": as_fbx,
    "a robot": lambda _: rigid(STOUT),
    "a BVH": lambda samples: samples["wave.bvh"],
}


def run(samples: Samples, character: FileBundle, **options: Any) -> EngineResult:
    given = {"encoder": "none", "end_s": 0.5} | options
    return retarget(samples["walk.bvh"], character, JobOptions.model_validate(given))


def joints(scene: Scene) -> dict[str, Array]:
    """World paths in metres of the last clip, by the joint's name."""
    clip = scene.load_clip(len(scene.clips) - 1, None)
    paths = kinematics.clip_world(scene.skeleton, clip)[1] / scene.units.document_factor
    return {name: paths[:, joint] for joint, name in enumerate(scene.skeleton.names)}


@pytest.mark.parametrize("kind", CHARACTERS)
def test_the_fbx_moves_as_the_glb(samples: Samples, kind: str) -> None:
    character = CHARACTERS[kind](samples)
    glb, fbx = (run(samples, character, format=name) for name in ("glb", "fbx"))
    assert list(fbx.artifacts) == ["result.fbx"]
    assert fbx.report["scores"] == glb.report["scores"]
    scenes = [read_scene(FileBundle(name, data)) for each in (glb, fbx) for name, data in each.artifacts.items()]
    assert [clip.name for clip in scenes[1].clips] == [clip.name for clip in scenes[0].clips]
    wanted, found = (joints(scene) for scene in scenes)
    unit_m = read_scene(character).units.document_factor if kind != "a BVH" else 1.0
    moved = {name: path for name, path in wanted.items() if np.ptp(path, axis=0).max() > 0.01}
    assert len(moved) >= 20
    for name, path in moved.items():
        np.testing.assert_allclose(found[name], path * unit_m, atol=1e-5)


def test_root_motion_goes_to_the_root_joint(samples: Samples) -> None:
    edit = GlbEditor(with_own_clip(samples).data)
    inverse = np.concatenate([np.eye(4)[None], edit.inverse_bind])  # vertices are stored in the armature's space
    edit.json["skins"][0]["joints"].insert(0, edit.node("Armature"))
    edit.put_inverse_bind(inverse)
    edit.put_attribute("JOINTS_0", edit.attribute("JOINTS_0") + 1, "VEC4", "u1")
    character = edit.bundle()
    result = run(samples, character, format="fbx", root_motion="root_joint", existing_clips="drop")
    fbx = FbxPlayer(result.artifacts["result.fbx"])
    (take,) = fbx.takes()
    root = fbx.named("Model", "Armature")
    assert fbx.objects[root].values[2] == "LimbNode"
    glb = GlbPlayer(run(samples, character, root_motion="root_joint", existing_clips="drop").artifacts["result.glb"])
    node = [each.get("name") for each in glb.json["nodes"]].index("Armature")
    places = [glb.world(0, time_s)[node][:3, 3] for time_s in (0.0, 0.5)]
    assert np.linalg.norm(places[1] - places[0]) > 0.1
    for time_s, place in zip((0.0, 0.5), places, strict=True):
        np.testing.assert_allclose(CENTIMETRE * fbx.world(take, time_s)[root][:3, 3], place, atol=1e-5)


def test_the_animation_alone_has_joints_and_their_bind_pose(samples: Samples) -> None:
    fbx = FbxPlayer(run(samples, samples["stout.glb"], format="fbx", output="animation").artifacts["result.fbx"])
    assert not fbx.of("Geometry") and not fbx.of("Material") and len(fbx.of("Pose")) == 1
    (pose,) = fbx.of("Pose")
    assert len(fbx.objects[pose].all("PoseNode")) >= len(fbx.of("Model", "LimbNode")) > 40


def test_an_fbx_that_is_not_what_was_meant_is_not_handed_out(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_double_size(glb: bytes, unit_m: float) -> WrittenFbx:
        return write_fbx(glb, 2.0 * unit_m)

    def cut_off(glb: bytes, unit_m: float) -> WrittenFbx:
        written = write_fbx(glb, unit_m)
        return replace(written, data=written.data[: len(written.data) // 2])

    for broken, message in ((at_double_size, "away from where it belongs"), (cut_off, "cannot be read again")):
        monkeypatch.setattr(export, "write_fbx", broken)
        with pytest.raises(OutputInvalid, match=message):
            run(samples, samples["stout.glb"], format="fbx")


def test_the_ending_asks_for_it(samples: Samples, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("walk.bvh", "stout.glb"):
        (tmp_path / name).write_bytes(samples[name].data)
    words = ["run", str(tmp_path / "walk.bvh"), str(tmp_path / "stout.glb"), "--encoder", "none", "--end-s", "0.5"]
    assert main([*words, "-o", str(tmp_path / "out.fbx")]) == 0
    assert FbxPlayer((tmp_path / "out.fbx").read_bytes()).takes() == ["walk"]
    assert main([*words, "-o", str(tmp_path / "out.fbx"), "--format", "glb"]) == 2
    assert "contradicts --format glb" in capsys.readouterr().err
