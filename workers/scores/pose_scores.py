"""Pose: do the limbs point where the source's point, within what joints can do, at the right height, and do they move?

Directions are compared in each body's own canonical heading (`Body.facing`), so rigs that face elsewhere compare well.
"""

from __future__ import annotations

import numpy as np

from workers.contract.roles import REQUIRED_ROLES, SIDES
from workers.motion.body_motion import BodyMotion, hip_centre
from workers.motion.contacts import FootContacts
from workers.motion.lying import carried_by_seat, seat_heights_m
from workers.motion.timeline import find_timeline
from workers.scores.joint_limits import Limits, beyond_given
from workers.skeleton import quat
from workers.skeleton.body import LEFT, Body
from workers.skeleton.find_roles.twists import BONES
from workers.skeleton.model import Array

# (role, role at its tip): the segments whose direction carries a pose.
LIMBS = BONES

# Degrees. Adult ranges of motion (Norkin & White, "Measurement of Joint Motion"): elbow flexion 0 to 150, knee 0 to 140
# active and about 160 when kneeling on it, knee hyperextension to 10, head on trunk 80 turned and 60 bent. Ten degrees
# are added, since rigs place joint centres off the anatomical ones.
ELBOW_DEG = 160.0
KNEE_DEG = (-20.0, 170.0)
HEAD_DEG = 110.0


def shared_limbs(source: Body, result: Body) -> list[tuple[str, str]]:
    return [limb for limb in LIMBS if source.has(*limb) and result.has(*limb)]


def limb_directions(motion: BodyMotion, limbs: list[tuple[str, str]]) -> Array:
    """Unit directions `(frames, limbs, 3)` in the body's canonical heading."""
    roles = motion.body.mapping.roles
    bases, tips = [roles[base].joint for base, _ in limbs], [roles[tip].joint for _, tip in limbs]
    return quat.rotate(
        quat.conjugate(motion.body.facing), quat.unit(motion.positions_m[:, tips] - motion.positions_m[:, bases])
    )


def limb_errors_deg(result: BodyMotion, source: BodyMotion) -> Array:
    """Angle `(frames, limbs)` between result and source limb directions, degrees; frames must agree."""
    limbs = shared_limbs(source.body, result.body)
    return angles_deg(limb_directions(result, limbs), limb_directions(source, limbs))


def limb_speed(motion: BodyMotion, limbs: list[tuple[str, str]]) -> float | None:
    """Mean angular speed of the limb directions in degrees a second; None for a single frame."""
    if motion.frames < 2 or not limbs:
        return None
    directions = limb_directions(motion, limbs)
    return float(angles_deg(directions[1:], directions[:-1]).mean() * motion.rate_hz)


def hip_heights(motion: BodyMotion, floor_m: float) -> Array:
    """Height of the middle between the hip joints over where the ankles stand, in leg lengths, `(frames,)`."""
    drops = [drop for role, drop in motion.body.sole_drop_m.items() if role.endswith("Foot")]
    ankle = float(np.mean(drops)) if drops else 0.0
    heights: Array = (hip_centre(motion)[:, 1] - floor_m - ankle) / motion.body.leg_length_m
    return heights


def seated_share(source: BodyMotion, contacts: FootContacts, source_floor_m: float) -> Array:
    """How far the source is carried by its seat `(frames,)`, 0 to 1 (`motion.lying.carried_by_seat`)."""
    timeline = find_timeline(source)
    return timeline.crop(carried_by_seat(source, contacts, source_floor_m, timeline))


def hips_height_drift(result: BodyMotion, source: BodyMotion, seated: Array, source_floor_m: float) -> float:
    """Mean difference of `hip_heights`; where the source is carried by its seat (`seated_share`), of the seat's height
    over the floor, by the bodies' heights: whoever lies is as high as they are thick there, however long their legs. In
    leg lengths.
    """
    drift = hip_heights(result, result.body.floor_m) - hip_heights(source, source_floor_m)
    size = result.body.height_m / source.body.height_m
    seats = seat_heights_m(result) - result.body.floor_m, size * (seat_heights_m(source) - source_floor_m)
    seat_drift = (seats[0] - seats[1]) / result.body.leg_length_m
    # On the way down both count, and what is between them is the way.
    least = np.where(drift * seat_drift < 0.0, 0.0, np.minimum(np.abs(drift), np.abs(seat_drift)))
    settled = np.where(seated > 0.5, np.abs(seat_drift), np.abs(drift))
    return float(np.where((seated > 0.01) & (seated < 0.99), least, settled).mean())


def position_errors(motion: BodyMotion, truth: BodyMotion) -> Array:
    """Root-relative distance `(frames, roles)` between two motions of one character, in body heights.

    Both are taken relative to their own hips joint; over every role but the hips that both have, whose joints may be
    sorted otherwise where another program wrote the file. Frames must agree.
    """
    roles = [role for role in truth.body.mapping.roles if role != "hips" and motion.body.has(role)]
    ours, theirs = (_from_hips(each, roles) for each in (motion, truth))
    errors: Array = np.linalg.norm(ours - theirs, axis=-1) / truth.body.height_m
    return errors


def _from_hips(motion: BodyMotion, roles: list[str]) -> Array:
    """Places of roles relative to the hips joint, `(frames, roles, 3)`."""
    joints = [motion.body.mapping.roles[role].joint for role in roles]
    places: Array = motion.positions_m[:, joints] - motion.positions_m[:, [motion.body.hips]]
    return places


def mapping_confidence(body: Body) -> float:
    """Mean confidence of the roles that retargeting cannot do without."""
    return float(np.mean([body.mapping.roles[role].confidence for role in REQUIRED_ROLES]))


def beyond_limits(motion: BodyMotion, given: Limits | None = None) -> Array:
    """Which elbows, knees and head are bent beyond anatomy, booleans as `(frames, joints)` of 0 and 1.

    An elbow counts by its flexion, a knee by its signed flexion about the thigh's own left axis (bent forward is
    negative), the head by its whole turn away from the trunk, relative to rest. `given` limits take the place of these
    for their roles (elbow and knee are `LowerArm` and `LowerLeg`). A body without any has 0 columns.
    """
    limits = given or {}
    body, columns = motion.body, list(beyond_given(motion, limits).values())
    for side in SIDES:
        if f"{side}LowerArm" not in limits and body.has(f"{side}UpperArm", f"{side}LowerArm", f"{side}Hand"):
            arm, forearm = segment(motion, f"{side}UpperArm"), segment(motion, f"{side}LowerArm")
            columns.append(angles_deg(arm, forearm) > ELBOW_DEG)
        if f"{side}LowerLeg" not in limits and body.has(f"{side}UpperLeg", f"{side}LowerLeg", f"{side}Foot"):
            flexion = knee_flexion_deg(motion, side)
            columns.append((flexion < KNEE_DEG[0]) | (flexion > KNEE_DEG[1]))
    trunk = next((role for role in ("upperChest", "chest", "spine") if body.has(role)), None)
    if "head" not in limits and body.has("head") and trunk is not None:
        head_turn = away_from_rest(motion, "head")
        columns.append(np.degrees(quat.angle_between(head_turn, away_from_rest(motion, trunk))) > HEAD_DEG)
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((motion.frames, 0))


def knee_flexion_deg(motion: BodyMotion, side: str) -> Array:
    """Turn from thigh to shin about the thigh's left axis, in [-180, 180); backward is positive."""
    thigh, shin = segment(motion, f"{side}UpperLeg"), segment(motion, f"{side}LowerLeg")
    left = quat.rotate(away_from_rest(motion, f"{side}UpperLeg"), quat.rotate(motion.body.facing, LEFT))
    across = np.einsum("fi,fi->f", left, np.cross(thigh, shin))
    # What bends sideways is no hinge motion: the angle keeps its size, the axis gives the sign only.
    return np.where(across < 0.0, -1.0, 1.0) * angles_deg(thigh, shin)


def segment(motion: BodyMotion, role: str) -> Array:
    """World direction `(frames, 3)` of the limb segment that begins at a role's joint."""
    tip = dict(LIMBS)[role]
    roles = motion.body.mapping.roles
    return quat.unit(motion.positions_m[:, roles[tip].joint] - motion.positions_m[:, roles[role].joint])


def away_from_rest(motion: BodyMotion, role: str) -> Array:
    """World turn `(frames, 4)` of a role's joint away from the rest pose."""
    joint = motion.body.mapping.roles[role].joint
    return quat.multiply(motion.rotations[:, joint], quat.conjugate(motion.body.rest_rotations[joint]))


def angles_deg(a: Array, b: Array) -> Array:
    """Angle between unit vectors, accurate near 0 and 180 too (atan2 of cross and dot)."""
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    angles: Array = np.degrees(np.arctan2(sine, np.einsum("...i,...i->...", a, b)))
    return angles
