"""Hostile and damaged glTF: one typed error or a scene, quickly, never a crash."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gltf_builder import GltfBuilder, bind_matrices, character, posed
from workers.contract.errors import FileTooLarge, InputError, ParseFailed, RetargetError, TooLarge, UnsupportedFeature
from workers.formats.bundle import FileBundle
from workers.formats.gltf.read import read_gltf
from workers.formats.gltf.write import write_glb, write_notices
from workers.formats.limits import Limits

# Faults after which indices or bytes cannot be trusted: such files must not load.
STRUCTURAL = {
    "ACCESSOR_TOO_LONG",
    "ACCESSOR_SMALL_BYTESTRIDE",
    "BUFFER_VIEW_TOO_LONG",
    "BUFFER_MISSING_GLB_DATA",
    "BUFFER_BYTE_LENGTH_MISMATCH",
    "GLB_CHUNK_TOO_BIG",
    "GLB_DUPLICATE_CHUNK",
    "GLB_INVALID_MAGIC",
    "GLB_INVALID_VERSION",
    "GLB_LENGTH_MISMATCH",
    "GLB_UNEXPECTED_END_OF_CHUNK_DATA",
    "GLB_UNEXPECTED_END_OF_CHUNK_HEADER",
    "GLB_UNEXPECTED_END_OF_HEADER",
    "GLB_UNEXPECTED_FIRST_CHUNK",
    "IO_ERROR",
    "NODE_LOOP",
    "NODE_PARENT_OVERRIDE",
    "SCENE_NON_ROOT_NODE",
    "UNKNOWN_ASSET_MAJOR_VERSION",
}
# Of UNRESOLVED_REFERENCE only what the service follows; textures, samplers and the like are none of its business.
FOLLOWED = ("nodes", "skins", "meshes", "animations", "accessors", "bufferViews", "scenes", "scene")


def use_everything(bundle: FileBundle) -> None:
    """Read all there is, and write the clips into the document again."""
    scene = read_gltf(bundle)
    clips = [scene.load_clip(number, None) for number in range(len(scene.clips))]
    for number in range(len(clips)):
        scene.extras["clip_notices"](number)
    scene.load_mesh()
    if clips:
        joints = np.flatnonzero(scene.skeleton.deforming).tolist() or [0]
        write_notices(scene, clips, joints)
        assert read_gltf(FileBundle("again.glb", write_glb(scene, clips, joints))).clips


def outcome(bundle: FileBundle) -> str:
    """`ok` or the code of the typed error; anything else that is raised fails the test."""
    try:
        use_everything(bundle)
        return "ok"
    except RetargetError as error:
        assert isinstance(error, InputError)
        assert error.detail and "\n" not in error.detail
        return error.code


def expected_refusal(report: Path) -> bool:
    if not report.exists():
        return False
    errors = [m for m in json.loads(report.read_text())["issues"]["messages"] if m["severity"] == 0]
    unresolved = [m["pointer"].split("/")[1] for m in errors if m["code"] == "UNRESOLVED_REFERENCE"]
    return bool(STRUCTURAL & {m["code"] for m in errors}) or any(place in FOLLOWED for place in unresolved)


@pytest.mark.parametrize("folder", ["gltf-validator", "assimp"])
def test_collections_of_broken_files(shared_data: Path, folder: str) -> None:
    counts: Counter[str] = Counter()
    paths = [p for p in sorted((shared_data / "malformed" / folder).rglob("*.gl*")) if p.suffix in (".gltf", ".glb")]
    for path in paths:
        siblings = {f.name: f.read_bytes for f in path.parent.iterdir() if f.is_file() and f != path}
        result = outcome(FileBundle(path.name, path.read_bytes(), siblings))
        counts[result] += 1
        if expected_refusal(path.with_name(path.name + ".report.json")):
            assert result != "ok", path
    print(f"{folder}: {dict(counts)}")
    assert sum(counts.values()) == len(paths) >= 15


def small_character() -> GltfBuilder:
    rng = np.random.default_rng(4)
    bind = bind_matrices(rng)
    builder = character(rng, bind, posed(bind, rng, 0.5), np.eye(4), np.eye(4))
    turn = np.tile([0.0, 0.0, 0.0, 1.0], (5, 1))
    builder.animation((1, "rotation", np.arange(5) / 30, turn), (1, "translation", np.arange(5) / 30, turn[:, :3]))
    return builder


def test_random_mutations() -> None:
    data, rng = small_character().glb(), random.Random(7)
    counts: Counter[str] = Counter()
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 8])):
            place = rng.randrange(len(damaged))
            damaged[place] = rng.choice([rng.randrange(256), 0x30 + rng.randrange(10), 0xFF])
        counts[outcome(FileBundle("mutated.glb", bytes(damaged)))] += 1
    print(dict(counts))
    assert counts["ok"] > 20 and counts["parse-failed"] > 20


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def test_mutations_of_values_in_the_json() -> None:
    text = small_character().gltf().decode()
    rng = random.Random(9)
    counts: Counter[str] = Counter()
    values: list[Any] = [
        None,
        True,
        -1,
        0,
        1,
        3,
        2**31,
        2**63,
        10**400,
        1.5,
        -1e-40,
        1e300,
        "x",
        [],
        {},
        [0],
        [[]],
        5126,
    ]
    for _ in range(600):
        mutated = json.loads(text)
        container, key = rng.choice(places(mutated))
        if isinstance(container, dict) and rng.random() < 0.2:
            del container[key]
        else:
            container[key] = rng.choice(values)
        counts[outcome(FileBundle("mutated.gltf", json.dumps(mutated).encode()))] += 1
    print(dict(counts))
    assert counts["ok"] > 100 and counts["parse-failed"] > 100


@pytest.mark.parametrize(
    ("extension", "remedy"),
    [
        ("FB_geometry_metadata", "export"),
    ],
)
def test_unknown_required_extensions_are_named_with_a_remedy(extension: str, remedy: str) -> None:
    builder = GltfBuilder()
    builder.node()
    builder.document["extensionsRequired"] = ["KHR_materials_unlit", extension]
    with pytest.raises(UnsupportedFeature, match=f"{extension}.*{remedy}"):
        read_gltf(builder.bundle())


def test_extensions_that_only_concern_looks_are_accepted() -> None:
    builder = GltfBuilder()
    builder.node()
    harmless = [
        "KHR_texture_transform",
        "KHR_mesh_quantization",
        "KHR_materials_unlit",
        "EXT_texture_webp",
        "KHR_texture_basisu",
    ]
    builder.document["extensionsRequired"] = [*harmless, "KHR_lights_punctual", "KHR_materials_variants"]
    assert len(read_gltf(builder.bundle()).skeleton) == 1


@pytest.mark.parametrize(
    "uri",
    [
        "../up.bin",
        "a/../../up.bin",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://localhost/x",
        "//host/x",
        "C:%5Cx",
        "%2e%2e/up.bin",
        "%2Fetc/x",
        "a%5C..%5Cb",
        "x%00.bin",
    ],
)
def test_references_out_of_the_folder_are_refused_even_if_a_sibling_has_that_name(uri: str) -> None:
    builder = GltfBuilder()
    builder.accessor([1.0], "SCALAR")

    class Everything(dict[str, Any]):
        def __contains__(self, _: object) -> bool:
            return True

        def __getitem__(self, _: str) -> Any:
            return lambda: bytes(builder.binary)

    with pytest.raises(UnsupportedFeature, match="uri"):
        read_gltf(FileBundle("in.gltf", builder.gltf(uri), Everything()))


def test_siblings_by_relative_and_escaped_path() -> None:
    builder = GltfBuilder()
    builder.accessor([1.0], "SCALAR")
    content = bytes(builder.binary)
    for uri in ("my%20file.bin", "./my file.bin"):
        read_gltf(FileBundle("in.gltf", builder.gltf(uri), {"my file.bin": lambda: content}))
    with pytest.raises(ParseFailed, match=r"other\.bin"):
        read_gltf(FileBundle("in.gltf", builder.gltf("other.bin"), {"my file.bin": lambda: content}))
    with pytest.raises(ParseFailed, match="truncated"):
        read_gltf(FileBundle("in.gltf", builder.gltf("b.bin"), {"b.bin": lambda: content[:-1]}))
    with pytest.raises(FileTooLarge):
        read_gltf(FileBundle("in.gltf", builder.gltf("b.bin"), {"b.bin": lambda: content}), Limits(file_bytes=3))


@pytest.mark.parametrize("version", ["1.0", "3.0", "0.9"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(UnsupportedFeature, match=r"glTF"):
        read_gltf(FileBundle("in.gltf", json.dumps({"asset": {"version": version}}).encode()))


def test_a_million_nodes_are_refused_quickly() -> None:
    data = b'{"asset":{"version":"2.0"},"nodes":[' + b",".join([b"{}"] * 1_000_000) + b"]}"
    with pytest.raises(TooLarge):
        read_gltf(FileBundle("in.gltf", data))


def test_a_document_without_nodes_has_an_empty_skeleton() -> None:
    scene = read_gltf(FileBundle("in.gltf", b'{"asset":{"version":"2.0"}}'))
    assert (len(scene.skeleton), scene.clips, scene.load_mesh()) == (0, (), None)
