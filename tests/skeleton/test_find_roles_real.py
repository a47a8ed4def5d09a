"""Roles of the real rigs, with their names and without; prints roles right / present per convention (pytest -rP)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from tests.skeleton.role_rigs import Score, conventions, score, shuffled_without_names
from workers.contract.roles import CORE_ROLES, mirror
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.lab.standards.convention import Convention
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.kinematics import clip_world
from workers.skeleton.model import Array, Scene, Skeleton

REAL = [convention for convention in conventions() if convention.files]
NAMED_BY_INDEX = {  # CesiumMan.glb: role -> glTF node, of joints without names; it faces +X, its left is -Z
    "hips": 2, "spine": 11, "chest": 12, "neck": 19, "head": 20,
    "leftUpperLeg": 7, "leftLowerLeg": 8, "leftFoot": 9, "leftToes": 10,
    "rightUpperLeg": 3, "rightLowerLeg": 4, "rightFoot": 5, "rightToes": 6,
    "leftUpperArm": 16, "leftLowerArm": 17, "leftHand": 18,
    "rightUpperArm": 13, "rightLowerArm": 14, "rightHand": 15,
}  # fmt: skip


def files_of(convention: Convention, shared_data: Path) -> list[Path]:
    """At most two files of each pattern: one skeleton repeats in all of them."""
    found = [path for pattern in convention.files for path in sorted(shared_data.glob(pattern))[:2]]
    if not found:
        pytest.skip(f"no files {convention.files} in {shared_data}")
    return found


@lru_cache(maxsize=64)
def read(path: Path) -> tuple[Skeleton, Array | None]:
    """Skeleton and, for a motion without a bind pose, the joint positions of its first frame."""
    scene: Scene = read_scene(bundle_from_path(path))
    if scene.rest_kind != "zero" or not scene.clips:
        return scene.skeleton, None
    return scene.skeleton, np.asarray(clip_world(scene.skeleton, scene.load_clip(0, None))[1][0])


@pytest.mark.parametrize("convention", REAL, ids=lambda convention: convention.name)
def test_real_rigs_are_mapped(convention: Convention, shared_data: Path) -> None:
    for path in files_of(convention, shared_data):
        skeleton, positions = read(path)
        bare = {role: name for role, name in convention.roles.items() if name in skeleton.names}
        result = score(skeleton.names, find_roles(skeleton, positions_m=positions), bare, convention.either)
        extra = [miss for miss in result.misses if "where there is none" not in miss]
        print(f"{path.name}: {result.right}/{result.present}", *extra)
        assert result.right >= 0.99 * result.present, result.misses
        assert result.swapped == 0
        assert result.sure_and_wrong == 0, result.misses


def test_joints_without_names(shared_data: Path) -> None:
    skeleton, _ = read(shared_data / "characters/threejs/CesiumMan.glb")
    mapping = find_roles(skeleton)
    found = {role: int(skeleton.file_indices[match.joint]) for role, match in mapping.roles.items()}
    assert {role: found.get(role) for role in NAMED_BY_INDEX} == NAMED_BY_INDEX
    assert all(match.confidence < 0.8 for match in mapping.roles.values())


def test_real_rigs_without_names(shared_data: Path) -> None:
    """Names replaced and order shuffled: the core roles by topology and geometry alone, never surely wrong."""
    total = Score()
    for convention in REAL:
        for path in files_of(convention, shared_data)[:1]:
            skeleton, positions = read(path)
            blind = shuffled_without_names(skeleton, seed=1)
            moved = None if positions is None else positions[blind.file_indices]
            mapping = find_roles(blind, positions_m=moved)
            truth = {r: n for r, n in convention.roles.items() if r in CORE_ROLES and n in skeleton.names}
            names = tuple(skeleton.names[j] for j in blind.file_indices)
            result = score(names, mapping, truth, convention.either)
            total.present += result.present
            total.right += result.right
            total.swapped += result.swapped
            print(f"{path.name}: {result.right}/{result.present}", *[m for m in result.misses if "instead" in m])
            wrong = [
                match.confidence
                for role, match in mapping.roles.items()
                if role in truth and names[match.joint] != truth[role] and names[match.joint] != truth.get(mirror(role))
            ]
            assert max(wrong, default=0.0) < 0.8
    print(f"core roles right without names: {total.right}/{total.present}, swapped {total.swapped}")
    assert total.right >= 0.9 * total.present
