"""The closest place on some faces, for a few points that move with the body. Compiled."""

from __future__ import annotations

from math import sqrt

import numpy as np

from workers.geometry.nearest import CANDIDATES
from workers.geometry.queries.bounds import keep_nearest
from workers.geometry.queries.triangles import area_vector, closest_on_triangle
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Indices


def closest_places(faces: Indices, positions_m: Array, vertices: Indices) -> tuple[Indices, Array, Array]:
    """Closest of `faces` to some vertices `(points,)` in poses `(frames, vertices, 3)`: its number `(frames, points)`,
    shares `(frames, points, 3)` of its corners, and the distance, negative behind the face.

    The closest of the few faces whose centres are nearest.
    """
    shape = len(positions_m), len(vertices)
    face, shares, distance = np.zeros(shape, dtype=np.int64), np.zeros((*shape, 3)), np.zeros(shape)
    find_places(
        np.ascontiguousarray(faces),
        np.ascontiguousarray(positions_m),
        np.ascontiguousarray(vertices),
        face,
        shares,
        distance,
    )
    return face, shares, distance


@compiled
def find_places(
    faces: Indices, positions: Array, vertices: Indices, face: Indices, shares: Array, distance: Array
) -> None:
    """Fill the last three."""
    centres = np.empty((len(faces), 3))
    most = min(CANDIDATES, len(faces))
    several, squared = np.empty(most, dtype=np.int64), np.empty(most)
    for frame in range(len(positions)):
        places = positions[frame]
        for number in range(len(faces)):
            a, b, c = faces[number, 0], faces[number, 1], faces[number, 2]
            for axis in range(3):
                centres[number, axis] = (places[a, axis] + places[b, axis] + places[c, axis]) / 3.0
        for point in range(len(vertices)):
            vertex = vertices[point]
            x, y, z = places[vertex, 0], places[vertex, 1], places[vertex, 2]
            found = 0
            for number in range(len(faces)):
                dx, dy, dz = centres[number, 0] - x, centres[number, 1] - y, centres[number, 2] - z
                away = dx * dx + dy * dy + dz * dz
                if found == most and away >= squared[most - 1]:
                    continue
                found = keep_nearest(several, squared, found, number, away)
            least = np.inf
            for place in range(found):
                a, b, c = faces[several[place], 0], faces[several[place], 1], faces[several[place], 2]
                away, u, v, w = closest_on_triangle(x, y, z, places, a, b, c)
                if away < least:
                    least = away
                    face[frame, point] = several[place]
                    shares[frame, point, 0], shares[frame, point, 1], shares[frame, point, 2] = u, v, w
            number = face[frame, point]
            a, b, c = faces[number, 0], faces[number, 1], faces[number, 2]
            nx, ny, nz = area_vector(places, a, b, c)
            u, v, w = shares[frame, point, 0], shares[frame, point, 1], shares[frame, point, 2]
            side = (
                nx * (x - u * places[a, 0] - v * places[b, 0] - w * places[c, 0])
                + ny * (y - u * places[a, 1] - v * places[b, 1] - w * places[c, 1])
                + nz * (z - u * places[a, 2] - v * places[b, 2] - w * places[c, 2])
            )
            distance[frame, point] = -sqrt(least) if side < 0.0 else sqrt(least)
