"""Seat: the outside of pelvis and thighs, which carries a body that sits or lies on the ground, in whatever turn.

From the mesh where there is one: the vertices of each of these joints that lie farthest out in evenly spread
directions, held rigidly by it. Else balls around the joints, as thick as an adult there (Winter 2009, "Biomechanics
and Motor Control of Human Movement", and the NASA-STD-3000 segment depths, rounded). Capes, hats and what hands hold
lie deeper in the ground than any body should; they are on other joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton import quat
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Indices, Mesh

DIRECTIONS: Array = quat.unit(np.array([way for way in product((-1.0, 0.0, 1.0), repeat=3) if any(way)]))
# Shares of the height. A vertex farther than this from its joint is of a skirt or a coat, low on who stands, too.
REACH = 0.11
# Half depths at the joints; on a wide pelvis, a share of the way between the hip joints.
RADII = {"hips": 0.066, "leftUpperLeg": 0.060, "rightUpperLeg": 0.060}
OF_PELVIS = 0.45
FAR = 0.25  # a hips joint farther from the legs than this is no pelvis


@dataclass(frozen=True, eq=False)
class Seat:
    """Places on the outside: the joint that holds each `(places,)`, in whose frame it lies at `local_m` `(places, 3)`,
    and the radius `(places,)` of the ball around it.
    """

    joints: Indices
    local_m: Array
    radii_m: Array

    def lowest_m(self, rotations: Array, positions_m: Array) -> Array:
        """World height of the lowest place `(frames,)`.

        `rotations` `(frames, joints, 4)` and `positions_m` `(frames, joints, 3)` are world.
        """
        lowest = np.full(len(rotations), np.inf)
        for joint in np.unique(self.joints):
            here = self.joints == joint
            # A place's height over its joint is its product with the world's up direction in the joint's own frame.
            up = quat.rotate(quat.conjugate(rotations[:, joint]), np.array([0.0, 1.0, 0.0]))
            over = (up @ self.local_m[here].T - self.radii_m[here]).min(axis=1)
            lowest = np.minimum(lowest, positions_m[:, joint, 1] + over)
        return lowest


def seat_of_mesh(mesh: Mesh, mapping: HumanoidMapping, rotations: Array, positions_m: Array, height_m: float) -> Seat:
    """From a surface; it, `rotations` `(joints, 4)` and `positions_m` `(joints, 3)` are one rest pose in the world.

    A joint that holds no skin near it has a ball, as without a surface.
    """
    strongest = mesh.strongest
    balls = seat_of_joints(mapping, positions_m, height_m)
    joints, places, radii = [], [], []
    for joint, radius in zip(balls.joints, balls.radii_m, strict=True):
        vertices = mesh.positions_m[strongest == joint] - positions_m[joint]
        vertices = vertices[np.linalg.norm(vertices, axis=1) <= REACH * height_m]
        local = quat.rotate(quat.conjugate(rotations[joint]), vertices) if len(vertices) else np.zeros((1, 3))
        outer = np.unique(np.argmax(local @ DIRECTIONS.T, axis=0))
        joints.append(np.full(len(outer), joint))
        places.append(local[outer])
        radii.append(np.full(len(outer), 0.0 if len(vertices) else radius))
    return Seat(np.concatenate(joints), np.concatenate(places), np.concatenate(radii))


def seat_of_joints(mapping: HumanoidMapping, positions_m: Array, height_m: float) -> Seat:
    """From the joints alone, at `positions_m` `(joints, 3)` in rest, of a body of this height.

    Without the hips of a rig whose legs and spine meet in a joint on the floor: its thighs alone show where it sits.
    """
    left, right = (positions_m[mapping.roles[f"{side}UpperLeg"].joint] for side in SIDES)
    near = [role for role in RADII if np.linalg.norm(positions_m[mapping.roles[role].joint] - left) <= FAR * height_m]
    joints = np.array([mapping.roles[role].joint for role in near], dtype=np.int64)
    radii = np.array([RADII[role] for role in near]) * height_m
    pelvis = float(np.linalg.norm(left - right))
    return Seat(joints, np.zeros((len(joints), 3)), np.maximum(radii, OF_PELVIS * pelvis))
