"""Which joints hold skin."""

from __future__ import annotations

import numpy as np

from tests.skeleton.role_rigs import make_skeleton
from workers.skeleton.model import Array, Mesh
from workers.skeleton.skin_hold import reaches, skin_holders

# Two chains of two joints; each joint holds a square of skin of its own.
NAMES, PARENTS = ("a", "b", "c", "d"), (-1, 0, -1, 2)


def squares(sizes: tuple[float, ...]) -> Mesh:
    positions: list[Array] = []
    faces: list[tuple[int, int, int]] = []
    joints: list[int] = []
    for joint, size in enumerate(sizes):
        first = len(joints)
        positions += [size * np.array(corner) for corner in ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0))]
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
        joints += [joint] * 4
    return Mesh(np.array(positions), np.array(faces), np.array(joints)[:, None], np.ones((len(joints), 1)))


SKELETON = make_skeleton(NAMES, PARENTS, np.zeros((4, 3)))


def test_traces_of_weight_are_no_skin() -> None:
    mesh = squares((1.0, 1.0, 1.0, 1.0))
    weights = np.concatenate([0.97 * mesh.weights, np.full((len(mesh.weights), 1), 0.03)], axis=1)
    joints = np.concatenate([np.where(mesh.joints == 3, 2, mesh.joints), np.full_like(mesh.joints, 3)], axis=1)
    thin = Mesh(mesh.positions_m, mesh.faces, joints, weights)
    assert skin_holders(thin, 4).tolist() == [True, True, True, False]


def test_reaches_looks_up_the_tree() -> None:
    assert reaches(SKELETON, np.array([False, False, False, True])).tolist() == [False, False, True, True]
