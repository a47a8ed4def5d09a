"""The sample clips: walk, wave, hands_on_hips, clap, reach_overhead; 30 frames a second, on the tall body by default.

Gestures start and end in the same stance, so they loop in place; the walk is three whole cycles and loops but for its
travel. Contacts are exact: a planted foot is held by inverse kinematics, palms meet in the middle of a clap and lie
on the surface of the hips.
"""

from __future__ import annotations

import numpy as np

from workers.contract.roles import SIDES
from workers.samples.body import SampleBody, build_body, trunk_half_width
from workers.samples.curves import smoothstep, through_keys
from workers.samples.poses import (
    SIGN,
    ArmPose,
    Foot,
    SampleMotion,
    X,
    Y,
    Z,
    arm_reaching,
    arm_towards,
    planted_foot,
    pose_body,
)
from workers.samples.shape import INDEX, TALL, BodyShape
from workers.skeleton import quat
from workers.skeleton.model import Array

RATE_HZ = 30.0
STANDING_DROP = 0.004  # of the leg: standing knees are not locked


def _turn(axis: Array, degrees: Array | float) -> Array:
    return quat.from_axis_angle(axis, np.radians(degrees))


def _times(duration_s: float) -> Array:
    return np.arange(round(duration_s * RATE_HZ) + 1) / RATE_HZ


def _mirror(v: tuple[float, float, float], side: str) -> Array:
    """A direction given for the left side."""
    return np.array([SIGN[side] * v[0], v[1], v[2]])


def hanging_arm(side: str) -> ArmPose:
    """Relaxed beside the body, palm to the thigh."""
    upper, lower = _mirror((0.17, -1.0, -0.06), side), _mirror((0.12, -1.0, 0.16), side)
    return arm_towards(side, upper, lower, _mirror((0.02, -1.0, 0.12), side), _mirror((-1.0, 0.0, -0.25), side), 0.28)


def _stance(body: SampleBody, t: Array, sway_deg: float = 0.8) -> tuple[Array, Array]:
    """Hips place and turn while standing: one slow shift of weight over the clip, so that ends meet."""
    phase = 2.0 * np.pi * t / t[-1]
    leg = body.shape.hip_height_m - body.shape.ankle_height_m
    hips = np.repeat(body.joints_m[INDEX["hips"]][None], len(t), axis=0)
    hips[:, 0] += 0.012 * np.sin(phase)
    hips[:, 1] -= STANDING_DROP * leg + 0.002 * (1.0 - np.cos(2.0 * phase))
    return hips, _turn(Z, -sway_deg * np.sin(phase))


def _feet(body: SampleBody, t: Array, pitch_rad: Array | float = 0.0) -> dict[str, Foot]:
    """Both feet planted a little apart."""
    pitch = np.broadcast_to(np.asarray(pitch_rad, dtype=np.float64), t.shape)
    return {side: planted_foot(body, side, [SIGN[side] * 0.02, 0.0, 0.0], pitch) for side in SIDES}


def wave(body: SampleBody) -> SampleMotion:
    """The right hand is raised, waves three times beside the head and comes down."""
    t = _times(3.6)
    hips_m, hips = _stance(body, t)
    share = through_keys([0.0, 0.2, 0.95, 2.75, 3.45, 3.6], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0], t)
    swing = np.sin(2.0 * np.pi * (t - 0.95) / 0.6) * smoothstep((t - 0.9) / 0.25) * smoothstep((2.8 - t) / 0.25)
    upper = np.array([-0.86, -0.10, 0.34])
    # The forearm fans sideways; the hand lags behind it.
    lower = np.stack([-0.18 - 0.42 * swing, np.ones_like(t), np.full_like(t, 0.22)], axis=-1)
    fingers = np.stack([-0.02 - 0.62 * swing, np.ones_like(t), np.full_like(t, 0.05)], axis=-1)
    raised = arm_towards(
        "right", np.broadcast_to(upper, lower.shape), lower, fingers, np.broadcast_to(Z, lower.shape), 0.06
    )
    chest = quat.multiply(hips, quat.multiply(_turn(Y, -5.0 * share), _turn(Z, -2.5 * share)))
    head = quat.multiply(chest, quat.multiply(_turn(Y, 5.0 * share), _turn(Z, 5.0 * share + 1.5 * share * swing)))
    arms = {
        "left": hanging_arm("left").blend(hanging_arm("left"), 0.0 * t),
        "right": hanging_arm("right").blend(raised, share),
    }
    return SampleMotion("wave", RATE_HZ, pose_body(body, hips_m, hips, chest, head, arms, _feet(body, t)), hips_m)


def hands_on_hips(body: SampleBody) -> SampleMotion:
    """Both palms come to rest on the hips, elbows out, and go down again; the trunk turns as one, so they stay put."""
    t = _times(3.6)
    hips_m, hips = _stance(body, t, sway_deg=1.6)
    share = through_keys([0.0, 0.2, 1.0, 2.7, 3.45, 3.6], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0], t)
    shape = body.shape
    length, _, thickness = shape.palm_m
    height = shape.hip_height_m + 0.055 * shape.height_m
    arms = {}
    for side in SIDES:
        outward = _mirror((1.0, 0.12, 0.0), side)
        fingers = _mirror((-0.10, -0.42, 0.90), side)
        fingers = quat.unit(fingers - quat.unit(outward) * (fingers @ quat.unit(outward)))
        contact = np.array([SIGN[side] * 1.03 * trunk_half_width(shape, height), height, 0.0])
        wrist = contact + thickness * quat.unit(outward) - 0.55 * length * fingers
        on_hip = arm_reaching(body, side, wrist, _mirror((0.9, 0.0, -0.75), side), (fingers, -outward), 0.16)
        # On the way the hand passes beside the hip, never through it.
        beside = arm_towards(
            side,
            _mirror((0.62, -0.75, -0.30), side),
            _mirror((-0.05, -0.55, 0.75), side),
            _mirror((-0.1, -0.6, 0.9), side),
            _mirror((-1.0, -0.1, 0.0), side),
            0.2,
        )
        arms[side] = (
            hanging_arm(side).blend(beside, smoothstep(share / 0.7)).blend(on_hip, smoothstep((share - 0.35) / 0.65))
        )
    head = quat.multiply(hips, _turn(Y, 14.0 * np.sin(2.0 * np.pi * t / t[-1]) * share))
    return SampleMotion(
        "hands_on_hips", RATE_HZ, pose_body(body, hips_m, hips, hips, head, arms, _feet(body, t)), hips_m
    )


def clap(body: SampleBody) -> SampleMotion:
    """Four claps in front of the chest; the palms touch at 0.25, 0.75, 1.25 and 1.75 s. Loops."""
    t = _times(2.0)
    hips_m, hips = _stance(body, t)
    phase = (t % 0.5) / 0.5
    # Closing is fast, opening slower; a short rest on contact.
    share = through_keys([0.0, 0.18, 0.42, 0.58, 1.0], [0.0, 0.05, 1.0, 1.0, 0.0], phase)
    shape = body.shape
    length, _, thickness = shape.palm_m
    arms = {}
    for side in SIDES:
        fingers = quat.unit(_mirror((0.0, 0.62, 0.78), side))
        contact = np.array(
            [0.0, shape.shoulder_height_m - 0.30 * shape.arm_length_m, shape.chest_m[1] + 0.40 * shape.arm_length_m]
        )
        inward = _mirror((-1.0, 0.0, 0.0), side)
        pole = _mirror((0.75, -0.65, -0.1), side)
        closed = arm_reaching(
            body, side, contact - 0.55 * length * fingers - thickness * inward, pole, (fingers, inward), 0.0
        )
        apart = contact - 0.55 * length * fingers + _mirror((0.34 * shape.arm_length_m, 0.01, 0.02), side)
        opened = arm_reaching(body, side, apart, pole, (quat.unit(_mirror((0.22, 0.6, 0.78), side)), inward), 0.05)
        arms[side] = opened.blend(closed, share)
    chest = quat.multiply(hips, _turn(X, 2.0 + 1.0 * share))
    head = quat.multiply(chest, _turn(X, 3.0 * share))
    return SampleMotion("clap", RATE_HZ, pose_body(body, hips_m, hips, chest, head, arms, _feet(body, t)), hips_m)


def reach_overhead(body: SampleBody) -> SampleMotion:
    """Both arms rise forward and overhead, the heels lift, the eyes follow; then down again."""
    t = _times(3.6)
    hips_m, hips = _stance(body, t)
    share = through_keys([0.0, 0.2, 1.4, 2.2, 3.4, 3.6], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0], t)
    pitch = np.radians(24.0) * smoothstep((share - 0.45) / 0.55)
    feet = _feet(body, t, pitch)
    rise = np.mean([foot.ankle_m[:, 1] for foot in feet.values()], axis=0) - body.shape.ankle_height_m
    ahead = np.mean([foot.ankle_m[:, 2] for foot in feet.values()], axis=0)
    hips_m = hips_m + np.stack([0.0 * t, rise, ahead], axis=-1)
    arms = {}
    for side in SIDES:
        forward = arm_towards(
            side,
            _mirror((0.16, -0.08, 1.0), side),
            _mirror((0.02, 0.18, 1.0), side),
            _mirror((0.0, 0.2, 1.0), side),
            _mirror((-0.9, -0.45, 0.1), side),
            0.12,
        )
        up = arm_towards(
            side,
            _mirror((0.16, 1.0, 0.06), side),
            _mirror((0.02, 1.0, 0.16), side),
            _mirror((0.0, 1.0, 0.10), side),
            _mirror((-0.75, 0.0, 0.65), side),
            0.03,
        )
        first, second = smoothstep(share / 0.55), smoothstep((share - 0.4) / 0.6)
        arms[side] = hanging_arm(side).blend(forward, first).blend(up, second)
    chest = quat.multiply(hips, _turn(X, -7.0 * share))
    head = quat.multiply(chest, _turn(X, -22.0 * share))
    lift = np.radians(16.0) * smoothstep((share - 0.4) / 0.6)
    return SampleMotion("reach_overhead", RATE_HZ, pose_body(body, hips_m, hips, chest, head, arms, feet, lift), hips_m)


CYCLE_S, CYCLES = 16.0 / 15.0, 3
LIFT_OFF, FLAT, HEEL_OFF = 0.62, 0.10, 0.34  # parts of a foot's cycle, which starts at its heel strike


def _stance_pitch(part: Array) -> Array:
    """Pitch of the planted foot: toes come down after heel strike, the heel rises before lift-off."""
    return np.radians(through_keys([0.0, FLAT, HEEL_OFF, LIFT_OFF], [-20.0, 0.0, 0.0, 62.0], part))


def _walking_foot(body: SampleBody, side: str, cycle: Array, stride_m: float) -> Foot:
    """A foot over all frames; `cycle` counts its heel strikes. Planted feet do not move, swinging ones fly an arc."""
    count, part = np.floor(cycle), cycle % 1.0
    lead = 0.5 * LIFT_OFF * stride_m - 0.32 * body.shape.foot_length_m
    place = np.stack([-SIGN[side] * 0.045 + 0.0 * part, 0.0 * part, count * stride_m + lead], axis=-1)
    planted = planted_foot(body, side, place, _stance_pitch(np.minimum(part, LIFT_OFF)))
    landing = planted_foot(body, side, place + stride_m * Z, np.full_like(part, _stance_pitch(np.zeros(1))[0]))
    swing = np.clip((part - LIFT_OFF) / (1.0 - LIFT_OFF), 0.0, 1.0)
    ease = smoothstep(swing)[:, None]
    clearance = 0.055 * body.shape.hip_height_m * np.sin(np.pi * swing**0.8) ** 2
    ankle = (1.0 - ease) * planted.ankle_m + ease * landing.ankle_m + clearance[:, None] * Y
    pitch = np.radians(through_keys([0.0, 0.18, 0.8, 1.0], [62.0, 58.0, -22.0, -20.0], swing))
    flying = swing > 0.0
    turn = np.where(flying[:, None], quat.from_axis_angle(X, pitch), planted.turn)
    toe_pitch = np.minimum(pitch, 0.0) + np.maximum(pitch, 0.0) * smoothstep(swing / 0.5)
    toes = np.where(flying[:, None], quat.from_axis_angle(X, toe_pitch), planted.toes)
    return Foot(ankle, turn, toes)


def walk(body: SampleBody) -> SampleMotion:
    """Three cycles forward with heel strike, roll and toe-off; the hips ride as high as the straightest leg allows."""
    t = _times(CYCLES * CYCLE_S)
    cycle = t / CYCLE_S
    shape = body.shape
    stride = 1.38 * (shape.hip_height_m - shape.ankle_height_m)
    # The left heel strikes at whole cycles, the right one half a cycle later.
    feet = {"left": _walking_foot(body, "left", cycle, stride)}
    feet["right"] = _walking_foot(body, "right", cycle - 0.5, stride)
    feet["right"] = Foot(feet["right"].ankle_m + 0.5 * stride * Z, feet["right"].turn, feet["right"].toes)
    angle = 2.0 * np.pi * cycle
    hips = quat.multiply(_turn(Y, -6.0 * np.cos(angle)), quat.multiply(_turn(Z, -3.0 * np.sin(angle)), _turn(X, 3.0)))
    hips_m = np.repeat(body.joints_m[INDEX["hips"]][None], len(t), axis=0)
    hips_m += np.stack([0.018 * np.sin(angle), -0.020 * np.cos(2.0 * angle), stride * cycle], axis=-1)
    hips_m[:, 1] -= _needed_drop(body, hips_m, hips, feet)
    chest = quat.multiply(_turn(Y, 5.0 * np.cos(angle)), quat.multiply(_turn(Z, 1.0 * np.sin(angle)), _turn(X, 4.0)))
    head = quat.multiply(_turn(Y, 1.0 * np.cos(angle)), _turn(X, 1.0))
    arms = {}
    for side in SIDES:
        # The arm swings against its own leg: back when the heel of the same side strikes.
        forward = -SIGN[side] * np.cos(angle)
        back_arm, front_arm = _swinging_arm(side, -24.0, 10.0), _swinging_arm(side, 20.0, 34.0)
        arms[side] = back_arm.blend(front_arm, 0.5 + 0.5 * forward)
    return SampleMotion("walk", RATE_HZ, pose_body(body, hips_m, hips, chest, head, arms, feet), hips_m)


def _swinging_arm(side: str, swing_deg: float, bend_deg: float) -> ArmPose:
    """The hanging arm swung about the shoulder, with an elbow bend."""
    forward, bent = np.radians(swing_deg), np.radians(swing_deg + bend_deg)
    upper, lower = (0.13, -np.cos(forward), np.sin(forward)), (0.05, -np.cos(bent), np.sin(bent))
    palm = _mirror((-1.0, 0.0, -0.2), side)
    return arm_towards(side, _mirror(upper, side), _mirror(lower, side), _mirror(lower, side), palm, 0.3)


def _needed_drop(body: SampleBody, hips_m: Array, hips: Array, feet: dict[str, Foot], reach: float = 0.992) -> float:
    """How far the hips must come down so that no leg is longer than `reach` of its full length."""
    needed = 0.0
    for side, foot in feet.items():
        hip = body.joints_m[INDEX[f"{side}UpperLeg"]]
        span = hips_m + quat.rotate(hips, hip - body.joints_m[INDEX["hips"]]) - foot.ankle_m
        longest = reach * (hip[1] - body.joints_m[INDEX[f"{side}Foot"]][1])
        allowed = np.sqrt(np.maximum(longest**2 - span[:, 0] ** 2 - span[:, 2] ** 2, 0.0))
        needed = max(needed, float(np.max(span[:, 1] - allowed)))
    return needed


CLIPS = (walk, wave, hands_on_hips, clap, reach_overhead)


def make_clips(shape: BodyShape = TALL) -> tuple[SampleMotion, ...]:
    """All sample clips on a body."""
    body = build_body(shape)
    return tuple(make(body) for make in CLIPS)
