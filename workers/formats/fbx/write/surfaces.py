"""The primitives of one glTF mesh as one list of vertices, with all that an FBX mesh can hold of them.

What some primitives lack (normals, coordinates, colours) is filled in for them: a normal from their faces, 0, white.
A texture transform (KHR_texture_transform) of the base colour is applied to the coordinates, since exporters that
store coordinates as integers put their range there. Points, lines and tangents are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.fields import Json, bad_field, child, index, objects
from workers.formats.gltf.influences import read_influences
from workers.formats.gltf.mesh import read_triangles
from workers.skeleton.model import Array, Indices

_TRANSFORM = "KHR_texture_transform"
_MAX_COORDINATES = 8


@dataclass(frozen=True, eq=False)
class MorphTarget:
    """What a weight of 1 adds to positions and normals, `(vertices, 3)` each."""

    positions: Array
    normals: Array


@dataclass(frozen=True, eq=False)
class Surface:
    """`materials` gives the glTF material of each triangle, -1 for none; `joints` are numbers within the skin."""

    positions: Array  # (vertices, 3)
    normals: Array  # (vertices, 3)
    coordinates: tuple[Array, ...]  # (vertices, 2) a set, V down
    colors: Array | None  # (vertices, 4)
    triangles: Indices  # (triangles, 3)
    materials: Indices  # (triangles,)
    joints: Indices | None  # (vertices, k)
    weights: Array | None
    targets: tuple[MorphTarget, ...]

    def placed(self, matrix: Array) -> Surface:
        """Multiplied by a matrix `(4, 4)`; triangles face outward still where it mirrors."""
        linear = matrix[:3, :3]
        # The inverse transposed, times the determinant: directions only, so a flat matrix does no harm.
        turn = np.cross(linear[[1, 2, 0]], linear[[2, 0, 1]])
        mirrors = np.linalg.det(linear) < 0.0
        turn = -turn if mirrors else turn
        normals, lengths = _unit(self.normals @ turn.T)
        return replace(
            self,
            positions=self.positions @ linear.T + matrix[:3, 3],
            normals=normals,
            triangles=self.triangles[:, ::-1] if mirrors else self.triangles,
            targets=tuple(
                MorphTarget(target.positions @ linear.T, target.normals @ turn.T / lengths) for target in self.targets
            ),
        )


def read_surface(document: GltfDocument, mesh: int, joint_count: int | None) -> Surface | None:
    """The surface of a mesh in its own space, `joint_count` being that of its skin. None where it has no triangles.

    Raises ParseFailed, TooLarge, UnsupportedFeature.
    """
    sharing: dict[str, list[tuple[Json, str]]] = {}
    for place, primitive in enumerate(objects(document.meshes[mesh], "primitives", f"/meshes/{mesh}")):
        where = f"/meshes/{mesh}/primitives/{place}"
        sharing.setdefault(_vertices_of(document, primitive, where), []).append((primitive, where))
    parts = [_part(document, primitives, joint_count) for primitives in sharing.values()]
    whole = [part for part in parts if part is not None]
    return _joined(whole) if whole else None


def _vertices_of(document: GltfDocument, primitive: Json, where: str) -> str:
    """Equal for primitives that share their vertices: exporters often cut one set of them into a part a material."""
    attributes = sorted(child(primitive, "attributes", where).items())
    targets = [sorted(target.items()) for target in objects(primitive, "targets", where)]
    return repr((attributes, targets, base_color_texture(document, int(primitive.get("material", -1)))))


def _part(document: GltfDocument, primitives: list[tuple[Json, str]], joint_count: int | None) -> Surface | None:
    """Primitives that share their vertices; vertices that no triangle uses are left out."""
    faces, materials = [], []
    positions = None
    for primitive, where in primitives:
        found = read_triangles(document, primitive, where)
        if found is not None and len(found[1]):
            positions = found[0]
            faces.append(found[1])
            materials.append(np.full(len(found[1]), primitive.get("material", -1), dtype=np.int64))
    if positions is None:
        return None
    count = len(positions)
    used, corners = np.unique(np.concatenate(faces), return_inverse=True)
    triangles = corners.reshape(-1, 3).astype(np.int64)
    primitive, where = primitives[0]
    attributes = child(primitive, "attributes", where)

    def values(name: str, kinds: tuple[str, ...], given: Json = attributes) -> Array | None:
        if name not in given:
            return None
        accessor = index(given, name, len(document.accessors), f"{where}/attributes")
        wrong = document.accessors.kind(accessor)[0] not in kinds
        if wrong or document.accessors.count(accessor) != count:
            raise bad_field(f"{where}/attributes/{name}", f"accessor {accessor} must hold one {kinds[0]} a vertex")
        return np.nan_to_num(document.accessors.floats(accessor)[used], posinf=0.0, neginf=0.0)

    coordinates: list[Array] = []
    while len(coordinates) < _MAX_COORDINATES:
        given = values(f"TEXCOORD_{len(coordinates)}", ("VEC2",))
        if given is None:
            break
        coordinates.append(_transformed(document, primitive, len(coordinates), given))
    colors = values("COLOR_0", ("VEC4", "VEC3"))
    if colors is not None and colors.shape[1] == 3:
        colors = np.column_stack([colors, np.ones(len(colors))])
    joints = weights = None
    if joint_count is not None:
        joints, weights = read_influences(document, attributes, count, joint_count, where)
        joints, weights = joints[used], weights[used]
    normals = values("NORMAL", ("VEC3",))
    nothing = np.zeros((len(used), 3))
    targets = []
    for target in objects(primitive, "targets", where):
        moved, turned = (values(name, ("VEC3",), target) for name in ("POSITION", "NORMAL"))
        targets.append(MorphTarget(nothing if moved is None else moved, nothing if turned is None else turned))
    return Surface(
        positions=positions[used],
        normals=_face_normals(positions[used], triangles) if normals is None else _unit(normals)[0],
        coordinates=tuple(coordinates),
        colors=colors,
        triangles=triangles,
        materials=np.concatenate(materials),
        joints=joints,
        weights=weights,
        targets=tuple(targets),
    )


def _joined(parts: list[Surface]) -> Surface:
    counts = [len(part.positions) for part in parts]
    starts = np.cumsum([0, *counts])

    def padded(values: Array | Indices | None, rows: int, width: int, filler: float) -> Array:
        own = np.empty((rows, 0)) if values is None else values
        return np.pad(own, ((0, 0), (0, width - own.shape[1])), constant_values=filler)

    def joined(values: list[Array | Indices | None], filler: float) -> Array | None:
        if all(value is None for value in values):
            return None
        width = max(value.shape[1] for value in values if value is not None)
        return np.concatenate([padded(value, n, width, filler) for value, n in zip(values, counts, strict=True)])

    sets = max(len(part.coordinates) for part in parts)
    shapes = max(len(part.targets) for part in parts)
    still = [MorphTarget(np.zeros((count, 3)), np.zeros((count, 3))) for count in counts]
    targets = [[*part.targets, *[none] * (shapes - len(part.targets))] for part, none in zip(parts, still, strict=True)]
    coordinates = [joined([dict(enumerate(part.coordinates)).get(n) for part in parts], 0.0) for n in range(sets)]
    joints = joined([part.joints for part in parts], 0.0)
    return Surface(
        positions=np.concatenate([part.positions for part in parts]),
        normals=np.concatenate([part.normals for part in parts]),
        coordinates=tuple(values for values in coordinates if values is not None),
        colors=joined([part.colors for part in parts], 1.0),
        triangles=np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=False)]),
        materials=np.concatenate([part.materials for part in parts]),
        joints=None if joints is None else joints.astype(np.int64),
        weights=joined([part.weights for part in parts], 0.0),
        targets=tuple(
            MorphTarget(
                np.concatenate([each[shape].positions for each in targets]),
                np.concatenate([each[shape].normals for each in targets]),
            )
            for shape in range(shapes)
        ),
    )


def _transformed(document: GltfDocument, primitive: Json, number: int, coordinates: Array) -> Array:
    """Coordinates of set `number` with the transform of the base colour's texture, where that uses this set."""
    used = base_color_texture(document, int(primitive.get("material", -1)))
    transform = used.get("extensions", {}).get(_TRANSFORM) if isinstance(used.get("extensions"), dict) else None
    own = used.get("texCoord", 0)
    if not isinstance(transform, dict) or transform.get("texCoord", own) != number:
        return coordinates
    scaled = coordinates * np.asarray(transform.get("scale", [1.0, 1.0]), dtype=np.float64)
    angle = float(transform.get("rotation", 0.0))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved: Array = scaled @ turn.T + np.asarray(transform.get("offset", [0.0, 0.0]), dtype=np.float64)
    return moved


def base_color_texture(document: GltfDocument, material: int) -> Json:
    """The reference to the texture of a material's base colour, empty where there is none."""
    materials = objects(document.json, "materials")
    surface = materials[material].get("pbrMetallicRoughness") if 0 <= material < len(materials) else None
    used = surface.get("baseColorTexture") if isinstance(surface, dict) else None
    return used if isinstance(used, dict) else {}


def _face_normals(positions: Array, triangles: Indices) -> Array:
    """Of vertices `(vertices, 3)`: the sum over their faces, weighted by area."""
    corners = positions[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    result = np.zeros_like(positions)
    for corner in range(3):
        np.add.at(result, triangles[:, corner], faces)
    return _unit(result)[0]


def _unit(vectors: Array) -> tuple[Array, Array]:
    """Unit vectors, up where there is no direction, and the lengths before `(n, 1)`."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = lengths > 1e-20
    safe = np.where(usable, lengths, 1.0)
    return np.where(usable, vectors / safe, [0.0, 1.0, 0.0]), safe
