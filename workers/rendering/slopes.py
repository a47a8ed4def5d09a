"""Shading that moves with the surface: the gradient of what a pixel sees while its surface slides past it.

A pixel's colour changes because the normal turns, and because another point of the surface comes to lie under it. The
second part is the slope of the picture times the point's way across it. The slope is taken from neighbouring pixels of
the same surface, half of each difference on either side: so a difference between two neighbours counts once, here or in
a crossing, and a pattern that moves as a whole neither gains nor loses. (The textbook way, to differentiate the weights
of the corners within a face, is exact for one point but unbounded where faces are narrower than a pixel, as they all
are at a silhouette: there it drowns the signal.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from workers.rendering.edges import Crossings

# Neighbours whose depths differ by more than this many pixels' width belong to different surfaces. A wide limit counts
# hands before the body as its shading, a narrow one loses the sides of round limbs: of 1, 2 and 4 the middle is a
# compromise between gradients (1 is better for palms over the chest) and descent to a pose (4 is slightly better).
SAME_SURFACE_PIXELS = 2.0


def picture_slopes(colours: Tensor, inverse_depth: Tensor, crossings: Crossings, focal: Tensor) -> Tensor:
    """Change of colour per pixel to the right and downwards, `(B * size * size, 2, 3)`.

    `colours` `(B * size * size, 3)`, `inverse_depth` `(B, size, size)`, 0 where there is no surface. Pairs of pixels
    with a silhouette between them do not count: `edges.blend` has them.
    """
    batch, size, _ = inverse_depth.shape
    picture = colours.view(batch, size, size, 3)
    split = _split_pairs(crossings, inverse_depth)
    limit = (SAME_SURFACE_PIXELS * 2.0 / (size * focal))[:, None, None]
    slopes = []
    for axis, apart in ((2, split[0]), (1, split[1])):
        one, other = inverse_depth.narrow(axis, 0, size - 1), inverse_depth.narrow(axis, 1, size - 1)
        nearer = torch.maximum(one, other)
        same = (one > 0.0) & (other > 0.0) & ((one - other).abs() <= limit * nearer)
        same &= ~apart.narrow(axis, 0, size - 1)
        step = (picture.narrow(axis, 1, size - 1) - picture.narrow(axis, 0, size - 1)) * same[..., None]
        total = torch.zeros_like(picture)
        for start in (0, 1):
            total.narrow(axis, start, size - 1).add_(step, alpha=0.5)
        slopes.append(total)
    return torch.stack(slopes, dim=3).view(batch * size * size, 2, 3)


def carried(surface: Tensor, slopes: Tensor, weights: Tensor, corners: Tensor, depths: Tensor) -> Tensor:
    """`surface` `(n, 3)` unchanged in value, with the gradient of the point it shows moving across the picture.

    `weights` `(n, 3)` name that point on its face, whose corners lie at pixels `(n, 3, 2)` and depths `(n, 3)`.
    """
    scaled = weights * depths  # a point between the corners projects to their pixels, weighted by depth
    place = ((scaled / scaled.sum(-1, keepdim=True))[..., None] * corners).sum(1)
    way = place - place.detach()
    return surface - (slopes * way[..., None]).sum(1)


def _split_pairs(crossings: Crossings, like: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels with a silhouette between them and the next one to the right, and the next one below."""
    low = torch.minimum(crossings.inner, crossings.outer)
    beside = (crossings.inner - crossings.outer).abs() == 1
    result = []
    for chosen in (beside, ~beside):
        flags = torch.zeros(like.numel(), dtype=torch.bool, device=like.device)
        flags[low[chosen]] = True
        result.append(flags.view_as(like))
    return result[0], result[1]
