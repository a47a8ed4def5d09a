"""Morph targets: a blend shape a mesh, a channel a target, named as the glTF names them (`extras.targetNames`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.formats.fbx.write.objects import Objects, number, properties
from workers.formats.fbx.write.records import record
from workers.formats.fbx.write.surfaces import MorphTarget, Surface
from workers.formats.gltf.fields import Json
from workers.skeleton.model import Array

_MOVES = 1e-7  # of the surface's size: vertices that move less are not listed
PERCENT = 100.0  # FBX counts weights from 0 to 100


def target_names(mesh: Json, count: int) -> list[str]:
    """A name for each of `count` targets, each its own."""
    extras = mesh.get("extras")
    given = extras.get("targetNames") if isinstance(extras, dict) else None
    names: list[str] = []
    for place in range(count):
        own = given[place] if isinstance(given, list) and place < len(given) else None
        name = own if isinstance(own, str) and own else f"target_{place}"
        names.append(name if name not in names else f"{name}_{place}")
    return names


def target_weights(mesh: Json, node: Json, count: int) -> Array:
    """The weights that the targets have while no clip moves them: the node's, else the mesh's, else 0."""
    for holder in (node, mesh):
        given = holder.get("weights")
        if isinstance(given, list) and len(given) == count and all(type(value) in (int, float) for value in given):
            return np.array(given, dtype=np.float64)
    return np.zeros(count)


def add_blend_shapes(
    objects: Objects, name: str, mesh: int, surface: Surface, names: Sequence[str], weights: Array
) -> list[int]:
    """The objects of the channels, one a target."""
    deformer = objects.add("Deformer", name, "BlendShape", [record("Version", 100)])
    objects.connect(deformer, mesh)
    size = float(np.max(np.ptp(surface.positions, axis=0)))
    channels = []
    for target, target_name, weight in zip(surface.targets, names, weights, strict=True):
        channel = objects.add(
            "Deformer",
            target_name,
            "BlendShapeChannel",
            [
                record("Version", 100),
                properties(number("DeformPercent", PERCENT * float(weight), "A")),
                record("DeformPercent", PERCENT * float(weight)),
                record("FullWeights", np.array([PERCENT])),
            ],
        )
        objects.connect(channel, deformer)
        objects.connect(_add_shape(objects, target_name, target, _MOVES * size), channel)
        channels.append(channel)
    return channels


def _add_shape(objects: Objects, name: str, target: MorphTarget, least: float) -> int:
    moved = np.flatnonzero((np.abs(target.positions) > least).any(axis=1) | (np.abs(target.normals) > 1e-6).any(axis=1))
    moved = moved if len(moved) else np.zeros(1, dtype=np.int64)  # readers take an empty shape for a damaged one
    return objects.add(
        "Geometry",
        name,
        "Shape",
        [
            properties(),
            record("Version", 100),
            record("Indexes", moved.astype(np.int32)),
            record("Vertices", target.positions[moved].reshape(-1)),
            record("Normals", target.normals[moved].reshape(-1)),
        ],
    )
