"""Shading: one neutral clay for every body, so that a character's looks do not enter a comparison. Phong's model.

The lights turn with the camera: each view of a body is lit alike. The viewer is taken as far away (one direction for
the whole picture), which a long lens makes almost true.
"""

from __future__ import annotations

import torch
from torch import Tensor

CLAY = (0.74, 0.70, 0.66)
AMBIENT = 0.34
KEY = ((-0.45, -0.72, -0.55), 0.62)  # direction towards the light in camera space (right, down, forward), strength
FILL = ((0.75, -0.10, -0.65), 0.20)
SPECULAR, SHININESS = 0.10, 16.0


def vertex_normals(vertices_m: Tensor, faces: Tensor) -> Tensor:
    """Sum of the area vectors of the faces around each vertex, `(B, V, 3)`: not of length 1, half of it is area."""
    # Vertices first: a row then holds one vertex of all poses, and is read and added to in one piece.
    rows = vertices_m.transpose(0, 1).contiguous()
    a, b, c = (rows.index_select(0, faces[:, corner]) for corner in range(3))
    area = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(rows)
    for corner in range(3):
        total = total.index_add(0, faces[:, corner], area)
    return total.transpose(0, 1)


def clay(normals: Tensor) -> Tensor:
    """Colours `(n, 3)` of a surface with unit normals `(n, 3)` in camera space that face the viewer."""
    material = normals.new_tensor(CLAY)
    light = torch.full_like(normals[:, :1], AMBIENT)
    for direction, strength in (KEY, FILL):
        towards = torch.nn.functional.normalize(normals.new_tensor(direction), dim=0)
        light = light + strength * (normals @ towards).clamp(min=0.0)[:, None]
    key = torch.nn.functional.normalize(normals.new_tensor(KEY[0]), dim=0)
    # The reflected key light against the viewer, who is at -z.
    mirrored = 2.0 * (normals @ key) * normals[:, 2] - key[2]
    shine = SPECULAR * (-mirrored).clamp(min=0.0) ** SHININESS
    return material * light + shine[:, None]
