"""What an FBX file holds besides its animation, read through the binding into plain data (`fbx.model`).

For the child process only. Everything that counts is checked against the limits before it is copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.contract.errors import ParseFailed
from workers.formats.fbx.binding import each, integers, kept, matrix, numbers, vectors
from workers.formats.fbx.model import FbxCluster, FbxMaterial, FbxMesh, FbxNode, FbxScene, FbxTexture
from workers.formats.fbx.shapes import blended, read_shapes
from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Array

_MAX_WARNINGS = 8
_AXES = "XYZ"


def file_facts(scene: Any) -> dict[str, Any]:
    """Version, encoding, unit (metres), up axis and frame rate as the file states them."""
    settings, metadata = kept(scene.settings), kept(scene.metadata)
    properties = kept(settings.props)
    up = int(properties.find_int("UpAxis", 1))
    return {
        "version": int(metadata.version),
        "ascii": bool(metadata.ascii),
        "creator": str(metadata.creator)[:200],
        "unit_m": _finite(properties.find_real("UnitScaleFactor", 1.0), 1.0) * 0.01,
        "up_axis": _AXES[up] if 0 <= up < 3 else "Y",
        "rate_hz": _finite(settings.frames_per_second, 0.0),
    }


def read_file(scene: Any, name: str, limits: Limits) -> tuple[FbxScene, dict[int, int]]:
    """The scene without takes, and the node index of each of the binding's `typed_id`s."""
    check_limit(len(kept(scene.nodes)) - 1, limits.nodes, "nodes", name)
    textures, texture_of = _textures(scene)
    materials, material_of = _materials(scene, texture_of)
    nodes, index_of, mesh_objects = _nodes(scene, material_of, name)
    result = FbxScene(nodes, {}, materials, textures, {})
    vertices = 0
    for number, mesh in mesh_objects.items():
        corners = int(mesh.num_indices)
        vertices += max(corners, int(mesh.num_vertices))
        check_limit(vertices, limits.vertices, "vertices", name)
        check_limit(int(mesh.num_faces), 2 * limits.vertices, "faces", name)
        carrier = next(node.name for node in nodes if node.mesh == number)
        result.meshes[number] = _mesh(mesh, str(mesh.name) or carrier, index_of, result)
        result.meshes[number].shapes = read_shapes(mesh, result.meshes[number].name, result, limits)
    result.bind_poses = _bind_poses(scene, index_of)
    for warning in list(each(kept(kept(scene.metadata).warnings)))[:_MAX_WARNINGS]:
        result.warn("fbx-repaired", f"{name}: {warning.description!s:.200}")
    return result, index_of


def _finite(value: float, default: float) -> float:
    return float(value) if np.isfinite(value) and value > 0.0 else default


def _nodes(scene: Any, material_of: dict[int, int], name: str) -> tuple[list[FbxNode], dict[int, int], dict[int, Any]]:
    """Depth first, parents before children, siblings in file order; the root is left out."""
    nodes: list[FbxNode] = []
    index_of: dict[int, int] = {}
    meshes: dict[int, Any] = {}
    stack = [(child, -1) for child in reversed(list(each(kept(scene.root_node).children)))]
    while stack:
        node, parent = stack.pop()
        index = index_of[int(node.typed_id)] = len(nodes)
        transform = node.local_transform
        mesh = kept(node.mesh)
        entry = FbxNode(
            name=str(node.name),
            parent=parent,
            translation=np.array(transform.translation),
            rotation=np.array(transform.rotation),
            scale=np.array(transform.scale),
            bone=kept(node.bone) is not None,
            scale_helper=bool(node.is_scale_helper),
            mesh=-1 if mesh is None else int(mesh.typed_id),
            materials=tuple(material_of[int(material.typed_id)] for material in each(node.materials)),
            visible=bool(node.visible),
        )
        if not np.all(np.abs(np.concatenate([entry.translation, entry.rotation, entry.scale])) < 1e30):
            raise ParseFailed(f"{name}: node {entry.name[:80]!r} has no finite transform; export it again")
        if mesh is not None:
            meshes[entry.mesh] = mesh
        nodes.append(entry)
        stack.extend((child, index) for child in reversed(list(each(node.children))))
    return nodes, index_of, meshes


def _mesh(mesh: Any, name: str, index_of: dict[int, int], scene: FbxScene) -> FbxMesh:
    """`name` is its own or, as most exporters leave that empty, that of the first node that shows it."""
    if len(kept(mesh.cache_deformers)):
        scene.warn("cache-dropped", f"mesh {name!r}: its geometry cache is left out of the result")
    if kept(mesh.vertex_color).exists:
        scene.warn("vertex-colors-dropped", f"mesh {name!r}: vertex colours are left out of the result")
    corners = integers(mesh.vertex_indices)
    materials = integers(mesh.face_material)
    faces = integers(mesh.faces, 2)
    return FbxMesh(
        name=name,
        positions=blended(mesh, vectors(mesh.vertices, 3)),
        faces=faces,
        corners=corners,
        normals=_per_corner(kept(mesh.vertex_normal), 3, len(corners)),
        coordinates=_per_corner(kept(mesh.vertex_uv), 2, len(corners)),
        face_materials=materials if len(materials) == len(faces) else np.zeros(len(faces), dtype=np.int64),
        clusters=_clusters(mesh, name, index_of, scene),
    )


def _per_corner(attribute: Any, width: int, corners: int) -> Array | None:
    if not attribute.exists:
        return None
    values, indices = vectors(attribute.values, width), integers(attribute.indices)
    if len(indices) != corners or not len(values):
        return None
    return values[np.clip(indices, 0, len(values) - 1)]


def _clusters(mesh: Any, name: str, index_of: dict[int, int], scene: FbxScene) -> list[FbxCluster]:
    """Of the first skin of a mesh; a mesh with several is played by ufbx one after the other, which glTF cannot."""
    skins = list(each(mesh.skin_deformers))
    if not skins:
        return []
    if len(skins) > 1:
        scene.warn("skins-dropped", f"mesh {name!r} has {len(skins)} skins; the first one counts")
    if int(skins[0].num_dq_weights):
        scene.warn("dual-quaternion-skin", f"mesh {name!r} is skinned with dual quaternions; glTF skins linearly")
    clusters = []
    for cluster in each(skins[0].clusters):
        bone = kept(cluster.bone_node)
        if bone is None or int(bone.typed_id) not in index_of:
            continue
        vertices, weights = integers(cluster.vertices), numbers(cluster.weights)
        count = min(len(vertices), len(weights))
        clusters.append(
            FbxCluster(
                node=index_of[int(bone.typed_id)],
                geometry_to_bone=matrix(cluster.geometry_to_bone),
                bind_to_world=matrix(cluster.bind_to_world),
                vertices=vertices[:count],
                weights=weights[:count],
            )
        )
    return clusters


def _bind_poses(scene: Any, index_of: dict[int, int]) -> dict[int, Array]:
    """World matrices by node; a node in several bind poses takes the first."""
    result: dict[int, Array] = {}
    for pose in each(scene.poses):
        if not pose.is_bind_pose:
            continue
        for bone in each(pose.bone_poses):
            node = kept(bone.bone_node)
            if node is not None and int(node.typed_id) in index_of:
                result.setdefault(index_of[int(node.typed_id)], matrix(bone.bone_to_world))
    return result


def _textures(scene: Any) -> tuple[list[FbxTexture], dict[int, int]]:
    textures: list[FbxTexture] = []
    index_of: dict[int, int] = {}
    for texture in each(scene.textures):
        index_of[int(texture.typed_id)] = len(textures)
        filename = str(texture.relative_filename) or str(texture.filename) or str(texture.absolute_filename)
        textures.append(
            FbxTexture(str(texture.name), filename, bytes(texture.content), moved=bool(texture.has_uv_transform))
        )
    return textures, index_of


def _materials(scene: Any, texture_of: dict[int, int]) -> tuple[list[FbxMaterial], dict[int, int]]:
    materials: list[FbxMaterial] = []
    index_of: dict[int, int] = {}
    for material in each(scene.materials):
        index_of[int(material.typed_id)] = len(materials)
        pbr = kept(material.pbr)
        base, texture = kept(pbr.base_color), -1
        if base.texture_enabled and kept(base.texture) is not None:
            # A layered or generated texture is made of files: the first one stands for it.
            files = list(each(kept(base.texture).file_textures)) or [kept(base.texture)]
            texture = texture_of.get(int(files[0].typed_id), -1)
        factor = _scalar(pbr.base_factor, 1.0)
        red, green, blue = (min(max(float(v) * factor, 0.0), 1.0) for v in np.nan_to_num(base.value_vec4[:3], nan=0.8))
        opacity = _scalar(pbr.opacity, 1.0)
        materials.append(
            FbxMaterial(
                name=str(material.name),
                color=(red, green, blue, opacity if opacity > 0.0 else 1.0),  # exporters often write 0 for opaque
                metallic=_scalar(pbr.metalness, 0.0),
                roughness=_scalar(pbr.roughness, 0.8),
                texture=texture,
            )
        )
    return materials, index_of


def _scalar(value: Any, default: float) -> float:
    """A material value between 0 and 1."""
    kept(value)
    number = float(value.value_vec4[0]) if value.has_value else default
    return min(max(number, 0.0), 1.0) if np.isfinite(number) else default
