"""Writing BVH: reading it back gives the same world positions and turns away from rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.bvh.bvh_kit import ENDS, PERSON, person, scene_of, swinging_rows
from workers.contract.errors import NoSkeleton, OutputInvalid
from workers.formats.bvh.write import write_bvh
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Clip, Scene, Skeleton


def random_rig(seed: int, frames: int = 4, *, groups: bool = False, detached: str = "") -> tuple[Skeleton, Clip]:
    """A person with arbitrary bone axes at rest, and a random motion.

    With `groups` it hangs under an armature and has a mesh node beside it; the joint `detached` hangs there too.
    """
    rng = np.random.default_rng(seed)
    parents = [parent for _, parent, _ in PERSON]
    names = [name for name, _, _ in PERSON]
    offsets = [np.array(offset) for _, _, offset in PERSON]
    deforming = [True] * len(parents)
    if groups:
        parents = [-1, 0, *(parent + 2 if parent >= 0 else 1 for parent in parents), 0]
        names = ["Scene", "Armature", *names, "Body Mesh"]
        offsets = [np.zeros(3), np.array([0.1, 0.0, 0.2]), *offsets, np.zeros(3)]
        deforming = [False, False, *deforming, False]
    if detached:
        joint = names.index(detached)
        above = parents[joint]
        while above != 1:
            offsets[joint] = offsets[joint] + offsets[above]
            above = parents[above]
        parents[joint] = 1
    count = len(parents)
    rest_world = quat.normalize(rng.normal(size=(count, 4)))
    skeleton = Skeleton(
        names=tuple(names),
        parents=np.array(parents),
        file_indices=np.arange(count),
        node_offsets_m=np.zeros((count, 3)),
        node_rotations=quat.identity(count),
        rest_offsets_m=np.zeros((count, 3)),
        rest_rotations=quat.identity(count),
        deforming=np.array(deforming),
        translation_scale=np.ones(count),
        end_site=np.zeros(count, dtype=bool),
    )
    rest = kinematics.local_rotations(skeleton, rest_world)
    local = [
        offset if parent < 0 else quat.rotate(quat.conjugate(rest_world[parent]), offset)
        for offset, parent in zip(offsets, parents, strict=True)
    ]
    skeleton = replace(
        skeleton,
        rest_rotations=rest,
        node_rotations=rest,
        rest_offsets_m=np.array(local),
        node_offsets_m=np.array(local),
    )
    turns = quat.from_rotation_vector(rng.normal(scale=0.4, size=(frames, count, 3)))
    rotations = quat.multiply(np.broadcast_to(rest, (frames, count, 4)), turns)
    hips = names.index("Hips")
    if groups:
        rotations[:, [0, 1, -1]] = rest[[0, 1, -1]]
    moved = skeleton.rest_offsets_m[hips] + rng.normal(scale=0.05, size=(frames, 3))
    return skeleton, Clip("walk", 30.0, 0.0, quat.make_continuous(rotations), {hips: moved})


def poses(skeleton: Skeleton, clip: Clip) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    world, positions = kinematics.clip_world(skeleton, clip)
    turned = quat.multiply(world, quat.conjugate(kinematics.rest_world(skeleton)[0]))
    return {name: (positions[:, joint], turned[:, joint]) for joint, name in enumerate(skeleton.names)}


def assert_same_motion(skeleton: Skeleton, clip: Clip, again: Scene) -> None:
    before, after = poses(skeleton, clip), poses(again.skeleton, again.load_clip(0, None))
    for name in set(after) - {name for name in after if name.endswith("_end")}:
        assert np.abs(before[name][0] - after[name][0]).max() < 1e-6, name
        assert np.degrees(quat.angle_between(before[name][1], after[name][1])).max() < 1e-3, name


@given(seed=st.integers(0, 10_000), groups=st.booleans())
@settings(max_examples=30, deadline=None)
def test_round_trip_keeps_the_world_motion(seed: int, groups: bool) -> None:
    skeleton, clip = random_rig(seed, groups=groups)
    again = scene_of(write_bvh(skeleton, clip))
    assert again.units.unit == "cm"
    assert set(again.skeleton.names[: len(PERSON)]) == {name for name, _, _ in PERSON}
    assert_same_motion(skeleton, clip, again)


def test_zero_pose_is_the_bind_pose_in_world_axes() -> None:
    skeleton, clip = random_rig(3)
    again = scene_of(write_bvh(skeleton, clip)).skeleton
    rest = kinematics.rest_world(skeleton)[1]
    zero = kinematics.rest_world(again)[1][: len(PERSON)]
    assert [again.names.index(name) for name in skeleton.names] == list(range(len(PERSON)))
    assert np.allclose(zero - zero[0], rest - rest[0], atol=1e-7)
    assert np.allclose(zero[0], 0.0)


def test_rest_clip_has_only_zero_angles() -> None:
    skeleton, _ = random_rig(4)
    clip = Clip("rest", 30.0, 0.0, skeleton.rest_rotations[None], {})
    row = write_bvh(skeleton, clip).decode().splitlines()[-1].split()
    assert row[:3] == ["0.000000", "93.000000", "0.000000"]
    assert {abs(float(value)) for value in row[3:]} == {0.0}


def test_joints_that_are_moved_get_position_channels() -> None:
    skeleton, clip = random_rig(5)
    head = skeleton.names.index("Head")
    track = skeleton.rest_offsets_m[head] * 1.2 + np.linspace(0, 0.01, clip.frames)[:, None]
    clip = Clip(clip.name, 30.0, 0.0, clip.rotations, {**clip.translations_m, head: track})
    again = scene_of(write_bvh(skeleton, clip))
    assert set(again.load_clip(0, None).translations_m) == {0, again.skeleton.names.index("Head")}
    assert_same_motion(skeleton, clip, again)


def test_nodes_that_stand_elsewhere_than_the_bind_pose_stay_there() -> None:
    skeleton, clip = random_rig(6)
    node = skeleton.node_offsets_m.copy()
    node[8] *= 1.1
    skeleton = replace(skeleton, node_offsets_m=node)
    assert_same_motion(skeleton, clip, scene_of(write_bvh(skeleton, clip)))


def test_a_group_that_moves_is_kept_and_one_that_rests_is_folded_away() -> None:
    skeleton, clip = random_rig(7, groups=True)
    assert b"Armature" not in write_bvh(skeleton, clip)
    armature = skeleton.names.index("Armature")
    rotations = clip.rotations.copy()
    rotations[:, armature] = quat.multiply(
        rotations[:, armature], quat.from_rotation_vector(np.array([[0.0, 0.1 * f, 0.0] for f in range(4)]))
    )
    clip = Clip(clip.name, 30.0, 0.0, rotations, clip.translations_m)
    data = write_bvh(skeleton, clip)
    assert b"ROOT Armature" in data
    assert b"Mesh" not in data
    assert_same_motion(skeleton, clip, scene_of(data))


def test_joints_under_one_group_share_one_root() -> None:
    skeleton, clip = random_rig(8, groups=True, detached="Neck")
    data = write_bvh(skeleton, clip)
    assert data.count(b"ROOT") == 1
    assert_same_motion(skeleton, clip, scene_of(data))


def test_names_are_unique_and_without_white_space() -> None:
    skeleton, clip = random_rig(9)
    names = ["My Hips", "", "{a}", "a b", "a b", *skeleton.names[5:]]
    written = scene_of(write_bvh(replace(skeleton, names=tuple(names)), clip)).skeleton.names
    assert written[:5] == ("My_Hips", "joint", "_a_", "a_b", "a_b_2")
    assert len(set(written)) == len(written)


def test_end_sites_come_from_the_source() -> None:
    scene = scene_of(person(swinging_rows()))
    again = scene_of(write_bvh(scene.skeleton, scene.load_clip(0, None)))
    assert again.skeleton.names == scene.skeleton.names
    assert np.allclose(again.skeleton.rest_offsets_m[len(PERSON) :], list(ENDS.values()), atol=1e-7)


def test_angles_are_continuous_over_a_full_turn() -> None:
    skeleton, _ = random_rig(10)
    rotations = np.repeat(skeleton.rest_rotations[None], 90, axis=0)
    turn = quat.from_axis_angle([0.0, 1.0, 0.0], np.linspace(0, 4 * np.pi, 90))
    rotations[:, 0] = quat.multiply(turn, rotations[:, 0])
    rows = write_bvh(skeleton, Clip("spin", 30.0, 0.0, rotations, {})).decode().splitlines()[-90:]
    angles = np.array([[float(v) for v in row.split()] for row in rows])[:, 3:6]
    assert np.abs(np.diff(angles, axis=0)).max() < 10.0


@pytest.mark.parametrize("rate", [24.0, 29.97, 30.0, 59.94, 60.0, 119.88, 120.0, 31.4159])
def test_rate_and_duration_survive(rate: float) -> None:
    skeleton, clip = random_rig(11)
    clip = Clip(clip.name, rate, 0.0, clip.rotations, clip.translations_m)
    assert scene_of(write_bvh(skeleton, clip)).clips[0].rate_hz == pytest.approx(rate, rel=1e-7)


def test_what_cannot_be_written_is_said() -> None:
    skeleton, clip = random_rig(12)
    broken = clip.rotations.copy()
    broken[1, 2] = np.nan
    with pytest.raises(OutputInvalid, match="not finite"):
        write_bvh(skeleton, Clip("x", 30.0, 0.0, broken, {}))
    empty = replace(skeleton, end_site=np.ones(len(skeleton), dtype=bool))
    with pytest.raises(NoSkeleton):
        write_bvh(empty, clip)


def test_real_files_survive_the_round_trip(shared_data: Path) -> None:
    for folder in ("threejs", "makehuman", "xia-style"):
        for file in sorted((shared_data / "motions" / folder).glob("*.bvh")):
            scene = scene_of(file.read_bytes(), file.name)
            clip = scene.load_clip(0, None)
            again = scene_of(write_bvh(scene.skeleton, clip))
            joints = int((~scene.skeleton.end_site).sum())
            before = kinematics.clip_world(scene.skeleton, clip)[1][:, :joints]
            after = kinematics.clip_world(again.skeleton, again.load_clip(0, None))[1][:, :joints]
            assert (again.units.unit, again.units.up_axis) == ("cm", "Y"), file
            assert np.abs(before - after).max() < 1e-5, file
