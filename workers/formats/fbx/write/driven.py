"""Which values of which nodes every take keys.

Programs that play takes one after the other (Blender, Unity) leave what a take does not key as the last take left it,
and some let a joint that is not keyed stand in the bind pose. So a value is keyed in every take if some clip moves it,
or if it differs between the node and the bind pose; where a clip itself says nothing, at the value that the node has.
What every clip keeps at the node's own value is not keyed at all, but for rotations.
"""

from __future__ import annotations

import numpy as np

from workers.formats.fbx.write.space import Space
from workers.skeleton import quat
from workers.skeleton.model import Array

PATHS = ("translation", "rotation", "scale")
_SAME = 1e-5  # of the values' size, or of the skeleton's for translations


def driven_values(space: Space) -> list[tuple[int, str]]:
    """Entries of the node tree with the path that is keyed, in order."""
    source, tree = space.source, space.tree
    accessors = source.document.accessors
    size = float(np.max(np.ptp(tree.world[:, :3, 3], axis=0), initial=0.0)) or 1.0
    found: set[tuple[int, str]] = set()
    if source.clips and source.bind.bound:
        offsets = np.linalg.norm(source.bind.offsets - tree.offsets, axis=1) > _SAME * size
        turned = quat.angle_between(source.bind.rotations, tree.rotations) > _SAME
        for path, differs in (("translation", offsets), ("rotation", turned)):
            found |= {(entry, path) for entry in np.flatnonzero(differs & source.deforming).tolist()}
    for channel in (channel for clip in source.clips for channel in clip.channels):
        key = channel.entry, channel.path
        if key not in found and (
            channel.path == "rotation" or _moves(space, key, accessors.floats(channel.values), size)
        ):
            found.add(key)
    return sorted(found, key=lambda key: (key[0], PATHS.index(key[1])))


def _moves(space: Space, key: tuple[int, str], values: Array, size: float) -> bool:
    """Whether a clip's keys differ from what the node has; tangents count as keys, which does no harm."""
    entry, path = key
    if path == "translation":
        own, given = space.tree.offsets[entry] * space.unit_cm, space.translations(entry, values)
        return bool(np.max(np.abs(given - own)) > _SAME * size * space.unit_cm)
    own = np.abs(space.tree.node_scales[entry])
    return bool(np.max(np.abs(np.abs(values) - own)) > _SAME * max(float(np.max(own)), 1e-12))
