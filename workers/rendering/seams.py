"""Seams: lines where two surfaces pass through each other, or meet in a hollow.

There is no edge of the mesh at a seam, so `workers.rendering.edges` does not know it; but bodies are often made of
parts that are stuck into one another (a hand in a cuff, a boot in a trouser leg), and limbs sink into bodies. A seam
lies between two neighbouring pixels where each of their faces, continued to the other pixel, is hidden there. It moves
as the two planes' line of intersection does.
"""

from __future__ import annotations

import torch
from torch import Tensor

# How much the two surfaces' slopes must differ, in pixels of depth per pixel: a shallower fold is shading that moves
# with its surface. (0.3 and 2 in its place make the gradient's error 6 % and 2 % larger.)
MIN_FOLD = 1.0


def plane_slopes(corners: Tensor, depths: Tensor) -> Tensor:
    """Change of 1 / depth per pixel to the right and downwards, `(n, 2)`, on faces with corners at pixels `(n, 3, 2)`
    and depths `(n, 3)`; 0 for faces that are seen edge on.
    """
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).unbind(-1), (corners[:, 2] - corners[:, 0]).unbind(-1)
    inverse = 1.0 / depths
    first, second = inverse[:, 1] - inverse[:, 0], inverse[:, 2] - inverse[:, 0]
    area = ax * by - ay * bx
    scale = torch.where(area.abs() > 1e-6, 1.0 / area, 0.0)
    return torch.stack([first * by - second * ay, second * ax - first * bx], dim=-1) * scale[:, None]


def find_seams(
    one: Tensor, other: Tensor, axis: int, inverse: Tensor, slopes: Tensor, pixel: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Which of the pairs `one`, `other` `(m,)` of neighbours along `axis` (0 to the right, 1 downwards) have a seam
    between them, and for those `(k,)`: how fast the two surfaces come together there in 1 / depth per pixel, and the
    square of the part of the seam's normal along `axis`.

    The pairs number pixels that show a surface: its 1 / depth `(n,)` and `plane_slopes` `(n, 2)` there, and a pixel's
    width at depth 1 `(n,)`.
    """
    along = slopes[:, axis]
    near, far = inverse[one], inverse[other]
    below_one, below_other = near - (far - along[other]), far - (near + along[one])
    # A plane that rises by a pixel's width of depth per pixel rises by width / depth in 1 / depth, relatively.
    least = MIN_FOLD * pixel[one] * torch.minimum(near, far)
    seam = (below_one > 0.0) & (below_other > 0.0) & (below_one + below_other > least)
    difference = slopes[one[seam]] - slopes[other[seam]]
    part = difference[:, axis] ** 2 / (difference**2).sum(-1).clamp(min=1e-30)
    return seam, (below_one + below_other)[seam], part
