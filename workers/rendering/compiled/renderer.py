"""CompiledRenderer: pictures on a processor, for those who need no gradients; with them, `rasterizer.TorchRenderer`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workers.platform.cache_folder import Recent
from workers.rendering.cameras import Camera
from workers.rendering.compiled.picture import Eyes, MeshArrays, Room, draw_pictures, make_room
from workers.rendering.edges import find_edges
from workers.rendering.rasterizer import TorchRenderer

MESHES_KEPT = 16
CROSSINGS = 16 * 1024  # room at first; more is made where a picture needs it


_meshes: Recent[tuple[Tensor, MeshArrays]] = Recent(MESHES_KEPT)


class CompiledRenderer:
    """Keeps its room to work in; the edges of meshes are kept for all."""

    name = "compiled"

    def __init__(self) -> None:
        self._torch = TorchRenderer()
        self._rooms: dict[tuple[int, int], Room] = {}

    def render(self, vertices_m: Tensor, faces: Tensor, camera: Camera) -> Tensor:
        """As `TorchRenderer.render`, which draws what is to be differentiated, and what a camera sees that leans."""
        wants_gradients = vertices_m.requires_grad and torch.is_grad_enabled()
        if wants_gradients or vertices_m.device.type != "cpu" or bool((camera.rotation[:, 0, 1].abs() > 1e-6).any()):
            return self._torch.render(vertices_m, faces, camera)
        if len(vertices_m) != len(camera):
            raise ValueError(f"{len(vertices_m)} poses need as many cameras, not {len(camera)}")
        points = vertices_m.detach().numpy().astype(np.float64)
        eyes = Eyes(*(np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float64) for tensor in camera.tensors))
        size = camera.size
        # The tensor is held with what is kept, so no other one can have its identity.
        mesh, key = _meshes.get(str(id(faces)), lambda: (faces, _mesh_of(faces)))[1], (points.shape[1], size)
        room = self._rooms.get(key) or make_room(*key, CROSSINGS)
        pictures = np.empty((len(points), 3, size * size), dtype=np.float32)
        while (most := draw_pictures(points, mesh, eyes, size, room, pictures)) > len(room.inner):
            room = make_room(*key, 2 * most)
        self._rooms = {key: room}
        return torch.from_numpy(pictures).view(-1, 3, size, size).to(vertices_m.dtype)


def _mesh_of(faces: Tensor) -> MeshArrays:
    edges = find_edges(faces)
    return MeshArrays(
        *(np.ascontiguousarray(part.numpy(), dtype=np.int32) for part in (faces, edges.ends, edges.beside))
    )
