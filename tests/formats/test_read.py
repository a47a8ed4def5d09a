"""`read_scene` chooses the reader by content and lets nothing but typed errors out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.formats.bvh.bvh_kit import person
from workers.contract.errors import ParseFailed
from workers.formats.bundle import FileBundle
from workers.formats.bvh import read as bvh
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene


def test_bvh_under_any_unknown_name() -> None:
    scene = read_scene(FileBundle("motion.txt", person().encode()))
    assert (scene.format, scene.clips[0].name) == ("bvh", "motion")


def test_zip_with_a_bvh() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("take 1/walk.bvh", person())
    assert read_scene(FileBundle("upload.zip", stream.getvalue())).clips[0].name == "walk"


@pytest.mark.parametrize("data", [b"Kaydara FBX Binary  \x00\x1a\x00", b"; FBX 6.1.0 project file\n"])
def test_fbx_goes_to_its_reader(data: bytes) -> None:
    with pytest.raises(ParseFailed, match=r"walk\.fbx: the file ends too early"):
        read_scene(FileBundle("walk.fbx", data))


@pytest.mark.parametrize(
    "error", [KeyError("x"), MemoryError(), RecursionError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x")]
)
def test_the_net_turns_plain_exceptions_into_parse_failed(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(bvh, "read_bvh", broken)
    with pytest.raises(ParseFailed, match=rf"walk.bvh: the file is damaged \({type(error).__name__}\)"):
        read_scene(FileBundle("walk.bvh", person().encode()))


def test_typed_errors_pass_through_the_net() -> None:
    with pytest.raises(ParseFailed, match="line"):
        read_scene(FileBundle("walk.bvh", b"HIERARCHY\nROOT a {"))


def test_glb_and_gltf_with_neighbours(shared_data: Path) -> None:
    pytest.importorskip("workers.formats.gltf.read")
    for name in ("kaykit-manny/manny_med_mod.gltf", "threejs/CesiumMan.glb"):
        scene = read_scene(bundle_from_path(shared_data / "characters" / name))
        assert scene.format == name.rpartition(".")[2]
        assert len(scene.skeleton) > 10
