"""The vertices with which parts touch: the closest over an interval of frames, apart from one another. Compiled."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from workers.geometry.parts import GROUP_OF
from workers.geometry.queries.bounds import holds
from workers.geometry.queries.moving import Moving, Pose, closest, is_behind, is_inside, pose_room, pose_tree, take_pose
from workers.geometry.queries.touching import (
    Asked,
    Found,
    at_far_end,
    is_in_ball,
    nothing_found,
    pose_asked,
    set_ball,
)
from workers.geometry.queries.triangles import on_border
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices

ALIKE = 9  # digits of a metre up to which vertices are equally close


class Spans(NamedTuple):
    """Pairs of parts over intervals of frames."""

    place: Indices  # (spans,) number of the part that touches among the asked ones
    part_b: Indices
    start: Indices
    stop: Indices


def find_points(
    body: Moving, asked: Asked, spans: Spans, frames_each: int, reach_m: float, most: int, spread_m: float
) -> Indices:
    """For each span up to `most` vertices `(spans, most)`, -1 for none: those that are closest over the span, at most
    `frames_each` frames of it, `spread_m` apart from one another at rest.
    """
    lengths = spans.stop - spans.start
    counts = np.minimum(lengths, frames_each)
    number = np.repeat(np.arange(len(lengths)), counts)
    step = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    frame = spans.start[number] + (2 * step + 1) * lengths[number] // (2 * counts[number])
    order = np.argsort(frame, kind="stable")
    widths = asked.starts[spans.place + 1] - asked.starts[spans.place]
    offsets = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
    sums, times, most_away = np.zeros(offsets[-1]), np.zeros(offsets[-1]), np.zeros(len(lengths))
    add_distances(
        body,
        asked,
        spans,
        np.ascontiguousarray(frame[order]),
        np.ascontiguousarray(number[order]),
        offsets,
        reach_m,
        pose_room(body),
        nothing_found(asked),
        sums,
        times,
        most_away,
    )
    # A vertex out of reach in a frame counts as far away there.
    mean = (sums - times * np.repeat(most_away, widths)) / np.repeat(counts, widths)
    score = np.where(times > 0.0, np.round(mean, ALIKE), np.inf)
    points = np.full((len(lengths), most), -1, dtype=np.int64)
    choose_points(asked, spans, offsets, score, body.rest, spread_m * spread_m, points)
    return points


@compiled
def add_distances(
    body: Moving,
    asked: Asked,
    spans: Spans,
    frames: Indices,
    numbers: Indices,
    offsets: Indices,
    reach: float,
    pose: Pose,
    found: Found,
    sums: Array,
    times: Array,
    most_away: Array,
) -> None:
    """Add up, for each vertex of each span, its distance in the frames in which it is near, and how many these are."""
    tree = body.tree
    for event in range(len(frames)):
        span = numbers[event]
        place, part_b = spans.place[span], spans.part_b[span]
        group = GROUP_OF[asked.parts[place]]
        take_pose(body, frames[event], pose)
        pose_asked(body, asked, pose, found, place)
        number = 0
        while tree.parts[number] != part_b:
            number += 1
        if not pose.posed[number]:
            pose_tree(body, pose, number)
        first = asked.starts[place]
        found.clear[3] = -1.0
        for row in range(first, asked.starts[place + 1]):
            vertex = asked.vertices[row]
            x, y, z = pose.places[vertex, 0], pose.places[vertex, 1], pose.places[vertex, 2]
            if not asked.counts[row, part_b]:
                continue
            if is_in_ball(found.clear, x, y, z):
                continue
            among = in_other_box(body, pose, group, x, y, z)
            if not among and not holds(pose.roots, number, x, y, z, reach):
                continue
            near = closest(body, pose, x, y, z, group, found.guess[row], 0.0)
            found.guess[row] = near[0]
            length = sqrt(near[1])
            behind = length < asked.deepest_m and is_behind(body, pose, near, x, y, z)
            # Beside an open border a normal says little, however close it is.
            if behind and (
                length > asked.shallow_m
                or on_border(asked.border, asked.border_corners, near[0], near[2], near[3], near[4])
            ):
                behind = is_inside(body, pose, x, y, z, group)
            if length >= reach and not behind:
                # A body without this limb is open: where no surface is, its winding number changes all the same, so
                # that what is true here says nothing of other vertices among its parts.
                if not among:
                    set_ball(found.clear, x, y, z, length - reach)
                continue
            if tree.parts[body.tree_of[near[0]]] != part_b or at_far_end(asked, near):
                continue
            away = 0.0 if behind else length
            sums[offsets[span] + row - first] += away
            times[offsets[span] + row - first] += 1.0
            most_away[span] = max(most_away[span], away)


@compiled
def in_other_box(body: Moving, pose: Pose, group: int, x: float, y: float, z: float) -> bool:
    """Whether a point lies in the bounds of a part of another group, of those that are posed."""
    for number in range(len(body.tree.roots)):
        if body.tree.groups[number] != group and pose.posed[number] and holds(pose.roots, number, x, y, z, 0.0):
            return True
    return False


@compiled
def choose_points(
    asked: Asked, spans: Spans, offsets: Indices, score: Array, rest: Array, apart: float, points: Indices
) -> None:
    """Fill `points`: the lowest score first, of equal ones the vertex with the lowest number."""
    for span in range(len(points)):
        first = asked.starts[spans.place[span]] - offsets[span]
        for point in range(points.shape[1]):
            best, least = -1, np.inf
            for number in range(offsets[span], offsets[span + 1]):
                vertex = asked.vertices[first + number]
                if score[number] > least or score[number] == np.inf or (score[number] == least and vertex > best):
                    continue
                alone = True
                for other in range(point):
                    dx = rest[vertex, 0] - rest[points[span, other], 0]
                    dy = rest[vertex, 1] - rest[points[span, other], 1]
                    dz = rest[vertex, 2] - rest[points[span, other], 2]
                    if dx * dx + dy * dy + dz * dz <= apart:
                        alone = False
                        break
                if alone:
                    best, least = vertex, score[number]
            if best < 0:
                break
            points[span, point] = best
