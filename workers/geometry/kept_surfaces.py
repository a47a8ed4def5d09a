"""Surfaces and meshes in the cache folder: what `build_surface` and decimation made, as arrays, by the key of what they
were made of. Where no folder is named, they are made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from workers.geometry.part_frames import find_part_frames
from workers.geometry.parts import PARTS
from workers.geometry.surface import BodySurface
from workers.platform.cache_folder import Arrays, CacheFolder, shared_path
from workers.skeleton.body import Body
from workers.skeleton.model import Mesh

FORM = "1"  # raise it when other arrays are kept, or others are made of the same
MESH = ("positions_m", "faces", "joints", "weights")


def kept_mesh(key: str, make: Callable[[], Mesh]) -> Mesh:
    """The mesh under a key, made and kept where there is none."""
    found = _folder().read(f"mesh{FORM}-{key}", _mesh)
    if found is None:
        found = make()
        _folder().write(f"mesh{FORM}-{key}", _mesh_arrays(found))
    return found


def kept_surface(key: str, body: Body, make: Callable[[], BodySurface]) -> BodySurface:
    """The full surface of a body under the key of body and mesh, made and kept where there is none."""
    found = _folder().read(f"surface{FORM}-{key}", lambda arrays: _surface(arrays, body))
    if found is None:
        found = make()
        arrays = {name: np.asarray(getattr(found, name)) for name in ("parts", "face_parts", "outer", "radius_m")}
        arrays |= {"arm_radius_m": np.array(found.arm_radius_m), "is_own": np.array(found.is_own)}
        _folder().write(f"surface{FORM}-{key}", arrays | _mesh_arrays(found.mesh))
    return found


@cache
def _folder() -> CacheFolder:
    return CacheFolder(shared_path("surfaces"))


def _mesh_arrays(mesh: Mesh) -> Arrays:
    return {name: getattr(mesh, name) for name in MESH}


def _mesh(arrays: Arrays) -> Mesh:
    """Raises KeyError or ValueError for arrays that are no mesh."""
    mesh = Mesh(*(arrays[name] for name in MESH))
    corners = mesh.faces.size == 0 or (mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.positions_m))
    if not corners or not len(mesh.positions_m) == len(mesh.joints) == len(mesh.weights):
        raise ValueError("no mesh")
    return mesh


def _surface(arrays: Arrays, body: Body) -> BodySurface:
    mesh, parts = _mesh(arrays), arrays["parts"]
    lengths = (len(parts), len(arrays["face_parts"]), len(arrays["outer"]), len(arrays["radius_m"]))
    if lengths != (len(mesh.positions_m), len(mesh.faces), len(mesh.faces), len(PARTS)):
        raise ValueError("no surface")
    return BodySurface(
        body,
        mesh,
        parts,
        arrays["face_parts"],
        arrays["outer"],
        find_part_frames(body, mesh.positions_m, parts),
        arrays["radius_m"],
        float(arrays["arm_radius_m"]),
        bool(arrays["is_own"]),
    )
