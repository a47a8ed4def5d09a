"""Forward kinematics, vectorised over frames, one step a level of the tree.

Works on local rotations `(frames, joints, 4)` and local translations; scale is never present (see `workers.skeleton`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workers.skeleton import quat
from workers.skeleton.model import Array, Clip, Indices, Mask, Skeleton


def world_rotations(skeleton: Skeleton, rotations: Array) -> Array:
    """Local to world rotations, `(..., joints, 4)`."""
    world = np.empty_like(rotations)
    for level in skeleton.levels:
        parents = skeleton.parents[level]
        if parents[0] < 0:
            world[..., level, :] = rotations[..., level, :]
        else:
            world[..., level, :] = quat.multiply(world[..., parents, :], rotations[..., level, :])
    return world


def local_rotations(skeleton: Skeleton, world: Array) -> Array:
    """World to local rotations, `(..., joints, 4)`."""
    parents = skeleton.parents
    child = parents >= 0
    result = world.copy()
    for some in quat.windows(world) if world.ndim > 2 else (...,):
        own = world[some]
        result[some][..., child, :] = quat.multiply(quat.conjugate(own[..., parents[child], :]), own[..., child, :])
    return result


def world_positions(
    skeleton: Skeleton, world: Array, offsets_m: Array, translations_m: Mapping[int, Array] | None = None
) -> Array:
    """Joint positions `(..., joints, 3)` in metres.

    `world` are world rotations `(..., joints, 4)`, `offsets_m` the constant local translations `(joints, 3)`,
    `translations_m` overrides for some joints, `(..., 3)` each.
    """
    moved = translations_m or {}
    positions = np.empty((*world.shape[:-1], 3))
    for level in skeleton.levels:
        offsets = np.broadcast_to(offsets_m[level], (*world.shape[:-2], len(level), 3))
        columns = [(column, int(joint)) for column, joint in enumerate(level) if int(joint) in moved]
        if columns:
            offsets = offsets.copy()
            for column, joint in columns:
                offsets[..., column, :] = moved[joint]
        parents = skeleton.parents[level]
        if parents[0] < 0:
            positions[..., level, :] = offsets
        else:
            positions[..., level, :] = positions[..., parents, :] + quat.rotate(world[..., parents, :], offsets)
    return positions


def clip_world(skeleton: Skeleton, clip: Clip) -> tuple[Array, Array]:
    """World rotations `(frames, joints, 4)` and positions `(frames, joints, 3)` of a clip."""
    world = world_rotations(skeleton, clip.rotations)
    return world, world_positions(skeleton, world, skeleton.node_offsets_m, clip.translations_m)


def rest_world(skeleton: Skeleton) -> tuple[Array, Array]:
    """World rotations `(joints, 4)` and positions `(joints, 3)` of the rest pose."""
    world = world_rotations(skeleton, skeleton.rest_rotations)
    return world, world_positions(skeleton, world, skeleton.rest_offsets_m)


def follow_rest(skeleton: Skeleton, world: Array, driven: Mask) -> Array:
    """Fill in the joints that nothing drives: each keeps its rest rotation relative to its parent.

    `world` `(frames, joints, 4)` holds world rotations where `driven` `(joints,)` is true; returns a completed copy.
    """
    result = world.copy()
    for level in skeleton.levels:
        free = level[~driven[level]]
        if not len(free):
            continue
        parents = skeleton.parents[free]
        if parents[0] < 0:
            result[:, free] = skeleton.rest_rotations[free]
        else:
            result[:, free] = quat.multiply(result[:, parents], skeleton.rest_rotations[free])
    return result


def with_roots_turned(skeleton: Skeleton, turn: Array) -> Skeleton:
    """The skeleton, as its nodes stand and as it rests, with its roots turned about the origin by `turn` `(4,)`."""
    roots = skeleton.parents < 0

    def rotations(values: Array) -> Array:
        result = values.copy()
        result[roots] = quat.multiply(turn, values[roots])
        return result

    def offsets(values: Array) -> Array:
        result = values.copy()
        result[roots] = quat.rotate(turn, values[roots])
        return result

    return replace(
        skeleton,
        node_offsets_m=offsets(skeleton.node_offsets_m),
        node_rotations=rotations(skeleton.node_rotations),
        rest_offsets_m=offsets(skeleton.rest_offsets_m),
        rest_rotations=rotations(skeleton.rest_rotations),
    )


def nearest_above(skeleton: Skeleton, own: Mapping[int, int], default: int) -> Indices:
    """What `own` gives for each joint or for the nearest joint above it that it knows `(joints,)`, else `default`."""
    result = np.full(len(skeleton), default, dtype=np.int64)
    for joint, parent in enumerate(skeleton.parents):
        result[joint] = own.get(joint, int(result[parent]) if parent >= 0 else default)
    return result


def subtree(skeleton: Skeleton, joint: int) -> Indices:
    """The joint and all its descendants."""
    inside = np.zeros(len(skeleton), dtype=bool)
    inside[joint] = True
    for other in range(joint + 1, len(skeleton)):
        inside[other] = skeleton.parents[other] >= 0 and inside[skeleton.parents[other]]
    return np.flatnonzero(inside)
