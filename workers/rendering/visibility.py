"""The z-buffer: which face each pixel centre sees. No gradients: what a pixel sees is recomputed from the face.

Every face is expanded into the pixels of its bounding box, all faces at once; the nearest wins by one scatter of keys
that hold the bits of 1 / depth above the face's number. 1 / depth is linear on the screen, and positive floats order
like their bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

# (face, pixel) pairs worked on at once, some 100 bytes each: what a processor's caches hold.
PAIRS_AT_ONCE = 250_000
NEAR_M = 1e-2
INSIDE = -1e-5  # barycentric slack, so that no crack opens between neighbours by rounding


def visible_faces(pixels: Tensor, depths: Tensor, faces: Tensor, size: int) -> Tensor:
    """Number of the nearest face at each pixel centre, `(B, size * size)`, -1 for none.

    `pixels` `(B, V, 2)` and `depths` `(B, V)` as from `Camera.project`; `faces` `(F, 3)`. Faces that reach behind the
    camera are left out.
    """
    batch, count = len(pixels), len(faces)
    keys = torch.full((batch * size * size,), -1, dtype=torch.int64, device=pixels.device)
    if count:
        with torch.no_grad():
            _fill(keys, pixels.detach().float(), depths.detach().float(), faces, size)
    found: Tensor = torch.where(keys >= 0, keys & 0xFFFFFFFF, -1).view(batch, size * size)
    return found


def _fill(keys: Tensor, pixels: Tensor, depths: Tensor, faces: Tensor, size: int) -> None:
    batch, count = len(pixels), len(faces)
    flat = faces.flatten()
    corners = pixels.index_select(1, flat).view(batch * count, 3, 2)
    depth = depths.index_select(1, flat).view(batch * count, 3)
    first, last = _centres(corners, size)
    extent = (last - first + 1).clamp(min=0)
    covered = extent[:, 0] * extent[:, 1]
    covered[(depth < NEAR_M).any(1)] = 0
    chosen = torch.nonzero(covered)[:, 0]
    sides, inverse, edge_on = _planes(corners.index_select(0, chosen), depth.index_select(0, chosen))
    kept = torch.nonzero(~edge_on)[:, 0]
    chosen = chosen.index_select(0, kept)
    first, width, covered = first.index_select(0, chosen), extent[chosen, 0], covered[chosen]
    boxes = torch.cat([first.T, width[None]]).to(sides.dtype)
    table = torch.cat([sides.index_select(1, kept), boxes])
    inverse = inverse.index_select(1, kept)
    ends = covered.cumsum(0)
    start = 0
    while start < len(chosen):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(torch.searchsorted(ends, done + PAIRS_AT_ONCE, right=True)))
        part = slice(start, stop)
        _scatter(keys, table[:, part], inverse[:, part], covered[part], chosen[part], count, size)
        start = stop


def _centres(corners: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """First and last pixel, `(n, 2)` x and y, whose centre lies in the bounding box of corners `(n, 3, 2)`."""
    a, b, c = corners.unbind(1)
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    first = torch.ceil(low - 0.5).clamp(0, size).to(torch.int64)
    return first, torch.floor(high - 0.5).clamp(-1, size - 1).to(torch.int64)


def _planes(corners: Tensor, depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each face, a row a quantity: origin x and y and the slopes (x, y) of the barycentrics of corners 1 and 2
    `(6, n)`; 1 / depth as value and slopes `(3, n)`; and which faces are seen edge on `(n,)`.
    """
    origin = corners[:, 0]
    (ax, ay), (bx, by) = (corners[:, 1] - origin).unbind(-1), (corners[:, 2] - origin).unbind(-1)
    area = ax * by - ay * bx
    flat = area.abs() < 1e-9
    scale = 1.0 / torch.where(flat, 1.0, area)
    slopes = torch.stack([by * scale, -bx * scale, -ay * scale, ax * scale])
    inverse = 1.0 / depth.clamp(min=NEAR_M)
    rise, next_rise = inverse[:, 1] - inverse[:, 0], inverse[:, 2] - inverse[:, 0]
    inverse_slopes = rise * slopes[:2] + next_rise * slopes[2:]
    return torch.cat([origin.T, slopes]), torch.cat([inverse[None, :, 0], inverse_slopes]), flat


def _scatter(
    keys: Tensor, table: Tensor, inverse: Tensor, covered: Tensor, numbers: Tensor, faces: int, size: int
) -> None:
    """`table` `(9, n)`: the sides as from `_planes`, then first column, first row and width of the bounding box."""
    owner = torch.repeat_interleave(torch.arange(len(covered), device=keys.device), covered)
    before = covered.cumsum(0) - covered
    within = torch.arange(len(owner), device=keys.device) - before.index_select(0, owner)
    x_origin, y_origin, second_x, second_y, third_x, third_y, left, top, across = table.index_select(1, owner)
    # Whole numbers are exact in floats, and divided much faster: half a pixel keeps the quotient off the next row.
    row = torch.floor((within + 0.5) / across.double()).to(table.dtype)
    x, y = left + (within - row * across), top + row
    dx, dy = x + 0.5 - x_origin, y + 0.5 - y_origin
    second = second_x * dx + second_y * dy
    third = third_x * dx + third_y * dy
    inside = torch.nonzero((second >= INSIDE) & (third >= INSIDE) & (second + third <= 1.0 - INSIDE))[:, 0]
    owner, x, y, dx, dy = (values.index_select(0, inside) for values in (owner, x, y, dx, dy))
    nearest, inverse_x, inverse_y = inverse.index_select(1, owner)
    depth_bits = (nearest + inverse_x * dx + inverse_y * dy).clamp(min=1e-9).view(torch.int32).to(torch.int64)
    number = numbers.index_select(0, owner)
    image = torch.div(number, faces, rounding_mode="floor")
    place = (image * size + y.to(torch.int64)) * size + x.to(torch.int64)
    keys.scatter_reduce_(0, place, (depth_bits << 32) | (number - image * faces), "amax")
