"""Which node of a glTF becomes what: a joint (`LimbNode`), a mesh, or a group (`Null`); and their `Model` records.

Joints are those of the skins and of figures without one, what lies between them, what lies below them without a mesh
(ends of limbs, sockets), and any node above them that a clip moves: a game engine takes only joints for bones. A joint
never carries a mesh itself; its mesh hangs on it as a node of its own, and so does one whose mesh is skinned, at the
root. A node that only carried a skinned mesh is left out. Names are made different, as engines find bones by them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np

from workers.formats.fbx.write.euler import euler_degrees
from workers.formats.fbx.write.objects import ROOT, Objects, entry, integer, number, properties, vector
from workers.formats.fbx.write.records import record
from workers.formats.fbx.write.space import Space
from workers.skeleton.model import Array, Mask, Notice

ModelKind = Literal["LimbNode", "Null", "Mesh"]
STANDING = (np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.ones(3))
_SCALE_IS_ONE = 1e-9  # rounding of a scale that was taken out


class Names:
    """Hands out names that nobody has yet and that hold none of the characters FBX parts names by."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def own(self, wanted: str) -> str:
        name = plain = wanted.replace("\0", " ").replace("\1", " ")
        copies = 0
        while name in self._taken:
            copies += 1
            name = f"{plain}_{copies}"
        self._taken.add(name)
        return name


def limb_entries(space: Space) -> Mask:
    """Which entries of the node tree are joints `(nodes,)`."""
    source, tree = space.source, space.tree
    count = len(tree)
    core = source.deforming.copy()
    for skin in source.skins:
        core[[tree.position_of[int(node)] for node in skin.joints]] = True
    above, below = np.zeros(count, dtype=bool), core.copy()
    for node in range(count - 1, -1, -1):  # children before their parents
        parent = int(tree.parents[node])
        if parent >= 0:
            above[parent] |= above[node] or core[node]
    for node in range(count):
        parent = int(tree.parents[node])
        if parent >= 0:
            below[node] |= below[parent]
    moved = np.zeros(count, dtype=bool)
    for clip in source.clips:
        moved[[channel.entry for channel in clip.channels]] = True
    bare = np.array([not _carries(space, node) for node in range(count)], dtype=bool)
    limbs: Mask = core | (below & above) | (below & bare) | (above & moved)
    return limbs


def left_out(space: Space, limbs: Mask) -> Mask:
    """Nodes that only carry a skinned mesh, which moves to the root `(nodes,)`."""
    tree, document = space.tree, space.source.document
    parents = set(tree.parents.tolist())
    moved = {channel.entry for clip in space.source.clips for channel in clip.channels}
    nodes = [document.nodes[int(number)] for number in tree.file_indices]
    return np.array(
        [
            "mesh" in node and "skin" in node and entry not in parents and entry not in moved and not limbs[entry]
            for entry, node in enumerate(nodes)
        ],
        dtype=bool,
    )


def node_names(space: Space, limbs: Mask, names: Names, skipped: Mask) -> tuple[dict[int, str], list[Notice]]:
    """The name of each entry that is written, joints first, so that they keep theirs; and which were renamed."""
    tree = space.tree
    result, notices = {}, []
    for node in sorted(np.flatnonzero(~skipped).tolist(), key=lambda node: not limbs[node]):
        own = tree.names[node]
        name = result[node] = names.own(own or f"{'joint' if limbs[node] else 'node'}_{int(tree.file_indices[node])}")
        if limbs[node] and own and name != own:
            text = f"several joints are named {own!r}, which engines cannot tell apart; one is written as {name!r}"
            notices.append(Notice("joint-renamed", text, own))
    return result, notices


def add_model(
    objects: Objects, name: str, kind: ModelKind, standing: tuple[Array, Array, Array], parent: int = ROOT
) -> int:
    """A node that stands at translation (cm), rotation and scale below `parent`, the scene's root by default."""
    translation, rotation, scale = standing
    model = objects.add(
        "Model",
        name,
        kind,
        [
            record("Version", 232),
            properties(
                entry("RotationActive", "bool", "", "", 1),
                entry("InheritType", "enum", "", "", 1),  # parent's rotation, parent's scale, own: as in a glTF
                vector("ScalingMax", "Vector3D", (0.0, 0.0, 0.0), ""),
                integer("DefaultAttributeIndex", 0),
                vector("Lcl Translation", "Lcl Translation", translation),
                vector("Lcl Rotation", "Lcl Rotation", euler_degrees(rotation[None, None])[0, 0]),
                vector("Lcl Scaling", "Lcl Scaling", plain_scale(scale)),
            ),
            record("Shading", True),
            record("Culling", "CullingOff"),
        ],
    )
    objects.connect(model, parent)
    if kind != "Mesh":
        is_limb = kind == "LimbNode"
        content = [
            properties(*([number("Size", 1.0)] if is_limb else [])),
            record("TypeFlags", "Skeleton" if is_limb else "Null"),
        ]
        objects.connect(objects.add("NodeAttribute", name, kind, content), model)
    return model


def plain_scale(scale: Array) -> Array:
    """Exactly 1 where it only misses it by rounding."""
    return np.where(np.abs(scale - 1.0) <= _SCALE_IS_ONE, 1.0, scale)


def dropped_things(space: Space, entries: Collection[int]) -> list[Notice]:
    """Cameras and lights, whose nodes stay as groups."""
    notices = []
    for node in entries:
        own = space.source.document.nodes[int(space.tree.file_indices[node])]
        extensions = own.get("extensions")
        is_light = isinstance(extensions, dict) and "KHR_lights_punctual" in extensions
        if "camera" in own or is_light:
            what, name = ("light" if is_light else "camera"), space.tree.names[node] or f"#{node}"
            notices.append(Notice(f"{what}-dropped", f"node {name!r}: its {what} is left out of the FBX", name))
    return notices


def _carries(space: Space, node: int) -> bool:
    """Whether a node carries something that is no joint: a mesh, a camera, a light."""
    own = space.source.document.nodes[int(space.tree.file_indices[node])]
    extensions = own.get("extensions")
    return "mesh" in own or "camera" in own or (isinstance(extensions, dict) and "KHR_lights_punctual" in extensions)
