"""Estimate a rest pose from a motion whose file holds none (bone frames that follow the bones, no skin, no T pose).

The result is a T pose built from what the motion does show, joint by joint, as constant vectors in each joint's own
frame: a limb's bone direction (always), its roll from the hinge axis of elbow or knee (where it bends), the palm
from the finger fan. Trunk, head, clavicles and feet have no hinge: they rest as they are, on average, in the frames
where the body stands most upright (feet: in the frames where that foot is lowest and slowest), facing +Z, the trunk
set upright. In the T pose the left arm points along +X with the palm down and the elbow folding forward, the knees
fold back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import FINGERS, SIDES, SPINE, finger_roles
from workers.skeleton import kinematics, quat
from workers.skeleton.body import FORWARD, LEFT, UP, heading
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Indices, Notice, Skeleton
from workers.skeleton.rest.stance import measure_stance

STANDING_SHARE = 0.2  # of the frames are taken as the standing ones, the most upright first
SPEED_WEIGHT_FRAMES = 4.0  # a foot that moves so much a frame is as far from standing as one that high
MAX_FLAT_FRAMES = 200
STRAY_DEG = 25.0
MIN_BEND_DEG = 15.0  # a hinge shows its axis when bent at least this far
MIN_AGREEMENT = 0.7  # length of the mean hinge axis; less means that the joint is no hinge


@dataclass(frozen=True, eq=False)
class MappedMotion:
    """A clip's world rotations `(frames, joints, 4)` and positions `(frames, joints, 3)` with its mapping."""

    skeleton: Skeleton
    mapping: HumanoidMapping
    rotations: Array
    positions: Array

    def at(self, role: str) -> Array:
        result: Array = self.positions[:, self.mapping.roles[role].joint]
        return result

    def local(self, role: str, vectors: Array) -> Array:
        """World vectors `(frames, 3)` in the frame of a role's joint."""
        return quat.rotate(quat.conjugate(self.rotations[:, self.mapping.roles[role].joint]), vectors)

    def has(self, *roles: str) -> bool:
        return all(role in self.mapping.roles for role in roles)


def estimate_rest(motion: MappedMotion) -> tuple[Array, list[Notice]]:
    """World rotations `(joints, 4)` of a T pose, and what had to be guessed for it."""
    notices: list[Notice] = []
    standing = _standing_frames(motion)
    lateral = motion.at("leftUpperLeg") - motion.at("rightUpperLeg")
    neutral = quat.multiply(quat.conjugate(heading(lateral))[:, None], motion.rotations)
    local = kinematics.local_rotations(motion.skeleton, motion.rotations)
    world = _means(neutral, standing)
    local_mean = _means(local, standing)
    known = _upright_trunk(motion, neutral, standing, world)
    for side in SIDES:
        feet = _foot_joints(motion, side)
        flat = _flat_frames(motion, list(feet.values()))
        for role, joint in feet.items():
            world[joint] = _usual(neutral[flat[:MAX_FLAT_FRAMES], joint])
            known[role] = joint
        across = LEFT if side == "left" else -LEFT
        # Elbows fold forward, knees back: the axis of the fold is bone direction x direction of folding.
        notices += _hinge_limb(
            motion,
            (f"{side}UpperArm", f"{side}LowerArm", f"{side}Hand"),
            across,
            np.cross(across, FORWARD),
            world,
            known,
        )
        notices += _hinge_limb(motion, (f"{side}UpperLeg", f"{side}LowerLeg", f"{side}Foot"), -UP, LEFT, world, known)
        _palm(motion, side, across, world, known)
    _let_others_follow(motion.skeleton, local_mean, known, world)
    return world, notices


def _standing_frames(motion: MappedMotion) -> Indices:
    stance = measure_stance(motion.mapping, motion.positions)
    count = max(1, round(STANDING_SHARE * len(motion.positions)))
    return np.argsort(stance.trunk_tilt + stance.leg_tilt, kind="stable")[:count]


def _flat_frames(motion: MappedMotion, joints: list[int]) -> Indices:
    """Frames in which a foot stands flat: ankle and toes both low and slow. The tenth of least height and speed."""
    frames = len(motion.positions)
    cost = np.zeros(frames)
    for joint in joints:
        path = motion.positions[:, joint]
        speed = np.linalg.norm(np.gradient(path, axis=0), axis=-1) if frames > 1 else np.zeros(frames)
        cost += path[:, 1] - path[:, 1].min() + SPEED_WEIGHT_FRAMES * speed
    return np.argsort(cost, kind="stable")[: max(1, frames // 10)]


def _usual(rotations: Array) -> Array:
    """Mean of `(frames, 4)` over the frames near the one that most others are near: a few strays have no say."""
    apart = np.degrees(quat.angle_between(rotations[:, None], rotations[None]))
    centre = int(np.argmin(np.median(apart, axis=1)))
    return quat.mean(rotations[apart[centre] <= max(STRAY_DEG, float(np.median(apart[centre])))])


def _means(rotations: Array, frames: Indices) -> Array:
    return np.stack([quat.mean(rotations[frames, joint]) for joint in range(rotations.shape[1])])


def _upright_trunk(motion: MappedMotion, neutral: Array, standing: Indices, world: Array) -> dict[str, int]:
    """Set the standing trunk upright, in place; returns the roles that are settled."""
    shoulders = 0.5 * (motion.at("leftUpperArm") + motion.at("rightUpperArm"))
    inverse = quat.conjugate(motion.rotations[:, motion.mapping.roles["hips"].joint])
    trunk = quat.rotate(
        quat.multiply(neutral[:, motion.mapping.roles["hips"].joint], inverse), shoulders - motion.at("hips")
    )
    upright = quat.between(trunk[standing].mean(axis=0), UP)
    roles = [*SPINE, *(f"{side}Shoulder" for side in SIDES)]
    known = {role: motion.mapping.roles[role].joint for role in roles if role in motion.mapping.roles}
    known |= {
        f"chain {n}": joint for name in ("spine", "neck") for n, joint in enumerate(motion.mapping.chains.get(name, ()))
    }
    for joint in set(known.values()):
        world[joint] = quat.multiply(upright, world[joint])
    return known


def _foot_joints(motion: MappedMotion, side: str) -> dict[str, int]:
    roles = (f"{side}Foot", f"{side}Toes")
    return {role: motion.mapping.roles[role].joint for role in roles if role in motion.mapping.roles}


def _hinge_limb(
    motion: MappedMotion, roles: tuple[str, str, str], along: Array, fold: Array, world: Array, known: dict[str, int]
) -> list[Notice]:
    """Upper and lower bone of a limb laid along `along` with its hinge about `fold`, in place."""
    upper, lower, tip = roles
    if not motion.has(*roles):
        return []
    thigh = quat.unit(motion.at(lower) - motion.at(upper))
    shin = quat.unit(motion.at(tip) - motion.at(lower))
    axis = np.cross(thigh, shin)
    bend = np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), np.sum(thigh * shin, axis=-1)))
    bent = bend > MIN_BEND_DEG
    notices = []
    for role, bone in ((upper, thigh), (lower, shin)):
        joint = motion.mapping.roles[role].joint
        known[role] = joint
        direction = motion.local(role, bone).mean(axis=0)
        hinge = motion.local(role, axis)[bent]
        agreement = np.linalg.norm(hinge.sum(axis=0)) / np.linalg.norm(hinge, axis=-1).sum() if bent.any() else 0.0
        if agreement >= MIN_AGREEMENT:
            held = quat.frame(direction, hinge.sum(axis=0))
            world[joint] = quat.multiply(quat.frame(along, fold), quat.conjugate(held))
        else:
            world[joint] = quat.multiply(quat.between(quat.rotate(world[joint], direction), along), world[joint])
            message = f"{role} hardly bends in this motion; its roll is the least turn from how it stands"
            notices.append(Notice("roll-guessed", message, motion.skeleton.names[joint]))
    return notices


def _palm(motion: MappedMotion, side: str, across: Array, world: Array, known: dict[str, int]) -> None:
    """Lay the hand along the arm, palm down, where the finger fan shows the palm; in place."""
    knuckles = [role for finger in FINGERS[1:] if (role := finger_roles(side, finger)[0]) in motion.mapping.roles]
    hand = f"{side}Hand"
    if len(knuckles) < 2 or hand not in motion.mapping.roles:
        return
    reach = motion.local(hand, np.mean([motion.at(role) for role in knuckles], axis=0) - motion.at(hand)).mean(axis=0)
    thumbward = motion.local(hand, motion.at(knuckles[0]) - motion.at(knuckles[-1])).mean(axis=0)
    if np.linalg.norm(np.cross(quat.unit(reach), thumbward)) < 0.1 * np.linalg.norm(reach):
        return
    joint = motion.mapping.roles[hand].joint
    known[hand] = joint
    world[joint] = quat.multiply(quat.frame(across, FORWARD), quat.conjugate(quat.frame(reach, thumbward)))


def _let_others_follow(skeleton: Skeleton, local: Array, known: dict[str, int], world: Array) -> None:
    """Joints that nothing settled keep their mean rotation relative to their parent, in place."""
    settled = set(known.values())
    for joint, parent in enumerate(skeleton.parents):
        if joint not in settled and parent >= 0:
            world[joint] = quat.multiply(world[parent], local[joint])
