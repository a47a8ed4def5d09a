"""pytorch3d behind the renderer's interface: its rasteriser and its distances, this project's material and ground.

Only imported where pytorch3d is installed (`renderer.PYTORCH3D_INSTALLED`). Run with 0.7.9 on a CPU; never on CUDA so
far. Faces are given to `rasterize_meshes` in its own screen coordinates (x left, y up, -1 to 1). Of the faces near a
pixel each covers it by a sigmoid of the distance to its border (Liu et al. 2019, "Soft Rasterizer"), but they are not
blended as there: on a closed surface that lets the background through at every edge between two faces, and lets a
nearer part take the whole of every pixel it comes near. Here faces at one depth that face the same way add up to one
layer, whose inner edges vanish, and layers lie over each other. As in the own renderer, what is interpolated on a face
carries no gradient of its own: the weights of slivers would drown all others.
"""

from __future__ import annotations

import torch
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
from pytorch3d.structures import Meshes
from torch import Tensor

from workers.rendering.cameras import Camera
from workers.rendering.ground import render_ground
from workers.rendering.shading import clay, vertex_normals

FACES_PER_PIXEL = 24  # the face that holds the middle must be among them, also where faces are small
WIDTH_PIXELS = 0.25  # of the sigmoid: its slope at a border is then that of blending over a square pixel
REACH_PIXELS = 0.8  # a face further away covers less than 4 % of a pixel
LAYER = 0.02  # depth in body heights within which faces are of one layer


class Pytorch3dRenderer:
    """See `renderer.Renderer`."""

    name = "pytorch3d"

    def render(self, vertices_m: Tensor, faces: Tensor, camera: Camera) -> Tensor:
        """Pictures `(B, 3, size, size)`, as `rasterizer.TorchRenderer.render` makes them but for silhouettes' shape."""
        batch, size = len(vertices_m), camera.size
        pixels, depths = camera.project(vertices_m)
        depths = depths / camera.unit_m[:, None]  # in body heights: what is one layer is then the same for every body
        screen = torch.cat([1.0 - pixels * (2.0 / size), depths[..., None]], dim=-1)
        near, z_buffer, weights, squared = rasterize_meshes(
            Meshes(verts=screen, faces=faces.expand(batch, -1, -1)),
            image_size=size,
            blur_radius=(REACH_PIXELS * 2.0 / size) ** 2,
            faces_per_pixel=FACES_PER_PIXEL,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )
        there = near >= 0
        number = near.clamp(min=0)
        image = torch.div(number, len(faces), rounding_mode="floor")
        corners = faces[number - image * len(faces)] + (image * vertices_m.shape[1])[..., None]
        normals = vertex_normals(vertices_m, faces)
        turned = (normals @ camera.rotation.transpose(1, 2)).flatten(0, 1)
        normal = torch.nn.functional.normalize((weights.detach()[..., None] * turned[corners]).sum(-2), dim=-1)
        winding = _winding(pixels.flatten(0, 1)[corners])
        colours = clay((-normal * winding[..., None]).reshape(-1, 3)).view(*near.shape, 3)
        covered = _covered(squared, size) * there
        ground = render_ground(camera, vertices_m, normals).view(batch, size, size, 3)
        inside = there & (squared < 0.0)
        return _layered(colours, covered, inside, z_buffer.detach(), winding, ground).permute(0, 3, 1, 2)


def _covered(squared: Tensor, size: int) -> Tensor:
    """How much of a pixel each face covers, from squared distances in its screen, below zero inside."""
    apart = torch.sqrt(squared.abs().clamp(min=1e-12)) * (0.5 * size)
    return torch.sigmoid(-torch.sign(squared) * apart / WIDTH_PIXELS)


def _winding(corners: Tensor) -> Tensor:
    """Sign of the area of faces `(..., 3, 2)` in the picture: with y down, negative where one faces the eye."""
    with torch.no_grad():
        a, b, c = corners.unbind(-2)
        ab, ac = b - a, c - a
        return torch.sign(ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0])


def _layered(
    colours: Tensor, covered: Tensor, inside: Tensor, z_buffer: Tensor, winding: Tensor, ground: Tensor
) -> Tensor:
    """Pictures `(B, size, size, 3)` of three layers and the ground: what comes near a pixel before the face that holds
    its middle, that face's layer, and the next one that holds it behind. All but the last axis run over the faces near
    each pixel, nearest first.
    """
    held = _first(inside)
    has = inside.any(-1)
    side = torch.where(has, _take(winding, held), winding[..., 0])
    alike = winding == side[..., None]  # of a closed surface the side towards the eye, so that its back is no layer
    depth = torch.where(has, _take(z_buffer, held), torch.inf)[..., None]
    before = alike & (z_buffer < depth - LAYER)
    same = alike & (z_buffer >= depth - LAYER) & (z_buffer <= depth + LAYER)
    behind = alike & inside & (z_buffer > depth + LAYER)
    colour = ground
    next_one = _take_rows(colours, _first(behind))
    colour = torch.where(behind.any(-1)[..., None], next_one, colour)
    # From within, what two neighbours cover adds up to the whole at the edge between them; from without, the nearest
    # border is that of them all.
    middle = (covered * same).sum(-1, keepdim=True).clamp(max=1.0)
    colour = torch.where(has[..., None], middle * _take_rows(colours, held) + (1.0 - middle) * colour, colour)
    front = (covered * before).amax(-1, keepdim=True)
    share = (covered * before)[..., None]
    seen = (share * colours).sum(-2) / share.sum(-2).clamp(min=1e-6)
    return front * seen + (1.0 - front) * colour


def _first(mask: Tensor) -> Tensor:
    """The first that is true along the last axis, 0 where none is."""
    return mask.to(torch.uint8).argmax(-1)


def _take(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(-1, index[..., None])[..., 0]


def _take_rows(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(-2, index[..., None, None].expand(*index.shape, 1, values.shape[-1]))[..., 0, :]
