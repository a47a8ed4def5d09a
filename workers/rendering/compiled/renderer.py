"""CompiledRenderer: pictures on a processor, for those who need no gradients; with them, `rasterizer.TorchRenderer`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.platform.cache_folder import Recent
from workers.platform.compiled import compiled
from workers.rendering.cameras import Camera
from workers.rendering.compiled.edges import blend, find_crossings
from workers.rendering.compiled.ground import RING, cast_shadow, draw_ground
from workers.rendering.compiled.surface import Numbers, project, see_faces, shade_faces, sum_normals
from workers.rendering.edges import find_edges
from workers.rendering.ground import MAP_SIZE
from workers.rendering.rasterizer import TorchRenderer
from workers.skeleton.model import Array

MESHES_KEPT = 16
CROSSINGS = 16 * 1024  # room at first; more is made where a picture needs it


@dataclass(frozen=True, eq=False)
class _Mesh:
    """Corners of the faces, ends of their edges, and the corners beside these; `source` is the tensor they are of."""

    source: Tensor
    faces: Numbers
    ends: Numbers
    beside: Numbers


class _Room:
    """Arrays for one picture, made once: fresh memory for each would cost as much as the drawing."""

    def __init__(self, vertices: int, size: int) -> None:
        pixels = size * size
        self.screen, self.normals = np.empty((vertices, 3)), np.empty((vertices, 3))
        self.rough, self.ringed = np.empty((MAP_SIZE, MAP_SIZE)), np.empty((RING, RING))
        self.plain, self.mixed = np.empty((pixels, 3)), np.empty((pixels, 3))
        self.nearest, self.seen = np.empty(pixels, dtype=np.float32), np.empty(pixels, dtype=np.int32)
        self.buffer, self.total, self.farthest = np.empty(pixels), np.empty(pixels), np.empty((pixels, 4))
        self.make_crossings(CROSSINGS)

    def make_crossings(self, count: int) -> None:
        self.inner, self.outer = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
        self.distance, self.weight = np.empty(count), np.empty(count)


_meshes: Recent[_Mesh] = Recent(MESHES_KEPT)


class CompiledRenderer:
    """Keeps its room to work in; the edges of meshes are kept for all."""

    name = "compiled"

    def __init__(self) -> None:
        self._torch = TorchRenderer()
        self._rooms: dict[tuple[int, int], _Room] = {}

    def render(self, vertices_m: Tensor, faces: Tensor, camera: Camera) -> Tensor:
        """As `TorchRenderer.render`, which draws what is to be differentiated, and what a camera sees that leans."""
        wants_gradients = vertices_m.requires_grad and torch.is_grad_enabled()
        if wants_gradients or vertices_m.device.type != "cpu" or bool((camera.rotation[:, 0, 1].abs() > 1e-6).any()):
            return self._torch.render(vertices_m, faces, camera)
        if len(vertices_m) != len(camera):
            raise ValueError(f"{len(vertices_m)} poses need as many cameras, not {len(camera)}")
        points = vertices_m.detach().numpy().astype(np.float64)
        eyes, rotations, focals, floors, units = (
            tensor.detach().numpy().astype(np.float64) for tensor in camera.tensors
        )
        size = camera.size
        # The tensor is held with what is kept, so no other one can have its identity.
        mesh, room = _meshes.get(str(id(faces)), lambda: _mesh_of(faces)), self._room_of(points.shape[1], size)
        pictures = np.empty((len(points), 3, size * size), dtype=np.float32)
        for number, places in enumerate(points):
            measures = float(focals[number]), float(floors[number]), float(units[number])
            _draw(places, mesh, room, eyes[number], rotations[number], measures, size)
            _pack(room.mixed, pictures[number])
        return torch.from_numpy(pictures).view(-1, 3, size, size).to(vertices_m.dtype)

    def _room_of(self, vertices: int, size: int) -> _Room:
        room = self._rooms.get((vertices, size))
        if room is None:
            self._rooms = {(vertices, size): (room := _Room(vertices, size))}
        return room


def _mesh_of(faces: Tensor) -> _Mesh:
    edges = find_edges(faces)
    parts = (np.ascontiguousarray(part.numpy(), dtype=np.int32) for part in (faces, edges.ends, edges.beside))
    return _Mesh(faces, *parts)


def _draw(
    points_m: Array,
    mesh: _Mesh,
    room: _Room,
    eye_m: Array,
    rotation: Array,
    measures: tuple[float, float, float],
    size: int,
) -> None:
    """One picture, into `room.mixed` `(size * size, 3)`; `measures` are the camera's focal, floor and unit."""
    focal, floor_m, unit_m = measures
    centre = points_m[:, ::2].mean(axis=0) if len(points_m) else np.zeros(2)
    project(points_m, eye_m, rotation, focal, size, room.screen)
    sum_normals(points_m, mesh.faces, room.normals)
    cast_shadow(points_m, room.normals, floor_m, unit_m, centre, room.rough, room.ringed)
    draw_ground(eye_m, rotation, focal, floor_m, unit_m, size, centre, room.ringed, room.plain)
    see_faces(room.screen, mesh.faces, size, room.nearest, room.seen)
    shade_faces(room.screen, room.normals, rotation, mesh.faces, room.seen, size, room.buffer, room.plain)
    count = _find_crossings(mesh, room, focal, size)
    if count > len(room.inner):
        room.make_crossings(2 * count)
        _find_crossings(mesh, room, focal, size)
    np.copyto(room.mixed, room.plain)
    ends, places = (room.inner[:count], room.outer[:count]), (room.distance[:count], room.weight[:count])
    blend(*ends, *places, room.farthest, room.total, room.plain, room.mixed)


def _find_crossings(mesh: _Mesh, room: _Room, focal: float, size: int) -> int:
    found = room.inner, room.outer, room.distance, room.weight
    return find_crossings(room.screen, mesh.ends, mesh.beside, room.buffer, focal, size, *found)


@compiled
def _pack(colours: Array, picture: NDArray[np.float32]) -> None:
    """Colours `(pixels, 3)` as planes `(3, pixels)`."""
    for pixel in range(len(colours)):
        for colour in range(3):
            picture[colour, pixel] = np.float32(colours[pixel, colour])
