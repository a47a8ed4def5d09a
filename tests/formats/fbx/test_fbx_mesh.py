"""FBX surfaces: polygons to triangles, welding, skins with their bind pose, materials and textures."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.fbx.fbx_text import Body, Node, array_text, euler, fbx_text, shift, world_matrices
from tests.formats.gltf.glb_player import GlbPlayer
from workers.formats.bundle import FileBundle
from workers.formats.fbx.process import convert_fbx
from workers.formats.fbx.read import read_fbx
from workers.formats.fbx.triangles import triangulate, weld
from workers.formats.limits import DEFAULT_LIMITS

CUBE = [(x, y, z) for x in (-20.0, 20.0) for y in (0.0, 100.0) for z in (-20.0, 20.0)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def png(red: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes([0, red, 0, 0])))
        + chunk(b"IEND", b"")
    )


def areas(triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Vectors with twice the area as length, `(n, 3)`."""
    p = points[triangles]
    return np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 12))
def test_star_shaped_polygons_are_covered_once(seed: int, corners: int) -> None:
    """Any polygon around a point, in any plane: all triangles face as it does and add up to its area."""
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0.0, 2 * np.pi, corners)) + np.arange(corners) * 1e-3
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    if gaps.max() > 0.9 * np.pi:
        angles = np.linspace(0.0, 2 * np.pi, corners, endpoint=False)
    flat = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1) * random.uniform(0.3, 1.0, (corners, 1))
    turn = euler(random.uniform(-180, 180, 3))[:3, :3]
    points = flat @ turn.T
    triangles, owners = triangulate(np.array([[0, corners]]), points)
    assert len(triangles) == corners - 2 and set(owners.tolist()) == {0}
    normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    parts = areas(triangles, points)
    assert np.all(parts @ normal >= -1e-9 * float(normal @ normal))
    np.testing.assert_allclose(np.linalg.norm(parts, axis=1).sum(), np.linalg.norm(normal), rtol=1e-9)


def test_faces_without_area_or_beyond_the_list_are_left_out() -> None:
    points = np.zeros((6, 3))
    triangles, owners = triangulate(np.array([[0, 3], [3, 2], [2, 1], [4, 3], [-1, 3]]), points)
    assert triangles.tolist() == [[0, 1, 2]] and owners.tolist() == [0]


def test_an_arrow_head_is_cut_on_the_inside() -> None:
    arrow = np.array([[0.0, 0.0, 0.0], [2.0, 1.0, 0.0], [0.0, 2.0, 0.0], [1.5, 1.0, 0.0]])
    triangles, _ = triangulate(np.array([[0, 4]]), arrow)
    assert np.all(areas(triangles, arrow)[:, 2] > 0.0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_welding_keeps_every_corner_and_joins_all_equal_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    whole, real = random.integers(0, 4, 50), random.integers(0, 3, (50, 2)).astype(float)
    first, place = weld([whole, real])
    rows = np.column_stack([whole, real])
    np.testing.assert_array_equal(rows[first][place], rows)
    assert len(first) == len(np.unique(rows, axis=0))
    assert np.all(np.diff(first) > 0)


def skeleton_nodes() -> list[Node]:
    """A mesh under its own turned and scaled node; bones that stand bent, though they were bound straight."""
    return [
        Node("mesh", kind="Mesh", translation=[7.0, 0.0, 3.0], rotation=[0.0, 35.0, 0.0], scaling=[2.0, 2.0, 2.0]),
        Node("root", kind="LimbNode", translation=[0.0, 5.0, 0.0]),
        Node("lower", 1, translation=[0.0, 20.0, 0.0], rotation=[0.0, 0.0, 30.0]),
        Node("upper", 2, translation=[0.0, 50.0, 0.0], rotation=[40.0, 0.0, 0.0]),
    ]


def body(**changes: object) -> Body:
    links = {2: shift([0.0, 25.0, 0.0]), 3: shift([0.0, 75.0, 0.0]) @ euler([0.0, 20.0, 0.0])}
    top = [v for v, point in enumerate(CUBE) if point[1] > 50]
    bottom = [v for v, point in enumerate(CUBE) if point[1] < 50]
    given: dict[str, Any] = {
        "node": 0, "positions": CUBE, "polygons": SIDES,
        "clusters": [(2, bottom + top[:1], [1.0] * 4 + [0.25]), (3, top, [0.75] + [1.0] * 3)],
        "links": links, "transform": shift([7.0, 0.0, 3.0]) @ euler([0.0, 35.0, 0.0]) @ np.diag([2.0, 2.0, 2.0, 1.0]),
    }  # fmt: skip
    return Body(**{**given, **changes})


def convert(data: bytes, siblings: tuple[str, ...] = ()) -> tuple[GlbPlayer, list[list[str]]]:
    glb, header = convert_fbx(data, "made.fbx", siblings, DEFAULT_LIMITS)
    return GlbPlayer(glb), header["notices"]


def test_the_bind_pose_is_stated_and_the_limb_above_is_a_joint() -> None:
    scene = read_fbx(FileBundle("made.fbx", fbx_text(skeleton_nodes(), body=body())))
    assert (scene.rest_kind, scene.skins, scene.meshes) == ("bind", 1, 1)
    names = scene.skeleton.names
    (skin,) = scene.document.skins
    bound = {
        names[scene.document.tree.position_of[n]]: np.linalg.inv(m)
        for n, m in zip(skin.joints, skin.inverse_bind, strict=True)
    }
    for node, name in ((2, "lower"), (3, "upper")):
        wanted = body().links[node].copy()
        wanted[:3, 3] *= 0.01
        np.testing.assert_allclose(bound[name], wanted, atol=1e-6)
    assert {n for n, moves in zip(names, scene.skeleton.deforming, strict=True) if moves} == {"root", "lower", "upper"}
    # Vertices lie where the mesh stood at binding time.
    source = scene.document.document
    positions = source.accessors.floats(source.meshes[0]["primitives"][0]["attributes"]["POSITION"])
    placed = 0.01 * (np.array(CUBE) @ body().transform[:3, :3].T + body().transform[:3, 3])
    apart = np.linalg.norm(positions[:, None] - placed[None], axis=2)
    assert apart.min(axis=0).max() < 1e-6 and apart.min(axis=1).max() < 1e-6


def test_skinned_vertices_follow_the_bones_by_the_formula() -> None:
    player, _ = convert(fbx_text(skeleton_nodes(), body=body()))
    nodes, made = skeleton_nodes(), body()
    world = world_matrices(nodes)
    wanted = []
    for vertex, point in enumerate(CUBE):
        total = np.zeros(3)
        for node, vertices, weights in made.clusters:
            if vertex in vertices:
                step = world[node] @ np.linalg.inv(made.links[node]) @ made.transform
                total += weights[list(vertices).index(vertex)] * (step[:3, :3] @ point + step[:3, 3])
        wanted.append(0.01 * total)
    found = player.skinned(player.world(None))
    apart = np.linalg.norm(found[:, None] - np.array(wanted)[None], axis=2)
    assert apart.min(axis=1).max() < 1e-6 and apart.min(axis=0).max() < 1e-6


def test_a_bone_without_vertices_does_not_say_where_the_mesh_stood() -> None:
    """Converters write the identity for it, as both its matrices."""
    made = body()
    made = body(clusters=[(1, [0], [0.0]), *made.clusters], links={1: np.eye(4), **made.links})
    data = fbx_text(skeleton_nodes(), body=made)
    stated, identity = (
        b"Transform: " + array_text(matrix.T.reshape(-1)).encode() for matrix in (made.transform, np.eye(4))
    )
    assert data.count(stated) == 1
    player, _ = convert(data.replace(stated, identity))
    placed = 0.01 * (np.array(CUBE) @ made.transform[:3, :3].T + made.transform[:3, 3])
    found = player.accessor(player.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"])
    assert np.linalg.norm(found[:, None] - placed[None], axis=2).min(axis=0).max() < 1e-6


def test_a_vertex_that_no_bone_holds_stays_with_the_node_of_its_mesh() -> None:
    made = body(clusters=[(2, [0, 1, 2, 3], [1.0] * 4)])
    player, _ = convert(fbx_text(skeleton_nodes(), body=made))
    names = [node.get("name") for node in player.json["nodes"]]
    assert names.index("mesh") in player.json["skins"][0]["joints"]
    found = player.skinned(player.world(None))
    stays = 0.01 * (np.array(CUBE[4:]) @ made.transform[:3, :3].T + made.transform[:3, 3])
    assert np.linalg.norm(found[:, None] - stays[None], axis=2).min(axis=0).max() < 1e-6
    # Its node is a root of its own, and joints need a common one.
    assert "RootNode" in names


def test_the_strongest_four_influences_stay_and_the_rest_is_told() -> None:
    nodes = [*skeleton_nodes(), *(Node(f"extra{k}", 1, translation=[10.0 * k, 0.0, 0.0]) for k in range(3))]
    links = {k: shift([0.0, 10.0 * k, 0.0]) for k in range(2, 7)}
    weights = {2: 0.1, 3: 0.3, 4: 0.2, 5: 0.05, 6: 0.35}
    made = body(clusters=[(k, range(8), [w] * 8) for k, w in weights.items()], links=links)
    player, notices = convert(fbx_text(nodes, body=made))
    assert [n[:2] for n in notices if n[0] == "influences-reduced"] == [
        ["influences-reduced", "mesh 'Body': 8 vertices hang on more than 4 joints; the strongest ones count"]
    ]
    attributes = player.json["meshes"][0]["primitives"][0]["attributes"]
    held = player.accessor(attributes["WEIGHTS_0"])
    np.testing.assert_allclose(held, np.tile(np.array([0.35, 0.3, 0.2, 0.1]) / 0.95, (len(held), 1)), atol=1e-6)


@pytest.mark.parametrize(("name", "told"), [("Geometry::Body", "Body"), ("Geometry::", "mesh")])
def test_a_mesh_without_a_name_is_told_by_its_node(name: str, told: str) -> None:
    links = {k: shift([0.0, 10.0 * k, 0.0]) for k in range(2, 7)}
    nodes = [*skeleton_nodes(), *(Node(f"extra{k}", 1, translation=[10.0 * k, 0.0, 0.0]) for k in range(3))]
    made = body(clusters=[(k, range(8), [0.2] * 8) for k in links], links=links)
    _, notices = convert(fbx_text(nodes, body=made).replace(b"Geometry::Body", name.encode()))
    assert any(
        n[:2]
        == ["influences-reduced", f"mesh '{told}': 8 vertices hang on more than 4 joints; the strongest ones count"]
        for n in notices
    )


def test_normals_and_coordinates_split_vertices_and_v_runs_down() -> None:
    corners = [point for side in SIDES for point in side]
    normals = [np.cross(np.subtract(CUBE[s[1]], CUBE[s[0]]), np.subtract(CUBE[s[2]], CUBE[s[1]])) for s in SIDES]
    normals = [n / np.linalg.norm(n) for n in normals for _ in range(4)]
    coordinates = [(0.25 * (k % 4), 0.1) for k in range(len(corners))]
    player, _ = convert(fbx_text(skeleton_nodes(), body=body(normals=normals, coordinates=coordinates)))
    attributes = player.json["meshes"][0]["primitives"][0]["attributes"]
    assert player.json["accessors"][attributes["POSITION"]]["count"] == 24
    turn = body().transform[:3, :3] / 2.0
    wanted = {tuple(np.round(turn @ n, 4) + 0.0) for n in normals}
    assert {tuple(np.round(n, 4) + 0.0) for n in player.accessor(attributes["NORMAL"])} == wanted
    np.testing.assert_allclose(player.accessor(attributes["TEXCOORD_0"])[:, 1], 0.9, atol=1e-6)


def test_polygons_are_split_by_material_over_shared_vertices() -> None:
    made = body(materials=[0, 1, 0, 1, 1, 1])
    textures = [("red", png(255)), ("plain", None)]
    player, _ = convert(fbx_text(skeleton_nodes(), body=made, textures=textures))
    primitives = player.json["meshes"][0]["primitives"]
    assert [player.json["accessors"][p["indices"]]["count"] for p in primitives] == [12, 24]
    assert primitives[0]["attributes"] == primitives[1]["attributes"]
    first, second = (player.json["materials"][p["material"]] for p in primitives)
    assert (first["name"], second["name"]) == ("red", "plain")
    image = player.json["images"][first["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
    view = player.json["bufferViews"][image["bufferView"]]
    assert player.binary[view["byteOffset"] :][: view["byteLength"]] == png(255)
    assert (image["mimeType"], image["name"]) == ("image/png", "red.png")
    np.testing.assert_allclose(second["pbrMetallicRoughness"]["baseColorFactor"], [0.5, 0.25, 0.125, 1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "siblings", "code"),
    [(b"", (), "texture-missing"), (b"II*\x00 a TIFF", (), "texture-dropped"), (b"", ("textures/Skin.PNG",), None)],
)
def test_textures_that_are_not_embedded(content: bytes, siblings: tuple[str, ...], code: str) -> None:
    data = fbx_text(skeleton_nodes(), body=body(materials=[0] * 6), textures=[("skin", content)])
    player, notices = convert(data, siblings)
    assert [n[0] for n in notices if n[0].startswith("texture")] == ([code] if code else [])
    if code is None:
        assert player.json["images"] == [{"name": "skin.png", "uri": "textures/Skin.PNG"}]
    else:
        assert "images" not in player.json
        assert "C:" not in json.dumps(notices)  # no path of somebody's disk


def test_a_mesh_without_skin_hangs_on_its_node() -> None:
    nodes = [Node("arm", translation=[0.0, 60.0, 0.0]), Node("hand", 0, translation=[50.0, 0.0, 0.0])]
    nodes.append(Node("box", 1, kind="Mesh", translation=[5.0, 0.0, 0.0]))
    scene = read_fbx(FileBundle("made.fbx", fbx_text(nodes, body=Body(2, CUBE, SIDES))))
    mesh = scene.load_mesh()
    assert mesh is not None and (scene.rest_kind, scene.skins) == ("node", 1)
    assert {scene.skeleton.names[j] for j in mesh.joints[:, 0]} == {"hand"}
    np.testing.assert_allclose(mesh.positions_m.mean(axis=0), [0.55, 1.1, 0.0], atol=1e-6)
