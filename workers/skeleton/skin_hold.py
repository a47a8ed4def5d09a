"""Which joints hold skin.

Weights decide, not what a file lists as joints: exporters list every bone of an armature. Traces of weight, as
automatic weighting leaves on bones far away, do not count as holding skin.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton.model import Mask, Mesh, Skeleton

MIN_VERTICES = 0.5  # in all: what a joint holds, in whole vertices
MIN_WEIGHT = 0.1  # at one vertex at least


def skin_holders(mesh: Mesh, joints: int) -> Mask:
    """Joints `(joints,)` that hold a part of the surface worth speaking of."""
    total, most = np.zeros(joints), np.zeros(joints)
    np.add.at(total, mesh.joints.ravel(), mesh.weights.ravel())
    np.maximum.at(most, mesh.joints.ravel(), mesh.weights.ravel())
    return np.asarray((total >= MIN_VERTICES) & (most >= MIN_WEIGHT))


def reaches(skeleton: Skeleton, chosen: Mask) -> Mask:
    """Joints `(joints,)` that are chosen or have a chosen one below them."""
    result = chosen.copy()
    for joint in range(len(skeleton) - 1, -1, -1):
        parent = int(skeleton.parents[joint])
        if parent >= 0 and result[joint]:
            result[parent] = True
    return result


def below(skeleton: Skeleton, chosen: Mask) -> Mask:
    """Joints `(joints,)` that are chosen or hang below a chosen one."""
    result = chosen.copy()
    for joint, parent in enumerate(skeleton.parents):
        result[joint] |= bool(parent >= 0 and result[parent])
    return result
