"""What must hold for the arrays of a stored scene, so that nothing behind it has to distrust them.

The process that wrote the file read hostile input and may have been taken over by it: shapes, index ranges, order of
parents and finiteness are checked on loading, by whole-array operations. ValueError says what is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.formats.gltf.bind import BindPose, Skin
from workers.formats.gltf.nodes import NodeTree
from workers.skeleton.model import Clip, Mesh, Skeleton

_SKELETON_SHAPES: dict[str, tuple[int, ...]] = {
    "node_offsets_m": (3,), "node_rotations": (4,), "rest_offsets_m": (3,), "rest_rotations": (4,),
    "translation_scale": (),
}  # fmt: skip
_TREE_SHAPES: dict[str, tuple[int, ...]] = {
    "local": (4, 4), "world": (4, 4), "offsets": (3,), "rotations": (4,), "scales": (), "parent_scales": (),
    "half_turns": (4,), "node_scales": (3,),
}  # fmt: skip
_TREE_MARKS = ("mirrored", "parent_mirrored", "has_matrix", "sheared")


def check_skeleton(skeleton: Skeleton) -> None:
    count = len(skeleton.names)
    _strings(skeleton.names)
    _parents(skeleton.parents, count)
    _integers(skeleton.file_indices, (count,), 0, 2**53)
    for name, shape in _SKELETON_SHAPES.items():
        _numbers(getattr(skeleton, name), (count, *shape), name)
    for name in ("deforming", "end_site"):
        _marks(getattr(skeleton, name), count, name)


def check_clip(clip: Clip, joints: int) -> None:
    """`joints` is the number of joints of its skeleton."""
    _require(type(clip.name) is str and 0.0 < clip.rate_hz < np.inf and abs(clip.start_s) < np.inf, "rate or start")
    frames = clip.rotations.shape[0]
    _require(frames > 0, "a clip without frames")
    _numbers(clip.rotations, (frames, joints, 4), "rotations")
    for joint, path in clip.translations_m.items():
        _require(type(joint) is int and 0 <= joint < joints, "translated joint")
        _numbers(path, (frames, 3), "translations")


def check_mesh(mesh: Mesh, joints: int) -> None:
    count, width = mesh.joints.shape
    _numbers(mesh.positions_m, (count, 3), "positions")
    _integers(mesh.faces, (len(mesh.faces), 3), 0, count)
    _integers(mesh.joints, (count, width), 0, joints)
    _numbers(mesh.weights, (count, width), "weights")


def check_tree(tree: NodeTree, nodes: int) -> None:
    """`nodes` is the number of nodes of the document."""
    count = len(tree.names)
    _parents(tree.parents, count)
    _integers(tree.file_indices, (count,), 0, nodes)
    _require(tree.position_of == {int(node): entry for entry, node in enumerate(tree.file_indices)}, "places of nodes")
    for name, shape in _TREE_SHAPES.items():
        _numbers(getattr(tree, name), (count, *shape), name)
    for name in _TREE_MARKS:
        _marks(getattr(tree, name), count, name)


def check_bind(skins: list[Skin], bind: BindPose, tree: NodeTree, document_skins: int) -> None:
    for skin in skins:
        _require(0 <= skin.number < document_skins, "skin")
        _require(all(int(node) in tree.position_of for node in skin.joints), "joints of a skin")
        _numbers(skin.inverse_bind, (len(skin.joints), 4, 4), "inverse bind matrices")
    count = len(tree.names)
    for values, shape in ((bind.affine, (4, 4)), (bind.rotations, (4,)), (bind.offsets, (3,))):
        _numbers(values, (count, *shape), "bind pose")


def _parents(parents: NDArray[Any], count: int) -> None:
    _integers(parents, (count,), -1, count)
    _require(bool(np.all(parents < np.arange(count))), "parents after their children")


def _numbers(values: NDArray[Any], shape: tuple[int, ...], what: str) -> None:
    _require(values.shape == shape and values.dtype == np.float64 and bool(np.isfinite(values).all()), what)


def _integers(values: NDArray[Any], shape: tuple[int, ...], low: int, high: int) -> None:
    fits = values.shape == shape and values.dtype == np.int64
    _require(fits and (values.size == 0 or (int(values.min()) >= low and int(values.max()) < high)), "indices")


def _marks(values: NDArray[Any], count: int, what: str) -> None:
    _require(values.shape == (count,) and values.dtype == np.bool_, what)


def _strings(values: tuple[str, ...]) -> None:
    _require(type(values) is tuple and all(type(value) is str for value in values), "names")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)
