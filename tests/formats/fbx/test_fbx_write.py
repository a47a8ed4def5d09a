"""An FBX stands and moves as the GLB that it was made of, in whatever way the rig was exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tests.formats.fbx.fbx_player import FbxPlayer, matrix
from tests.formats.gltf.glb_player import GlbPlayer
from tests.formats.gltf.rigid_kit import rigid
from tests.formats.gltf.weightless_kit import pose_nodes, split_skins
from tests.glb_editor import GlbEditor
from tests.mirror_kit import mirrored
from workers.formats.bundle import FileBundle
from workers.formats.fbx.write.write import write_fbx
from workers.formats.read import read_scene
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT
from workers.skeleton.kinematics import clip_world

MIXAMO = RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo", unit="cm", up_axis="Z")
SIDEWAYS = RigStyle(rest_pose="N", bone_axes="bone_x", twist_joints=True)
TIMES_S = (0.0, 0.7)
SHORT = [replace(clip, turns=clip.turns[:30], hips_m=clip.hips_m[:30]) for clip in make_clips(STOUT)[:2]]
SMALL = 2e-6  # of the height: what float32 keeps of it
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))


@cache
def plain(style: RigStyle | None = None) -> bytes:
    return make_character(STOUT, style, SHORT)


def posed() -> bytes:
    edit = GlbEditor(plain())
    pose_nodes(edit, 0.4, moved="leftHand")
    return edit.glb()


def uneven() -> bytes:
    """A hand stretched along one axis: what differs between the axes stays a scale."""
    edit = GlbEditor(plain())
    edit.nodes[edit.node("leftHand")]["scale"] = [1.0, 1.5, 0.8]
    return edit.glb()


def placed_beside(character: bytes) -> bytes:
    """The skin is bound a metre to the side of where its joints stand: the mesh's place is not the identity."""
    edit = GlbEditor(character)
    edit.put_attribute("POSITION", edit.attribute("POSITION") * 2.0 + [1.0, 0.0, 0.0], "VEC3")
    matrices = edit.inverse_bind
    back = np.diag([0.5, 0.5, 0.5, 1.0])
    back[:3, 3] = [-0.5, 0.0, 0.0]
    edit.put_inverse_bind(matrices @ back)
    return edit.glb()


RIGS: dict[str, Callable[[], bytes]] = {
    "plain": plain,
    "centimetres, Z up": lambda: plain(MIXAMO),
    "twist joints": lambda: plain(SIDEWAYS),
    "seen in a mirror": lambda: mirrored(plain(MIXAMO), (-1.0, 1.0, 1.0), False).glb(),
    "turned inside out": lambda: mirrored(plain(), (-1.0, -1.0, -1.0), True).glb(),
    "nodes in another pose": posed,
    "scaled unevenly": uneven,
    "bound elsewhere": lambda: placed_beside(plain()),
    "several skins": lambda: split_skins(plain(), [["hips", "spine"], ["head", "neck"]], filler=True).glb(),
    "parts on joints": lambda: rigid(STOUT, "on", MIXAMO, SHORT[:1]).data,
    "parts below joints": lambda: rigid(STOUT, "below", None, SHORT[:1], offset=True).data,
}


def glb_points(player: GlbPlayer, world: np.ndarray) -> np.ndarray:
    """The used vertices of all meshes in world space, whether a skin or a node holds them."""
    found = []
    for number, node in enumerate(player.json["nodes"]):
        if "mesh" not in node:
            continue
        for primitive in player.json["meshes"][node["mesh"]]["primitives"]:
            attributes = primitive["attributes"]
            positions = player.accessor(attributes["POSITION"])
            matrices = np.broadcast_to(world[number], (len(positions), 4, 4))
            if "skin" in node:
                skin = player.json["skins"][node["skin"]]
                inverse = player.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
                joints, weights = (player.accessor(attributes[key]) for key in ("JOINTS_0", "WEIGHTS_0"))
                each = world[skin["joints"]] @ inverse
                matrices = np.einsum("vk,vkij->vij", weights / weights.sum(axis=1)[:, None], each[joints.astype(int)])
            placed = np.einsum("vij,vj->vi", matrices[:, :3, :3], positions) + matrices[:, :3, 3]
            found.append(placed[np.unique(player.accessor(primitive["indices"]).astype(int))])
    return np.concatenate(found)


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """The farthest that a point of one set lies from the other set."""
    return max(float(cKDTree(one).query(other)[0].max()) for one, other in ((first, second), (second, first)))


@pytest.mark.parametrize("rig", RIGS)
def test_joints_and_surface_are_where_the_glb_has_them(rig: str) -> None:
    glb = RIGS[rig]()
    written = write_fbx(glb, 1.0)
    fbx, player = FbxPlayer(written.data), GlbPlayer(glb)
    takes = [animation["name"] for animation in player.json["animations"]]
    assert fbx.takes() == takes
    for take, time_s in [(None, 0.0), *((take, time) for take in takes for time in TIMES_S)]:
        wanted = player.world(None if take is None else takes.index(take), time_s)
        points = glb_points(player, wanted) * 100.0
        height = float(np.ptp(points[:, 1]))
        there = {fbx.name(number): place for number, place in fbx.world(take, time_s).items() if number}
        for node, name in written.names.items():
            assert np.abs(there[name][:3, 3] - 100.0 * wanted[node][:3, 3]).max() < SMALL * height, name
        assert apart(np.concatenate(list(fbx.points(take, time_s).values())), points) < SMALL * height


@pytest.mark.parametrize("rig", ["centimetres, Z up", "seen in a mirror", "turned inside out", "parts on joints"])
def test_no_node_is_scaled(rig: str) -> None:
    fbx = FbxPlayer(write_fbx(RIGS[rig](), 1.0).data)
    assert all(fbx.objects[model].property("Lcl Scaling") == [1.0, 1.0, 1.0] for model in fbx.of("Model"))


@pytest.mark.parametrize("rig", ["plain", "seen in a mirror", "turned inside out", "parts below joints"])
def test_faces_look_outward(rig: str) -> None:
    """Every face has the normals of its corners on its own side, though a mirror turns faces round."""
    fbx = FbxPlayer(write_fbx(RIGS[rig](), 1.0).data)
    for mesh in fbx.of("Geometry", "Mesh"):
        found = fbx.objects[mesh]
        points = found.one("Vertices").values[0].reshape(-1, 3)
        corners = found.one("PolygonVertexIndex").values[0].reshape(-1, 3)
        assert (corners[:, :2] >= 0).all() and (corners[:, 2] < 0).all()
        a, b, c = (points[corner] for corner in (corners[:, 0], corners[:, 1], ~corners[:, 2]))
        normals = found.one("LayerElementNormal").one("Normals").values[0].reshape(-1, 3, 3).mean(axis=1)
        facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), normals)
        assert np.mean(facing > 0.0) > 0.9


@pytest.mark.parametrize("rig", ["plain", "centimetres, Z up", "nodes in another pose", "bound elsewhere"])
def test_clusters_and_bind_pose_say_the_same(rig: str) -> None:
    """Readers take one or the other: with the mesh at the origin, all give the vertices as they are stored."""
    fbx = FbxPlayer(write_fbx(RIGS[rig](), 1.0).data)
    (pose,) = fbx.of("Pose")
    held = {
        int(node.one("Node").values[0]): matrix(node.one("Matrix").values[0])
        for node in fbx.objects[pose].all("PoseNode")
    }
    for skin in fbx.of("Deformer", "Skin"):
        for joint, cluster in fbx.clusters(skin).items():
            link = matrix(cluster.one("TransformLink").values[0])
            np.testing.assert_allclose(held[joint], link, atol=2e-4)
            np.testing.assert_allclose(matrix(cluster.one("Transform").values[0]) @ link, np.eye(4), atol=1e-6)
    for model in fbx.of("Model", "Mesh"):
        np.testing.assert_allclose(held[model], np.eye(4), atol=1e-9)


def test_every_take_keys_the_same_values() -> None:
    """What only one clip moves would else stay, in the next take, where that one left it."""
    edit = GlbEditor(plain())
    first, second = edit.json["animations"]
    arm = edit.node("leftUpperArm")
    second["channels"] = [channel for channel in second["channels"] if channel["target"]["node"] != arm]
    fbx = FbxPlayer(write_fbx(edit.glb(), 1.0).data)
    assert set(fbx.keyed(first["name"])) == set(fbx.keyed(second["name"]))
    model = fbx.named("Model", "leftUpperArm")
    np.testing.assert_allclose(
        fbx.values_at(second["name"], 1.0)[model, "Lcl Rotation"],
        fbx.objects[model].property("Lcl Rotation"),
        atol=1e-4,
    )


def test_the_unit_is_a_centimetre_whatever_the_glb_counts_in() -> None:
    edit = GlbEditor(plain())
    edit.nodes[edit.node("Armature")]["scale"] = [100.0] * 3
    metres, large = (FbxPlayer(write_fbx(glb, unit).data) for glb, unit in ((plain(), 1.0), (edit.glb(), 0.01)))
    assert metres.root.one("GlobalSettings").property("UnitScaleFactor") == [1.0]
    for name, points in metres.points("walk", 0.5).items():
        np.testing.assert_allclose(large.points("walk", 0.5)[name], points, atol=1e-3)


def test_joints_are_bones_and_their_names_are_their_own() -> None:
    edit = GlbEditor(plain())
    edit.nodes[edit.node("leftFoot")]["name"] = edit.nodes[edit.node("rightFoot")]["name"] = "Foot"
    end = len(edit.nodes)
    edit.nodes.append({"name": "head_end", "translation": [0.0, 0.2, 0.0]})
    edit.nodes[edit.node("head")]["children"] = [*(edit.nodes[edit.node("head")].get("children") or []), end]
    written = write_fbx(edit.glb(), 1.0)
    fbx = FbxPlayer(written.data)
    kinds = {fbx.name(model): fbx.objects[model].values[2] for model in fbx.of("Model")}
    assert kinds["Armature"] == "Null" and kinds["hips"] == kinds["head_end"] == kinds["Foot"] == "LimbNode"
    assert len(kinds) == len(fbx.of("Model")) and kinds["Foot_1"] == "LimbNode"
    assert [notice.code for notice in written.notices] == ["joint-renamed"]
    root = fbx.of("Model", "Mesh")
    assert [parent for model in root for parent, _ in fbx.above[model]] == [0]


def test_a_root_that_is_moved_is_a_bone() -> None:
    edit = GlbEditor(plain())
    for animation in edit.json["animations"]:
        for channel in animation["channels"]:
            if channel["target"]["path"] == "translation":
                channel["target"]["node"] = edit.node("Armature")
    fbx = FbxPlayer(write_fbx(edit.glb(), 1.0).data)
    assert fbx.objects[fbx.named("Model", "Armature")].values[2] == "LimbNode"
    assert (fbx.named("Model", "Armature"), "Lcl Translation") in fbx.keyed("walk")


def dressed() -> GlbEditor:
    """With textures, coordinates and morph targets, one of which a clip moves."""
    edit = GlbEditor(plain())
    count = len(edit.attribute("POSITION"))
    random = np.random.default_rng(3)
    edit.put_attribute("TEXCOORD_0", random.uniform(size=(count, 2)), "VEC2")
    view = edit.json["accessors"][edit.add(np.frombuffer(PNG, "u1"), "SCALAR", "u1")]["bufferView"]
    edit.json["images"] = [{"name": "skin colour", "mimeType": "image/png", "bufferView": view}]
    edit.json["textures"] = [{"source": 0}]
    edit.json["materials"][0]["pbrMetallicRoughness"] |= {
        "baseColorTexture": {"index": 0},
        "metallicRoughnessTexture": {"index": 0},
    }
    mesh = edit.json["meshes"][0]
    moves = [edit.add(random.normal(size=(count, 3)) * 0.01, "VEC3") for _ in range(2)]
    for primitive in mesh["primitives"]:
        primitive["targets"] = [{"POSITION": accessor} for accessor in moves]
    mesh["weights"], mesh["extras"] = [0.25, 0.0], {"targetNames": ["jawOpen", "blink"]}
    body = next(number for number, node in enumerate(edit.nodes) if "mesh" in node)
    clip = edit.json["animations"][0]
    times = edit.add(np.array([0.0, 1.0]), "SCALAR")
    weights = edit.add(np.array([0.0, 0.0, 1.0, 0.5]), "SCALAR")
    clip["channels"].append({"sampler": len(clip["samplers"]), "target": {"node": body, "path": "weights"}})
    clip["samplers"].append({"input": times, "output": weights, "interpolation": "LINEAR"})
    return edit


def test_blend_shapes_keep_names_weights_and_movement() -> None:
    edit = dressed()
    glb = edit.glb()
    written = write_fbx(glb, 1.0)
    fbx, player = FbxPlayer(written.data), GlbPlayer(glb)
    channels = fbx.of("Deformer", "BlendShapeChannel")
    assert [fbx.name(channel) for channel in channels] == ["jawOpen", "blink"]
    assert [fbx.objects[channel].property("DeformPercent") for channel in channels] == [[25.0], [0.0]]
    take = fbx.takes()[0]
    plain_points = edit.attribute("POSITION")
    moves = [edit.values(target["POSITION"]) for target in player.json["meshes"][0]["primitives"][0]["targets"]]
    for time_s, weights in ((0.5, (0.5, 0.25)), (0.9, (0.9, 0.45))):
        changed = GlbEditor(glb)
        shaped = plain_points + weights[0] * moves[0] + weights[1] * moves[1]
        changed.put_attribute("POSITION", shaped, "VEC3")
        other = GlbPlayer(changed.glb())
        world = other.world(None)
        own = json.loads(json.dumps(player.json["animations"][0]))
        own["channels"] = [channel for channel in own["channels"] if channel["target"]["path"] != "weights"]
        other.json["animations"][0] = own
        world = other.world(0, time_s)
        assert apart(np.concatenate(list(fbx.points(take, time_s).values())), glb_points(other, world) * 100.0) < 1e-3


@pytest.mark.parametrize("shown", [0, 1])
def test_blend_shapes_survive_being_read_and_written_again(shown: int) -> None:
    """Those at weight 0; the other is shown as it stands, and stays so."""
    edit = dressed()
    edit.json["meshes"][0]["weights"] = [0.5 * (number == shown) for number in range(2)]
    again = read_scene(FileBundle("again.fbx", write_fbx(edit.glb(), 1.0).data))
    assert [n.code for n in again.notices if n.code.startswith("blend")] == ["blend-shapes-dropped"]
    (mesh,) = (m for m in again.document.document.meshes if "targets" in m["primitives"][0])
    assert mesh["extras"]["targetNames"] == [("jawOpen", "blink")[1 - shown]]
    accessors = again.document.document.accessors
    found = accessors.floats(mesh["primitives"][0]["attributes"]["POSITION"])
    moved = accessors.floats(mesh["primitives"][0]["targets"][0]["POSITION"])
    moves = [edit.values(target["POSITION"]) for target in edit.json["meshes"][0]["primitives"][0]["targets"]]
    start = edit.attribute("POSITION") + 0.5 * moves[shown]
    _, nearest = cKDTree(start).query(found)
    np.testing.assert_allclose(start[nearest], found, atol=1e-6)
    np.testing.assert_allclose(moved, moves[1 - shown][nearest], atol=1e-6)


def test_textures_are_embedded_and_what_has_no_place_is_told() -> None:
    written = write_fbx(dressed().glb(), 1.0)
    fbx = FbxPlayer(written.data)
    (video,) = fbx.of("Video")
    assert fbx.objects[video].one("Content").values == [PNG]
    assert fbx.objects[video].one("RelativeFilename").values == ["skin_colour.png"]
    ((texture, _),) = fbx.above[video]
    ((material, slot),) = fbx.above[texture]
    assert slot == "DiffuseColor" and fbx.objects[material].name == "Material"
    assert [notice.code for notice in written.notices] == ["texture-dropped"]
    (mesh,) = fbx.of("Geometry", "Mesh")
    element = fbx.objects[mesh].one("LayerElementUV")
    stored = element.one("UV").values[0].reshape(-1, 2)
    assert stored.min() >= 0.0 and stored.max() <= 1.0
    assert len(element.one("UVIndex").values[0]) == len(fbx.objects[mesh].one("PolygonVertexIndex").values[0])
    ((model, _),) = fbx.above[mesh]
    slots = len(fbx.children(model, "Material"))
    assert set(fbx.objects[mesh].one("LayerElementMaterial").one("Materials").values[0]) == set(range(slots))


@pytest.mark.parametrize("rig", ["centimetres, Z up", "seen in a mirror", "parts below joints"])
def test_our_own_reader_sees_the_same_motion(rig: str) -> None:
    glb = RIGS[rig]()
    written = write_fbx(glb, 1.0)
    scenes = [read_scene(FileBundle(f"again.{kind}", data)) for kind, data in (("glb", glb), ("fbx", written.data))]
    assert scenes[1].units.unit == "cm" and not scenes[1].units.guessed
    assert [clip.name for clip in scenes[1].clips] == [clip.name for clip in scenes[0].clips]
    clips = [scene.load_clip(0, None) for scene in scenes]
    assert clips[0].frames == clips[1].frames
    paths = [clip_world(scene.skeleton, clip)[1] for scene, clip in zip(scenes, clips, strict=True)]
    places = [[scene.skeleton.names.index(name) for name in written.names.values()] for scene in (scenes[0], scenes[1])]
    np.testing.assert_allclose(paths[1][:, places[1]], paths[0][:, places[0]], atol=1e-5)


def test_the_same_glb_is_the_same_bytes() -> None:
    assert write_fbx(plain(), 1.0).data == write_fbx(plain(), 1.0).data
