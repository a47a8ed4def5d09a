"""The gradient of what moves across the picture. Pictures stay as they are; only gradients are added.

When the line between two neighbouring pixels moves towards one of them, the other one's colour spreads. Such lines are
the silhouettes (`edges`), the seams of surfaces that pass through each other (`seams`), and between all other
neighbours on the body the shading itself, which moves with the surface that shows it (there each pixel has its own
way). The differences of all pairs of neighbours are so counted once each, and a pattern that moves as a whole neither
gains nor loses.

A loss gains, where a line moves, what it has for the one colour less what it has for the other: for a squared
difference its slope halfway between the two. A pixel's own slope is another one, more so where the pixel is mixed by
where in it a silhouette happens to lie. So each line's gradient goes to its two pixels in shares with which their
colours in the picture make the mean of the two sides. (Half to either, or to the mixed pixel alone, errs the same way
along the whole of a straight limb and does not average out.)

The textbook way for shading, to differentiate the weights of the corners within a face, is exact for one point but
unbounded where faces are narrower than a pixel, as they all are at a silhouette: there it drowns the signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.rendering.edges import Crossings
from workers.rendering.seams import find_seams, plane_slopes

# Shares beyond these would amplify what the neighbours are off.
MIN_SHARE, MAX_SHARE = -0.5, 1.5


@dataclass(frozen=True, eq=False)
class Surface:
    """The pixels that show the body, `n` of a batch of pictures: their numbers `places` `(n,)` into
    `(B * size * size)`, and the point that each shows by its `weights` `(n, 3)` on a face whose corners lie at `pixels`
    `(n, 3, 2)` and `depths` `(n, 3)`. Only the corners have gradients.
    """

    places: Tensor
    weights: Tensor
    pixels: Tensor
    depths: Tensor

    def ways(self) -> tuple[Tensor, Tensor]:
        """Zeros with the gradients of the points' ways: across the picture `(n, 2)` in pixels, in 1 / depth `(n,)`."""
        scaled = self.weights * self.depths  # a point between the corners projects to their pixels, weighted by depth
        depth = scaled.sum(-1, keepdim=True)
        place = ((scaled / depth)[..., None] * self.pixels).sum(1)
        inverse = 1.0 / depth[:, 0]
        return place - place.detach(), inverse - inverse.detach()


def add_motion(
    picture: Tensor, seen: Tensor, crossings: Crossings, surface: Surface, size: int, focal: Tensor
) -> Tensor:
    """`picture` `(B * size * size, 3)` unchanged in value, with the gradient of all that moves. `seen` are the colours
    before they were mixed across the crossings; `focal` `(B,)`.
    """
    reach = (crossings.distance - crossings.distance.detach()) * crossings.weight
    lines = [(crossings.inner, crossings.outer, reach, reach)]
    way, rise = surface.ways()
    with torch.no_grad():
        slopes = plane_slopes(surface.pixels, surface.depths)
        inverse = 1.0 / (surface.weights * surface.depths).sum(-1)
        pixel = (2.0 / (size * focal))[torch.div(surface.places, size * size, rounding_mode="floor")]
    lift = rise - (slopes * way).sum(-1)  # of the surface at a fixed pixel
    for axis, (one, other) in enumerate(_unbroken_pairs(surface.places, crossings, size, len(picture))):
        seam, closing, part = find_seams(one, other, axis, inverse, slopes, pixel)
        first, second = one[seam], other[seam]
        moved = (lift[first] - lift[second]) / closing * part
        lines.append((surface.places[first], surface.places[second], moved, moved))
        one, other, along = one[~seam], other[~seam], way[:, axis]
        lines.append((surface.places[one], surface.places[other], along[one], along[other]))
    one, other, way_one, way_other = (torch.cat(column) for column in zip(*lines, strict=True))
    with torch.no_grad():
        difference = seen[one] - seen[other]
        share = _shares(picture, seen, one, other, difference)[:, None]
        at_one, at_other = share * difference, (1.0 - share) * difference
    steps = torch.cat([way_one[:, None] * at_one, way_other[:, None] * at_other])
    return picture.index_add(0, torch.cat([one, other]), steps)


def _shares(picture: Tensor, seen: Tensor, one: Tensor, other: Tensor, difference: Tensor) -> Tensor:
    """How much of a line's gradient goes to the pixel `one` `(m,)`, the rest to `other`: so that the picture's colours
    make the mean of the seen ones, along their `difference`. Half, where the picture's are too alike to tell.
    """
    shown = ((picture[one] - picture[other]) * difference).sum(-1)
    wanted = ((0.5 * (seen[one] + seen[other]) - picture[other]) * difference).sum(-1)
    tells = shown.abs() > 0.25 * (difference**2).sum(-1)
    return torch.where(tells, wanted / torch.where(tells, shown, 1.0), 0.5).clamp(MIN_SHARE, MAX_SHARE)


def _unbroken_pairs(places: Tensor, crossings: Crossings, size: int, pixels: int) -> list[tuple[Tensor, Tensor]]:
    """Neighbours that both show the body with no silhouette between them, as numbers into `places`: a pixel and the
    one to its right, a pixel and the one below it. `pixels` of all pictures.
    """
    number = torch.full((pixels + size,), -1, dtype=torch.int64, device=places.device)
    number[places] = torch.arange(len(places), device=places.device)
    low = torch.minimum(crossings.inner, crossings.outer)
    beside = (crossings.inner - crossings.outer).abs() == 1
    last_column, last_row = places % size == size - 1, places % (size * size) >= size * (size - 1)
    found = []
    for step, split, last in ((1, low[beside], last_column), (size, low[~beside], last_row)):
        apart = torch.zeros(pixels, dtype=torch.bool, device=places.device)
        apart[split] = True
        other = number[places + step]
        one = torch.nonzero((other >= 0) & ~last & ~apart[places])[:, 0]
        found.append((one, other[one]))
    return found
