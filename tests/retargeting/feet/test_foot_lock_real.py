"""The foot lock on real clips: skate against the source's, the two Mixamo bodies, loops that stay loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workers.contract.options import JobOptions
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts, find_contacts
from workers.motion.ground import estimate_floor
from workers.motion.timeline import find_timeline
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.retargeting.alignment import align_rest
from workers.retargeting.analytic import leg_scale, transfer
from workers.retargeting.feet.foot_lock import hold_feet
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES, Body

CHARACTERS = {
    "xbot": "characters/mixamo-xy-pair/Xbot.glb",
    "ybot": "characters/mixamo-xy-pair/Ybot.glb",
    "mannequin": "characters/kaykit-manny/manny_med_mod.gltf",
    "adventurer": "characters/quaternius-modular/men_Adventurer.glb",
}
CLIPS = {"walk": "002_01", "run": "002_03", "jump": "002_04", "uneven ground": "003_01", "more uneven ground": "003_02"}


def load_motion(path: Path, clip: int = 0) -> BodyMotion:
    return prepare_motion(read_scene(bundle_from_path(path)), clip, JobOptions()).motion


def load_body(path: Path) -> Body:
    return prepare_character(read_scene(bundle_from_path(path)), {}).body


def retarget(source: BodyMotion, target: Body) -> tuple[BodyMotion, BodyMotion, FootContacts]:
    contacts = find_contacts(source)
    base = estimate_floor(source, contacts).base_m
    floor = source.body.floor_m if base is None else base
    analytic = transfer(source, target, align_rest(source.body, target), floor)
    return hold_feet(analytic, source, contacts, leg_scale(source.body, target), "auto", floor), analytic, contacts


def skate(motion: BodyMotion, contacts: FootContacts) -> float:
    """Mean horizontal speed of planted points in body heights/s."""
    speeds = []
    for column, role in enumerate(FOOT_ROLES):
        positions = motion.role_positions(role)
        if positions is not None:
            both = contacts.planted[1:, column] & contacts.planted[:-1, column]
            speeds.append(np.linalg.norm(np.diff(positions, axis=0)[both][:, [0, 2]], axis=1) * motion.rate_hz)
    return float(np.mean(np.concatenate(speeds))) / motion.body.height_m


@pytest.mark.parametrize("character", ["xbot", "mannequin"])
@pytest.mark.parametrize("clip", CLIPS)
def test_real_feet_slide_no_more_than_the_sources(shared_data: Path, clip: str, character: str) -> None:
    source = load_motion(shared_data / "motions/cmu-cc" / f"{CLIPS[clip]}.bvh")
    result, _, contacts = retarget(source, load_body(shared_data / CHARACTERS[character]))
    assert contacts.planted.any()
    assert skate(result, contacts) <= 1.2 * skate(source, contacts)


@pytest.mark.parametrize(("giver", "taker"), [("xbot", "ybot"), ("ybot", "xbot")])
def test_dances_between_the_two_mixamo_bodies(shared_data: Path, giver: str, taker: str) -> None:
    source = load_motion(shared_data / CHARACTERS[giver])
    target = load_body(shared_data / CHARACTERS[taker])
    result, analytic, contacts = retarget(source, target)
    assert skate(result, contacts) <= 1.2 * skate(source, contacts)
    drift = np.abs(result.positions_m[:, target.hips, 1] - analytic.positions_m[:, target.hips, 1])
    assert drift.mean() < 0.01 * target.hips_height_m


def test_a_real_motion_on_its_own_body_stays(shared_data: Path) -> None:
    body = load_body(shared_data / CHARACTERS["xbot"])
    source = load_motion(shared_data / CHARACTERS["xbot"])
    result, analytic, _ = retarget(source, body)
    moved = result.positions_m - analytic.positions_m
    # The floor of the clip is estimated a little off the soles at rest: the whole body may move by that, no leg alone.
    assert np.ptp(moved, axis=(0, 1)).max() < 1e-3
    assert np.degrees(quat.angle_between(result.rotations, analytic.rotations)).max() < 0.2


def test_real_loops_stay_loops(shared_data: Path) -> None:
    target = load_body(shared_data / CHARACTERS["adventurer"])
    scene = read_scene(bundle_from_path(shared_data / "motions/kaykit-medium/Med_MovementBasic.glb"))
    loops = 0
    for index in range(len(scene.clips)):
        source = prepare_motion(scene, index, JobOptions()).motion
        if find_timeline(source).period is None:
            continue
        loops += 1
        result, _, _ = retarget(source, target)
        assert np.degrees(quat.angle_between(result.rotations[0], result.rotations[-1])).max() < 0.1
        assert np.abs(result.positions_m[0] - result.positions_m[-1]).max() < 1e-3
        steps = np.diff(result.positions_m, axis=0)
        assert np.abs(steps[0] - steps[-1]).max() <= 1.2 * np.abs(np.diff(steps, axis=0)).max() + 1e-6
    assert loops >= 5


def test_legs_are_never_longer_than_their_bones(shared_data: Path) -> None:
    target = load_body(shared_data / CHARACTERS["mannequin"])
    for clip in CLIPS.values():
        result, _, _ = retarget(load_motion(shared_data / "motions/cmu-cc" / f"{clip}.bvh"), target)
        skeleton = target.skeleton
        child = np.setdiff1d(np.flatnonzero(skeleton.parents >= 0), [target.hips, *target.attachments])
        parents = skeleton.parents[child]
        place = result.positions_m[:, parents] + quat.rotate(
            result.rotations[:, parents], skeleton.node_offsets_m[child]
        )
        assert np.abs(place - result.positions_m[:, child]).max() < 1e-9


def test_feet_that_hang_outside_their_legs_stay_on_them(shared_data: Path) -> None:
    target = load_body(shared_data / "characters/threejs/RobotExpressive.glb")
    assert target.attachments
    source = load_motion(shared_data / "motions/cmu-cc" / f"{CLIPS['walk']}.bvh")
    result, analytic, contacts = retarget(source, target)
    assert skate(result, contacts) <= 1.2 * skate(source, contacts)
    for joint, carrier in target.attachments.items():
        for motion in (analytic, result):
            apart = motion.positions_m[:, joint] - motion.positions_m[:, carrier]
            assert np.ptp(np.linalg.norm(apart, axis=1)) < 1e-6
