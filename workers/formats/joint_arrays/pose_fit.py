"""Joint places of a body to a skeleton in T pose and the rotations that bring it to them.

The skeleton has the bones' own lengths (their median over the motion). Where several bones leave one joint (pelvis,
chest, the palm) they are a rigid body, whose shape is the mean over the motion and whose orientation the best fit
(Kabsch 1976); elsewhere a joint turns by the least that brings its bone in place. Places hold no roll of a limb about
itself; of an upper arm and a thigh it follows the plane in which elbow and knee bend, the more the further they do, and
where they are straight it goes evenly from one bent moment to the next. Roll of forearms, shins, hands and feet and the
turn of the head are not in the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.formats.smpl.joints import SmplJoints
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array

MIN_BEND_RAD = np.radians(20.0)  # a hinge shows its axis when bent at least this far
SHAPE_STEPS = 5
FOLD_STEPS = 4
# Weight of the least turn against the squared sine of the bend. On a captured clip (AMASS) shoulders are then off by 15
# degrees at the median and thighs by 7; the least turn alone gives 18 and 10, the hinge alone 39 and 14.
LEAST_TURN = 0.25
SHORT = 0.02  # of the longest bone: a joint nearer to its parent than this is in its place
SAME_PLACE = 5e-4  # of the body's size: a bone that keeps its length so well has one
_LEFT, _DOWN, _FORWARD = np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class PoseFit:
    """`offsets` `(joints, 3)` at rest, the root's zero; `rotations` `(frames, joints, 4)` local; `moved` the local
    places `(frames, 3)` of the joints that do not keep their offset, the root's among them. Lengths as in the places.
    """

    offsets: Array
    rotations: Array
    moved: dict[int, Array]


def bone_lengths(joints: SmplJoints, places: Array) -> Array:
    """`(frames, joints)`, 0 for the root."""
    parents = np.array([max(parent, 0) for parent in joints.parents])
    lengths: Array = np.linalg.norm(places - places[:, parents], axis=-1)
    return lengths


def fit_poses(joints: SmplJoints, places: Array) -> PoseFit:
    """The skeleton and its rotations for places `(frames, joints, 3)`, Y up or not: the frame of the T pose is kept."""
    parents = joints.parents
    children: list[list[int]] = [[] for _ in parents]
    for joint, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(joint)
    lengths = np.median(bone_lengths(joints, places), axis=0)
    offsets = quat.unit(joints.offsets_m) * lengths[:, None]
    hinges = _hinges(joints)
    world = quat.identity(len(places), len(parents))
    for joint, below in enumerate(children):
        above = world[:, parents[joint]] if parents[joint] >= 0 else quat.identity(len(places))
        if len(below) > 1:
            ends = [_apart(child, children, lengths) for child in below]
            shape, world[:, joint] = _rigid(offsets[ends], places[:, ends] - places[:, [joint]])
            own = [number for number, end in enumerate(ends) if end == below[number]]
            offsets[[below[number] for number in own]] = shape[own]
        elif below:
            bone = places[:, below[0]] - places[:, joint]
            world[:, joint] = quat.multiply(quat.between(quat.rotate(above, offsets[below[0]]), bone), above)
            if joint in hinges:
                tip = children[below[0]][0]
                lower = places[:, tip] - places[:, below[0]]
                rest = (offsets[below[0]], offsets[tip], hinges[joint])
                world[:, joint] = _rolled(world[:, joint], bone, lower, *rest)
        else:
            world[:, joint] = above
    local = kinematics.local_rotations(joints.skeleton(offsets), world)
    return PoseFit(offsets, local, _moved(joints, places, offsets, world))


def _apart(joint: int, children: list[list[int]], lengths: Array) -> int:
    """The joint, or where it stands in its parent's place the first one below it that does not: some rigs have such."""
    while lengths[joint] < SHORT * lengths.max() and len(children[joint]) == 1:
        joint = children[joint][0]
    return joint


def _rigid(rest: Array, bones: Array) -> tuple[Array, Array]:
    """Shape `(bones, 3)` and orientation `(frames, 4)` of bones `(frames, bones, 3)` that leave one joint.

    The shape starts as `rest` and keeps its orientation.
    """
    shape = rest
    for _ in range(SHAPE_STEPS):
        turns = _best_turns(shape, bones)
        mean = quat.rotate(quat.conjugate(turns)[:, None], bones).mean(axis=0)
        shape = quat.rotate(_best_turns(mean, rest[None])[0], mean)
    return shape, _best_turns(shape, bones)


def _best_turns(shape: Array, bones: Array) -> Array:
    """Turns `(frames, 4)` that bring `shape` `(bones, 3)` nearest to `bones` `(frames, bones, 3)`."""
    return quat.from_matrix(quat.closest_rotation(np.einsum("fbi,bj->fij", bones, shape)))


def _hinges(joints: SmplJoints) -> dict[int, Array]:
    """Upper joint of each limb -> the axis that its hinge folds about, at rest: elbows forward, knees back."""
    result = {}
    for side, across in zip(SIDES, (_LEFT, -_LEFT), strict=True):
        result[joints.roles[f"{side}UpperArm"]] = np.cross(across, _FORWARD)
        result[joints.roles[f"{side}UpperLeg"]] = np.cross(_DOWN, -_FORWARD)
    return result


def _rolled(turned: Array, upper: Array, lower: Array, upper_rest: Array, lower_rest: Array, axis: Array) -> Array:
    """Orientations `(frames, 4)` rolled about the bone `upper` towards where the limb folds as its hinge does, about
    `axis` from how its bones rest. No roll, the least turn, is itself likely: a plane that is hardly seen counts less.
    """
    along = quat.unit(upper)
    found = np.cross(along, quat.unit(lower))
    bend = _angle(along, lower)
    frames = np.flatnonzero(bend > MIN_BEND_RAD)
    if not len(frames):
        return turned
    fold = bend
    for _ in range(FOLD_STEPS):  # a limb that rests a little bent is bent otherwise than its hinge is turned
        folded = quat.rotate(quat.from_axis_angle(axis, fold), lower_rest)
        fold = fold + bend - _angle(upper_rest, folded)
    held = quat.rotate(turned, np.cross(upper_rest, folded))
    sine = np.einsum("fi,fi->f", along, np.cross(held, found))
    cosine = np.einsum("fi,fi->f", held, found)
    roll = np.unwrap(np.arctan2(sine, cosine)[frames])
    roll -= 2.0 * np.pi * np.round(np.median(roll) / (2.0 * np.pi))
    plain = np.sin(np.minimum(bend, np.pi / 2.0)) ** 2
    roll = np.interp(np.arange(len(turned)), frames, roll) * plain / (plain + LEAST_TURN)
    return quat.multiply(quat.from_axis_angle(along, roll), turned)


def _angle(a: Array, b: Array) -> Array:
    """Between vectors `(frames, 3)` or `(3,)`, radians."""
    cross, dot = np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)
    angle: Array = np.arctan2(cross, dot)
    return angle


def _moved(joints: SmplJoints, places: Array, offsets: Array, world: Array) -> dict[int, Array]:
    moved = {}
    tolerance = SAME_PLACE * float(np.abs(offsets).sum(axis=1).max())
    for joint, parent in enumerate(joints.parents):
        if parent < 0:
            moved[joint] = places[:, joint].copy()
            continue
        path = quat.rotate(quat.conjugate(world[:, parent]), places[:, joint] - places[:, parent])
        if np.abs(path - offsets[joint]).max() > tolerance:
            moved[joint] = path
    return moved
