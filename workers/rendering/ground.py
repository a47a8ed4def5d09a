"""The ground cue: a grid fixed in the world, and a soft shadow below the body, darker the nearer the body is.

The grid tells travel (the camera follows the body, the grid does not) and the shadow tells contact. Cells and shadow
scale with the body's height. The shadow is splatted onto a coarse map on the ground around the body and is
differentiable in the vertices; the grid does not depend on them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workers.rendering.cameras import Camera

SKY = (0.93, 0.94, 0.95)
LIGHT, DARK = (0.80, 0.82, 0.84), (0.70, 0.72, 0.75)
CELL = 0.35  # side of a grid cell in body heights
FADE = (5.5, 9.0)  # distances in body heights between which the ground fades into the sky
MAP_SIZE, MAP_REACH = 48, 1.2  # cells and half side (body heights) of the shadow map
SHADOW, SHADOW_HEIGHT = 0.45, 0.25  # darkest, and the height (body heights) over which it fades by e


def render_ground(camera: Camera, vertices_m: Tensor, normals: Tensor) -> Tensor:
    """Colours `(B, size * size, 3)` of ground and sky; `normals` `(B, V, 3)` are area vectors (`vertex_normals`)."""
    sky = camera.eye_m.new_tensor(SKY)
    first, x, z, distance = _ground_points(camera)
    unit = camera.unit_m[:, None, None]
    near = 1.0 - ((distance - FADE[0]) / (FADE[1] - FADE[0])).clamp(0.0, 1.0)
    # A smooth checker: its contrast falls with distance, so that it does not alias.
    contrast, turns = 1.0 / 0.06 / distance.clamp(min=1.0), torch.pi / CELL / unit
    checker = 0.5 + 0.5 * (torch.tanh(torch.sin(x * turns) * contrast) * torch.tanh(torch.sin(z * turns) * contrast))
    centre = vertices_m.detach().mean(1)[:, [0, 2]]
    shade = 1.0 - SHADOW * _sample(_shadow_map(camera, vertices_m, normals, centre), x, z, centre, camera)
    lit = near * shade
    # Sky, and by how much each pixel is nearer, lit and light: one product instead of five steps over all pixels.
    light, dark = sky.new_tensor(LIGHT), sky.new_tensor(DARK)
    parts = torch.stack([near, lit, lit * checker], dim=-1).flatten(1, 2)
    ground = sky + parts @ torch.stack([-sky, dark, light - dark])
    return torch.cat([sky.expand(len(camera), first * camera.size, 3), ground], dim=1)


def _ground_points(camera: Camera) -> tuple[int, Tensor, Tensor, Tensor]:
    """The first row that shows ground in any of the pictures, not all faded, and for the pixels from there on
    `(B, rows, size)`: x and z of the point of the ground in the world, and its distance along the ray in body heights
    (far, where there is only sky).
    """
    axis = (torch.arange(camera.size, device=camera.eye_m.device, dtype=camera.eye_m.dtype) + 0.5) * 2 / camera.size - 1
    right, down, forward = camera.rotation.unbind(1)  # (B, 3) each
    across = axis / camera.focal[:, None]
    # A ray is the sum of a part that is the same along its row and one that is the same along its column.
    by_row = across[:, :, None] * down[:, None] + forward[:, None]
    by_column = across[:, :, None] * right[:, None]
    steepest = by_row[..., 1] + by_column[..., 1].amin(1, keepdim=True)
    height = camera.eye_m[:, 1] - camera.floor_m
    reaches = steepest < -(height / (FADE[1] * camera.unit_m)).clamp(min=1e-6)[:, None]
    rows = torch.nonzero(reaches.any(0))
    first = int(rows[0]) if len(rows) else camera.size
    by_row = by_row[:, first:]
    fall = by_row[:, :, None, 1] + by_column[:, None, :, 1]
    distance = -height[:, None, None] / fall.clamp(max=-1e-6)
    seen = (fall < -1e-6) & (distance > 0.0)
    distance = torch.where(seen, distance, 2.0 * FADE[1] * camera.unit_m[:, None, None])
    x, z = (
        camera.eye_m[:, None, None, level] + (by_row[:, :, None, level] + by_column[:, None, :, level]) * distance
        for level in (0, 2)
    )
    return first, x, z, distance / camera.unit_m[:, None, None]


def _shadow_map(camera: Camera, vertices_m: Tensor, normals: Tensor, centre: Tensor) -> Tensor:
    """Share of the light kept off each cell of the ground, `(B, MAP_SIZE, MAP_SIZE)`, blurred."""
    batch = len(vertices_m)
    unit = camera.unit_m[:, None]
    cell = 2.0 * MAP_REACH * unit / MAP_SIZE
    height = ((vertices_m[..., 1] - camera.floor_m[:, None]) / unit).clamp(min=0.0)
    # Downward area of a closed surface seen from above counts once: half of the absolute areas, a third per corner.
    amount = normals[..., 1].abs() / 12.0 * torch.exp(-height / SHADOW_HEIGHT) / cell**2
    place = (vertices_m[..., [0, 2]] - centre[:, None]) / cell[..., None] + 0.5 * MAP_SIZE - 0.5
    corner = torch.floor(place.detach())
    share = place - corner
    total = vertices_m.new_zeros(batch * MAP_SIZE * MAP_SIZE)
    image = torch.arange(batch, device=vertices_m.device)[:, None]
    for dx in (0, 1):
        for dz in (0, 1):
            column, row = (corner[..., 0] + dx).to(torch.int64), (corner[..., 1] + dz).to(torch.int64)
            inside = (column >= 0) & (column < MAP_SIZE) & (row >= 0) & (row < MAP_SIZE)
            weight = (share[..., 0] if dx else 1.0 - share[..., 0]) * (share[..., 1] if dz else 1.0 - share[..., 1])
            number = (image * MAP_SIZE + row.clamp(0, MAP_SIZE - 1)) * MAP_SIZE + column.clamp(0, MAP_SIZE - 1)
            total = total.index_add(0, number.flatten(), (weight * amount * inside).flatten())
    kernel = total.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    shadow = total.view(batch, 1, MAP_SIZE, MAP_SIZE)
    shadow = torch.nn.functional.conv2d(shadow, kernel.view(1, 1, 1, 5), padding=(0, 2))
    shadow = torch.nn.functional.conv2d(shadow, kernel.view(1, 1, 5, 1), padding=(2, 0))
    return 1.0 - torch.exp(-2.5 * shadow[:, 0])


def _sample(shadow: Tensor, x: Tensor, z: Tensor, centre_m: Tensor, camera: Camera) -> Tensor:
    """The maps' values at points of the ground `(B, rows, size)`, 0 outside; linear between."""
    cells = 0.5 * MAP_SIZE / (MAP_REACH * camera.unit_m)
    offset = 0.5 * MAP_SIZE + 0.5 - centre_m * cells[:, None]  # a ring of zeros lies around the map
    column, row = (
        (points * cells[:, None, None] + start[:, None, None]).clamp(0.0, MAP_SIZE + 1.0)
        for points, start in ((x, offset[:, 0]), (z, offset[:, 1]))
    )
    left, top = (place.to(torch.int64).clamp(max=MAP_SIZE) for place in (column, row))
    across, along = column - left, row - top
    ringed = torch.nn.functional.pad(shadow, (1, 1, 1, 1)).flatten()
    width = MAP_SIZE + 2
    image = torch.arange(len(x), device=x.device)[:, None, None]
    first = ((image * width + top) * width + left).flatten()
    near, next_, below, last = (ringed.index_select(0, first + step).view_as(x) for step in (0, 1, width, width + 1))
    return torch.lerp(torch.lerp(near, next_, across), torch.lerp(below, last, across), along)
