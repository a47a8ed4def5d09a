"""The parametric body of MakeHuman: any number of shapes, with joints that move with the shape.

Reads `base.obj` (decimetres), `default.mhskel`, `default_weights.mhw` and sparse `targets/*.target`. A joint is the
mean of its helper vertices, so a target that moves vertices moves joints. The rig is reduced to the bones that a
picture shows: the face follows the head, small toes the big one, metacarpals the wrist.

In the arms and legs a bone's rest frame has X along the bone, so that the same local rotations point the limbs of every
shape the same way, although thin and heavy bodies rest with their arms at other angles. Trunk, head and feet rest in
the frame of the world: their bones lie deeper in one shape than in another, but they stand alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workers.contract.errors import ParseFailed
from workers.geometry.decimate import prepare_surface
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mesh, Skeleton

METRES = 0.1
SKIN_GROUP = "body"
MAX_WEIGHTS = 4
KEPT = re.compile(
    r"root|spine0\d|neck0\d|head|pelvis\.[LR]|clavicle\.[LR]|shoulder01\.[LR]|(upper|lower)(arm|leg)0\d\.[LR]|wrist\.[LR]"
    r"|finger\d-\d\.[LR]|foot\.[LR]|toe1-1\.[LR]"
)
LIMBS = re.compile(r"(upper|lower)(arm|leg)0\d\.[LR]|wrist\.[LR]|finger\d-\d\.[LR]")
SMALL_TOES = re.compile(r"toe\d-\d\.([LR])")

Shape = Mapping[str, float]  # name of a target without its ending -> how much of it


@dataclass(frozen=True, eq=False)
class MakeHuman:
    """The base mesh in metres, its rig, and the targets; `vertices_m` holds helper vertices too."""

    vertices_m: Array  # (vertices, 3)
    names: tuple[str, ...]  # kept bones, parents first
    parents: Indices
    heads: tuple[Indices, ...]  # vertices whose mean is the bone's head
    tails: tuple[Indices, ...]
    used: Indices  # (surface vertices,) into vertices_m
    faces: Indices  # of the decimated surface, into `used`
    joints: Indices  # (surface vertices, k)
    weights: Array
    targets: Mapping[str, tuple[Indices, Array]]

    def shaped(self, shape: Shape) -> tuple[Skeleton, Mesh]:
        """Skeleton and surface of a shape in its rest pose. Raises KeyError for an unknown target."""
        vertices = self.vertices_m.copy()
        for name, amount in shape.items():
            index, offsets = self.targets[name]
            vertices[index] += amount * offsets
        return self._skeleton(vertices), Mesh(vertices[self.used], self.faces, self.joints, self.weights)

    def _skeleton(self, vertices: Array) -> Skeleton:
        heads = np.stack([vertices[index].mean(axis=0) for index in self.heads])
        tails = np.stack([vertices[index].mean(axis=0) for index in self.tails])
        limb = np.array([LIMBS.fullmatch(name) is not None for name in self.names])
        along = quat.frame(tails - heads, np.eye(3)[self._references()])
        world = np.where(limb[:, None], along, quat.IDENTITY)
        child, above = self.parents >= 0, self.parents[self.parents >= 0]
        local, offsets = world.copy(), heads.copy()
        local[child] = quat.multiply(quat.conjugate(world[above]), world[child])
        offsets[child] = quat.rotate(quat.conjugate(world[above]), heads[child] - heads[above])
        count = len(self.names)
        return Skeleton(
            names=self.names, parents=self.parents, file_indices=np.arange(count),
            node_offsets_m=offsets, node_rotations=local, rest_offsets_m=offsets, rest_rotations=local,
            deforming=np.ones(count, dtype=np.bool_), translation_scale=np.ones(count),
            end_site=np.zeros(count, dtype=np.bool_),
        )  # fmt: skip

    def _references(self) -> Indices:
        """For each bone the axis that its frame's Y leans to: the one least along it on the base mesh, for any shape
        the same.
        """
        way = np.stack([
            self.vertices_m[tail].mean(axis=0) - self.vertices_m[head].mean(axis=0)
            for head, tail in zip(self.heads, self.tails, strict=True)
        ])  # fmt: skip
        return np.asarray(np.argmin(np.abs(way), axis=1))


def read_makehuman(folder: Path, most_faces: int) -> MakeHuman:
    """Everything in the folder; the surface is decimated once, on the base mesh. Raises OSError, ParseFailed."""
    vertices, faces = _read_obj(folder / "base.obj")
    rig = json.loads((folder / "default.mhskel").read_text())
    bones: dict[str, Any] = rig["bones"]
    names = _parents_first([name for name in bones if KEPT.fullmatch(name)], bones)
    number = {name: index for index, name in enumerate(names)}
    parents = np.array([_kept_above(bones[name]["parent"], bones, number) for name in names])
    joints, weights = _read_weights(folder / "default_weights.mhw", bones, number, len(vertices))
    surface = prepare_surface(Mesh(vertices, faces, joints, weights), most_faces)
    # Decimation keeps vertices where they are: their places tell which ones are left.
    place = {row.tobytes(): index for index, row in enumerate(vertices)}
    used = np.array([place[row.tobytes()] for row in surface.positions_m])
    return MakeHuman(
        vertices, tuple(names), parents,
        tuple(np.array(rig["joints"][bones[name]["head"]]) for name in names),
        tuple(np.array(rig["joints"][bones[name]["tail"]]) for name in names),
        used, surface.faces, surface.joints, surface.weights,
        {path.stem: _read_target(path) for path in sorted((folder / "targets").glob("*.target"))},
    )  # fmt: skip


def _read_obj(path: Path) -> tuple[Array, Indices]:
    """Vertices in metres and triangles of the skin."""
    vertices, faces, group = [], [], ""
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f" and group == SKIN_GROUP:
            corners = [int(word.partition("/")[0]) - 1 for word in words[1:]]
            faces += [[corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1)]
    if not vertices or not faces:
        raise ParseFailed(f"{path.name}: no vertices or no group {SKIN_GROUP!r}; use MakeHuman's own base.obj")
    return np.array(vertices) * METRES, np.array(faces)


def _read_target(path: Path) -> tuple[Indices, Array]:
    rows = [line.split() for line in path.read_text().splitlines() if line and line[0].isdigit()]
    if any(len(row) != 4 for row in rows):
        raise ParseFailed(f"{path.name}: a row is not a vertex and three offsets; use MakeHuman's own targets")
    table = np.array(rows, dtype=np.float64)
    return table[:, 0].astype(np.int64), table[:, 1:] * METRES


def _read_weights(path: Path, bones: dict[str, Any], number: dict[str, int], count: int) -> tuple[Indices, Array]:
    """The strongest weights of each vertex, summed over the bones that one kept bone stands for."""
    dense = np.zeros((count, len(number)))
    for bone, pairs in json.loads(path.read_text())["weights"].items():
        index, weight = np.array(pairs).T
        np.add.at(dense[:, _carrier(bone, bones, number)], index.astype(np.int64), weight)
    joints = np.argsort(-dense, axis=1, kind="stable")[:, :MAX_WEIGHTS]
    weights = np.take_along_axis(dense, joints, axis=1)
    weights[weights.sum(axis=1) <= 0.0, 0] = 1.0  # helper vertices that no bone holds are no part of the skin
    return joints, weights / weights.sum(axis=1, keepdims=True)


def _carrier(bone: str, bones: dict[str, Any], number: dict[str, int]) -> int:
    toe = SMALL_TOES.fullmatch(bone)
    return number[f"toe1-1.{toe[1]}"] if toe else _kept_above(bone, bones, number)


def _kept_above(bone: str | None, bones: dict[str, Any], number: dict[str, int]) -> int:
    """The bone itself where it is kept, else the nearest kept one above it; -1 above the root."""
    while bone is not None and bone not in number:
        bone = bones[bone]["parent"]
    return -1 if bone is None else number[bone]


def _parents_first(names: list[str], bones: dict[str, Any]) -> list[str]:
    def depth(bone: str | None) -> int:
        return 0 if bone is None else 1 + depth(bones[bone]["parent"])

    return sorted(names, key=lambda name: (depth(name), name))
