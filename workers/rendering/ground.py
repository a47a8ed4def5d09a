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
    points, distance, hit = ground_points(camera)
    unit = camera.unit_m[:, None]
    near = 1.0 - ((distance / unit - FADE[0]) / (FADE[1] - FADE[0])).clamp(0.0, 1.0)
    light, dark, sky = (points.new_tensor(colour) for colour in (LIGHT, DARK, SKY))
    # A smooth checker: its contrast falls with distance, so that it does not alias.
    wave = torch.sin(torch.pi * points / (CELL * unit[..., None]))
    width = (distance / unit)[..., None].clamp(min=1.0) * 0.06
    checker = 0.5 + 0.5 * torch.tanh(wave / width).prod(-1, keepdim=True)
    centre = vertices_m.detach().mean(1)[:, [0, 2]]
    shade = 1.0 - SHADOW * _sample(_shadow_map(camera, vertices_m, normals, centre), points, centre, camera)
    ground = (dark + (light - dark) * checker) * shade[..., None]
    return sky + (ground - sky) * (near * hit)[..., None]


def ground_points(camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """Where each pixel's ray meets the floor: x and z `(B, n, 2)`, distance along the ray `(B, n)` and whether."""
    axis = (torch.arange(camera.size, device=camera.eye_m.device, dtype=camera.eye_m.dtype) + 0.5) * 2 / camera.size - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    rays = torch.stack([x.flatten(), y.flatten()], dim=-1) / camera.focal[:, None, None]
    rays = torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1) @ camera.rotation
    fall = rays[..., 1].clamp(max=-1e-6)
    distance = (camera.floor_m - camera.eye_m[:, 1])[:, None] / fall
    hit = ((rays[..., 1] < -1e-6) & (distance > 0.0)).to(rays.dtype)
    points = camera.eye_m[:, None, [0, 2]] + rays[..., [0, 2]] * distance[..., None]
    return torch.where(hit[..., None] > 0.0, points, 0.0), distance * hit, hit


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


def _sample(shadow: Tensor, points: Tensor, centre: Tensor, camera: Camera) -> Tensor:
    """The map's values `(B, n)` at ground points, 0 outside."""
    place = (points - centre[:, None]) / (MAP_REACH * camera.unit_m[:, None, None])
    sampled = torch.nn.functional.grid_sample(shadow[:, None], place[:, :, None], align_corners=False)
    return sampled[:, 0, :, 0]
