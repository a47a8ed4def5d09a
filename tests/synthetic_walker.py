"""Bodies and motions made in code for the foot tests: legs of any proportions, a walk with real stance, steps, a jump.

Feet are placed first and the legs solved to reach them, so what is planted when, and on what ground, is known exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.plain_bodies import plain_body
from workers.motion.body_motion import BodyMotion
from workers.retargeting.feet import ik
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Mask

LEFT_RIGHT = (("left", 1.0), ("right", -1.0))


def make_body(
    thigh: float, shin: float, *, ankle: float = 0.08, foot: float = 0.15, hip: float = 0.1, toes: bool = True
) -> Body:
    """A standing body whose rest rotations are identities and whose soles rest at height 0. Lengths in metres."""
    leg = thigh + shin
    # What `measure_body` assumes of a body without a surface: the toe joint is 2 % of the leg above the sole.
    toe_drop = 0.02 * leg
    drop = ankle + toe_drop if toes else 0.08 * leg
    joints: list[tuple[str, str | None, tuple[float, float, float]]] = [
        ("hips", None, (0.0, leg + drop, 0.0)),
        ("spine", "hips", (0.0, 0.15, 0.0)),
        ("head", "spine", (0.0, 0.45, 0.0)),
    ]
    for side, sign in LEFT_RIGHT:
        joints += [
            (f"{side}UpperArm", "spine", (0.2 * sign, 0.35, 0.0)),
            (f"{side}LowerArm", f"{side}UpperArm", (0.3 * sign, 0.0, 0.0)),
            (f"{side}UpperLeg", "hips", (hip * sign, 0.0, 0.0)),
            (f"{side}LowerLeg", f"{side}UpperLeg", (0.0, -thigh, 0.0)),
            (f"{side}Foot", f"{side}LowerLeg", (0.0, -shin, 0.0)),
        ]
        if toes:
            joints.append((f"{side}Toes", f"{side}Foot", (0.0, -ankle, foot)))
    return plain_body(joints)


@dataclass(frozen=True)
class Foot:
    """Where an ankle is `(frames, 3)`, how far the toes point down `(frames,)`, and what is planted."""

    ankle: Array
    pitch_rad: Array
    ankle_planted: Mask
    toes_planted: Mask


def pose_legs(body: Body, hips: Array, feet: dict[str, Foot], rate_hz: float) -> BodyMotion:
    """The motion that puts the feet where they are asked for, trunk upright; `hips` `(frames, 3)`."""
    frames = len(hips)
    rotations = quat.identity(frames, len(body.skeleton))
    for side, foot in feet.items():
        upper, lower, ankle = (body.mapping.roles[f"{side}{part}"].joint for part in ("UpperLeg", "LowerLeg", "Foot"))
        rest = body.rest_positions_m
        hip, knee, at_rest = (rest[joint] - rest[body.hips] + hips for joint in (upper, lower, ankle))
        turns = ik.solve_two_bone(hip, knee, at_rest, foot.ankle, np.broadcast_to([1.0, 0.0, 0.0], (frames, 3)))
        rotations[:, upper], rotations[:, lower] = turns
        pitch = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), foot.pitch_rad)
        for role in (f"{side}Foot", f"{side}Toes"):
            if body.has(role):
                rotations[:, body.mapping.roles[role].joint] = pitch
    positions = kinematics.world_positions(body.skeleton, rotations, body.skeleton.node_offsets_m, {body.hips: hips})
    return BodyMotion(body, "made", rate_hz, 0.0, rotations, positions)


def walk(
    body: Body,
    rate_hz: float,
    *,
    seconds: float = 3.0,
    stride_m: float = 1.2,
    ground: Callable[[int], float] = lambda step: 0.0,
    in_place: bool = False,
) -> tuple[BodyMotion, dict[str, Foot]]:
    """A walk of one cycle a second along +Z; step k of a foot stands on `ground(k)`, k counting both feet's steps.

    Each foot stands for 60 % of its cycle, the last 15 % of it on the toes alone. `in_place` takes the travel away.
    """
    times = np.arange(round(seconds * rate_hz) + 1) / rate_hz
    feet = {}
    heights = np.zeros(len(times))
    for number, (side, sign) in enumerate(LEFT_RIGHT):
        cycle = times + 0.5 * number
        step = np.floor(cycle).astype(int)
        phase = cycle - step
        level = np.array([ground(2 * int(k) - number) for k in step])
        following = np.array([ground(2 * int(k) + 2 - number) for k in step])
        place = (step - 0.5 * number) * stride_m
        pitch_most = np.radians(35.0)
        rise = np.clip((phase - 0.45) / 0.15, 0.0, 1.0)
        swing = np.clip((phase - 0.6) / 0.4, 0.0, 1.0)
        pitch = pitch_most * (_ease(rise) - _ease(swing))
        arm = _foot_arm(body, side)
        rest_ankle = np.stack([np.full(len(times), sign * 0.1), level + body.sole_drop_m[f"{side}Foot"], place], axis=1)
        # While the heel lifts the foot turns about the toe joint, which stays.
        toe = rest_ankle + arm
        turned = quat.rotate(
            quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.where(swing > 0, pitch_most, pitch)), arm
        )
        lifted = toe - turned
        landing = rest_ankle + np.stack(
            [np.zeros_like(level), following - level, np.full_like(level, stride_m)], axis=1
        )
        share = _ease(swing)[:, None]
        ankle = lifted * (1.0 - share) + landing * share
        ankle[:, 1] += (0.12 + np.maximum(following - level, 0.0)) * np.sin(np.pi * swing) ** 2
        feet[side] = Foot(ankle, pitch, phase <= 0.45, phase <= 0.6)
        heights += 0.5 * (level * (1.0 - share[:, 0]) + following * share[:, 0])
    smooth = np.convolve(
        np.pad(heights, round(0.2 * rate_hz), mode="edge"), np.ones(2 * round(0.2 * rate_hz) + 1), "valid"
    )
    smooth /= 2 * round(0.2 * rate_hz) + 1
    standing = body.rest_positions_m[body.hips, 1]
    hips = np.stack(
        [np.zeros_like(times), standing - 0.07 * body.leg_length_m + smooth, (times - 0.2) * stride_m], axis=1
    )
    if in_place:
        travel = np.stack([np.zeros_like(times), np.zeros_like(times), times * stride_m], axis=1)
        hips = hips - travel
        feet = {side: Foot(f.ankle - travel, f.pitch_rad, f.ankle_planted, f.toes_planted) for side, f in feet.items()}
    return pose_legs(body, hips, feet, rate_hz), feet


def jump(body: Body, rate_hz: float, *, rise_m: float = 0.5) -> tuple[BodyMotion, Mask]:
    """Stand 1 s, jump up and 0.6 m forward, stand 1 s; also which frames are in the air."""
    flight_s = 2.0 * np.sqrt(2.0 * rise_m / 9.81)
    times = np.arange(round((2.0 + flight_s) * rate_hz) + 1) / rate_hz
    share = np.clip((times - 1.0) / flight_s, 0.0, 1.0)
    up = 4.0 * rise_m * share * (1.0 - share)
    forward = 0.6 * share
    standing = body.rest_positions_m[body.hips, 1] - 0.06 * body.leg_length_m
    hips = np.stack([np.zeros_like(times), standing + up, forward], axis=1)
    feet = {}
    for side, sign in LEFT_RIGHT:
        ankle = np.stack([np.full_like(times, 0.1 * sign), body.sole_drop_m[f"{side}Foot"] + up, forward], axis=1)
        feet[side] = Foot(ankle, np.zeros_like(times), share <= 0.0, share <= 0.0)
    return pose_legs(body, hips, feet, rate_hz), (share > 0.0) & (share < 1.0)


def _foot_arm(body: Body, side: str) -> Array:
    ankle = body.rest_positions_m[body.mapping.roles[f"{side}Foot"].joint]
    if body.has(f"{side}Toes"):
        return np.asarray(body.rest_positions_m[body.mapping.roles[f"{side}Toes"].joint] - ankle)
    return np.array([0.0, -0.08, 0.15])


def _ease(x: Array) -> Array:
    return np.asarray(x * x * x * (x * (6.0 * x - 15.0) + 10.0))
