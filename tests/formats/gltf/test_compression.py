"""Meshopt and Draco: what is read equals the plain file, what was sent comes back, damage is an error of the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.gltf.compress_kit import (
    DRACO,
    MESHOPT,
    encode_attributes,
    encode_sequence,
    encode_triangles,
    with_draco,
    with_meshopt,
)
from workers.contract.errors import ParseFailed, RetargetError, TooLarge, UnsupportedFeature
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import Container, join_container, split_container
from workers.formats.gltf.meshopt import decode_view
from workers.formats.gltf.read import read_gltf
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.ingest.sandbox.sandbox import Sandbox
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL

# Encoded by meshoptimizer 0.2x: a grid of 5 x 5 points, then triangles apart from each other, and bytes by 8.
CORNER = np.arange(5)[:4, None] * 5 + np.arange(4)
GRID = np.stack([CORNER, CORNER + 1, CORNER + 5, CORNER + 1, CORNER + 6, CORNER + 5], axis=-1)
APART = [0, 7, 19, 24, 3, 11, 3, 24, 12, 40, 41, 42, 42, 41, 43, 0, 1, 2, 60, 2, 1, 59, 60, 1, 61, 60, 59]
CORNERS = np.concatenate([GRID.reshape(-1), APART])
TRIANGLES = (
    "e1fe1e100e100e100ece1e160e150e140ece1e140e140e140ece1e140e140e140effff2eff1efe1f1d0f0f0af62f0eff222910ff380202002204"
    "007687566778a9866589689801690000"
)
SEQUENCE = (
    "d10004100e14020e04100e14020e04100e14020e04100e14020a04100e14020e04100e14020e04100e14020e04100e14020a04100e14020e04100e"
    "14020e04100e14020e04100e14020a04100e14020e04100e14020e04100e14020e04100e14025a1c301452201e542e700404000208010505445430"
)
BYTES = (
    "a01f0002060a0e12161a1e22262a2e32363a4842464a4e5256645e62666a7872767affff00008882868a989296a4001a02232232232232232232ff"
    "2232232232c4c5baeb00000303031f0002060a0e12161a1e22262a2e32363a4842464a4e5256645e62666a7872767affff00008882868a989296a4"
    "1f0002060a0e12161a1e22262a2e32363a4842464a4e5256645e62666a7872767affff00008882868a989296a41f0002060a0e12161a1e22262a2e"
    "32363a4842464a4e5256645e62666a7872767affff00008882868a989296a41f0002060a0e12161a1e22262a2e32363a4842464a4e52605a5e6266"
    "6a7872767affff00008882868a989296a41f0002060a0e12161a1e22262a2e32363a4842464a4e52605a5e62666a7872767affff00008882868a98"
    "9296a4000000000000000000000000000000000000000000000000000700090c0f1215"
)

Compress = Callable[[bytes], FileBundle]
COMPRESSED: list[Compress] = [
    with_meshopt,
    lambda glb: with_meshopt(glb, "INDICES"),
    with_draco,
    lambda glb: with_draco(glb, level=0),
    lambda glb: with_draco(glb, ordered=True),
]


def plain(data: bytes, count: int, stride: int, mode: str = "ATTRIBUTES", filtering: str = "NONE") -> Any:
    result = np.frombuffer(decode_view(data, count, stride, mode, filtering, "here"), np.uint8)
    return result.reshape(count, stride)


def test_data_of_the_reference_encoder() -> None:
    rows = (np.add.outer(np.arange(40) ** 2, np.arange(8) * 3) % 251).astype(np.uint8)
    rows[:, 1], rows[:, 2], rows[20, 2] = 7, np.arange(40) % 3, 99
    np.testing.assert_array_equal(plain(bytes.fromhex(BYTES), 40, 8), rows)
    found = plain(bytes.fromhex(TRIANGLES), len(CORNERS), 4, "TRIANGLES").view("<u4").reshape(-1, 3)
    first = [row[int(np.argmin(row)) :].tolist() + row[: int(np.argmin(row))].tolist() for row in found]
    wanted = [
        row[int(np.argmin(row)) :].tolist() + row[: int(np.argmin(row))].tolist() for row in CORNERS.reshape(-1, 3)
    ]
    assert first == wanted


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 700), st.sampled_from([4, 8, 12, 20, 64, 256]), st.integers(0, 40))
def test_bytes_come_back(seed: int, count: int, stride: int, step: int) -> None:
    random = np.random.default_rng(seed)
    rows = np.cumsum(random.integers(-step, step + 1, (count, stride)), axis=0).astype(np.uint8)
    np.testing.assert_array_equal(plain(encode_attributes(rows), count, stride), rows)
    indices = random.integers(0, 60_000, 3 * count)
    for stride, kind in ((2, "<u2"), (4, "<u4")):
        for mode, data in (("TRIANGLES", encode_triangles(indices)), ("INDICES", encode_sequence(indices))):
            np.testing.assert_array_equal(plain(data, 3 * count, stride, mode).view(kind)[:, 0], indices)


@pytest.mark.parametrize(("kind", "tolerance"), [("i1", 0.02), ("<i2", 1e-4)])
def test_the_octahedral_filter(kind: str, tolerance: float) -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    most = np.iinfo(kind).max
    flat = vectors / np.abs(vectors).sum(axis=1, keepdims=True)
    folded = (1.0 - np.abs(flat[:, 1::-1])) * np.where(flat[:, :2] < 0.0, -1.0, 1.0)
    place = np.where(flat[:, 2:] < 0.0, folded, flat[:, :2])
    stored = np.concatenate([np.round(place * most), np.full((500, 1), most), np.full((500, 1), 5)], axis=1).astype(
        kind
    )
    stride = stored.itemsize * 4
    found = plain(encode_attributes(stored.view(np.uint8)), 500, stride, filtering="OCTAHEDRAL").view(kind)
    np.testing.assert_allclose(found[:, :3] / most, vectors, atol=tolerance)
    assert np.all(found[:, 3] == 5)


def test_the_quaternion_filter() -> None:
    quaternions = np.random.default_rng(0).normal(size=(500, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    largest = np.argmax(np.abs(quaternions), axis=1)
    quaternions *= np.sign(quaternions[np.arange(500), largest])[:, None]
    small = np.take_along_axis(quaternions, (largest[:, None] + np.arange(1, 4)) % 4, axis=1)
    scale = 32767
    stored = np.concatenate([np.round(small * np.sqrt(2.0) * scale), (scale & ~3 | largest)[:, None]], axis=1).astype(
        "<i2"
    )
    found = plain(encode_attributes(stored.view(np.uint8)), 500, 8, filtering="QUATERNION").view("<i2")
    np.testing.assert_allclose(found / 32767.0, quaternions, atol=1e-4)


def test_the_exponential_filter() -> None:
    random = np.random.default_rng(0)
    mantissa, exponent = random.integers(-(2**23), 2**23, (300, 3)), random.integers(-40, 20, (300, 3))
    stored = ((exponent & 0xFF) << 24 | mantissa & 0xFFFFFF).astype("<u4")
    found = plain(encode_attributes(stored.view(np.uint8)), 300, 12, filtering="EXPONENTIAL").view("<f4")
    np.testing.assert_array_equal(found, np.ldexp(mantissa.astype("f4"), exponent))


def described(mesh: Any) -> tuple[Any, Counter[int]]:
    """Mean corner and how often each joint holds one, over triangles with an area (Draco may drop others): what
    does not depend on the order of vertices.
    """
    corners = mesh.positions_m[mesh.faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    strongest = mesh.joints[np.arange(len(mesh.joints)), mesh.weights.argmax(axis=1)][mesh.faces]
    return corners[areas > 1e-9].mean(axis=(0, 1)), Counter(strongest[areas > 1e-9].reshape(-1).tolist())


@pytest.mark.parametrize("compress", COMPRESSED)
def test_what_is_read_is_what_the_plain_file_holds(compress: Compress) -> None:
    glb = make_character(STOUT, None, make_clips(STOUT)[:1])
    first, second = read_gltf(FileBundle("plain.glb", glb)), read_gltf(compress(glb))
    assert second.clips == first.clips and second.rest_kind == "bind"
    np.testing.assert_array_equal(second.load_clip(0, None).rotations, first.load_clip(0, None).rotations)
    one, other = (scene.load_mesh() for scene in (first, second))
    assert one is not None and other is not None
    np.testing.assert_allclose(described(one)[0], described(other)[0], atol=1e-5)
    assert described(one)[1] == described(other)[1]


@pytest.mark.parametrize("compress", COMPRESSED[::2])
def test_a_result_hands_the_compressed_bytes_back(compress: Compress) -> None:
    motion = FileBundle("walk.glb", make_character(TALL, None, make_clips(TALL)[:1]))
    glb = make_character(STOUT)
    character = compress(glb)
    options = JobOptions(encoder="none")
    result = retarget(motion, character, options)
    reference = retarget(motion, FileBundle("plain.glb", glb), options)
    assert result.report["scores"]["foot_skate_result"] == pytest.approx(
        reference.report["scores"]["foot_skate_result"], rel=0.02, abs=1e-3
    )
    before, after = (
        split_container(data, "x.glb", DEFAULT_LIMITS) for data in (character.data, result.artifacts["result.glb"])
    )
    assert before.binary is not None and after.binary is not None and after.binary.startswith(before.binary)
    for key in ("meshes", "skins", "nodes", "extensionsRequired"):
        assert json.dumps(after.json[key]) == json.dumps(before.json[key])
    views = len(before.json["bufferViews"])
    assert after.json["bufferViews"][:views] == before.json["bufferViews"]
    assert after.json["buffers"][1:] == before.json["buffers"][1:]
    again = read_gltf(FileBundle("result.glb", result.artifacts["result.glb"]))
    assert again.load_mesh() is not None and len(again.clips) == 1


@pytest.mark.parametrize("compress", COMPRESSED[::2])
def test_through_the_confined_process(compress: Compress) -> None:
    sandbox = Sandbox()
    try:
        mesh = sandbox.read(compress(make_character(STOUT))).scene.load_mesh()
    finally:
        sandbox.close()
    assert mesh is not None and len(mesh.faces) > 1000


def changed(bundle: FileBundle, change: Callable[[Container], None]) -> FileBundle:
    container = split_container(bundle.data, bundle.name, DEFAULT_LIMITS)
    change(container)
    return FileBundle(bundle.name, join_container(container.json, container.binary or b""))


def view_of(container: Container) -> Any:
    """The compressed view of the positions."""
    document = container.json
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    return document["bufferViews"][accessor["bufferView"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 7), ("count", 0), ("count", 2**40), ("byteStride", 6), ("byteStride", 0), ("byteStride", 260),
        ("mode", "TRIANGLES"), ("mode", "LINES"), ("mode", None), ("filter", "OCTAHEDRAL"), ("filter", "WAVELET"),
        ("buffer", 1), ("buffer", 9), ("byteOffset", 2**40), ("byteLength", 2**40), ("byteLength", 20),
    ],
)  # fmt: skip
def test_wrong_fields_of_meshopt(field: str, value: Any) -> None:
    def change(container: Container) -> None:
        view_of(container)["extensions"][MESHOPT][field] = value

    with pytest.raises(ParseFailed):
        read_gltf(changed(with_meshopt(make_character(STOUT)), change)).load_mesh()


def test_what_unfolds_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    def change(container: Container) -> None:
        view = view_of(container)
        view["byteLength"] = 12 * 2**27
        view["extensions"][MESHOPT]["count"] = 2**27
        container.json["buffers"][1]["byteLength"] = 2**33

    with pytest.raises(TooLarge, match="unfolds"):
        read_gltf(changed(with_meshopt(make_character(STOUT)), change))
    small = Limits(file_bytes=300_000)  # more than it is compressed, less than it unfolds to
    with pytest.raises(TooLarge):
        read_gltf(changed(with_meshopt(make_character(STOUT)), lambda container: None), small)


def test_a_newer_meshopt_is_named() -> None:
    data = bytearray(encode_attributes(np.zeros((20, 8), np.uint8)))
    data[0] = 0xA1
    with pytest.raises(UnsupportedFeature, match="version 1"):
        plain(bytes(data), 20, 8)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["ATTRIBUTES", "TRIANGLES", "INDICES"]), st.data())
def test_damaged_meshopt_is_an_error_of_the_file(mode: str, data: st.DataObject) -> None:
    good = bytearray(bytes.fromhex({"ATTRIBUTES": BYTES, "TRIANGLES": TRIANGLES, "INDICES": SEQUENCE}[mode]))
    for _ in range(data.draw(st.integers(0, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(good[: data.draw(st.integers(0, len(good)))])
    count, stride = (40, 8) if mode == "ATTRIBUTES" else (data.draw(st.sampled_from([3, 123, 3000])), 4)
    try:
        assert plain(cut, count, stride, mode).shape == (count, stride)
    except RetargetError as error:
        assert isinstance(error, ParseFailed | UnsupportedFeature)


def spoil(bundle: FileBundle, random: np.random.Generator) -> FileBundle:
    container = split_container(bundle.data, bundle.name, DEFAULT_LIMITS)
    assert container.binary is not None
    binary, document = bytearray(container.binary), container.json
    primitives = document["meshes"][0]["primitives"]
    view = document["bufferViews"][primitives[int(random.integers(len(primitives)))]["extensions"][DRACO]["bufferView"]]
    if random.random() < 0.3:
        view["byteLength"] = int(random.integers(1, view["byteLength"]))
    for _ in range(int(random.integers(1, 5))):
        reach = view["byteLength"] if random.random() < 0.5 else min(40, view["byteLength"])
        binary[view["byteOffset"] + int(random.integers(reach))] = int(random.integers(256))
    return FileBundle(bundle.name, join_container(document, bytes(binary)))


def test_damaged_draco_is_an_error_of_the_file_and_the_process_lives() -> None:
    """In the confined process: what the native decoder makes of it comes out as a typed error or as a mesh."""
    random, counts = np.random.default_rng(0), Counter[str]()
    draco = with_draco(make_character(STOUT))
    sandbox = Sandbox()
    try:
        for _ in range(60):
            try:
                sandbox.read(spoil(draco, random)).scene.load_mesh()
                counts["read"] += 1
            except RetargetError as error:
                counts[error.code] += 1
        assert sandbox.read(draco).scene.load_mesh() is not None
    finally:
        sandbox.close()
    assert counts.keys() <= {"read", "parse-failed", "unsupported-feature", "too-large"} and counts["parse-failed"] > 20


@pytest.mark.parametrize("which", ["indices", "POSITION", "WEIGHTS_0"])
@pytest.mark.parametrize("count", [3, 40_000_000])
def test_counts_that_disagree_with_the_stream(which: str, count: int) -> None:
    def change(container: Container) -> None:
        primitive = container.json["meshes"][0]["primitives"][0]
        accessor = primitive["indices"] if which == "indices" else primitive["attributes"][which]
        container.json["accessors"][accessor]["count"] = count

    with pytest.raises((ParseFailed, TooLarge)):
        read_gltf(changed(with_draco(make_character(STOUT)), change)).load_mesh()


def test_without_its_package_draco_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "DracoPy", None)
    scene = read_gltf(with_draco(make_character(STOUT)))
    with pytest.raises(UnsupportedFeature, match=f"{DRACO}.*DracoPy"):
        scene.load_mesh()
