"""Compiled: one picture from its parts, and several in one call, so that other threads go on meanwhile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.platform.compiled import compiled
from workers.rendering.compiled.edges import blend, find_crossings
from workers.rendering.compiled.ground import RING, cast_shadow, draw_ground
from workers.rendering.compiled.surface import Numbers, project, see_faces, shade_faces, sum_normals
from workers.rendering.ground import MAP_SIZE
from workers.skeleton.model import Array


class MeshArrays(NamedTuple):
    """Corners of the faces, ends of their edges, and the corners beside these."""

    faces: Numbers  # (faces, 3)
    ends: Numbers  # (edges, 2)
    beside: Numbers  # (edges, 2)


class Eyes(NamedTuple):
    """Cameras, one a picture (`rendering.cameras.Camera`)."""

    places_m: Array  # (pictures, 3)
    rotations: Array  # (pictures, 3, 3)
    focals: Array  # (pictures,)
    floors_m: Array  # (pictures,)
    units_m: Array  # (pictures,)


class Room(NamedTuple):
    """Arrays for one picture, made once: fresh memory for each would cost as much as the drawing."""

    screen: Array  # (vertices, 3)
    corners: Array  # (vertices, 3)
    normals: Array  # (vertices, 3)
    rough: Array  # (MAP_SIZE, MAP_SIZE)
    ringed: Array  # (RING, RING)
    rows: Array  # (2, size)
    nearest: NDArray[np.float32]  # (pixels,)
    seen: Numbers  # (pixels,)
    buffer: Array  # (pixels,)
    total: Array  # (pixels,)
    farthest: Array  # (pixels, 4)
    inner: Numbers  # (crossings,), as the following
    outer: Numbers
    distance: Array
    weight: Array
    change: Array  # (crossings, 3)


def make_room(vertices: int, size: int, crossings: int) -> Room:
    pixels = size * size
    return Room(
        np.empty((vertices, 3)), np.empty((vertices, 3)), np.empty((vertices, 3)),
        np.empty((MAP_SIZE, MAP_SIZE)), np.empty((RING, RING)), np.empty((2, size)),
        np.empty(pixels, dtype=np.float32), np.empty(pixels, dtype=np.int32),
        np.empty(pixels), np.empty(pixels), np.empty((pixels, 4)),
        np.empty(crossings, dtype=np.int32), np.empty(crossings, dtype=np.int32),
        np.empty(crossings), np.empty(crossings), np.empty((crossings, 3)),
    )  # fmt: skip


@compiled
def draw_pictures(
    points_m: Array, mesh: MeshArrays, eyes: Eyes, size: int, room: Room, pictures: NDArray[np.float32]
) -> int:
    """Poses `(pictures, vertices, 3)` into `pictures` `(pictures, 3, size * size)`. The most crossings that one of them
    has: where `room` has fewer, it is to be drawn again with more.
    """
    most = 0
    for number in range(len(points_m)):
        places, rotation, focal = points_m[number], eyes.rotations[number], eyes.focals[number]
        floor_m, unit_m = eyes.floors_m[number], eyes.units_m[number]
        centre = np.zeros(2)
        for vertex in range(len(places)):
            centre[0] += places[vertex, 0] / len(places)
            centre[1] += places[vertex, 2] / len(places)
        project(places, eyes.places_m[number], rotation, focal, size, room.screen)
        sum_normals(places, mesh.faces, room.normals)
        cast_shadow(places, room.normals, floor_m, unit_m, centre, room.rough, room.ringed)
        picture = pictures[number]
        draw_ground(
            eyes.places_m[number], rotation, focal, floor_m, unit_m, size, centre, room.ringed, room.rows, picture
        )
        see_faces(room.screen, mesh.faces, size, room.corners, room.nearest, room.seen)
        shade_faces(room.screen, room.normals, rotation, mesh.faces, room.seen, size, room.buffer, picture)
        found = find_crossings(
            room.screen, mesh.ends, mesh.beside, room.buffer, focal, size,
            room.inner, room.outer, room.distance, room.weight,
        )  # fmt: skip
        most = max(most, found)
        if found <= len(room.inner):
            blend(
                room.inner[:found], room.outer[:found], room.distance[:found], room.weight[:found],
                room.farthest, room.total, room.change, picture,
            )  # fmt: skip
    return most
