"""The table of formats: its rows are sound, and a new format is a reader and a row, nothing else."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import get_args

import pytest

from service.cli import main
from service.commands import inspect, run, score
from service.inspections.request_body import inspect_body
from service.jobs.request_body import job_body
from tests.formats.opening_kit import BVH, FBX, FBX_ASCII, GLB, GLTF, NPY, NPZ, USDZ, VRM, VRM0, VRMA, ZIP
from tests.formats.toy_format import TOY, toy_file
from workers.contract.errors import ParseFailed, UnsupportedFormat
from workers.contract.options import JobOptions, parse_options
from workers.engine.engine import retarget
from workers.formats import registry
from workers.formats.bundle import FileBundle
from workers.formats.file_format import Content, FileFormat
from workers.formats.load_bundle import bundle_from_path, bundle_of_upload
from workers.formats.read import read_scene
from workers.formats.sniff import sniff
from workers.formats.wording import readable_files
from workers.ingest.stored.scene_file import SceneFileUnusable
from workers.ingest.stored.scene_store import load_scene, save_scene

OPENINGS = {
    "bvh": [BVH], "fbx": [FBX, FBX_ASCII], "glb": [GLB], "gltf": [GLTF], "npy": [NPY], "npz": [NPZ],
    "usd": [b"#usda 1.0", b"PXR-USDC", USDZ], "vrm": [VRM, VRM0], "vrma": [VRMA], "zip": [ZIP],
}  # fmt: skip


def test_names_and_extensions_are_unique_and_plain() -> None:
    names = [row.name for row in registry.FORMATS]
    extensions = [extension for row in registry.FORMATS for extension in row.extensions]
    assert len(set(names)) == len(names) and len(set(extensions)) == len(extensions)
    assert all(row.extensions for row in registry.FORMATS)
    assert all(text == text.lower() and "." not in text for text in (*names, *extensions))


@pytest.mark.parametrize("row", registry.FORMATS, ids=lambda row: row.name)
def test_every_reader_is_there(row: FileFormat) -> None:
    assert callable(row.load_reader())


def test_marks_recognise_their_own_format_and_no_other() -> None:
    """But for a variant, which is also what it is a variant of: it is asked first."""
    assert set(OPENINGS) == {row.name for row in registry.FORMATS}
    for name, openings in OPENINGS.items():
        expected = {name, registry.format_named(name).family}
        for data in openings:
            rows = [row.name for row in registry.FORMATS if row.marks(Content(data, data, "upload"))]
            assert set(rows) == expected and rows[0] == name


def test_containers_hold_nothing_themselves() -> None:
    containers = [row for row in registry.FORMATS if row.is_container]
    assert [row.name for row in containers] == ["zip"]
    assert not any(row.motion or row.character or row.written for row in containers)
    assert not set(containers) & set(registry.scene_formats())


def test_the_formats_of_results_are_those_of_the_options() -> None:
    assert set(get_args(JobOptions.model_fields["format"].annotation)) == {
        "auto", *(row.name for row in registry.written_formats()),
    }  # fmt: skip


def test_asking_the_table_imports_no_reader() -> None:
    code = "import sys, workers.formats.sniff; sys.exit('numpy' in sys.modules or 'workers.formats.bvh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# A format that nobody has, added by a row: all below follows from it.


@pytest.fixture
def with_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, TOY))


@pytest.fixture(scope="module")
def toy(samples: dict[str, FileBundle]) -> FileBundle:
    return FileBundle("walk.toy", toy_file(read_scene(samples["walk.bvh"])))


def test_without_its_row_it_is_unknown(toy: FileBundle) -> None:
    with pytest.raises(
        UnsupportedFormat, match=r"send a BVH, FBX, GLB, glTF, NPY of joints, NPZ of SMPL, USD, VRM, VRMA or zip file"
    ):
        read_scene(toy)


@pytest.mark.usefixtures("with_toy")
def test_a_new_format_is_recognised(toy: FileBundle) -> None:
    assert sniff(toy.data, toy.name) == sniff(toy.data, "upload") == "toy"
    assert all(not row.marks(Content(toy.data, toy.data, "upload")) for row in registry.FORMATS if row is not TOY)
    assert not any(TOY.marks(Content(data, data, "upload")) for openings in OPENINGS.values() for data in openings)
    with pytest.raises(UnsupportedFormat, match="the name says TOY but the content is BVH"):
        sniff(BVH, "walk.toy")
    with pytest.raises(
        UnsupportedFormat,
        match=r"send a BVH, FBX, GLB, glTF, NPY of joints, NPZ of SMPL, TOY, USD, VRM, VRMA or zip file",
    ):
        sniff(b"nothing", "nothing")


@pytest.mark.usefixtures("with_toy")
def test_a_new_format_is_read_alone_from_a_disk_and_in_a_zip(toy: FileBundle, tmp_path: Path) -> None:
    (tmp_path / toy.name).write_bytes(toy.data)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/walk.toy", toy.data)
        archive.writestr("folder/notes.txt", "about the walk")
    bundles = (
        toy,
        bundle_from_path(tmp_path / toy.name),
        bundle_of_upload({"walk.toy": lambda: toy.data, "notes.txt": lambda: b"about the walk"}),
        FileBundle("upload.zip", packed.getvalue()),
    )
    for bundle in bundles:
        scene = read_scene(bundle)
        assert (scene.format, [clip.name for clip in scene.clips]) == ("toy", ["walk"])
    with pytest.raises(ParseFailed, match="damaged"):
        read_scene(FileBundle("walk.toy", b"TOY 1\njoint hips\nclip walk 30"))


@pytest.mark.usefixtures("with_toy")
def test_a_new_format_is_retargeted_as_its_like_is(toy: FileBundle, samples: dict[str, FileBundle]) -> None:
    options = parse_options({"preview": False})
    result = retarget(toy, samples["stout.glb"], options)
    assert result.report["source"]["format"] == "toy"
    assert result.artifacts == retarget(samples["walk.bvh"], samples["stout.glb"], options).artifacts
    onto_toy = retarget(samples["wave.bvh"], toy, options)
    assert list(onto_toy.artifacts) == ["result.glb"] and onto_toy.report["target"]["format"] == "toy"


@pytest.mark.usefixtures("with_toy")
def test_a_new_format_is_stored(toy: FileBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, file = read_scene(toy), io.BytesIO()
    save_scene(scene, file)
    again = load_scene(file.getvalue())
    assert (again.format, again.skeleton.names, again.units) == ("toy", scene.skeleton.names, scene.units)
    assert (again.load_clip(0, None).rotations == scene.load_clip(0, None).rotations).all()
    monkeypatch.undo()
    with pytest.raises(SceneFileUnusable):  # whoever wrote it, no format of ours
        load_scene(file.getvalue())


@pytest.mark.usefixtures("with_toy")
def test_a_new_format_is_told_of(toy: FileBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert readable_files() == "BVH, FBX, GLB, glTF, NPY of joints, NPZ of SMPL, TOY, USD, VRM, VRMA or zip"
    for command, expected in (
        (inspect, "BVH, FBX, GLB, glTF, NPY of joints, NPZ of SMPL, TOY, USD, VRM, VRMA or zip"),
        (run, "BVH, FBX, GLB, glTF, NPY of joints, NPZ of SMPL, TOY, USD, VRM or VRMA file with the motion"),
        (run, "a skeleton as BVH or TOY"),
        (score, "BVH, FBX, GLB, glTF, NPY of joints, NPZ of SMPL, TOY, USD, VRM or VRMA file with the source motion"),
    ):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        assert expected in " ".join(parser.format_help().split())
    form = job_body()["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert form["motion"]["description"].startswith(
        "The motion: BVH, FBX, GLB, NPY of joints, NPZ of SMPL, TOY, USD, VRM, VRMA, or glTF with its files"
    )
    assert "a bare skeleton as BVH or TOY, or glTF with its files." in form["character"]["description"]
    assert (
        "BVH, FBX, GLB, NPY of joints, NPZ of SMPL, TOY, USD, VRM, VRMA, or glTF with its files or as one zip."
        in json.dumps(inspect_body())
    )
    (tmp_path / toy.name).write_bytes(toy.data)
    assert main(["inspect", str(tmp_path / toy.name), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "toy"
