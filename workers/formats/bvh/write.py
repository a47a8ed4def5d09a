"""BVH out: `write_bvh` writes a clip of any skeleton in centimetres, Y up, rotation order ZXY.

A BVH joint has no rest rotation, so its zero pose is the bind (rest) pose with all frames along the world's axes. With
W the world rotation of a joint, A = W * conjugate(W_rest) is its turn away from rest and conjugate(A_parent) * A what
the channels hold; offsets are differences of rest positions. The ROOT's OFFSET is zero because readers disagree whether
position channels replace or extend it; with zero both agree. Below it, a joint whose place relative to its parent is
not constant gets position channels that replace its OFFSET. Nodes that deform nothing and carry no motion of their
own are left out.
"""

from __future__ import annotations

import re

import numpy as np

from workers.contract.errors import NoSkeleton, OutputInvalid
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Clip, Skeleton

CM_PER_M = 100.0
SAME_PLACE_M = 1e-6
SAME_ANGLE_RAD = 1e-6
LEAF_LENGTH = 0.5  # of the parent bone, for the End Site of a leaf that has none


def write_bvh(skeleton: Skeleton, clip: Clip) -> bytes:
    """The clip as BVH text; world positions and turns away from rest are kept to 1e-6 cm and degrees, as written.

    Raises NoSkeleton when no joint can be written, OutputInvalid for numbers that are not finite.
    """
    if clip.frames == 0 or len(clip.rotations[0]) != len(skeleton):
        raise OutputInvalid(f"clip {clip.name!r} has no frames or does not fit its skeleton; this is a bug, report it")
    world, positions = kinematics.clip_world(skeleton, clip)
    if not (np.isfinite(world).all() and np.isfinite(positions).all()):
        raise OutputInvalid(f"clip {clip.name!r} holds numbers that are not finite, so no BVH can be written")
    rest_world, rest_positions = kinematics.rest_world(skeleton)
    kept, parents = _depth_first(skeleton, _kept_joints(skeleton, clip))
    turned = quat.multiply(world, quat.conjugate(rest_world))

    offsets = np.zeros((len(kept), 3))
    columns: list[Array] = []
    moves: list[bool] = []
    for index, joint in enumerate(kept):
        parent = parents[joint]
        if parent < 0:
            place, rotation = positions[:, joint], turned[:, joint]
        else:
            inverse = quat.conjugate(turned[:, parent])
            place = quat.rotate(inverse, positions[:, joint] - positions[:, parent])
            rotation = quat.multiply(inverse, turned[:, joint])
            offsets[index] = rest_positions[joint] - rest_positions[parent]
        moves.append(parent < 0 or bool(np.abs(place - offsets[index]).max() > SAME_PLACE_M))
        if moves[-1]:
            columns.append(place * CM_PER_M)
        columns.append(np.degrees(np.unwrap(quat.to_euler_zxy(rotation), axis=0)))
    header = _hierarchy(skeleton, kept, parents, offsets, moves, rest_positions)
    return header.encode() + _motion(np.concatenate(columns, axis=1), clip.rate_hz)


def _kept_joints(skeleton: Skeleton, clip: Clip) -> list[int]:
    """Joints to write, parents first: those that deform, groups above them that move, and one to hold several roots."""
    real = skeleton.real
    if not real.any():
        real = ~skeleton.end_site
    if not real.any():
        raise NoSkeleton("the skeleton has no joint, so no BVH can be written")
    above = np.zeros(len(skeleton), dtype=np.bool_)
    for joint in range(len(skeleton) - 1, -1, -1):
        parent = skeleton.parents[joint]
        if parent >= 0 and (real[joint] or above[joint]):
            above[parent] = True
    turned = quat.angle_between(skeleton.rest_rotations, clip.rotations).max(axis=0) > SAME_ANGLE_RAD
    moved = np.zeros(len(skeleton), dtype=np.bool_)
    for joint, track in clip.translations_m.items():
        moved[joint] = np.abs(track - skeleton.rest_offsets_m[joint]).max() > SAME_PLACE_M
    kept = real | (above & (turned | moved) & ~skeleton.end_site)
    order = [int(joint) for joint in np.flatnonzero(kept)]
    roots = [joint for joint in order if not kept[skeleton.ancestors(joint)].any()]
    shared = set(skeleton.ancestors(roots[0])).intersection(*(skeleton.ancestors(root) for root in roots[1:]))
    if len(roots) > 1 and shared:
        order = sorted([*order, max(shared)])  # the nearest common ancestor: most tools expect one ROOT
    return order


def _depth_first(skeleton: Skeleton, chosen: list[int]) -> tuple[list[int], dict[int, int]]:
    """The joints in the order in which a BVH lists them, and the nearest chosen ancestor of each (-1 for a root)."""
    inside = set(chosen)
    parents = {joint: next((up for up in skeleton.ancestors(joint) if up in inside), -1) for joint in chosen}
    children: dict[int, list[int]] = {joint: [] for joint in (-1, *chosen)}
    for joint in chosen:
        children[parents[joint]].append(joint)
    order: list[int] = []
    stack = children[-1][::-1]
    while stack:
        order.append(stack.pop())
        stack += children[order[-1]][::-1]
    return order, parents


def _hierarchy(
    skeleton: Skeleton,
    kept: list[int],
    parents: dict[int, int],
    offsets: Array,
    moves: list[bool],
    rest_positions: Array,
) -> str:
    """The HIERARCHY section; `kept` is in depth-first order."""
    names = _unique_names([skeleton.names[joint] for joint in kept])
    leaves = set(kept).difference(parents.values())
    depth = {-1: -1}
    lines = ["HIERARCHY"]
    for index, joint in enumerate(kept):
        level = depth[joint] = depth[parents[joint]] + 1
        if index:
            lines += ["\t" * up + "}" for up in range(depth[kept[index - 1]], level - 1, -1)]
        pad = "\t" * level
        rotation = "Zrotation Xrotation Yrotation"
        channels = f"6 Xposition Yposition Zposition {rotation}" if moves[index] else f"3 {rotation}"
        lines += [f"{pad}{'JOINT' if level else 'ROOT'} {names[index]}", f"{pad}{{"]
        lines += [f"{pad}\tOFFSET {_centimetres(offsets[index])}", f"{pad}\tCHANNELS {channels}"]
        if joint in leaves:
            tip = _tip(skeleton, joint, offsets[index], rest_positions)
            lines += [f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\tOFFSET {_centimetres(tip)}", f"{pad}\t}}"]
    lines += ["\t" * up + "}" for up in range(depth[kept[-1]], -1, -1)]
    return "\n".join(lines) + "\n"


def _tip(skeleton: Skeleton, joint: int, offset: Array, rest_positions: Array) -> Array:
    """Where a leaf ends, relative to it: its end site if the skeleton has one, else half its own bone further on."""
    ends = [child for child in skeleton.children[joint] if skeleton.end_site[child]]
    if ends:
        return np.asarray(rest_positions[ends[0]] - rest_positions[joint])
    return offset * LEAF_LENGTH


def _unique_names(names: list[str]) -> list[str]:
    """Without white space and braces, none empty, none twice."""
    taken: set[str] = set()
    result = []
    for name in names:
        plain = re.sub(r"[\s{}]+", "_", name.strip()) or "joint"
        unique, number = plain, 2
        while unique in taken:
            unique, number = f"{plain}_{number}", number + 1
        taken.add(unique)
        result.append(unique)
    return result


def _motion(values: Array, rate_hz: float) -> bytes:
    # Adding zero turns -0.0 into 0.0 and so saves a sign.
    rounded = np.round(values, 6) + 0.0
    row = " ".join(["%.6f"] * values.shape[1])
    lines = [row % tuple(frame) for frame in rounded.tolist()]
    return (
        f"MOTION\nFrames: {len(lines)}\nFrame Time: {1.0 / rate_hz:.10f}\n".encode() + "\n".join(lines).encode() + b"\n"
    )


def _centimetres(offset: Array) -> str:
    return " ".join(f"{value:.6f}" for value in np.round(offset * CM_PER_M, 6) + 0.0)
