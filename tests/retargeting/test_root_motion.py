"""Travel: measured smooth, taken away, or moved to the joint above the hips."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion, from_clip, to_clip
from workers.retargeting.root_motion import measure_travel, place_travel, start_at_origin
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import TALL
from workers.skeleton import kinematics, quat
from workers.skeleton.body import measure_body
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.kinematics import subtree
from workers.skeleton.model import Skeleton

GROUND = np.array([1.0, 0.0, 1.0])


@cache
def walk(root: bool = False) -> BodyMotion:
    scene = read_scene(FileBundle("walk.glb", make_character(TALL, motions=[make_clips(TALL)[0]])))
    skeleton = scene.skeleton
    if root:
        skeleton = with_root_joint(skeleton)
    body = measure_body(skeleton, find_roles(skeleton), None)
    return from_clip(body, scene.load_clip(0, None))


def with_root_joint(skeleton: Skeleton) -> Skeleton:
    """The armature node above the hips counts as a joint."""
    deforming = skeleton.deforming.copy()
    deforming[skeleton.parents[skeleton.names.index("hips")]] = True
    return replace(skeleton, deforming=deforming)


def test_travel_passes_through_both_ends_and_is_smoother_than_the_path() -> None:
    motion = walk()
    travel = measure_travel(motion)
    hips = motion.positions_m[:, motion.body.hips]
    moved = (hips - hips[0]) * GROUND
    assert np.linalg.norm((travel.path_m[-1] - travel.path_m[0]) - moved[-1]) < 0.03
    assert np.abs(np.diff(travel.path_m, 2, axis=0)).max() < 0.5 * np.abs(np.diff(moved, 2, axis=0)).max()


def test_root_joint_carries_the_travel_and_the_body_moves_as_before() -> None:
    motion = walk(root=True)
    placed, root = place_travel(motion, "root_joint")
    assert root is not None
    below = subtree(motion.body.skeleton, motion.body.hips)
    assert np.allclose(placed.positions_m[:, below], motion.positions_m[:, below])
    clip = to_clip(placed, root)
    hips_local = clip.translations_m[motion.body.hips]
    assert np.ptp(placed.positions_m[:, root] @ np.array([0.0, 0.0, 1.0])) > 0.8
    assert np.linalg.norm((hips_local - hips_local[0]) * GROUND, axis=1).max() < 0.1
    world, positions = kinematics.clip_world(motion.body.skeleton, clip)
    assert np.allclose(positions[:, below], motion.positions_m[:, below], atol=1e-9)
    assert np.degrees(quat.angle_between(world[:, below], motion.rotations[:, below])).max() < 1e-4


def test_in_place_keeps_the_sway_and_the_height() -> None:
    motion = walk()
    placed, root = place_travel(motion, "in_place")
    assert root is None
    path = placed.positions_m[:, motion.body.hips]
    assert np.linalg.norm((path[-1] - path[0]) * GROUND) < 0.03
    assert np.array_equal(path[:, 1], motion.positions_m[:, motion.body.hips, 1])


def test_start_at_origin_moves_the_whole_body_and_nothing_else() -> None:
    motion = walk()
    moved = start_at_origin(motion)
    shift = moved.positions_m[:, motion.body.hips] - motion.positions_m[:, motion.body.hips]
    assert np.allclose(shift, shift[0])
    assert np.allclose(
        moved.positions_m[0, motion.body.hips, [0, 2]], motion.body.rest_positions_m[motion.body.hips, [0, 2]]
    )
    assert np.array_equal(moved.rotations, motion.rotations)
