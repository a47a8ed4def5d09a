"""A clip as a difference from a pose, and with fewer keys."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plain_bodies import plain_body
from workers.contract.errors import InvalidOptions
from workers.skeleton import quat
from workers.skeleton.additive import Pose, frame_pose, rest_pose, subtract
from workers.skeleton.model import Clip
from workers.skeleton.reduce_keys import reduce_keys

LIMBS = [
    joint
    for side in ("left", "right")
    for limb in ("Leg", "Arm")
    for joint in ((f"{side}Upper{limb}", "hips"), (f"{side}Lower{limb}", f"{side}Upper{limb}"))
]
SKELETON = plain_body(
    [("hips", None, (0.0, 1.0, 0.0)), *((name, above, (0.1, -0.4, 0.0)) for name, above in LIMBS)], yaw_rad=0.5
).skeleton
KEYED = list(range(len(SKELETON) - 1))  # one joint is not the clip's


def smooth_clip(seed: int, frames: int = 80) -> Clip:
    random = np.random.default_rng(seed)
    t = np.linspace(0.0, 2.0 * np.pi, frames)[:, None, None]
    waves = sum(random.normal(size=(1, len(SKELETON), 3)) * np.sin(k * t + random.normal()) / k for k in (1, 2, 3))
    turns = quat.from_rotation_vector(0.8 * np.asarray(waves))
    rotations = quat.multiply(SKELETON.node_rotations, turns)
    rotations[:, 2] = rotations[0, 2]  # a joint that stays still
    rotations[:, -1] = SKELETON.node_rotations[-1]
    path = SKELETON.node_offsets_m[0] + 0.3 * np.asarray(waves)[:, 0]
    return Clip("made", 30.0, 0.0, quat.make_continuous(rotations), {0: path})


@pytest.mark.parametrize("base", ["rest", 0, 17])
@pytest.mark.parametrize("on_rest", [False, True])
def test_additive_and_its_base_are_the_clip(base: str | int, on_rest: bool) -> None:
    clip = smooth_clip(3)
    standing = rest_pose(SKELETON, clip)
    pose = standing if isinstance(base, str) else frame_pose(clip, base)
    added = subtract(clip, pose, SKELETON, KEYED, onto=standing if on_rest else None)
    bare, moved = added.rotations, added.translations_m[0]
    if on_rest:
        bare = quat.multiply(quat.conjugate(standing.rotations), bare)
        moved = moved - standing.translations_m[0]
    again = quat.multiply(pose.rotations[KEYED], bare[:, KEYED])
    assert quat.angle_between(again, clip.rotations[:, KEYED]).max() < 1e-9
    assert np.abs(pose.translations_m[0] + moved - clip.translations_m[0]).max() < 1e-12
    assert quat.angle_between(added.rotations[:, -1], SKELETON.node_rotations[-1]).max() < 1e-9  # left alone


def test_a_pose_less_itself_is_nothing() -> None:
    clip = smooth_clip(1, frames=1)
    added = subtract(clip, frame_pose(clip, 0), SKELETON, KEYED, onto=None)
    assert np.abs(added.rotations[:, KEYED] - quat.IDENTITY).max() < 1e-12
    assert np.abs(added.translations_m[0]).max() == 0.0
    assert isinstance(frame_pose(clip, 0), Pose)


def test_a_frame_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidOptions, match="has no frame 80; it has 80"):
        frame_pose(smooth_clip(1), 80)


@pytest.mark.parametrize("tolerance_deg", [0.05, 0.5, 3.0])
def test_reduced_keys_stay_within_the_tolerance(tolerance_deg: float) -> None:
    clip = smooth_clip(2)
    reduced = reduce_keys(clip, KEYED, tolerance_deg, 0.8)
    off = np.degrees(quat.angle_between(reduced.clip.rotations, clip.rotations))
    assert off.max() <= tolerance_deg and abs(off.max() - reduced.worst_deg) < 1e-9
    assert np.abs(reduced.clip.translations_m[0] - clip.translations_m[0]).max() <= np.radians(tolerance_deg) * 0.8
    assert reduced.keys_after < reduced.keys_before == 80 * len(KEYED) + 2  # seven turning joints, the path, one still
    for (path, joint), frames in reduced.kept.items():
        assert frames[0] == 0 and frames[-1] == clip.frames - 1
        values = (reduced.clip.rotations[:, joint], clip.rotations[:, joint])
        if path == "rotation":
            assert quat.angle_between(values[0][frames], values[1][frames]).max() < 1e-9
    assert list(reduced.kept["rotation", 2]) == [0, clip.frames - 1]


def test_a_looser_tolerance_needs_fewer_keys() -> None:
    counts = [reduce_keys(smooth_clip(4), KEYED, tolerance, 0.8).keys_after for tolerance in (0.02, 0.2, 1.0, 5.0)]
    assert counts == sorted(counts, reverse=True) and counts[0] > 2 * counts[-1]
