"""Compiled: sky, grid and shadow of one picture (`workers.rendering.ground`).

Sine and hyperbolic tangent are a polynomial and a quotient of two, exact to a third of a millionth: they need neither
tables nor branches, so several pixels are computed at once, and they are the same on every machine.
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

RING = MAP_SIZE + 2  # the map with a ring of zeros around it
# sin(2 pi t) = t (SINE[0] + SINE[1] t^2 + ...) for t within a quarter: least squares on Chebyshev's nodes.
SINE = (6.28318515961, -41.3416549293, 81.6009981926, -76.5496568207, 39.5358137122)
# tanh(x) = x TANH_OVER(x^2) / TANH_UNDER(x^2) up to TANH_REACH, as Eigen has it for single precision; beyond, it is 1.
TANH_REACH = 7.9
TANH_OVER = (
    4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
    -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
)  # fmt: skip
TANH_UNDER = (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)


@compiled
def wave(turns: float, contrast: float) -> float:
    """tanh(contrast * sin(2 pi turns))."""
    turn = 0.5 - (turns - floor(turns))  # the sine of it is the same, within half a turn
    turn = 2.0 * min(max(turn, -0.25), 0.25) - turn  # and mirrored into a quarter
    q = turn * turn
    sine = turn * (SINE[0] + q * (SINE[1] + q * (SINE[2] + q * (SINE[3] + q * SINE[4]))))
    x = min(max(contrast * sine, -TANH_REACH), TANH_REACH)
    q = x * x
    a, b = TANH_OVER, TANH_UNDER
    over = a[0] + q * (a[1] + q * (a[2] + q * (a[3] + q * (a[4] + q * (a[5] + q * a[6])))))
    curved: float = x * over / (b[0] + q * (b[1] + q * (b[2] + q * b[3])))
    return curved


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
    rows: Array,
    picture: NDArray[np.float32],
) -> None:
    """The whole of `picture` `(3, size * size)` as if no body stood in it. The camera stands upright: all that a row
    shows of the ground is equally deep in the picture. `rows` `(2, size)` is room to work in.
    """
    height = eye_m[1] - floor_m
    turns = 0.5 / CELL / unit_m  # a cell is half a turn
    cells = 0.5 * MAP_SIZE / (MAP_REACH * unit_m)
    start_x, start_z = 0.5 * MAP_SIZE + 0.5 - centre[0] * cells, 0.5 * MAP_SIZE + 0.5 - centre[1] * cells
    checker, lit = rows[0], rows[1]
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
        step_x, step_z = step * rotation[0, 0], step * rotation[0, 2]
        x = eye_m[0] + (down * rotation[1, 0] + rotation[2, 0]) * distance + (0.5 - 0.5 * size) * step_x
        z = eye_m[2] + (down * rotation[1, 2] + rotation[2, 2]) * distance + (0.5 - 0.5 * size) * step_z
        # In steps that do one thing each, so that a processor takes several pixels at once.
        for column in range(size):
            along, across = (x + column * step_x) * turns, (z + column * step_z) * turns
            checker[column] = 0.5 + 0.5 * wave(along, contrast) * wave(across, contrast)
            lit[column] = near
        for column in range(size):
            u, v = (x + column * step_x) * cells + start_x, (z + column * step_z) * cells + start_z
            if 0.0 < u < MAP_SIZE + 1.0 and 0.0 < v < MAP_SIZE + 1.0:
                left, top = int(u), int(v)
                p, q = u - left, v - top
                upper = ringed[top, left] + p * (ringed[top, left + 1] - ringed[top, left])
                lower = ringed[top + 1, left] + p * (ringed[top + 1, left + 1] - ringed[top + 1, left])
                lit[column] = near * (1.0 - SHADOW * (upper + q * (lower - upper)))
        for colour in range(3):
            sky, dark, span = SKY[colour] * (1.0 - near), DARK[colour], LIGHT[colour] - DARK[colour]
            drawn = picture[colour, row * size : row * size + size]
            for column in range(size):
                drawn[column] = sky + lit[column] * (dark + checker[column] * span)
