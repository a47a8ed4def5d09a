"""Compiled: silhouettes of one picture, mixed across the places where they cross between pixels (`rendering.edges`)."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from workers.platform.compiled import compiled
from workers.rendering.compiled.surface import Numbers
from workers.rendering.edges import HIDDEN_REACH
from workers.rendering.visibility import NEAR_M
from workers.skeleton.model import Array


@compiled
def side_of(screen: Array, start: int, stop: int, corner: int) -> float:
    """On which side of an edge, as it runs, a corner lies: twice the area between them."""
    x, y = screen[start, 0], screen[start, 1]
    area: float = (screen[stop, 0] - x) * (screen[corner, 1] - y) - (screen[stop, 1] - y) * (screen[corner, 0] - x)
    return area


@compiled
def find_crossings(
    screen: Array,
    ends: Numbers,
    beside: Numbers,
    buffer: Array,
    focal: float,
    size: int,
    inner: Numbers,
    outer: Numbers,
    distance: Array,
    weight: Array,
) -> int:
    """Crossings of all silhouettes with rows and columns of pixel centres, into the last four; how many there are.
    Those that do not fit are counted, not written.
    """
    slack = 1.0 + HIDDEN_REACH / focal
    count = 0
    for edge in range(len(ends)):
        start, stop = ends[edge, 0], ends[edge, 1]
        side = side_of(screen, start, stop, beside[edge, 0])
        if not side * side_of(screen, start, stop, beside[edge, 1]) > 0.0:
            continue
        if not (screen[start, 2] > NEAR_M and screen[stop, 2] > NEAR_M):
            continue
        wide, high = screen[stop, 0] - screen[start, 0], screen[stop, 1] - screen[start, 1]
        whole = max(wide * wide + high * high, 1e-20)
        near, change = 1.0 / screen[start, 2], 1.0 / screen[stop, 2] - 1.0 / screen[start, 2]
        for axis in range(2):  # along rows, then along columns: x and y change places, which mirrors the sides
            along, across = axis, 1 - axis
            low, top = screen[start, across], screen[stop, across]
            first = int(min(max(ceil(min(low, top) - 0.5), 0.0), size))
            beyond = int(min(max(ceil(max(low, top) - 0.5), 0.0), size))
            forward = (side if axis == 0 else -side) * (1.0 if top > low else -1.0) < 0.0
            for line in range(first, beyond):
                share = (line + 0.5 - low) / (top - low)
                place = screen[start, along] + share * (screen[stop, along] - screen[start, along])
                if not (0.5 <= place < size - 0.5):
                    continue
                left = floor(place - 0.5)
                within, without = (left + 1, left) if forward else (left, left + 1)
                one = line * size + within if axis == 0 else within * size + line
                other = line * size + without if axis == 0 else without * size + line
                at_edge = near + share * change
                if buffer[one] > 0.0 and buffer[one] <= at_edge * slack and buffer[other] < at_edge:
                    if count < len(inner):
                        inner[count], outer[count] = one, other
                        distance[count] = min(abs(place - 0.5 - within), 1.0)
                        weight[count] = (high * high if axis == 0 else wide * wide) / whole
                    count += 1
    return count


@compiled
def direction(inner: int, outer: int) -> int:
    """0 to 3: which of its neighbours a pixel's crossing leads to."""
    step = outer - inner
    return (0 if step > 0 else 1) + (0 if abs(step) == 1 else 2)


@compiled
def blend(
    inner: Numbers,
    outer: Numbers,
    distance: Array,
    weight: Array,
    farthest: Array,
    total: Array,
    change: Array,
    picture: NDArray[np.float32],
) -> None:
    """Mix the colours of `picture` `(3, pixels)` across the crossings. Of several between the same two pixels the one
    farthest out counts. `farthest` `(pixels, 4)`, `total` `(pixels,)` and `change` `(crossings, 3)`: room.
    """
    for k in range(len(inner)):  # only what is read again is made clean
        farthest[inner[k]] = 0.0
        total[inner[k]], total[outer[k]] = 0.0, 0.0
    for k in range(len(inner)):
        way = direction(inner[k], outer[k])
        farthest[inner[k], way] = max(farthest[inner[k], way], distance[k])
    for again in range(2):  # first what each pixel gives away, then what it is mixed with
        for k in range(len(inner)):
            counts = distance[k] >= farthest[inner[k], direction(inner[k], outer[k])]
            share = (distance[k] - 0.5) * weight[k] if counts else 0.0
            changed, other = (outer[k], inner[k]) if share > 0.0 else (inner[k], outer[k])
            if again == 0:
                total[changed] += abs(share)
            else:
                part = abs(share) / max(total[changed], 1.0)
                for colour in range(3):
                    change[k, colour] = part * (picture[colour, other] - picture[colour, changed])
    for k in range(len(inner)):
        changed = outer[k] if distance[k] > 0.5 else inner[k]
        for colour in range(3):
            picture[colour, changed] += change[k, colour]
