"""Decimation: the budget, untouched vertices and weights, the same shape, the same result each time."""

from __future__ import annotations

import numpy as np
import pytest

from workers.geometry.decimate import decimate, prepare_surface, weld
from workers.motion.body_motion import BodyMotion
from workers.skeleton.model import Array, Mesh


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.positions_m[mesh.faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


def rows(mesh: Mesh) -> set[bytes]:
    """Vertices with their weights, hashable."""
    table: Array = np.concatenate([mesh.positions_m, mesh.joints.astype(np.float64), mesh.weights], axis=1)
    return {row.tobytes() for row in table}


# Collapses into ends cut round parts off a little, the more the fewer faces are left.
@pytest.mark.parametrize(("budget", "volume_error"), [(8000, 0.03), (3000, 0.10)])
def test_budget_shape_and_weights(walking: tuple[BodyMotion, Mesh], budget: int, volume_error: float) -> None:
    mesh = walking[1]
    small = prepare_surface(mesh, budget)
    assert len(small.faces) <= budget
    assert len(small.faces) > 0.9 * budget
    assert rows(small) <= rows(mesh), "every kept vertex keeps its place and its weights"
    assert volume(small) == pytest.approx(volume(mesh), rel=volume_error)
    assert np.allclose(small.positions_m.min(0), mesh.positions_m.min(0), atol=0.01)
    assert np.allclose(small.positions_m.max(0), mesh.positions_m.max(0), atol=0.01)


def test_same_result_each_time(walking: tuple[BodyMotion, Mesh]) -> None:
    first, second = (prepare_surface(walking[1], 4000) for _ in range(2))
    assert np.array_equal(first.faces, second.faces)
    assert np.array_equal(first.positions_m, second.positions_m)


def test_small_meshes_are_left_alone(walking: tuple[BodyMotion, Mesh]) -> None:
    mesh = walking[1]
    assert decimate(mesh, len(mesh.faces)) is mesh


def test_weld_joins_seams_but_not_parts_held_differently() -> None:
    """A square of two triangles with split corners; in the second case one of them hangs on another joint."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=float)
    faces, weights = np.arange(6).reshape(2, 3), np.array([[1.0, 0.0]] * 6)
    together = weld(Mesh(corners, faces, np.array([[0, 3]] * 6), weights))
    assert len(together.positions_m) == 4
    joints = np.array([[0, 0]] * 3 + [[1, 0]] * 3)
    assert len(weld(Mesh(corners, faces, joints, weights)).positions_m) == 6


def test_real_character(shared_data: object) -> None:
    from pathlib import Path

    from workers.formats.load_bundle import bundle_from_path
    from workers.formats.read import read_scene

    path = Path(str(shared_data)) / "characters" / "mixamo-xy-pair" / "Xbot.glb"
    mesh = read_scene(bundle_from_path(path)).load_mesh()
    assert mesh is not None
    small = prepare_surface(mesh, 6000)
    assert 5000 < len(small.faces) <= 6000
    assert np.abs(small.weights.sum(1) - 1.0).max() < 1e-6
