"""Limbs one by one: which of them points elsewhere, stands still, bends the wrong way, is wrung or was torn off.

Means over a whole body hide one limb: an arm 20 degrees off is a mean of 5. What is measured here is that of the worst
limb, against the source in the same frames, in each body's own heading (`Body.facing`) or relative to its own trunk.
Segments whose source does not move or bend are left out: there is nothing to lose. Directions over all limbs are
`workers.scores.pose_scores`', limits of single joints too.
"""

from __future__ import annotations

import numpy as np

from workers.contract.roles import FINGERS, SIDES, finger_roles
from workers.motion.body_motion import BodyMotion
from workers.retargeting.alignment import align
from workers.retargeting.copy_rest import rest_deltas
from workers.scores.pose_scores import (
    LIMBS,
    angles_deg,
    away_from_rest,
    knee_flexion_deg,
    limb_directions,
    segment,
)
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array

# A segment that strays less than this from its mean direction stands as good as still, degrees (root mean square).
LEAST_SPREAD_DEG = 6.0
LEAST_LEG_SPREAD_DEG = 12.0
# Bones this far from straight have a direction of bend, degrees (root mean square over the clip).
LEAST_BEND_DEG = 15.0
# A knee bent further than this to the front is bent the wrong way; rigs place joint centres off the anatomical ones.
WRONG_WAY_DEG = 15.0
TRUNK = ("upperChest", "chest", "spine", "hips")


def arm_error_deg(result: BodyMotion, source: BodyMotion) -> float | None:
    """Mean angle in degrees between result and source of the arm segment that points worst; None without arms."""
    made, wanted = (_directions(motion, source.body, result.body) for motion in (result, source))
    arms = [base.endswith("Arm") for base, _ in _segments(source.body, result.body)]
    return _most([float(error) for error in angles_deg(made, wanted)[:, arms].mean(axis=0)])


def leg_error_deg(result: BodyMotion, source: BodyMotion, seated: Array | None = None) -> float | None:
    """Median angle in degrees by which the worse leg, hip to ankle, points elsewhere; None without legs.

    Where the source's seat is on the floor (`seated` `(frames,)` over a half, of `motion.lying.carried_by_seat`), how
    far a leg points up or down is left out: a longer one lies on the floor, it does not point into it.

    The median, since to keep a foot where it belongs a leg may reach elsewhere for some frames. Knees are left to
    `bend_kept`: near the straight leg a little height is many degrees.
    """
    made, wanted = (_directions(motion, source.body, result.body) for motion in (result, source))
    legs = [base.endswith("Leg") for base, _ in _segments(source.body, result.body)]
    made, wanted = made[:, legs], wanted[:, legs]
    angles = angles_deg(made, wanted)
    if seated is not None:
        rise = np.degrees(np.abs(np.arcsin(np.clip(made[..., 1], -1, 1)) - np.arcsin(np.clip(wanted[..., 1], -1, 1))))
        angles = np.where(seated[:, None] > 0.5, np.maximum(angles - rise, 0.0), angles)
    return _most([float(error) for error in np.median(angles, axis=0)])


def least_movements(result: BodyMotion, source: BodyMotion) -> tuple[float | None, float | None]:
    """The least share of its source's movement that any arm segment, the head or the fingers of any hand keep, and the
    same of the legs, hip to ankle. Feet that are held on the ground keep legs from moving as the source's.

    Movement is the spread about the mean, relative to the trunk, so that an arm that hangs frozen on a moving chest
    counts as frozen. None where the source moves none of them.
    """
    kept, meant = (_spreads(motion, source.body, result.body) for motion in (result, source))
    ratios: tuple[list[float], list[float]] = [], []
    for (name, made), (_, wanted) in zip(kept, meant, strict=True):
        of_legs = name.endswith("Leg")
        if wanted >= (LEAST_LEG_SPREAD_DEG if of_legs else LEAST_SPREAD_DEG):
            ratios[of_legs].append(made / wanted)
    return _least(ratios[0]), _least(ratios[1])


def least_spread_deg(source: BodyMotion, result: Body) -> float:
    """How far the stillest limb segment of a source strays from its mean, in degrees; of those the result has too."""
    limbs = {base for base, _ in _segments(source.body, result)}
    return min((spread for name, spread in _spreads(source, source.body, result) if name in limbs), default=0.0)


def bend_kept(result: BodyMotion, source: BodyMotion) -> float | None:
    """The least share of its source's bend, signed, that any knee or elbow keeps; -1 is bent the other way.

    The bend of a joint is the part of the lower segment's direction across the upper one; the share is the regression
    of the result's onto the source's, so that size and direction count. None where nothing is bent.
    """
    shares = []
    for side in SIDES:
        for upper, lower, tip in (("UpperArm", "LowerArm", "Hand"), ("UpperLeg", "LowerLeg", "Foot")):
            roles = (f"{side}{upper}", f"{side}{lower}", f"{side}{tip}")
            if not (source.body.has(*roles) and result.body.has(*roles)):
                continue
            meant, made = _bends(source, *roles), _bends(result, *roles)
            power = float((meant**2).sum(axis=1).mean())
            if power >= np.sin(np.radians(LEAST_BEND_DEG)) ** 2:
                shares.append(float(np.einsum("fi,fi->f", made, meant).mean()) / power)
    return _least(shares)


def knees_wrong_way(motion: BodyMotion) -> float | None:
    """The share of frames in which a knee is bent to the front, of the worse knee; None for a body without feet.

    Front is by anatomy, the thigh's own: no source is asked, since one that was read wrong bends alike.
    """
    shares = []
    for side in SIDES:
        roles = (f"{side}UpperLeg", f"{side}LowerLeg", f"{side}Foot")
        if motion.body.has(*roles):
            shares.append(float((knee_flexion_deg(motion, side) < -WRONG_WAY_DEG).mean()))
    return _most(shares)


def hand_roll_error_deg(result: BodyMotion, source: BodyMotion) -> float | None:
    """Mean angle in degrees by which the worse hand is rolled about its forearm away from the source's hand.

    The two rest poses are brought together as retargeting does (`align`), so that palms that rest alike count as
    alike whatever the joints' axes.
    """
    body, errors = result.body, []
    sides = [side for side in SIDES if all(b.has(f"{side}LowerArm", f"{side}Hand") for b in (body, source.body))]
    if not sides:
        return None
    turns = align(source.body, body).turns
    turn = quat.multiply(body.facing, quat.conjugate(source.body.facing))
    for side in sides:
        role, joint = f"{side}Hand", body.mapping.roles[f"{side}Hand"].joint
        rest = quat.multiply(turns.get(role, quat.IDENTITY), body.rest_rotations[joint])
        wanted = quat.multiply(rest_deltas(source, turn, [role])[:, 0], rest)
        away = quat.multiply(result.rotations[:, joint], quat.conjugate(wanted))
        forearm = segment(result, f"{side}LowerArm")
        along = np.einsum("fi,fi->f", away[:, :3], forearm)
        roll = np.degrees(2.0 * np.arctan2(along, away[:, 3]))
        errors.append(float(np.abs((roll + 180.0) % 360.0 - 180.0).mean()))
    return _most(errors)


def joint_displacement_m(motion: BodyMotion) -> float:
    """How far the farthest mapped joint is from where its parent carries it, mean over the frames, in metres.

    The hips are free to move; a joint outside its limb is carried by that (`Body.attachments`). Both poses of a file
    count as a joint's place, that of its nodes and the one in which it was bound. What hangs above the hips they may
    leave behind: there it counts how much farther from them a joint is than at rest.
    """
    body, skeleton = motion.body, motion.body.skeleton
    above = skeleton.ancestors(body.hips)
    distances = [0.0]
    for match in body.mapping.roles.values():
        joint, parent = match.joint, body.attachments.get(match.joint, int(skeleton.parents[match.joint]))
        if joint == body.hips:
            continue
        if parent < 0 or parent in above:
            at_rest = np.linalg.norm(body.rest_positions_m[joint] - body.rest_positions_m[body.hips])
            away = np.linalg.norm(motion.positions_m[:, joint] - motion.positions_m[:, body.hips], axis=1)
            distances.append(float(np.maximum(away - at_rest, 0.0).mean()))
            continue
        places = [
            quat.rotate(
                quat.conjugate(body.rest_rotations[parent]),
                body.rest_positions_m[joint] - body.rest_positions_m[parent],
            )
        ]
        if joint not in body.attachments:
            places += [skeleton.node_offsets_m[joint], skeleton.rest_offsets_m[joint]]
        offset = quat.rotate(
            quat.conjugate(motion.rotations[:, parent]), motion.positions_m[:, joint] - motion.positions_m[:, parent]
        )
        distances.append(float(np.min([np.linalg.norm(offset - place, axis=1).mean() for place in places])))
    return float(np.max(distances))


def _spreads(motion: BodyMotion, source: Body, result: Body) -> list[tuple[str, float]]:
    """Role and spread in degrees of each segment that both bodies have, of the head, and of each hand's fingers;
    `motion` is of one of them.
    """
    directions = _directions(motion, source, result)
    frames = {name: quat.conjugate(_away(motion, _trunk(motion.body, name))) for name in ("Arm", "Leg")}
    spreads = [
        (base, _spread_deg(quat.rotate(frames["Arm" if base.endswith("Arm") else "Leg"], directions[:, column])))
        for column, (base, _) in enumerate(_segments(source, result))
    ]
    if source.has("head") and result.has("head"):
        spreads.append(("head", _turn_spread_deg(quat.multiply(frames["Arm"], _away(motion, "head")))))
    for side in SIDES:
        fingers = [finger_roles(side, finger)[0] for finger in FINGERS]
        chosen = [role for role in fingers if source.has(role, f"{side}Hand") and result.has(role, f"{side}Hand")]
        if chosen:
            hand = quat.conjugate(_away(motion, f"{side}Hand"))
            moved = max(_turn_spread_deg(quat.multiply(hand, _away(motion, role))) for role in chosen)
            spreads.append((f"{side}Hand", moved))
    return spreads


def _most(values: list[float]) -> float | None:
    """The most of them, NaN where one is: what cannot be measured must not pass for good. None of none."""
    return float(np.max(values)) if values else None


def _least(values: list[float]) -> float | None:
    return float(np.min(values)) if values else None


def _directions(motion: BodyMotion, source: Body, result: Body) -> Array:
    """Directions `(frames, segments, 3)` of `_segments`, canonical. Of a leg that of hip to ankle in the result's
    proportions, which have a say where the knee is bent.
    """
    columns = []
    for base, tip in _segments(source, result):
        if not tip.endswith("Foot"):
            columns.append(limb_directions(motion, [(base, tip)])[:, 0])
            continue
        chain = ((base, base.replace("Upper", "Lower")), (base.replace("Upper", "Lower"), tip))
        lengths = np.array([_length_m(result, *bone) for bone in chain])
        columns.append(quat.unit((limb_directions(motion, list(chain)) * lengths[:, None]).sum(axis=1)))
    return np.stack(columns, axis=1) if columns else np.zeros((motion.frames, 0, 3))


def _length_m(body: Body, base: str, tip: str) -> float:
    places = [body.rest_positions_m[body.mapping.roles[role].joint] for role in (base, tip)]
    return float(np.linalg.norm(places[1] - places[0]))


def _segments(one: Body, other: Body) -> list[tuple[str, str]]:
    """Segments of the arms, and each leg as a whole, that both bodies have: (role, role at its tip). Without
    an ankle a leg ends at its knee.
    """
    pairs = [limb for limb in LIMBS if limb[0].endswith("Arm")]
    for side in SIDES:
        tip = "Foot" if one.has(f"{side}Foot") and other.has(f"{side}Foot") else "LowerLeg"
        pairs.append((f"{side}UpperLeg", side + tip))
    return [pair for pair in pairs if one.has(*pair) and other.has(*pair)]


def _trunk(body: Body, part: str) -> str:
    """The role that carries the arms, or the legs: the rig's own topmost one, since spines have other numbers of
    joints.
    """
    return next(role for role in (TRUNK if part == "Arm" else ("hips",)) if body.has(role))


def _away(motion: BodyMotion, role: str) -> Array:
    """Turn away from rest `(frames, 4)` in the body's own heading."""
    facing = motion.body.facing
    return quat.multiply(quat.multiply(quat.conjugate(facing), away_from_rest(motion, role)), facing)


def _spread_deg(directions: Array) -> float:
    """Root mean square distance of unit vectors `(frames, 3)` from their mean, as an angle in degrees."""
    off = directions - directions.mean(axis=0)
    return float(np.degrees(np.sqrt((off**2).sum(axis=-1).mean())))


def _turn_spread_deg(turns: Array) -> float:
    """The same of rotations `(frames, 4)`: of the two of three axes that they move most."""
    axes = quat.rotate(turns[:, None], np.eye(3))
    return float(np.degrees(np.sqrt(((axes - axes.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0).max())))


def _bends(motion: BodyMotion, base: str, middle: str, tip: str) -> Array:
    """The part of the lower segment's direction across the upper one `(frames, 3)`, canonical; the sine of the bend."""
    directions = limb_directions(motion, [(base, middle), (middle, tip)])
    upper, lower = directions[:, 0], directions[:, 1]
    bends: Array = lower - np.einsum("fi,fi->f", lower, upper)[:, None] * upper
    return bends
