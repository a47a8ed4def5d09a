"""Mirroring: by roles and rest pose alone, back to where it was when done twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.retargeting.made_bodies import FIVE, make_body
from workers.contract.roles import mirror
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.motion.contacts import find_contacts
from workers.motion.mirror import mirror_contacts, mirror_motion, mirror_seen
from workers.samples.shape import STOUT
from workers.skeleton import kinematics, quat
from workers.skeleton.body import UP, Body, measure_body
from workers.skeleton.model import Array, Skeleton
from workers.skeleton.symmetry import find_symmetry, one_sided

FRAMES = 9


def turned_axes(skeleton: Skeleton, seed: int) -> Skeleton:
    """The same rig with other axes at every joint, as no mirror would have them."""
    random = np.random.default_rng(seed)
    world = quat.normalize(random.normal(size=(len(skeleton), 4)))
    rest, places = kinematics.rest_world(skeleton)
    world = quat.multiply(rest, world)
    parents = np.maximum(skeleton.parents, 0)
    offsets = quat.rotate(quat.conjugate(world[parents]), places - places[parents])
    offsets[skeleton.parents < 0] = places[skeleton.parents < 0]
    local = kinematics.local_rotations(skeleton, world)
    return replace(skeleton, node_offsets_m=offsets, node_rotations=local, rest_offsets_m=offsets, rest_rotations=local)


def posed_at_rest(body: Body, turns: dict[str, Array], yaw_rad: float = 0.0) -> Body:
    """The body with another rest pose: world turns of roles, all below going along, then the whole turned."""
    skeleton = body.skeleton
    local = skeleton.rest_rotations.copy()
    for role, turn in turns.items():
        joint = body.mapping.roles[role].joint
        parent = int(skeleton.parents[joint])
        above = quat.conjugate(body.rest_rotations[parent])
        local[joint] = quat.multiply(above, quat.multiply(turn, body.rest_rotations[joint]))
    rested = replace(skeleton, rest_rotations=local, node_rotations=local)
    return measure_body(kinematics.with_roots_turned(rested, quat.from_axis_angle(UP, yaw_rad)), body.mapping, None)


def random_motion(body: Body, seed: int) -> BodyMotion:
    random = np.random.default_rng(seed)
    turns = quat.from_rotation_vector(0.7 * random.normal(size=(FRAMES, len(body.skeleton), 3)))
    driven = body.own.copy()
    rotations = kinematics.follow_rest(body.skeleton, quat.multiply(turns, body.rest_rotations), driven)
    like = BodyMotion(body, "random", 30.0, 0.0, rotations, np.zeros((FRAMES, 0, 3)))
    hips = body.rest_positions_m[body.hips] + random.normal(size=(FRAMES, 3))
    return from_rotations(body, like, rotations, hips)


def crooked(seed: int) -> Body:
    """Random axes, one arm lower than the other, the head bent aside, the whole facing anywhere."""
    body = make_body(STOUT, FIVE)
    body = measure_body(turned_axes(body.skeleton, seed), body.mapping, None)
    lower = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), -0.6)
    return posed_at_rest(
        body, {"leftUpperArm": lower, "neck": quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), 0.3)}, 1.1
    )


@pytest.mark.parametrize("seed", range(4))
def test_twice_is_the_identity_on_any_rig(seed: int) -> None:
    motion = random_motion(crooked(seed) if seed % 2 else make_body(STOUT, FIVE), seed)
    for mirrored in (mirror_motion, mirror_seen):
        twice = mirrored(mirrored(motion))
        assert np.abs(twice.positions_m - motion.positions_m).max() < 1e-9
        assert quat.angle_between(twice.rotations, motion.rotations).max() < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_every_joint_goes_where_the_mirror_shows_its_partner(seed: int) -> None:
    straight = make_body(STOUT, FIVE)
    body = posed_at_rest(measure_body(turned_axes(straight.skeleton, seed), straight.mapping, None), {}, 0.4 * seed)
    motion, symmetry = random_motion(body, seed), find_symmetry(body)
    mirrored = mirror_motion(motion)
    for role, match in body.mapping.roles.items():
        other = body.mapping.roles[mirror(role)].joint
        seen = symmetry.place(motion.positions_m[:, other])
        assert np.abs(mirrored.positions_m[:, match.joint] - seen).max() < 1e-9, role
    assert np.abs(motion.positions_m - mirrored.positions_m).max() > 0.1


def test_axes_and_a_crooked_rest_pose_change_nothing() -> None:
    """The same motion looks the same mirrored on a rig that rests straight and on one with an arm lowered."""
    straight = make_body(STOUT, FIVE)
    lower = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), -0.6)
    bent = posed_at_rest(straight, {"leftUpperArm": lower})
    motion = random_motion(straight, 5)
    on_bent = replace(motion, body=bent)
    assert np.abs(mirror_motion(on_bent).positions_m - mirror_motion(motion).positions_m).max() < 1e-9


def test_what_only_one_side_has_is_named_and_keeps_its_pose() -> None:
    body = make_body(STOUT, FIVE)
    roles = {role: match for role, match in body.mapping.roles.items() if not role.startswith("rightIndex")}
    body = replace(body, mapping=replace(body.mapping, roles=roles, chains={}))
    assert "leftIndexProximal" in one_sided(body, find_symmetry(body))
    motion = random_motion(body, 1)
    mirrored = mirror_motion(motion)
    local = [kinematics.local_rotations(body.skeleton, each.rotations) for each in (motion, mirrored)]
    joint = body.mapping.roles["leftIndexProximal"].joint
    assert quat.angle_between(local[0][:, joint], local[1][:, joint]).max() < 1e-9
    assert np.abs(mirror_motion(mirrored).positions_m - motion.positions_m).max() < 1e-9


def test_contacts_change_feet() -> None:
    from tests.synthetic_walker import make_body as make_walker
    from tests.synthetic_walker import walk

    motion, _ = walk(make_walker(0.45, 0.42), 30.0)
    contacts = find_contacts(motion)
    mirrored = mirror_contacts(contacts, motion)
    assert np.array_equal(mirrored.planted, contacts.planted[:, [2, 3, 0, 1]])
    assert np.array_equal(mirrored.planted, find_contacts(mirror_seen(motion)).planted)
