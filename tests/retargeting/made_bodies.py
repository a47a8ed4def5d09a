"""Bodies made for tests: any number of joints in each finger, with or without metacarpals, tips, toes and a face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from workers.contract.roles import FACE, FINGERS
from workers.motion.body_motion import BodyMotion, from_rotations
from workers.retargeting.alignment import align_rest
from workers.retargeting.analytic import transfer
from workers.samples.shape import PARENTS, STOUT, TALL, BodyShape, finger_base, finger_length_m, rest_joints
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body, measure_body
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.model import Array, Mesh, Skeleton

FIVE = dict.fromkeys(FINGERS, 3)
FRAMES = 12
MAX_DEG = 150.0
DOWN = np.array([0.0, 0.0, -1.0])  # what the left fingers curl about in T pose
FACE_PLACES = {"jaw": (0.0, -0.02, 0.06), "leftEye": (0.03, 0.06, 0.08), "rightEye": (-0.03, 0.06, 0.08)}
SHARES = {1: (0.0,), 2: (0.0, 0.55), 3: (0.0, 0.45, 0.75), 4: (0.0, 0.3, 0.55, 0.8)}


def make_body(
    shape: BodyShape,
    counts: Mapping[str, int],
    *,
    metacarpals: bool = False,
    tips: bool = False,
    skinned: bool = False,
    without: tuple[str, ...] = FACE,
    override: Mapping[str, str | None] | None = None,
) -> Body:
    """A body in T pose with so many joints in each finger of both hands; world axes everywhere.

    `metacarpals` adds a joint in the palm before each long finger, `tips` a joint at its end, `skinned` a mesh with one
    vertex at each joint but the tips. `without` leaves out roles, by default the face.
    """
    return _make_body(
        shape, tuple(counts.items()), metacarpals, tips, skinned, without, tuple((override or {}).items())
    )


@cache
def _make_body(
    shape: BodyShape,
    counts: tuple[tuple[str, int], ...],
    metacarpals: bool,
    tips: bool,
    skinned: bool,
    without: tuple[str, ...],
    override: tuple[tuple[str, str | None], ...],
) -> Body:
    joints = dict(zip(PARENTS, rest_joints(shape), strict=True))
    names: list[str] = []
    parents: list[int] = []
    places: list[Array] = []

    def add(name: str, parent: str | None, place: Array) -> str:
        names.append(name)
        parents.append(names.index(parent) if parent is not None else -1)
        places.append(np.asarray(place))
        return name

    for role, above in PARENTS.items():
        if not any(finger in role for finger in FINGERS) and role not in without:
            add(role, above, joints[role])
    for role, ahead in FACE_PLACES.items():
        if role not in without:
            add(role, "head", joints["head"] + np.array(ahead))
    for side, mirror in (("left", 1.0), ("right", -1.0)):
        for finger, count in counts:
            base, direction = finger_base(shape, finger)
            length, hand = finger_length_m(shape, finger), joints[f"{side}Hand"]
            last = f"{side}Hand"
            if metacarpals and finger != "Thumb":
                last = add(f"{side}_{finger}_metacarpal", last, hand + 0.1 * base * [mirror, 1.0, 1.0])
            for number, share in enumerate((*SHARES[count], *([0.98] if tips else []))):
                place = base + share * length * direction
                last = add(f"{side}_{finger}_{number + 1}", last, hand + place * [mirror, 1.0, 1.0])
    count = len(names)
    links = np.array(parents, dtype=np.int64)
    positions = np.array(places)
    offsets = positions - np.where((links >= 0)[:, None], positions[links], 0.0)
    skeleton = Skeleton(
        tuple(names), links, np.arange(count, dtype=np.int64), offsets, quat.identity(count), offsets,
        quat.identity(count), np.ones(count, dtype=np.bool_), np.ones(count), np.zeros(count, dtype=np.bool_),
    )  # fmt: skip
    mesh = None
    if skinned:
        ends = {f"{side}_{finger}_{count + 1}" for side in ("left", "right") for finger, count in counts}
        carriers = [joint for joint, name in enumerate(names) if name not in ends]
        floor = np.array([[0.0, 0.0, 0.0], [0.0, shape.height_m, 0.0]])
        mesh = Mesh(
            np.concatenate([positions[carriers], floor]), np.zeros((0, 3), dtype=np.int64),
            np.array([*carriers, 0, 0], dtype=np.int64)[:, None], np.ones((len(carriers) + 2, 1)),
        )  # fmt: skip
    mapping = find_roles(skeleton, override=dict(override))
    return measure_body(skeleton, mapping, mesh)


def curled(body: Body, most_deg: Mapping[str, float], hand: Array | None = None) -> BodyMotion:
    """Left fingers curling from flat to so many degrees in all, each joint by its share; `hand` turns arm and hand."""
    share = np.linspace(0.0, 1.0, FRAMES)
    rotations = np.tile(body.rest_rotations, (FRAMES, 1, 1))
    driven = np.zeros(len(body.skeleton), dtype=bool)
    wrist = quat.identity(FRAMES) if hand is None else quat.slerp(quat.identity(FRAMES), hand[None], share)
    for joint in (body.hips, body.mapping.roles["leftHand"].joint):
        driven[joint] = True
    rotations[:, body.mapping.roles["leftHand"].joint] = wrist
    for finger, most in most_deg.items():
        joints = finger_joints(body, finger)
        for number, joint in enumerate(joints):
            bend = quat.from_axis_angle(DOWN, np.radians(share * most * (number + 1) / len(joints)))
            rotations[:, joint] = quat.multiply(wrist, bend)
            driven[joint] = True
    rotations = kinematics.follow_rest(body.skeleton, rotations, driven)
    like = BodyMotion(body, "curl", 30.0, 0.0, rotations, np.zeros((FRAMES, 0, 3)))
    return from_rotations(body, like, rotations, np.tile(body.rest_positions_m[body.hips], (FRAMES, 1)))


def finger_joints(body: Body, finger: str) -> list[int]:
    """All joints of a left finger but metacarpals and tips, whatever their roles."""
    stem = f"left_{finger}_"
    named = [joint for joint, name in enumerate(body.skeleton.names) if name.startswith(stem) and name[-1].isdigit()]
    return [joint for joint in named if np.linalg.norm(body.rest_positions_m[joint] - _end(body, finger)) > 1e-3]


def _end(body: Body, finger: str) -> Array:
    """Where tips are put, when there are some."""
    shape = TALL if body.height_m > 1.5 else STOUT
    base, direction = finger_base(shape, finger)
    hand = body.rest_positions_m[body.mapping.roles["leftHand"].joint]
    place: Array = hand + base + 0.98 * finger_length_m(shape, finger) * direction
    return place


def retargeted(source: BodyMotion, target: Body) -> BodyMotion:
    return transfer(source, target, align_rest(source.body, target), 0.0)


def bends(result: BodyMotion, joints: Sequence[int]) -> Array:
    """Degrees `(frames, joints)` by which joints are turned against the hand, away from rest."""
    hand = result.body.mapping.roles["leftHand"].joint
    turn = quat.multiply(quat.conjugate(result.rotations[:, [hand]]), result.rotations[:, list(joints)])
    return np.degrees(quat.angle(turn))
