"""The renderer of this project: pure torch, differentiable in the vertices, any device.

A z-buffer says which face a pixel sees (`visibility`); the normal there is interpolated and shaded (`shading`);
silhouettes are blended (`edges`); ground and sky lie behind (`ground`). What moves across the pixels has its gradient
from `motion`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workers.rendering.cameras import Camera
from workers.rendering.edges import Edges, blend, find_crossings, find_edges
from workers.rendering.ground import render_ground
from workers.rendering.motion import Surface, add_motion
from workers.rendering.shading import clay, vertex_normals
from workers.rendering.visibility import visible_faces


class TorchRenderer:
    """Keeps the edges of the last mesh: `faces` of further calls that are the same tensor cost nothing."""

    name = "torch"

    def __init__(self) -> None:
        self._faces: Tensor | None = None
        self._edges: Edges | None = None

    def render(self, vertices_m: Tensor, faces: Tensor, camera: Camera) -> Tensor:
        """Pictures `(B, 3, size, size)`, 0 to 1, of vertices `(B, V, 3)` in the world; `faces` `(F, 3)` int64, either
        side out; one camera a picture.
        """
        if len(vertices_m) != len(camera):
            raise ValueError(f"{len(vertices_m)} poses need as many cameras, not {len(camera)}")
        batch, size = len(vertices_m), camera.size
        pixels, depths = camera.project(vertices_m)
        seen = visible_faces(pixels, depths, faces, size)
        normals = vertex_normals(vertices_m, faces)
        colours = render_ground(camera, vertices_m, normals).flatten(0, 1)
        places = torch.nonzero(seen.flatten() >= 0)[:, 0]
        if len(places):
            image = torch.div(places, size * size, rounding_mode="floor")
            corners = faces[seen.flatten()[places]]
            flat = corners + (image * vertices_m.shape[1])[:, None]
            weights, inverse, front = _interpolation(pixels, depths, flat, places - image * size * size, size)
            turned = (normals @ camera.rotation.transpose(1, 2)).flatten(0, 1)
            normal = (weights[..., None] * turned[flat]).sum(1)
            normal = torch.nn.functional.normalize(normal, dim=-1, eps=1e-12)
            surface = clay(_towards_viewer(normal, front))
            z_buffer = colours.new_zeros(batch * size * size).index_copy(0, places, inverse)
            z_buffer = z_buffer.view(batch, size, size)
            crossings = find_crossings(pixels, depths, self._edges_of(faces), z_buffer, camera.focal)
            seen_colours = colours.index_copy(0, places, surface)
            colours = blend(seen_colours, crossings)
            if colours.requires_grad:  # else nothing needs to know what moves where
                shown = Surface(places, weights, pixels.flatten(0, 1)[flat], depths.flatten()[flat])
                colours = add_motion(colours, seen_colours.detach(), crossings, shown, size, camera.focal)
        return colours.view(batch, size, size, 3).permute(0, 3, 1, 2)

    def _edges_of(self, faces: Tensor) -> Edges:
        if self._faces is not faces or self._edges is None:
            self._faces, self._edges = faces, find_edges(faces)
        return self._edges


def _interpolation(
    pixels: Tensor, depths: Tensor, corners: Tensor, places: Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Perspective-correct weights `(n, 3)` of the corners at pixel centres, 1 / depth `(n,)`, and the winding's sign.

    `corners` `(n, 3)` number vertices of the flattened batch; `places` `(n,)` pixels of one picture. No gradients: the
    weights name a point of the surface, which then moves with it (`workers.rendering.motion`).
    """
    with torch.no_grad():
        xy, depth = pixels.flatten(0, 1)[corners], depths.flatten()[corners]
        centre = torch.stack([places % size, torch.div(places, size, rounding_mode="floor")], dim=-1) + 0.5
        a, b, c = (xy - centre[:, None]).unbind(1)

        def area(p: Tensor, q: Tensor) -> Tensor:
            return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]

        areas = torch.stack([area(b, c), area(c, a), area(a, b)], dim=-1)
        total = areas.sum(-1, keepdim=True)
        on_screen = areas / torch.where(total.abs() > 1e-9, total, 1e-9)
        scaled = on_screen / depth
        inverse = scaled.sum(-1)
        return scaled / inverse[:, None], inverse, torch.sign(total[:, 0])


def _towards_viewer(normal: Tensor, winding: Tensor) -> Tensor:
    """Both sides of a face are lit: a normal is turned round where the face shows its back."""
    # With y down, a face that runs counter-clockwise for the eye, and so faces it, has a negative area.
    return -normal * winding[:, None]
