"""Silhouette edges: where they cross between pixels, for anti-aliasing and for the gradient of what moves.

A z-buffer alone has no gradient where one surface ends in front of another, and what is left then has the wrong sign.
Here every silhouette edge (both its faces on one side of it on the screen, or a border), whether against the background
or against another part of the body, mixes the two pixels on either side of it by where it crosses between their
centres, a place that is differentiable in the edge's ends. Blending across the crossing follows Laine et al. 2020,
"Modular Primitives for High-Performance Differentiable Rendering", section 3.5, but runs over the mesh's edges rather
than over the pixels' faces, so that faces smaller than a pixel do not lose their silhouettes. Where two surfaces pass
through each other there is no edge of the mesh: that is left to `workers.rendering.seams`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.rendering.visibility import NEAR_M

# How far in front of the edge the surface beside it may lie, in half picture sides at that depth: more is something
# else that hides the edge. Round limbs fall away steeply at their silhouette, and a leg may stand behind the other with
# both outlines between the same two pixels, so a narrow limit loses true edges (measured: 0.02 costs a tenth of the
# gradient's cosine); a wide one does little harm, as the outer pixel must lie behind the edge too.
HIDDEN_REACH = 30.0 / 112.0


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of a mesh: ends `(E, 2)`, and the third corners `(E, 2)` of the faces beside (twice the same: a border)."""

    ends: Tensor
    beside: Tensor


def find_edges(faces: Tensor) -> Edges:
    """Edges of `faces` `(F, 3)`. An edge of more than two faces becomes several, none of which is a border."""
    device = faces.device
    if not len(faces):
        empty = torch.empty((0, 2), dtype=torch.int64, device=device)
        return Edges(empty, empty)
    ends = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    third = torch.cat([faces[:, 2], faces[:, 0], faces[:, 1]])
    low, high = ends.amin(1), ends.amax(1)
    keys, order = torch.sort(low * (int(faces.max()) + 1) + high, stable=True)
    first = torch.ones(len(keys), dtype=torch.bool, device=device)
    first[1:] = keys[1:] != keys[:-1]
    starts = torch.nonzero(first)[:, 0]
    counts = torch.diff(starts, append=torch.tensor([len(keys)], device=device))
    # Each further face at an edge is paired with the first one; a lone face is paired with itself.
    owner = torch.repeat_interleave(torch.arange(len(starts), device=device), counts)
    partner = torch.arange(len(keys), device=device)
    kept = (partner != starts[owner]) | (counts[owner] == 1)
    mine, other = order[partner[kept]], order[starts[owner[kept]]]
    return Edges(torch.stack([low[mine], high[mine]], dim=1), torch.stack([third[mine], third[other]], dim=1))


@dataclass(frozen=True, eq=False)
class Crossings:
    """Places where a seen silhouette passes between two neighbouring pixel centres, numbers into `(B * size * size)`.

    `distance` is from the inner pixel's centre to the crossing in pixels, 0 to 1; the only member with a gradient.
    `weight`: an edge that runs at a slant crosses rows and columns, and counts in each by the square of its normal's
    part along them: together the area that it sweeps when it moves.
    """

    inner: Tensor
    outer: Tensor
    distance: Tensor
    weight: Tensor


def find_crossings(pixels: Tensor, depths: Tensor, edges: Edges, inverse_depth: Tensor, focal: Tensor) -> Crossings:
    """`pixels` `(B, V, 2)` with gradients, `depths` `(B, V)`, `inverse_depth` `(B, size, size)` of the z-buffer (0 for
    none), `focal` `(B,)`.
    """
    size = inverse_depth.shape[-1]
    image, edge, side = _silhouettes(pixels.detach(), depths.detach(), edges)
    ends = edges.ends[edge]
    start, stop = pixels[image, ends[:, 0]], pixels[image, ends[:, 1]]
    inverse = 1.0 / torch.stack([depths.detach()[image, ends[:, 0]], depths.detach()[image, ends[:, 1]]], dim=1)
    slant = (stop - start).detach() ** 2
    share = slant / slant.sum(-1, keepdim=True).clamp(min=1e-20)
    rows = _along_rows(image, start, stop, inverse, side, share[:, 1], inverse_depth, focal)
    # With columns, x and y change places, which also mirrors the sides.
    columns = _along_rows(
        image, start.flip(-1), stop.flip(-1), inverse, -side, share[:, 0], inverse_depth.transpose(1, 2), focal
    )
    crossings = _join(rows, _transposed(columns, size))
    return _outermost(crossings)


def blend(colours: Tensor, crossings: Crossings) -> Tensor:
    """Colours `(n, channels)` of pixels, mixed across the crossings: the picture as if pixels had an area. The gradient
    of the crossings' ways is `workers.rendering.motion`'s.
    """
    share = (crossings.distance.detach() - 0.5) * crossings.weight
    # Reaching into the outer pixel, or leaving a part of the inner one free.
    outwards = share > 0.0
    changed = torch.where(outwards, crossings.outer, crossings.inner)
    other = torch.where(outwards, crossings.inner, crossings.outer)
    share = share.abs()
    # Thin parts have edges on all sides: no pixel may give away more than all of itself.
    total = torch.zeros_like(colours[:, 0]).index_add(0, changed, share)
    share = share / total.clamp(min=1.0)[changed]
    return colours.index_add(0, changed, share[:, None] * (colours[other] - colours[changed]))


def _join(one: Crossings, other: Crossings) -> Crossings:
    return Crossings(
        torch.cat([one.inner, other.inner]),
        torch.cat([one.outer, other.outer]),
        torch.cat([one.distance, other.distance]),
        torch.cat([one.weight, other.weight]),
    )


def _transposed(crossings: Crossings, size: int) -> Crossings:
    """Pixel numbers of pictures whose rows and columns had changed places."""

    def turn(number: Tensor) -> Tensor:
        place = number % (size * size)
        return number - place + (place % size) * size + torch.div(place, size, rounding_mode="floor")

    return Crossings(turn(crossings.inner), turn(crossings.outer), crossings.distance, crossings.weight)


def _outermost(crossings: Crossings) -> Crossings:
    """Of several edges between the same two pixels (fine or folded meshes) the one farthest out."""
    if not len(crossings.inner):
        return crossings
    keys = crossings.inner * (int(crossings.outer.max()) + 1) + crossings.outer
    pairs, pair = torch.unique(keys, return_inverse=True)
    distance = crossings.distance.detach()
    farthest = distance.new_zeros(len(pairs)).scatter_reduce(0, pair, distance, "amax")
    keep = torch.nonzero(distance >= farthest[pair])[:, 0]
    return Crossings(crossings.inner[keep], crossings.outer[keep], crossings.distance[keep], crossings.weight[keep])


def _silhouettes(pixels: Tensor, depths: Tensor, edges: Edges) -> tuple[Tensor, Tensor, Tensor]:
    """Image, edge and the side (+1 or -1) on which both faces lie, of every silhouette edge before the cameras."""
    # Vertices first: a row then holds one vertex in all pictures, and is read in one piece.
    x, y = (pixels[..., axis].T.contiguous() for axis in (0, 1))
    before = (depths > NEAR_M).T.contiguous()
    start, stop = edges.ends.unbind(1)
    x_start, y_start = x.index_select(0, start), y.index_select(0, start)
    along_x, along_y = x.index_select(0, stop) - x_start, y.index_select(0, stop) - y_start

    def side(corner: Tensor) -> Tensor:
        return along_x * (y.index_select(0, corner) - y_start) - along_y * (x.index_select(0, corner) - x_start)

    one, other = side(edges.beside[:, 0]), side(edges.beside[:, 1])
    chosen = (one * other > 0.0) & before.index_select(0, start) & before.index_select(0, stop)
    image, edge = torch.nonzero(chosen.T, as_tuple=True)
    return image, edge, torch.sign(one[edge, image])


def _along_rows(
    image: Tensor,
    start: Tensor,
    stop: Tensor,
    inverse: Tensor,
    side: Tensor,
    weight: Tensor,
    inverse_depth: Tensor,
    focal: Tensor,
) -> Crossings:
    """Crossings of edges with the lines through the pixel centres of each row."""
    size = inverse_depth.shape[-1]
    y_start, y_stop = start[:, 1].detach(), stop[:, 1].detach()
    low, high = torch.minimum(y_start, y_stop), torch.maximum(y_start, y_stop)
    # Half open, so that a chain of edges crosses each row once at its joints.
    first = torch.ceil(low - 0.5).clamp(0, size).to(torch.int64)
    beyond = torch.ceil(high - 0.5).clamp(0, size).to(torch.int64)
    counts = (beyond - first).clamp(min=0)
    owner = torch.repeat_interleave(torch.arange(len(counts), device=image.device), counts)
    row = first[owner] + torch.arange(len(owner), device=image.device) - (counts.cumsum(0) - counts)[owner]
    share = (row + 0.5 - start[owner, 1]) / (stop[owner, 1] - start[owner, 1])
    x = start[owner, 0] + share * (stop[owner, 0] - start[owner, 0])
    left = torch.floor(x.detach() - 0.5).to(torch.int64)
    # The surface lies to the left where the third corner is on the left of the edge as it runs.
    rightward = (side * torch.sign(y_stop - y_start))[owner] < 0.0
    inner, outer = torch.where(rightward, left + 1, left), torch.where(rightward, left, left + 1)
    picture, fixed = image[owner], share.detach()
    at_edge = inverse[owner, 0] + fixed * (inverse[owner, 1] - inverse[owner, 0])
    framed = (left >= 0) & (left < size - 1)
    inner_depth = inverse_depth[picture, row, inner.clamp(0, size - 1)]
    outer_depth = inverse_depth[picture, row, outer.clamp(0, size - 1)]
    # 1 / depth grows by this factor when coming nearer by that much (half the picture's side is depth / focal).
    slack = 1.0 + HIDDEN_REACH / focal[picture]
    seen = framed & (inner_depth > 0.0) & (inner_depth <= at_edge * slack) & (outer_depth < at_edge)
    keep = torch.nonzero(seen)[:, 0]
    number = (picture[keep] * size + row[keep]) * size
    distance = ((x[keep] - 0.5) - inner[keep]).abs().clamp(max=1.0)
    return Crossings(number + inner[keep], number + outer[keep], distance, weight[owner[keep]])
