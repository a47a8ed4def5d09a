"""Compiled: sky, grid and shadow of one picture (`workers.rendering.ground`).

Sine and hyperbolic tangent come from tables, linear between their entries: to three millionths, the same on every
machine.
"""

from __future__ import annotations

from math import exp, floor

import numpy as np
from numpy.typing import NDArray

from workers.platform.compiled import compiled
from workers.rendering.ground import (
    CELL,
    DARK,
    FADE,
    LIGHT,
    MAP_REACH,
    MAP_SIZE,
    SHADOW,
    SHADOW_HEIGHT,
    SKY,
)
from workers.skeleton.model import Array

TURN = 4096  # entries of the sine's table, over one turn
REACH, STEPS = 8.0, 4096  # the hyperbolic tangent's table from 0 to REACH; beyond, it is 1 to 3e-7
SINES = np.sin(2.0 * np.pi * np.arange(TURN + 1) / TURN)
TANGENTS = np.tanh(REACH * np.arange(STEPS + 2) / STEPS)
RING = MAP_SIZE + 2  # the map with a ring of zeros around it


@compiled
def wave(turns: float, contrast: float) -> float:
    """tanh(contrast * sin(2 pi turns))."""
    place = (turns - floor(turns)) * TURN
    entry = int(place)
    value = contrast * (SINES[entry] + (place - entry) * (SINES[min(entry + 1, TURN)] - SINES[entry]))
    place = min(abs(value), REACH) * (STEPS / REACH)
    entry = int(place)
    curved: float = TANGENTS[entry] + (place - entry) * (TANGENTS[entry + 1] - TANGENTS[entry])
    return curved if value >= 0.0 else -curved


@compiled
def cast_shadow(
    points_m: Array, normals: Array, floor_m: float, unit_m: float, centre: Array, rough: Array, ringed: Array
) -> None:
    """Share of the light kept off each cell of the ground around `centre` `(2,)`, blurred: the middle of `ringed`
    `(RING, RING)`. `rough` `(MAP_SIZE, MAP_SIZE)` is room to work in.
    """
    rough[:] = 0.0
    ringed[:] = 0.0
    cell = 2.0 * MAP_REACH * unit_m / MAP_SIZE
    for vertex in range(len(points_m)):
        height = max((points_m[vertex, 1] - floor_m) / unit_m, 0.0)
        amount = abs(normals[vertex, 1]) / 12.0 * exp(-height / SHADOW_HEIGHT) / (cell * cell)
        x = (points_m[vertex, 0] - centre[0]) / cell + 0.5 * MAP_SIZE - 0.5
        z = (points_m[vertex, 2] - centre[1]) / cell + 0.5 * MAP_SIZE - 0.5
        if not (-1.0 <= x < MAP_SIZE and -1.0 <= z < MAP_SIZE):
            continue
        column, row = floor(x), floor(z)
        across, along = x - column, z - row
        for dz in range(2):
            for dx in range(2):
                if 0 <= column + dx < MAP_SIZE and 0 <= row + dz < MAP_SIZE:
                    weight = (across if dx else 1.0 - across) * (along if dz else 1.0 - along)
                    rough[row + dz, column + dx] += weight * amount
    for row in range(MAP_SIZE):
        for column in range(MAP_SIZE):
            total = 0.0
            for step in range(-2, 3):
                if 0 <= column + step < MAP_SIZE:
                    total += KERNEL[step + 2] * rough[row, column + step]
            ringed[row + 1, column + 1] = total
    for column in range(MAP_SIZE):
        for row in range(MAP_SIZE):
            total = 0.0
            for step in range(-2, 3):
                if 0 <= row + step < MAP_SIZE:
                    total += KERNEL[step + 2] * ringed[row + step + 1, column + 1]
            rough[row, column] = 1.0 - exp(-2.5 * total)
    ringed[1 : MAP_SIZE + 1, 1 : MAP_SIZE + 1] = rough


KERNEL = (1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0)


@compiled
def draw_ground(
    eye_m: Array,
    rotation: Array,
    focal: float,
    floor_m: float,
    unit_m: float,
    size: int,
    centre: Array,
    ringed: Array,
    picture: NDArray[np.float32],
) -> None:
    """The whole of `picture` `(3, size * size)` as if no body stood in it. The camera stands upright: all that a row
    shows of the ground is equally deep in the picture.
    """
    height = eye_m[1] - floor_m
    turns = 0.5 / CELL / unit_m  # a cell is half a turn
    cells = 0.5 * MAP_SIZE / (MAP_REACH * unit_m)
    start_x, start_z = 0.5 * MAP_SIZE + 0.5 - centre[0] * cells, 0.5 * MAP_SIZE + 0.5 - centre[1] * cells
    for row in range(size):
        down = ((row + 0.5) * 2.0 / size - 1.0) / focal
        fall = down * rotation[1, 1] + rotation[2, 1]
        distance = -height / min(fall, -1e-6)
        far = distance / unit_m
        near = 1.0 - min(max((far - FADE[0]) / (FADE[1] - FADE[0]), 0.0), 1.0)
        if not (fall < -1e-6 and distance > 0.0) or near <= 0.0:
            for pixel in range(row * size, row * size + size):
                picture[0, pixel], picture[1, pixel], picture[2, pixel] = SKY
            continue
        contrast = 1.0 / 0.06 / max(far, 1.0)
        step = 2.0 / size / focal * distance
        x = eye_m[0] + (down * rotation[1, 0] + rotation[2, 0]) * distance + (0.5 - 0.5 * size) * step * rotation[0, 0]
        z = eye_m[2] + (down * rotation[1, 2] + rotation[2, 2]) * distance + (0.5 - 0.5 * size) * step * rotation[0, 2]
        for column in range(size):
            there_x, there_z = x + column * step * rotation[0, 0], z + column * step * rotation[0, 2]
            checker = 0.5 + 0.5 * wave(there_x * turns, contrast) * wave(there_z * turns, contrast)
            lit = near
            u, v = there_x * cells + start_x, there_z * cells + start_z
            if 0.0 < u < MAP_SIZE + 1.0 and 0.0 < v < MAP_SIZE + 1.0:
                left, top = int(u), int(v)
                p, q = u - left, v - top
                upper = ringed[top, left] + p * (ringed[top, left + 1] - ringed[top, left])
                lower = ringed[top + 1, left] + p * (ringed[top + 1, left + 1] - ringed[top + 1, left])
                lit = near * (1.0 - SHADOW * (upper + q * (lower - upper)))
            pixel = row * size + column
            for colour in range(3):
                ground = DARK[colour] + checker * (LIGHT[colour] - DARK[colour])
                picture[colour, pixel] = SKY[colour] * (1.0 - near) + lit * ground
