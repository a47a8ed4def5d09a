"""pytorch3d behind the renderer's interface: its rasteriser and soft silhouettes, this project's material and ground.

Only imported where pytorch3d is installed (`renderer.PYTORCH3D_INSTALLED`). Written against its 0.7.9 interface: faces
are given to `rasterize_meshes` in its own screen coordinates (x left, y up, -1 to 1), and the faces near a pixel are
blended by distance and depth (Liu et al. 2019, "Soft Rasterizer", as in its `softmax_rgb_blend`).
"""

from __future__ import annotations

import torch
from pytorch3d.renderer.blending import BlendParams, softmax_rgb_blend
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
from pytorch3d.renderer.mesh.rasterizer import Fragments
from pytorch3d.structures import Meshes
from torch import Tensor

from workers.rendering.cameras import Camera
from workers.rendering.ground import render_ground
from workers.rendering.shading import clay, vertex_normals

FACES_PER_PIXEL = 8
SIGMA_PIXELS = 0.5  # width of the soft silhouette


class Pytorch3dRenderer:
    """See `renderer.Renderer`."""

    name = "pytorch3d"

    def render(self, vertices_m: Tensor, faces: Tensor, camera: Camera) -> Tensor:
        """Pictures `(B, 3, size, size)`, as `rasterizer.TorchRenderer.render` makes them but for silhouettes' width."""
        batch, size = len(vertices_m), camera.size
        pixels, depths = camera.project(vertices_m)
        # Depths in body heights: how far apart two surfaces must lie not to blend is then the same for every body.
        screen = torch.cat([1.0 - pixels * (2.0 / size), (depths / camera.unit_m[:, None])[..., None]], dim=-1)
        meshes = Meshes(verts=screen, faces=faces.expand(batch, -1, -1))
        sigma = (SIGMA_PIXELS * 2.0 / size) ** 2
        near, z_buffer, weights, distances = rasterize_meshes(
            meshes,
            image_size=size,
            blur_radius=sigma * 9.0,
            faces_per_pixel=FACES_PER_PIXEL,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )
        normals = vertex_normals(vertices_m, faces)
        ground = render_ground(camera, vertices_m, normals).view(batch, size, size, 3)
        turned = (normals @ camera.rotation.transpose(1, 2)).flatten(0, 1)
        image = torch.div(near.clamp(min=0), len(faces), rounding_mode="floor")
        corners = faces[near.clamp(min=0) - image * len(faces)] + (image * vertices_m.shape[1])[..., None]
        normal = torch.nn.functional.normalize((weights[..., None] * turned[corners]).sum(-2), dim=-1)
        facing = torch.where(normal[..., 2:] > 0.0, -normal, normal)
        colours = clay(facing.reshape(-1, 3)).view(*near.shape, 3)
        # The blend knows one background colour only, and its colour is that of the surfaces alone however little of the
        # pixel they cover: coverage is its fourth channel, and the ground lies behind by it.
        fragments = Fragments(near, z_buffer, weights, distances)
        surface = softmax_rgb_blend(
            colours, fragments, BlendParams(sigma=sigma, gamma=1e-4, background_color=(0.0, 0.0, 0.0))
        )
        covered = surface[..., 3:]
        pictures: Tensor = (covered * surface[..., :3] + (1.0 - covered) * ground).permute(0, 3, 1, 2)
        return pictures
