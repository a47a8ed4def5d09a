"""A body from a list of joints, every role known: for tests that need no file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.skeleton import quat
from workers.skeleton.body import UP, Body, measure_body
from workers.skeleton.mapping import HumanoidMapping, RoleMatch
from workers.skeleton.model import Skeleton

JointList = Sequence[tuple[str, str | None, tuple[float, float, float]]]


def plain_body(joints: JointList, *, scale: float = 1.0, yaw_rad: float = 0.0, confidence: float = 1.0) -> Body:
    """`joints` are (role, parent role, offset in metres), parents first; the root rests turned by `yaw_rad`."""
    names = tuple(name for name, _, _ in joints)
    count = len(names)
    offsets = scale * np.array([offset for _, _, offset in joints])
    rotations = quat.identity(count)
    rotations[0] = quat.from_axis_angle(UP, yaw_rad)
    skeleton = Skeleton(
        names=names,
        parents=np.array([-1 if parent is None else names.index(parent) for _, parent, _ in joints]),
        file_indices=np.arange(count),
        node_offsets_m=offsets,
        node_rotations=rotations,
        rest_offsets_m=offsets,
        rest_rotations=rotations,
        deforming=np.ones(count, dtype=bool),
        translation_scale=np.ones(count),
        end_site=np.zeros(count, dtype=bool),
    )
    roles = {name: RoleMatch(index, confidence, "made so") for index, name in enumerate(names)}
    return measure_body(skeleton, HumanoidMapping(roles, {}, ()), None)
