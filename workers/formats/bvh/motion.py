"""Motion rows of a BVH file as local rotations and translations, still in file units and axes.

Rotation channels are intrinsic turns in the order they are listed. Position channels have two meanings in real files:
they *replace* the joint's OFFSET (the usual one; Blender writes and reads it) or are *added* to it (three.js reads,
Character Creator and MakeHuman write it). Where OFFSET is zero both agree; elsewhere `adds_below_root` and `root_adds`
judge by the values: bones keep their length, and the lowest point of a motion lies near the ground.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.formats.bvh.syntax import BvhText
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

MAX_SAMPLES = 64


def sample_frames(text: BvhText) -> Indices:
    """At most MAX_SAMPLES frames spread evenly over the motion, the first one included."""
    count = min(len(text.rows), MAX_SAMPLES)
    return np.unique(np.linspace(0, len(text.rows) - 1, count).round().astype(np.int64))


def local_rotations(text: BvhText, rows: Array) -> Array:
    """Local rotations `(frames, nodes, 4)` of motion rows `(frames, channels)`; identity without rotation channels."""
    groups: dict[str, tuple[list[int], list[int]]] = {}
    column = 0
    for node, channels in enumerate(text.channels):
        turns = [(column + i, channel.axis) for i, channel in enumerate(channels) if channel.kind == "rotation"]
        column += len(channels)
        if turns:
            nodes, columns = groups.setdefault("".join("XYZ"[axis] for _, axis in turns), ([], []))
            nodes.append(node)
            columns.extend(index for index, _ in turns)
    result = quat.identity(len(rows), len(text.parents))
    for order, (nodes, columns) in groups.items():
        angles = np.radians(rows[:, columns]).reshape(len(rows), len(nodes), len(order))
        result[:, nodes] = quat.from_euler(angles, order)
    return result


def position_columns(text: BvhText) -> dict[int, list[tuple[int, int]]]:
    """For each node with position channels: pairs of column and axis."""
    result: dict[int, list[tuple[int, int]]] = {}
    column = 0
    for node, channels in enumerate(text.channels):
        found = [(column + i, channel.axis) for i, channel in enumerate(channels) if channel.kind == "position"]
        column += len(channels)
        if found:
            result[node] = found
    return result


def local_translations(text: BvhText, rows: Array, adds: frozenset[int]) -> dict[int, Array]:
    """Local translations `(frames, 3)` of the nodes with position channels; nodes in `adds` add them to their OFFSET.

    An axis without a channel keeps the OFFSET.
    """
    result = {}
    for node, columns in position_columns(text).items():
        track = np.tile(text.offsets[node], (len(rows), 1))
        for column, axis in columns:
            track[:, axis] = rows[:, column] + (text.offsets[node, axis] if node in adds else 0.0)
        result[node] = track
    return result


def adds_below_root(text: BvhText) -> bool:
    """Whether joints below a root add their positions to OFFSET: whichever meaning keeps the bones closer to it."""
    rows = text.rows[sample_frames(text)]
    added = replaced = 0.0
    for node, columns in position_columns(text).items():
        if text.parents[node] >= 0:
            values = rows[:, [column for column, _ in columns]]
            offset = text.offsets[node, [axis for _, axis in columns]]
            added += float(np.linalg.norm(values, axis=1).mean())
            replaced += float(np.linalg.norm(values - offset, axis=1).mean())
    return added < replaced


def root_adds(text: BvhText, root: int, heights: Sequence[tuple[Array, Array]], stature: float) -> bool:
    """Whether a root adds its positions to its OFFSET: only where that brings the motion clearly nearer to the ground.

    `heights` are pairs of a direction that may be up, one of the file's axes or its opposite, `(3,)`, and of the lowest
    point of what carries the body, as a height over the root that way, `(frames,)` (usually negative), for the sampled
    frames; the nearest to the ground counts. All lengths are in file units.
    """
    columns = {axis: column for column, axis in position_columns(text).get(root, [])}
    axis = int(np.flatnonzero(heights[0][0])[0])
    offset = float(text.offsets[root, axis])
    if axis not in columns or abs(offset) < 0.01 * stature:
        return False
    track = text.rows[sample_frames(text), columns[axis]]
    replaced = min(abs(float((track * up[axis] + lowest).min())) for up, lowest in heights)
    added = min(abs(float(((track + offset) * up[axis] + lowest).min())) for up, lowest in heights)
    return added + 0.05 * stature < replaced
