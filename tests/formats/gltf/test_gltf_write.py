"""Writing: what was uploaded comes back untouched, the clips are in it, and it reads back to the same motion."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gltf_builder import GltfBuilder, bind_matrices, character, matrix, pack_glb, posed, unpack_glb
from tests.node_packages import require_validator
from workers.contract.errors import InternalError, OutputInvalid, UnsupportedFeature
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container, split_container
from workers.formats.gltf.read import read_gltf
from workers.formats.gltf.write import write_animation_glb, write_glb, write_notices
from workers.formats.limits import DEFAULT_LIMITS
from workers.lab.gltf_validator import GltfValidator, error_counts, new_errors
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.kinematics import clip_world, rest_world
from workers.skeleton.model import Clip, Scene

QUARTER = [-np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture(scope="session")
def validator() -> GltfValidator:
    return require_validator()


def motion(scene: Scene, frames: int = 40, name: str = "new", start_s: float = 0.25) -> tuple[Clip, list[int]]:
    """A clip that swings every joint of the scene and carries the first one away; the joints keyed."""
    skeleton = scene.skeleton
    random = np.random.default_rng(frames)
    joints = np.flatnonzero(skeleton.deforming)
    rotations = np.tile(skeleton.node_rotations, (frames, 1, 1))
    seconds = np.arange(frames) / 30.0
    swing = np.sin(seconds[:, None] * random.uniform(0.3, 3.0, len(joints)))[..., None] * random.normal(
        size=(len(joints), 3)
    )
    rotations[:, joints[1:]] = quat.multiply(rotations[:, joints[1:]], quat.from_rotation_vector(swing[:, 1:]))
    root = int(joints[0])
    path = skeleton.node_offsets_m[root] + np.stack([seconds, np.sin(seconds), 0.2 * seconds], axis=1)
    return Clip(name, 30.0, start_s, quat.make_continuous(rotations), {root: path}), joints.tolist()


def reread(data: bytes) -> Scene:
    return read_gltf(FileBundle("result.glb", data))


def assert_same_motion(scene: Scene, clip: Clip, data: bytes) -> None:
    again = reread(data)
    result = again.load_clip(len(again.clips) - 1, None)
    assert (result.frames, again.skeleton.names) == (clip.frames, scene.skeleton.names)
    assert result.start_s == pytest.approx(clip.start_s)
    assert result.duration_s == pytest.approx(clip.duration_s, abs=1e-6)
    rotations, positions = clip_world(scene.skeleton, clip)
    rotations_again, positions_again = clip_world(again.skeleton, result)
    assert np.max(np.abs(positions - positions_again)) < 1e-4
    assert np.degrees(np.max(quat.angle_between(rotations, rotations_again))) < 0.01


def assert_same_rest(scene: Scene, data: bytes) -> None:
    rotations, positions = rest_world(scene.skeleton)
    rotations_again, positions_again = rest_world(reread(data).skeleton)
    assert np.max(np.abs(positions - positions_again)) < 1e-4
    assert np.degrees(np.max(quat.angle_between(rotations, rotations_again))) < 0.01


def body(**options: Any) -> GltfBuilder:
    random = np.random.default_rng(11)
    bind = bind_matrices(random)
    armature = matrix(rotation=QUARTER, scale=[100.0] * 3)
    return character(random, bind, posed(bind, random, 1.0), armature, armature, armature, **options)


def mirrored() -> GltfBuilder:
    builder = body()
    builder.document["nodes"][0]["scale"][0] *= -1.0
    builder.document["nodes"][3]["scale"] = [
        -v if axis != 1 else v for axis, v in enumerate(builder.document["nodes"][3]["scale"])
    ]
    return builder


def in_centimetres() -> GltfBuilder:
    random = np.random.default_rng(12)
    bind = bind_matrices(random)
    bind[:, :3, 3] *= 100.0
    return character(random, bind, bind, np.eye(4), np.eye(4))


BODIES: dict[str, Callable[[], GltfBuilder]] = {
    "posed, scaled, turned": body,
    "matrices": lambda: body(with_matrices=True),
    "mirrored and half turned": mirrored,
    "centimetres": in_centimetres,
}


@pytest.mark.parametrize("kind", BODIES)
def test_motion_and_document_survive(kind: str, validator: GltfValidator) -> None:
    builder = BODIES[kind]()
    builder.document |= {"extras": {"note": "ä", "deep": [1, {"x": 0.1}]}, "extensionsUsed": ["VENDOR_thing"]}
    builder.document["extensions"] = {"VENDOR_thing": {"kept": True}}
    uploaded = builder.glb()
    scene = read_gltf(FileBundle("in.glb", uploaded))
    before_document = copy.deepcopy(scene.document.document.json)
    clip, joints = motion(scene)
    data = write_glb(scene, [clip], joints)
    assert scene.document.document.json == before_document  # the upload itself is not touched
    before, old_binary = unpack_glb(uploaded)
    after, binary = unpack_glb(data)
    assert binary.startswith(old_binary)
    for key, value in before.items():
        if key in ("accessors", "bufferViews"):
            assert after[key][: len(value)] == value
        elif key == "nodes" and kind == "matrices":
            changed = [n for n, (old, new) in enumerate(zip(value, after[key], strict=True)) if old != new]
            assert changed == [int(scene.skeleton.file_indices[joint]) for joint in joints]
        elif key != "buffers":
            assert after[key] == value, key
    assert list(after)[: len(before)] == list(before)
    assert_same_motion(scene, clip, data)
    assert_same_rest(scene, data)
    expected = ["matrix-rewritten"] * len(joints) if kind == "matrices" else []
    assert [notice.code for notice in write_notices(scene, [clip], joints)] == expected
    assert not new_errors(validator.validate(uploaded), validator.validate(data))
    bare = write_animation_glb(scene, [clip], joints)
    assert_same_motion(scene, clip, bare)
    assert_same_rest(scene, bare)
    assert not error_counts(validator.validate(bare))
    assert not {"meshes", "materials", "images", "textures"} & unpack_glb(bare)[0].keys()


def test_existing_clips_are_kept_or_dropped_and_names_stay_different() -> None:
    builder = body()
    builder.animation((1, "rotation", [0.0, 1.0], [[0, 0, 0, 1]] * 2), name="new")
    scene = read_gltf(builder.bundle())
    clip, joints = motion(scene)
    names = [a["name"] for a in unpack_glb(write_glb(scene, [clip, clip], joints))[0]["animations"]]
    assert names == ["new", "new_1", "new_2"]
    dropped = write_glb(scene, [clip], joints, existing_clips="drop")
    assert [a["name"] for a in unpack_glb(dropped)[0]["animations"]] == ["new"]
    assert_same_motion(scene, clip, dropped)


def test_only_the_asked_channels_are_written_on_one_time_axis() -> None:
    scene = read_gltf(body().bundle())
    clip, joints = motion(scene)
    document, _ = unpack_glb(write_glb(scene, [clip], joints[:4]))
    animation = document["animations"][0]
    targets = [(c["target"]["node"], c["target"]["path"]) for c in animation["channels"]]
    nodes = [int(scene.skeleton.file_indices[joint]) for joint in joints[:4]]
    assert sorted(targets) == sorted([*((node, "rotation") for node in nodes), (nodes[0], "translation")])
    moving = {s["input"] for s in animation["samplers"] if document["accessors"][s["output"]]["count"] == clip.frames}
    assert len(moving) == 1
    axis = document["accessors"][moving.pop()]
    assert (axis["min"], axis["max"]) == ([0.25], [float(np.float32(0.25 + 39 / 30))])
    still = [s for s in animation["samplers"] if document["accessors"][s["output"]]["count"] == 2]
    assert len(still) == 1  # the root's rotation does not change: first and last key are enough
    assert all("target" not in view for view in document["bufferViews"])


def with_texture(builder: GltfBuilder) -> GltfBuilder:
    builder.document |= {"images": [{"uri": "my%20skin.png", "name": "skin"}], "textures": [{"source": 0}]}
    builder.document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    return builder


@pytest.mark.parametrize("sent", [True, False])
def test_separate_files_come_back_as_one(sent: bool, validator: GltfValidator) -> None:
    builder = with_texture(body())
    extra = builder.accessor([1.0, 2.0, 3.0], "SCALAR")
    view = builder.document["accessors"][extra]["bufferView"]
    second = bytes(builder.binary)
    builder.document["buffers"] = [
        {"byteLength": len(second), "uri": "a.bin", "name": "first"},
        {"byteLength": len(second), "uri": "./sub/b.bin"},
    ]
    builder.document["bufferViews"][view]["buffer"] = 1
    files = {"a.bin": second, "sub/b.bin": second} | ({"my skin.png": PNG} if sent else {})
    bundle = FileBundle("in.gltf", builder.gltf(), {name: partial(bytes, content) for name, content in files.items()})
    scene = read_gltf(bundle)
    assert scene.format == "gltf"
    clip, joints = motion(scene)
    data = write_glb(scene, [clip], joints)
    document, binary = unpack_glb(data)
    assert (
        len(document["buffers"]) == 1
        and "uri" not in document["buffers"][0]
        and document["buffers"][0]["name"] == "first"
    )
    assert binary.startswith(second)
    moved = document["bufferViews"][view]
    content = binary[moved["byteOffset"] : moved["byteOffset"] + moved["byteLength"]]
    np.testing.assert_array_equal(np.frombuffer(content, "<f4"), [1, 2, 3])
    image = document["images"][0]
    if sent:
        place = document["bufferViews"][image["bufferView"]]
        assert (image["mimeType"], image["name"], "uri" in image) == ("image/png", "skin", False)
        assert binary[place["byteOffset"] : place["byteOffset"] + place["byteLength"]] == PNG
    else:
        assert image == {"uri": "my%20skin.png", "name": "skin"}
    assert [n.code for n in write_notices(scene, [clip], joints)] == ([] if sent else ["image-not-embedded"])
    assert_same_motion(scene, clip, data)
    allowed = {"IO_ERROR", "IMAGE_DATA_INVALID", "IMAGE_UNEXPECTED_EOS"}  # the picture is none
    assert not error_counts(validator.validate(data)).keys() - allowed


def test_data_uris_and_documents_without_any_buffer() -> None:
    builder = body()
    scene = read_gltf(FileBundle("in.gltf", builder.gltf()))
    clip, joints = motion(scene)
    data = write_glb(scene, [clip], joints)
    assert unpack_glb(data)[1].startswith(bytes(builder.binary))
    assert_same_motion(scene, clip, data)
    bare = read_gltf(FileBundle("in.gltf", b'{"asset":{"version":"2.0"},"nodes":[{"name":"a"}]}'))
    turning = Clip(
        "turn", 30.0, 0.0, quat.from_rotation_vector(np.linspace(0, 1, 10)[:, None, None] * [[[0, 1, 0]]]), {}
    )
    assert_same_motion(bare, turning, write_glb(bare, [turning], [0]))


def test_chunks_that_are_not_ours_are_handed_back() -> None:
    document, binary = unpack_glb(body().glb())
    uploaded = pack_glb(document, binary, ((0x58585858, b"own data"),))
    scene = read_gltf(FileBundle("in.glb", uploaded))
    clip, joints = motion(scene)
    assert write_glb(scene, [clip], joints).endswith(uploaded[-16:])


def test_clips_that_cannot_be_stored_are_refused() -> None:
    scene = read_gltf(body().bundle())
    clip, joints = motion(scene)
    with pytest.raises(OutputInvalid, match="moves no joint"):
        write_glb(scene, [Clip("x", 30.0, 0.0, clip.rotations, {})], [])
    broken = clip.rotations.copy()
    broken[3, joints[2]] = np.nan
    with pytest.raises(OutputInvalid, match="NaN"):
        write_glb(scene, [Clip("x", 30.0, 0.0, broken, {})], joints)
    with pytest.raises(OutputInvalid, match="fps"):
        write_glb(scene, [Clip("x", 1000.0, 1e6, clip.rotations, {})], joints)
    sheared = GltfBuilder()
    sheared.node(matrix=[1, 0, 0, 0, 0.5, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    still = Clip("x", 30.0, 0.0, quat.identity(3, 1), {})
    with pytest.raises(UnsupportedFeature, match="sheared"):
        write_glb(read_gltf(sheared.bundle()), [still], [0])
    with pytest.raises(InternalError):
        write_glb(replace(scene, document=None), [clip], joints)


def load_real(path: Path) -> FileBundle:
    siblings = {f.name: f.read_bytes for f in path.parent.iterdir() if f.is_file() and f != path}
    return FileBundle(path.name, path.read_bytes(), siblings)


def test_every_real_file_comes_back_with_the_motion(shared_data: Path) -> None:
    paths = [
        p for p in sorted(shared_data.rglob("*.gl*")) if p.suffix in (".glb", ".gltf") and "malformed" not in p.parts
    ]
    for path in paths:
        bundle = load_real(path)
        scene = read_gltf(bundle)
        clip, joints = motion(scene, 60)
        data = write_glb(scene, [clip], joints)
        if path.suffix == ".glb":
            (before, old_binary), (after, binary) = unpack_glb(bundle.data), unpack_glb(data)
            assert binary.startswith(old_binary)
            assert after["nodes"] == before["nodes"]
            assert after.get("skins") == before.get("skins") and after.get("meshes") == before.get("meshes")
        assert_same_motion(scene, clip, data)
        bare = write_animation_glb(scene, [clip], joints)
        assert_same_motion(scene, clip, bare)
        assert_same_rest(scene, bare)
    assert len(paths) >= 20


@pytest.mark.parametrize(
    "name",  # one of each exporter and convention
    [
        "manny_med_mod.gltf",
        "Ybot.glb",
        "KnightCharacter.glb",
        "men_Worker.glb",
        "CesiumMan.glb",
        "RobotExpressive.glb",
        "SimpleSkinning.gltf",
        "Soldier.glb",
        "Med_MovementBasic.glb",
    ],
)
def test_the_validator_finds_no_new_error_in_real_files(shared_data: Path, validator: GltfValidator, name: str) -> None:
    bundle = load_real(next(shared_data.rglob(name)))
    scene = read_gltf(bundle)
    clip, joints = motion(scene, 60)
    report = validator.validate(write_glb(scene, [clip], joints))
    if error_counts(report):
        before = validator.validate(bundle.data, {path: load() for path, load in bundle.siblings.items()})
        assert not new_errors(before, report)
    assert not error_counts(validator.validate(write_animation_glb(scene, [clip], joints)))


def test_joints_given_as_matrices_are_one_warning() -> None:
    """In the report: one line with the count and some names; the result is that of the same character in parts."""
    plain = make_character(STOUT)
    container = split_container(plain, "c.glb", DEFAULT_LIMITS)
    for node in container.json["nodes"]:
        if "rotation" in node and "scale" not in node and "mesh" not in node:
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = quat.to_matrix(np.array(node.pop("rotation"))), node.pop("translation")
            node["matrix"] = matrix.T.reshape(-1).tolist()
    given = FileBundle("c.glb", join_container(container.json, container.binary or b""))
    walk = FileBundle("walk.glb", make_character(TALL, None, make_clips(TALL)[:1]))
    options = JobOptions(encoder="none")
    result, wanted = retarget(walk, given, options), retarget(walk, FileBundle("c.glb", plain), options)
    (warning,) = [item for item in result.report["warnings"] if item["code"] == "matrix-rewritten"]
    assert warning["count"] == len(warning["joints"]) == 52
    assert "and so for 51 more: 'spine', 'chest'" in warning["message"] and len(warning["message"]) < 400
    first, second = (
        read_gltf(FileBundle("r.glb", made.artifacts["result.glb"])).load_clip(0, None) for made in (result, wanted)
    )
    np.testing.assert_allclose(first.rotations, second.rotations, atol=1e-5)
