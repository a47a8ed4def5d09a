"""Where one foot of the target belongs: the correction that takes its analytic path onto the source's contacts.

A stance is a stretch of frames in which the toes or the ankle are planted. Inside it the foot moves along the ground as
the source's scaled planted point does: the correction's *velocity* is what makes up the difference, handed from heel to
toes while both are planted, so the foot pivots about what is planted and never jumps at the hand-over. The constant
that is left is chosen so that the correction is zero on average over the stance. This follows a source foot that slides, as
on a treadmill, instead of freezing it. Heights are absolute: each planted sole stands over the target's floor as the
source's stands over its own, scaled.

The pitch of the foot stays the analytic one but for what both soles need to meet the ground at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.retargeting.intervals import frames_to_edge, runs
from workers.retargeting.smoothing import smoothstep, weighted_mean
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask

HAND_OVER_S = 0.06
BLEND_S = 0.2
LARGEST_PITCH_RAD = np.radians(15.0)
PITCH_BLEND_S = 0.1


@dataclass(frozen=True, eq=False)
class FootPoint:
    """A planted point of a foot on both bodies, along one time line; heights are those of the soles."""

    planted: Mask  # (frames,)
    wanted: Array  # (frames, 3) horizontally the source's scaled path, vertically where the target's joint belongs
    analytic: Array  # (frames, 3) the target's joint


@dataclass(frozen=True, eq=False)
class FootPath:
    """`held + (1 - weight) * body shift` is the correction of the ankle; `weight` is 1 in a stance, 0 far from any."""

    held: Array  # (frames, 3)
    weight: Array  # (frames,)
    pitch: Array  # (frames, 4) turn of the foot about its ankle


def foot_path(points: list[FootPoint], rate_hz: float, period: int | None) -> FootPath:
    """The correction of one foot. `points` are the ankle and, where both bodies have them, the toes."""
    ankle = points[0]
    pitch = sole_pitch(points, rate_hz)
    if len(points) == 2:
        arm = quat.rotate(pitch, points[1].analytic - ankle.analytic)
        points = [ankle, FootPoint(points[1].planted, points[1].wanted, ankle.analytic + arm)]
    correction, stances = stance_correction(points, rate_hz, period)
    held, weight = blend_stances(correction, stances, rate_hz)
    return FootPath(held, weight, pitch)


def stance_correction(points: list[FootPoint], rate_hz: float, period: int | None) -> tuple[Array, Indices]:
    """Correction `(frames, 3)`, valid inside the stances, and the stances as `(n, 2)` runs."""
    planted = np.stack([point.planted for point in points], axis=1)
    ramp = np.stack([frames_to_edge(point.planted) for point in points], axis=1)
    ramp = np.minimum(ramp / max(1.0, HAND_OVER_S * rate_hz), 1.0)
    stances = runs(np.any(planted, axis=1))
    missing = np.stack([point.wanted - point.analytic for point in points], axis=1)

    total = ramp.sum(axis=1, keepdims=True)
    share = ramp / np.where(total > 0.0, total, 1.0)
    correction = np.einsum("fp,fpi->fi", share, missing)

    both = np.minimum(ramp[1:], ramp[:-1])
    handed = np.where(both.sum(axis=1, keepdims=True) > 0.0, both, np.maximum(ramp[1:], ramp[:-1]))
    handed /= np.maximum(handed.sum(axis=1, keepdims=True), 1e-12)
    steps = np.einsum("fp,fpi->fi", handed, np.diff(missing, axis=0))
    drift = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    for start, stop in stances:
        path = drift[start:stop, ::2]
        if period is not None and stop - start > period:
            # Planted all round the loop: what is left over after a lap would open it.
            lap = (path[period] - path[0]) / period
            path = path - lap * np.arange(stop - start)[:, None]
        correction[start:stop, ::2] = path - path.mean(axis=0)
    return correction, stances


def blend_stances(correction: Array, stances: Indices, rate_hz: float) -> tuple[Array, Array]:
    """Carry each stance's correction smoothly into and out of the swing; `(frames, 3)` weighted, and the weight.

    Beyond a stance its correction goes on with the velocity it ended with, which dies away, so the joined curve has no
    kink. Two stances nearer than the blend fade into each other directly.
    """
    frames = len(correction)
    held, weight = np.zeros((frames, 3)), np.zeros(frames)
    blend = BLEND_S * rate_hz
    for number, (start, stop) in enumerate(stances):
        held[start:stop] += correction[start:stop]
        weight[start:stop] += 1.0
        last, first = stop - 1, start
        room_after = stances[number + 1, 0] - last if number + 1 < len(stances) else np.inf
        room_before = first - (stances[number - 1, 1] - 1) if number > 0 else np.inf
        for edge, inner, direction, room in (
            (last, max(last - 1, first), 1, room_after),
            (first, min(first + 1, last), -1, room_before),
        ):
            length = min(blend, room)
            steps = np.arange(1, int(np.ceil(length)))
            steps = steps[(edge + direction * steps >= 0) & (edge + direction * steps < frames)]
            fade = smoothstep(1.0 - steps / length)
            slope = correction[edge] - correction[inner]
            carried = correction[edge] + slope * (steps * (1.0 - steps / length) ** 2)[:, None]
            held[edge + direction * steps] += fade[:, None] * carried
            weight[edge + direction * steps] += fade
    return held, weight


def sole_pitch(points: list[FootPoint], rate_hz: float) -> Array:
    """Turn `(frames, 4)` about the foot's own side axis that brings both planted soles to their heights."""
    ankle = points[0]
    if len(points) < 2:
        return quat.identity(len(ankle.analytic))
    toes = points[1]
    arm = toes.analytic - ankle.analytic
    length = np.linalg.norm(arm, axis=-1)
    safe = np.where(length > 1e-9, length, 1.0)
    rise = np.clip((toes.wanted - ankle.wanted)[:, 1] / safe, -1.0, 1.0)
    angle = np.arcsin(rise) - np.arcsin(np.clip(arm[:, 1] / safe, -1.0, 1.0))
    both = ankle.planted & toes.planted & (length > 1e-9)
    angle = np.clip(np.where(both, angle, 0.0), -LARGEST_PITCH_RAD, LARGEST_PITCH_RAD)
    angle = weighted_mean(angle, round(PITCH_BLEND_S * rate_hz))
    return pitch_turn(arm, angle)


def pitch_turn(arm: Array, angle: Array) -> Array:
    """Turn that raises the end of `arm` `(frames, 3)` by `angle` `(frames,)`, about the horizontal axis beside it."""
    side = quat.unit(np.cross(arm, np.array([0.0, 1.0, 0.0])))
    return quat.from_axis_angle(side, np.where(np.any(side, axis=-1), angle, 0.0))
