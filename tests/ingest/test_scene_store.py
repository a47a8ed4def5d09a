"""The stored form of a scene: nothing is lost, results are the same byte for byte, and nothing damaged is believed."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gltf_builder import GltfBuilder
from workers.contract.errors import InternalError, RetargetError
from workers.contract.options import JobOptions, parse_options
from workers.engine.engine import retarget_scenes
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import split_container
from workers.formats.gltf.read import GltfSource
from workers.formats.limits import DEFAULT_LIMITS
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.ingest.sandbox.sandbox import Sandbox
from workers.ingest.stored import scene_file
from workers.ingest.stored.scene_file import SceneFileReader, SceneFileUnusable, SceneFileWriter
from workers.ingest.stored.scene_store import FORM, load_scene, save_scene
from workers.samples.write import sample_files
from workers.skeleton.model import Scene

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    return sample_files()


@pytest.fixture(scope="module")
def motion(samples: dict[str, bytes]) -> FileBundle:
    return next(FileBundle(name, data) for name, data in samples.items() if name.endswith(".bvh"))


@pytest.fixture(scope="module")
def character(samples: dict[str, bytes]) -> FileBundle:
    return next(FileBundle(name, data) for name, data in samples.items() if name.endswith(".glb"))


def stored(scene: Scene) -> bytes:
    file = io.BytesIO()
    assert save_scene(scene, file) == len(file.getvalue())
    return file.getvalue()


def with_neighbours(glb: FileBundle) -> FileBundle:
    """The same character as `.gltf` with its buffer and an image beside it, and one image that was not sent."""
    parts = split_container(glb.data, glb.name, DEFAULT_LIMITS)
    document = {**parts.json, "images": [{"uri": "textures/a%20skin.png"}, {"uri": "not-sent.png"}]}
    document["buffers"] = [{**parts.json["buffers"][0], "uri": "body.bin"}]
    binary = parts.binary or b""
    beside: dict[str, Callable[[], bytes]] = {"body.bin": lambda: binary, "textures/a skin.png": lambda: PNG}
    return FileBundle("hero.gltf", json.dumps(document).encode(), beside)


def retargeted(motion: Scene, character: Scene, **options: Any) -> tuple[dict[str, bytes], dict[str, Any]]:
    parsed: JobOptions = parse_options(options)
    done = retarget_scenes(motion, character, parsed)
    return done.artifacts, {name: value for name, value in done.report.items() if name != "timings_s"}


def assert_same(one: Any, other: Any) -> None:
    """Equal values, arrays bit for bit, whatever their depth."""
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert type(one) is type(other) and len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_same(first, second)
    elif hasattr(one, "__dataclass_fields__"):
        assert type(one) is type(other)
        for name in one.__dataclass_fields__:
            assert_same(getattr(one, name), getattr(other, name))
    else:
        assert one == other and type(one) is type(other)


def assert_same_scene(one: Scene, other: Scene) -> None:
    for name in ("format", "skeleton", "rest_kind", "units", "clips", "skins", "meshes", "notices"):
        assert_same(getattr(one, name), getattr(other, name))
    assert_same(one.load_mesh(), other.load_mesh())
    told = one.extras.get("clip_notices")
    for number in range(len(one.clips)):
        assert_same(one.load_clip(number, None), other.load_clip(number, None))
        if told is not None:
            assert_same(told(number), other.extras["clip_notices"](number))
    assert_same(
        {name: value for name, value in one.extras.items() if name != "clip_notices"},
        {name: value for name, value in other.extras.items() if name != "clip_notices"},
    )
    if isinstance(one.document, GltfSource):
        assert_same(one.document.document.json, other.document.document.json)
        for name in ("buffers", "further_chunks", "nodes", "skins"):
            assert_same(getattr(one.document.document, name), getattr(other.document.document, name))
        for name in ("tree", "skins", "bind", "units", "deforming", "body_size_m"):
            assert_same(getattr(one.document, name), getattr(other.document, name))


@pytest.mark.parametrize("kind", ["bvh", "glb", "gltf"])
def test_nothing_is_lost(kind: str, motion: FileBundle, character: FileBundle) -> None:
    scene = read_scene({"bvh": motion, "glb": character, "gltf": with_neighbours(character)}[kind])
    assert_same_scene(scene, load_scene(stored(scene)))


def test_results_are_the_same_byte_for_byte(motion: FileBundle, character: FileBundle) -> None:
    """Through the sandbox and directly: BVH onto GLB, onto glTF with neighbours, GLB clips onto GLB, and BVH out."""
    files = {"bvh": motion, "glb": character, "gltf": with_neighbours(character)}
    direct = {name: read_scene(bundle) for name, bundle in files.items()}
    sandbox = Sandbox()
    try:
        boxed = {name: sandbox.read(bundle).scene for name, bundle in files.items()}
    finally:
        sandbox.close()
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("bvh", "glb", {}), ("bvh", "gltf", {"foot_contact": "off"}), ("bvh", "glb", {"output": "animation"}),
        ("bvh", "glb", {"format": "bvh", "fps": 24}),
    ]  # fmt: skip
    if direct["glb"].clips:
        cases.append(("glb", "gltf", {"clip": "all"}))
    for source, target, options in cases:
        artifacts, report = retargeted(direct[source], direct[target], **options)
        again, report_again = retargeted(boxed[source], boxed[target], **options)
        assert artifacts == again and json.dumps(report) == json.dumps(report_again)


def test_real_files_survive(shared_data: Path) -> None:
    names = ("kaykit-adventurers/Knight.glb", "mixamo-xy-pair/Xbot.glb", "kaykit-manny/manny_med_mod.gltf")
    for name in names:
        path = shared_data / "characters" / name
        if path.is_file():
            scene = read_scene(bundle_from_path(path))
            assert_same_scene(scene, load_scene(stored(scene)))


def test_a_file_is_mapped_and_its_arrays_are_read_only(motion: FileBundle, tmp_path: Path) -> None:
    path = tmp_path / "scene"
    path.write_bytes(stored(read_scene(motion)))
    scene = load_scene(path)
    path.unlink()  # what is mapped stays
    clip = scene.load_clip(0, None)
    with pytest.raises(ValueError, match="read-only"):
        clip.rotations[0] = 0.0
    assert scene.load_clip(0, 10.0).frames < clip.frames


def test_numbers_and_names_that_json_is_shy_of() -> None:
    builder = GltfBuilder()
    builder.skin([builder.node(name="\ud800 lone", extras={"huge": 1e308, "long": 10**30})])
    bundle = builder.bundle()
    scene = read_scene(FileBundle(bundle.name, bundle.data.replace(b"1e+308", b"1e+999")))
    again = load_scene(stored(scene))
    assert again.document.document.json == scene.document.document.json
    assert again.skeleton.names == ("\ud800 lone",)


def test_a_scene_that_has_no_place_is_our_bug(motion: FileBundle) -> None:
    scene = read_scene(motion)
    with pytest.raises(InternalError, match="object"):
        stored(Scene(**{**vars(scene), "extras": {"x": object()}}))
    with pytest.raises(InternalError, match="dict"):
        stored(Scene(**{**vars(scene), "document": {}}))


def small() -> bytes:
    builder = GltfBuilder()
    root = builder.node(name="root")
    builder.skin([root, builder.node(root, name="child", translation=[0.0, 1.0, 0.0])])
    return stored(read_scene(builder.bundle()))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_damage_is_seen(data: st.DataObject) -> None:
    whole = bytearray(small())
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place] ^= data.draw(st.integers(1, 255))
    padding = scene_file._PREAMBLE.size <= place < scene_file.ALIGNMENT
    if not padding:
        with pytest.raises(SceneFileUnusable):
            load_scene(bytes(damaged))
    with pytest.raises(SceneFileUnusable):
        load_scene(bytes(whole[:place]))
    with pytest.raises(SceneFileUnusable):
        load_scene(bytes(whole) + b"\0")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_hostile_writer_gives_a_whole_scene_or_a_typed_error(data: st.DataObject) -> None:
    """Damage with a right checksum, as a process that was taken over would write it."""
    whole = bytearray(small())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(scene_file.ALIGNMENT, len(whole) - 1))
        whole[place] = data.draw(st.integers(0, 255))
    fields = list(scene_file._PREAMBLE.unpack_from(whole))
    fields[2] = zlib.crc32(whole[scene_file.ALIGNMENT :])
    scene_file._PREAMBLE.pack_into(whole, 0, *fields)
    try:
        scene = load_scene(bytes(whole))
        scene.load_mesh()
    except RetargetError:
        return
    count = len(scene.skeleton)
    assert np.all(scene.skeleton.parents < np.arange(count)) and np.all(scene.skeleton.parents >= -1)
    assert all(np.isfinite(values).all() for values in (scene.skeleton.node_offsets_m, scene.skeleton.rest_rotations))


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a section beyond the file": lambda index: index["sections"].append(["<f8", [2**40], 64]),
    "a size that wraps around": lambda index: index["sections"].append(["<f8", [2**62, 4], 64]),
    "a negative size": lambda index: index["sections"].append(["|u1", [-1], 64]),
    "objects in an array": lambda index: index["sections"].append(["|O", [1], 64]),
    "a class that is none of ours": lambda index: index["content"]["units"].update(o="Path"),
    "a field that is not there": lambda index: index["content"]["units"]["f"].update(more=1),
    "a section that is not there": lambda index: index["content"]["skeleton"]["f"].update(parents={"a": 10**6}),
    "a section below zero": lambda index: index["content"]["skeleton"]["f"].update(parents={"a": -1}),
    "names that are no names": lambda index: index["content"]["skeleton"]["f"].update(names={"t": [1, 2]}),
    "more clips than data": lambda index: index["content"].update(clips={"t": []}, clip_data=[{"value": None}]),
    "another format": lambda index: index["content"].update(format="exe"),
    "a deep value": lambda index: index["content"].update(notices="DEEP"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_forged_contents_are_refused(what: str) -> None:
    whole = small()
    magic, form, _, place, length, _ = scene_file._PREAMBLE.unpack_from(whole)
    index = json.loads(whole[place : place + length])
    FORGERIES[what](index)
    text = json.dumps(index).replace('"DEEP"', '{"t":[' * 5000 + "]}" * 5000).encode()
    body = whole[scene_file.ALIGNMENT : place] + text
    preamble = scene_file._PREAMBLE.pack(
        magic, form, zlib.crc32(body), place, len(text), scene_file.ALIGNMENT + len(body)
    )
    with pytest.raises(SceneFileUnusable):
        load_scene(preamble.ljust(scene_file.ALIGNMENT, b"\0") + body)


def test_another_version_is_refused() -> None:
    file = io.BytesIO()
    writer = SceneFileWriter(file, FORM + "x")
    writer.finish({})
    with pytest.raises(SceneFileUnusable, match="another version"):
        load_scene(file.getvalue())
    SceneFileReader(file.getvalue(), FORM + "x")


def test_what_is_no_scene_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for source in (b"", b"HIERARCHY\n" * 20, tmp_path / "empty"):
        with pytest.raises(SceneFileUnusable):
            load_scene(source)
    with pytest.raises(FileNotFoundError):
        load_scene(tmp_path / "absent")
