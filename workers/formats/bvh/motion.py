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


def clip_rotations(text: BvhText, roots_turn: Array) -> Array:
    """Local rotations `(frames, nodes, 4)` of all rows, continuous in sign, those of the roots turned by a quaternion.

    Made window by window, so that a long take is held once.
    """
    roots = [node for node in range(text.joints) if text.parents[node] < 0]
    result = np.empty((len(text.rows), len(text.parents), 4))
    length = max(1, quat.WINDOW // max(1, result[0].size))
    for start in range(0, len(result), length):
        rows = slice(start, start + length)
        result[rows] = local_rotations(text, text.rows[rows])
        for root in roots:
            result[rows, root] = quat.multiply(roots_turn, result[rows, root])
        signed = slice(max(start - 1, 0), start + length)  # signs go on from the frame before
        result[signed] = quat.make_continuous(result[signed])
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


def local_translations(
    text: BvhText, rows: Array, adds: frozenset[int], nodes: Sequence[int] | None = None
) -> dict[int, Array]:
    """Local translations `(frames, 3)` of these nodes with position channels, by default of all that have some; those
    in `adds` add them to their OFFSET.

    An axis without a channel keeps the OFFSET.
    """
    result = {}
    every = position_columns(text)
    for node in every if nodes is None else nodes:
        track = np.tile(text.offsets[node], (len(rows), 1))
        for column, axis in every[node]:
            track[:, axis] = rows[:, column] + (text.offsets[node, axis] if node in adds else 0.0)
        result[node] = track
    return result


def moving_nodes(text: BvhText, adds: frozenset[int], tolerance: float) -> list[int]:
    """Nodes whose position channels leave their OFFSET by more than `tolerance`, in file units, in some frame."""
    found = []
    for node in position_columns(text):
        track = local_translations(text, text.rows, adds, [node])[node]
        if np.abs(track - text.offsets[node]).max() > tolerance:
            found.append(node)
    return found


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
