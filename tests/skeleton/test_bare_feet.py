"""A character whose feet move no vertex is measured all the same: its soles then come from its joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.samples.write import sample_files
from workers.skeleton.body import measure_body
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.soles import FOOT_ROLES


@pytest.mark.parametrize("sides", [("left",), ("left", "right")])
def test_feet_without_vertices_have_soles(sides: tuple[str, ...]) -> None:
    scene = read_scene(FileBundle("tall.glb", sample_files()["tall.glb"]))
    mapping, mesh = find_roles(scene.skeleton), scene.load_mesh()
    assert mesh is not None
    whole = measure_body(scene.skeleton, mapping, mesh)
    joints = mesh.joints.copy()
    for side in sides:
        feet = [mapping.joint(f"{side}{part}") for part in ("Foot", "Toes")]
        shin = mapping.joint(f"{side}LowerLeg")
        assert shin is not None
        joints[np.isin(joints, [joint for joint in feet if joint is not None])] = shin
    body = measure_body(scene.skeleton, mapping, replace(mesh, joints=joints))
    mapped = {role for role in FOOT_ROLES if mapping.joint(role) is not None}
    assert set(body.sole_drop_m) == set(whole.sole_drop_m) == mapped
    for role in mapped:
        assert abs(body.sole_drop_m[role] - whole.sole_drop_m[role]) < 0.05 * whole.height_m
