"""Plain data of one FBX file, between the binding (`fbx.file`, `fbx.takes`) and the GLB (`fbx.glb`).

Metres, right-handed, Y up, as ufbx converts them; quaternions xyzw; matrices `(4, 4)` act on column vectors. Nodes are
in depth-first order, parents first, and everything refers to them by that index.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.skeleton.model import Array, Indices


@dataclass(eq=False)
class FbxNode:
    """`bone` is true for limb nodes. A `scale_helper` is a node that ufbx adds where children do not inherit scale."""

    name: str
    parent: int
    translation: Array
    rotation: Array
    scale: Array
    bone: bool
    scale_helper: bool
    mesh: int = -1
    materials: tuple[int, ...] = ()
    visible: bool = True


@dataclass(eq=False)
class FbxCluster:
    """The vertices that one bone holds. `geometry_to_bone` is the inverse bind matrix in the mesh's own space."""

    node: int
    geometry_to_bone: Array
    bind_to_world: Array
    vertices: Indices
    weights: Array


@dataclass(eq=False)
class FbxShape:
    """A blend shape that is not shown: what a weight of 1 adds to some vertices, in the mesh's own space."""

    name: str
    vertices: Indices  # (moved,)
    offsets: Array  # (moved, 3)


@dataclass(eq=False)
class FbxMesh:
    """Faces are `(first corner, corners)`; normals and texture coordinates are given per corner."""

    name: str
    positions: Array  # (vertices, 3)
    faces: Indices  # (faces, 2)
    corners: Indices  # (corners,) vertex of each corner
    normals: Array | None  # (corners, 3)
    coordinates: Array | None  # (corners, 2) V up, as in FBX
    face_materials: Indices  # (faces,)
    clusters: list[FbxCluster]
    shapes: list[FbxShape] = field(default_factory=list)


@dataclass(eq=False)
class FbxMaterial:
    """`texture` is an index into the scene's textures or -1; `color` is linear RGBA."""

    name: str
    color: tuple[float, float, float, float]
    metallic: float
    roughness: float
    texture: int = -1


@dataclass(eq=False)
class FbxTexture:
    """An image file: embedded (`content`) or only named (`filename`); `moved` where it is shifted, turned or scaled."""

    name: str
    filename: str
    content: bytes
    moved: bool


@dataclass(eq=False)
class FbxPath:
    """Local transforms of one node over a take's frames; None where they stay as the node has them."""

    translations: Array | None  # (frames, 3)
    rotations: Array | None  # (frames, 4)
    scales: Array | None  # (frames, 3)


@dataclass(eq=False)
class FbxTake:
    """One animation stack, all its layers, on a uniform time axis that starts at 0."""

    name: str
    frames: int
    paths: dict[int, FbxPath]


@dataclass(eq=False)
class FbxScene:
    """`bind_poses` holds the world matrices `(4, 4)` that the file's bind poses give, by node."""

    nodes: list[FbxNode]
    meshes: dict[int, FbxMesh]
    materials: list[FbxMaterial]
    textures: list[FbxTexture]
    bind_poses: dict[int, Array]
    takes: list[FbxTake] = field(default_factory=list)
    notices: list[tuple[str, str, str | None]] = field(default_factory=list)  # code, message, joint

    def warn(self, code: str, message: str, joint: str | None = None) -> None:
        """Note what the report should tell."""
        self.notices.append((code, message, joint))
