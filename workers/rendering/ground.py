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
    batch, count = len(camera), camera.size**2
    sky = camera.eye_m.new_tensor(SKY)
    places, image, points_m, distance_m = _ground_points(camera)
    unit = camera.unit_m[image]
    near = 1.0 - ((distance_m / unit - FADE[0]) / (FADE[1] - FADE[0])).clamp(0.0, 1.0)
    # A smooth checker: its contrast falls with distance, so that it does not alias.
    wave = torch.sin(points_m * (torch.pi / CELL / unit)[:, None])
    checker = 0.5 + 0.5 * torch.tanh(wave * (1.0 / 0.06 / (distance_m / unit).clamp(min=1.0))[:, None]).prod(-1)
    centre = vertices_m.detach().mean(1)[:, [0, 2]]
    shade = 1.0 - SHADOW * _sample(_shadow_map(camera, vertices_m, normals, centre), points_m, image, centre, camera)
    light, dark = sky.new_tensor(LIGHT), sky.new_tensor(DARK)
    ground = torch.lerp(dark, light, checker[:, None]) * shade[:, None]
    background = sky.expand(batch * count, 3).index_copy(0, places, sky + (ground - sky) * near[:, None])
    return background.view(batch, count, 3)


def _ground_points(camera: Camera) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels that show ground rather than sky: numbers into `(B * size * size)`, their picture, the point's x and z
    `(n, 2)` in the world, and its distance along the ray.
    """
    axis = (torch.arange(camera.size, device=camera.eye_m.device, dtype=camera.eye_m.dtype) + 0.5) * 2 / camera.size - 1
    right, down, forward = camera.rotation.unbind(1)  # (B, 3) each
    x, y = axis / camera.focal[:, None], axis / camera.focal[:, None]
    # The ray's fall needs no more than one number a row and one a column.
    fall = (x * right[:, 1:2])[:, None, :] + (y * down[:, 1:2] + forward[:, 1:2])[:, :, None]
    distance = (camera.floor_m - camera.eye_m[:, 1])[:, None, None] / fall.clamp(max=-1e-6)
    seen = (fall < -1e-6) & (distance > 0.0) & (distance < FADE[1] * camera.unit_m[:, None, None])
    places = torch.nonzero(seen.flatten())[:, 0]
    image = torch.div(places, camera.size**2, rounding_mode="floor")
    row = torch.div(places, camera.size, rounding_mode="floor")  # counted through all pictures
    column = places - row * camera.size
    level = torch.tensor([0, 2], device=places.device)
    by_row = y[:, :, None] * down[:, None, level] + forward[:, None, level]
    by_column = x[:, :, None] * right[:, None, level]
    rays = by_row.flatten(0, 1).index_select(0, row)
    rays = rays + by_column.flatten(0, 1).index_select(0, image * camera.size + column)
    distance = distance.flatten().index_select(0, places)
    return places, image, camera.eye_m[:, level].index_select(0, image) + rays * distance[:, None], distance


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


def _sample(shadow: Tensor, points_m: Tensor, image: Tensor, centre_m: Tensor, camera: Camera) -> Tensor:
    """The maps' values `(n,)` at points `(n, 2)` of the ground of picture `image` `(n,)`, 0 outside; linear between."""
    cells = 0.5 * MAP_SIZE / (MAP_REACH * camera.unit_m)
    offset = 0.5 * MAP_SIZE + 0.5 - centre_m * cells[:, None]  # a ring of zeros lies around the map
    place = points_m * cells.index_select(0, image)[:, None] + offset.index_select(0, image)
    place = place.clamp(0.0, MAP_SIZE + 1.0)
    corner = place.to(torch.int64).clamp(max=MAP_SIZE)
    across, along = (place - corner).unbind(1)
    ringed = torch.nn.functional.pad(shadow, (1, 1, 1, 1)).flatten()
    width = MAP_SIZE + 2
    first = (image * width + corner[:, 1]) * width + corner[:, 0]
    near, next_, below, last = (ringed.index_select(0, first + step) for step in (0, 1, width, width + 1))
    return torch.lerp(torch.lerp(near, next_, across), torch.lerp(below, last, across), along)
