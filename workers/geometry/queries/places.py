"""The closest places on parts of a moving surface for points that move with it, over intervals of frames: compiled."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from workers.geometry.queries.moving import (
    Moving,
    Pose,
    closest_in_tree,
    pose_room,
    pose_tree,
    pose_vertices,
    take_pose,
    to_face,
)
from workers.geometry.queries.triangles import area_vector
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices


class Followed(NamedTuple):
    """Points over intervals, one row for each frame of each interval, interval by interval."""

    starts: Indices  # (intervals + 1,) first row of each
    face: Indices  # (rows, points) number among the outer faces; -1 for no point
    shares: Array  # (rows, points, 3) of its corners
    distance: Array  # (rows, points) negative behind the face


def follow_points(body: Moving, points: Indices, parts: Indices, first: Indices, last: Indices) -> Followed:
    """The closest place on `parts` `(intervals,)` for vertices `points` `(intervals, points)`, -1 for none, in the
    frames from `first` up to `last` `(intervals,)`.
    """
    lengths = last - first
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    number = np.repeat(np.arange(len(lengths)), lengths)
    frame = first[number] + np.arange(len(number)) - starts[number]
    order = np.argsort(frame, kind="stable")
    shape = (len(number), points.shape[1])
    face, shares, distance = np.full(shape, -1, dtype=np.int64), np.zeros((*shape, 3)), np.zeros(shape)
    tree_of_part = np.full(int(body.tree.parts.max(initial=-1)) + 1, -1, dtype=np.int64)
    tree_of_part[body.tree.parts] = np.arange(len(body.tree.parts))
    fill_places(
        body,
        points,
        tree_of_part[parts],
        np.ascontiguousarray(frame[order]),
        np.ascontiguousarray(number[order]),
        order,
        pose_room(body),
        face,
        shares,
        distance,
    )
    return Followed(starts, np.where(face >= 0, body.tree.faces[face], -1), shares, distance)


@compiled
def fill_places(
    body: Moving,
    points: Indices,
    trees: Indices,
    frames: Indices,
    numbers: Indices,
    rows: Indices,
    pose: Pose,
    face: Indices,
    shares: Array,
    distance: Array,
) -> None:
    """Fill the last three, frame by frame."""
    guess = np.full(points.shape, -1, dtype=np.int64)
    box = np.empty((1, 6))
    for event in range(len(frames)):
        number, row = numbers[event], rows[event]
        take_pose(body, frames[event], pose)
        if not pose.posed[trees[number]]:
            pose_tree(body, pose, trees[number])
        for point in range(points.shape[1]):
            vertex = points[number, point]
            if vertex < 0:
                break
            pose_vertices(body, pose, points[number], point, point + 1, box, 0)
            x, y, z = pose.places[vertex, 0], pose.places[vertex, 1], pose.places[vertex, 2]
            best = (-1, np.inf, 0.0, 0.0, 0.0)
            if guess[number, point] >= 0:
                best = to_face(body.tree.corners, pose.places, guess[number, point], x, y, z)
            best = closest_in_tree(body, pose, trees[number], x, y, z, best)
            guess[number, point] = best[0]
            u, v, w = best[2], best[3], best[4]
            face[row, point] = best[0]
            shares[row, point, 0], shares[row, point, 1], shares[row, point, 2] = u, v, w
            corners, places = body.tree.corners, pose.places
            a, b, c = corners[best[0], 0], corners[best[0], 1], corners[best[0], 2]
            nx, ny, nz = area_vector(places, a, b, c)
            side = (
                nx * (x - u * places[a, 0] - v * places[b, 0] - w * places[c, 0])
                + ny * (y - u * places[a, 1] - v * places[b, 1] - w * places[c, 1])
                + nz * (z - u * places[a, 2] - v * places[b, 2] - w * places[c, 2])
            )
            distance[row, point] = -sqrt(best[1]) if side < 0.0 else sqrt(best[1])


@compiled
def least_speeds(places: Array, starts: Indices, counts: Indices, window: Array, least: Array) -> None:
    """Smooth `places` `(rows, points, 3)` of each interval along time in place, by a `window` `(2 n + 1,)` with the
    ends held, and write the least mean distance from one frame to the next of its `counts` points to `least`
    `(intervals,)`; 0 for one frame alone.
    """
    half = len(window) // 2
    for number in range(len(least)):
        first, stop, points = starts[number], starts[number + 1], counts[number]
        before = places[first:stop].copy()
        for row in range(stop - first):
            for point in range(points):
                for axis in range(3):
                    value = 0.0
                    for at in range(-half, half + 1):
                        value += window[at + half] * before[min(max(row + at, 0), stop - first - 1), point, axis]
                    places[first + row, point, axis] = value
        least[number] = np.inf if stop - first > 1 else 0.0
        for row in range(first + 1, stop):
            total = 0.0
            for point in range(points):
                dx = places[row, point, 0] - places[row - 1, point, 0]
                dy = places[row, point, 1] - places[row - 1, point, 1]
                dz = places[row, point, 2] - places[row - 1, point, 2]
                total += sqrt(dx * dx + dy * dy + dz * dz)
            least[number] = min(least[number], total / max(points, 1))
