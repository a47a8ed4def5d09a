"""Compiled: which face each pixel of one picture sees, and the colour of clay there (`visibility`, `shading`)."""

from __future__ import annotations

from math import ceil, floor, sqrt

import numpy as np
from numpy.typing import NDArray

from workers.platform.compiled import compiled
from workers.rendering.shading import AMBIENT, CLAY, FILL, KEY, SHININESS, SPECULAR
from workers.rendering.visibility import INSIDE, NEAR_M
from workers.skeleton.model import Array

Numbers = NDArray[np.int32]
WHOLE_SHININESS = int(SHININESS)  # a whole power is a few products


def _unit(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    length = sqrt(sum(value * value for value in vector))
    return vector[0] / length, vector[1] / length, vector[2] / length


KEY_WAY, KEY_STRENGTH = _unit(KEY[0]), KEY[1]
FILL_WAY, FILL_STRENGTH = _unit(FILL[0]), FILL[1]


@compiled
def project(points_m: Array, eye_m: Array, rotation: Array, focal: float, size: int, screen: Array) -> None:
    """Pixels and depth `screen` `(vertices, 3)` of world points, as `Camera.project` has them."""
    half = 0.5 * size
    for vertex in range(len(points_m)):
        x, y, z = points_m[vertex, 0] - eye_m[0], points_m[vertex, 1] - eye_m[1], points_m[vertex, 2] - eye_m[2]
        depth = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z
        safe = depth if abs(depth) > 1e-6 else 1e-6
        scale = half * focal / safe
        screen[vertex, 0] = half + scale * (rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z)
        screen[vertex, 1] = half + scale * (rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z)
        screen[vertex, 2] = depth


@compiled
def sum_normals(points_m: Array, faces: Numbers, normals: Array) -> None:
    """Area vectors of the faces around each vertex, summed: `normals` `(vertices, 3)`."""
    normals[:] = 0.0
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        x, y, z = points_m[a, 0], points_m[a, 1], points_m[a, 2]
        ux, uy, uz = points_m[b, 0] - x, points_m[b, 1] - y, points_m[b, 2] - z
        vx, vy, vz = points_m[c, 0] - x, points_m[c, 1] - y, points_m[c, 2] - z
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz


@compiled
def see_faces(
    screen: Array, faces: Numbers, size: int, corners: Array, nearest: NDArray[np.float32], seen: Numbers
) -> None:
    """The number of the nearest face at each pixel centre, `seen` `(size * size,)`, -1 for none. Of faces equally near
    in single precision the one of the higher number. `corners` `(vertices, 3)` is room to work in.
    """
    nearest[:] = 0.0
    seen[:] = -1
    for vertex in range(len(screen)):  # pixel centres are whole numbers; what lies behind the eye is negative
        depth = screen[vertex, 2]
        corners[vertex, 0], corners[vertex, 1] = screen[vertex, 0] - 0.5, screen[vertex, 1] - 0.5
        corners[vertex, 2] = 1.0 / depth if depth >= NEAR_M else -1.0
    last = size - 1.0
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        x0, x1, x2 = corners[a, 0], corners[b, 0], corners[c, 0]
        left, right = max(ceil(min(x0, x1, x2)), 0.0), min(floor(max(x0, x1, x2)), last)
        if left > right:
            continue
        y0, y1, y2 = corners[a, 1], corners[b, 1], corners[c, 1]
        top, bottom = max(ceil(min(y0, y1, y2)), 0.0), min(floor(max(y0, y1, y2)), last)
        if top > bottom:
            continue
        near, second_near, third_near = corners[a, 2], corners[b, 2], corners[c, 2]
        if min(near, second_near, third_near) < 0.0:
            continue
        ax, ay, bx, by = x1 - x0, y1 - y0, x2 - x0, y2 - y0
        area = ax * by - ay * bx
        if abs(area) < 1e-9:
            continue
        ax, ay, bx, by = ax / area, ay / area, bx / area, by / area
        rise, next_rise = second_near - near, third_near - near
        nearest_of_all = np.float32(1.0001 * max(near, second_near, third_near))  # with room for INSIDE
        for row in range(int(top), int(bottom) + 1):
            dy = row - y0
            for column in range(int(left), int(right) + 1):
                pixel = row * size + column
                if nearest_of_all < nearest[pixel]:
                    continue
                dx = column - x0
                second, third = by * dx - bx * dy, ax * dy - ay * dx
                if min(second, third, 1.0 - second - third) >= INSIDE:
                    inverse = np.float32(near + second * rise + third * next_rise)
                    if inverse >= nearest[pixel]:
                        nearest[pixel] = inverse
                        seen[pixel] = face


@compiled
def shade_faces(
    screen: Array,
    normals: Array,
    rotation: Array,
    faces: Numbers,
    seen: Numbers,
    size: int,
    buffer: Array,
    picture: NDArray[np.float32],
) -> None:
    """The colours of the pixels that see a face, into `picture` `(3, size * size)`, and 1 / depth there, into `buffer`
    `(size * size,)`, 0 elsewhere.
    """
    for pixel in range(len(seen)):
        buffer[pixel] = 0.0
        if seen[pixel] < 0:
            continue
        a, b, c = faces[seen[pixel], 0], faces[seen[pixel], 1], faces[seen[pixel], 2]
        x, y = pixel % size + 0.5, pixel // size + 0.5
        ax, ay, bx, by = screen[a, 0] - x, screen[a, 1] - y, screen[b, 0] - x, screen[b, 1] - y
        cx, cy = screen[c, 0] - x, screen[c, 1] - y
        first, second, third = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
        total = first + second + third
        scale = total if abs(total) > 1e-9 else 1e-9
        first, second, third = first / scale / screen[a, 2], second / scale / screen[b, 2], third / scale / screen[c, 2]
        buffer[pixel] = first + second + third
        nx = first * normals[a, 0] + second * normals[b, 0] + third * normals[c, 0]
        ny = first * normals[a, 1] + second * normals[b, 1] + third * normals[c, 1]
        nz = first * normals[a, 2] + second * normals[b, 2] + third * normals[c, 2]
        # The length is not divided by 1 / depth, which is positive: only the direction counts. Both sides are lit.
        turn = -np.sign(total) / max(sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
        right = turn * (rotation[0, 0] * nx + rotation[0, 1] * ny + rotation[0, 2] * nz)
        down = turn * (rotation[1, 0] * nx + rotation[1, 1] * ny + rotation[1, 2] * nz)
        away = turn * (rotation[2, 0] * nx + rotation[2, 1] * ny + rotation[2, 2] * nz)
        key = right * KEY_WAY[0] + down * KEY_WAY[1] + away * KEY_WAY[2]
        fill = right * FILL_WAY[0] + down * FILL_WAY[1] + away * FILL_WAY[2]
        light = AMBIENT + KEY_STRENGTH * max(key, 0.0) + FILL_STRENGTH * max(fill, 0.0)
        mirrored = max(KEY_WAY[2] - 2.0 * key * away, 0.0)  # the reflected key light against the viewer, who is at -z
        shine = SPECULAR * mirrored**WHOLE_SHININESS
        for colour in range(3):
            picture[colour, pixel] = CLAY[colour] * light + shine
