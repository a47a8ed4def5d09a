"""Where the joints of a convention stand: mapped ones where the body has them, others between these or beside them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from workers.lab.standards.convention import Convention
from workers.skeleton.model import Array

BESIDE_M = (0.0, 0.015, 0.02)  # from its parent to a joint that leads to no role


def place_joints(convention: Convention, places_m: Mapping[str, ArrayLike]) -> Array:
    """Positions `(joints, 3)` in T pose; `places_m` are the roles'. Roots that are no role: the origin."""
    joints = range(len(convention.joints))
    role_of = convention.role_of
    children: list[list[int]] = [[] for _ in joints]
    for joint, parent in enumerate(convention.parents):
        if parent >= 0:
            children[parent].append(joint)

    def below(joint: int) -> tuple[int, int] | None:
        """The nearest mapped joint down the tree and how many steps away; past a branch none is clear."""
        steps = 1
        line = children[joint]
        while line:
            found = [j for j in line if j in role_of]
            if found:
                return found[0], steps
            line = [c for j in line for c in children[j]]
            steps += 1
        return None

    positions = np.zeros((len(convention.joints), 3))
    for joint in joints:
        parent = convention.parents[joint]
        onward = below(joint)
        if joint in role_of:
            positions[joint] = places_m[role_of[joint]]
        elif parent < 0:
            positions[joint] = 0.0
        elif onward is not None:
            target, steps = onward
            way = np.asarray(places_m[role_of[target]]) - positions[parent]
            positions[joint] = positions[parent] + way / (steps + 1)
        else:
            positions[joint] = positions[parent] + BESIDE_M
    return positions
