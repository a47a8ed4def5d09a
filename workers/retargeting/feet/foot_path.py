"""Where one foot of the target belongs: the correction that takes its analytic path onto the source's contacts.

A stance is a stretch of frames in which the toes or the ankle are planted. Inside it the foot moves along the ground
as the source's scaled planted point does: the correction's *velocity* makes up the difference, handed from heel to
toes while both are planted, so the foot pivots about what is planted and never jumps at the hand-over. Of two planted
points the one that slips less in the source is the pivot. The constant that is left is chosen so that the
correction is zero on average over the stance. A source foot that slides, as on a treadmill, is followed instead of
frozen. Heights are absolute: each planted sole stands over the target's floor as the source's over its own, scaled.

The pitch of the foot stays the analytic one but for what both soles need to meet the ground at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.motion.intervals import frames_to_edge, runs
from workers.motion.smoothing import smoothstep
from workers.skeleton import quat
from workers.skeleton.body import UP
from workers.skeleton.model import Array, Indices, Mask

HAND_OVER_S = 0.06
BLEND_S = 0.2
CARRY_S = 0.1
FIRM_SLIP_PER_S = 0.1
# Shares of the leg: corrections along the ground are exact up to the first and end at the second.
FREE_CORRECTION = 0.3
MAX_CORRECTION = 0.45
MAX_PITCH_RAD = np.radians(15.0)
# Soles are known to a few millimetres: what a smaller turn would mend is left as the rig's author has it.
FREE_PITCH_RAD = np.radians(1.0)
STEEP_ARM = 0.3  # sine of the arm's angle from upright, where pitch begins to be possible


@dataclass(frozen=True, eq=False)
class FootPoint:
    """A planted point of a foot on both bodies, along one time line; heights are those of the soles."""

    planted: Mask  # (frames,)
    slip_per_s: Array  # (frames,) the source point's speed along its ground in body heights/s
    wanted: Array  # (frames, 3) horizontally the source's scaled path, vertically where the target's joint belongs
    analytic: Array  # (frames, 3) the target's joint
    least: Array  # (frames,) least height of the target's joint while it swings, -inf where free


@dataclass(frozen=True, eq=False)
class FootPath:
    """`held + (1 - weight) * body shift` is the correction of the ankle; `weight` is 1 in a stance, 0 far from any."""

    held: Array  # (frames, 3)
    weight: Array  # (frames,)
    pitch: Array  # (frames, 4) turn of the foot about its ankle
    stances: Indices  # (n, 2) runs


def foot_path(points: list[FootPoint], leg_m: float, rate_hz: float, period: int | None) -> FootPath:
    """The correction of one foot. `points` are the ankle and, where both bodies have them, the toes."""
    ankle = points[0]
    if len(points) == 2:
        points = agreeing_heights(*points)
    pitch = sole_pitch(points, rate_hz)
    if len(points) == 2:
        arm = quat.rotate(pitch, points[1].analytic - ankle.analytic)
        points = [points[0], replace(points[1], analytic=ankle.analytic + arm)]
    correction, stances = stance_correction(points, leg_m, rate_hz, period)
    held, weight = blend_stances(correction, stances, rate_hz)
    return FootPath(held, weight, pitch, stances)


def slid(path: FootPath, slides: Array, rate_hz: float) -> FootPath:
    """The path with each stance moved along the ground by its slide `(n, 2)`, x and z."""
    if not slides.any():
        return path
    constant = np.zeros_like(path.held)
    for (start, stop), slide in zip(path.stances, slides, strict=True):
        constant[start:stop, ::2] = slide
    return replace(path, held=path.held + blend_stances(constant, path.stances, rate_hz)[0])


def agreeing_heights(ankle: FootPoint, toes: FootPoint) -> list[FootPoint]:
    """Ankle and toes whose wanted heights fit one rigid foot, but for what `sole_pitch` can make up.

    Both follow the sole drops of two rest poses, and where one of these is a guess its foot may be tilted: then ankle
    and toes disagree by a constant while the foot stands on both. The ankle is kept, since it depends on the legs and
    not on how a foot points. Each stance has its own constant; one without such frames takes the median of the others.
    """
    apart = ((toes.wanted - toes.analytic) - (ankle.wanted - ankle.analytic))[:, 1]
    both = ankle.planted & toes.planted
    if not both.any():
        return [ankle, toes]
    slack = np.sin(MAX_PITCH_RAD) * float(np.median(np.linalg.norm(toes.analytic - ankle.analytic, axis=-1)))
    usual = float(np.median(apart[both]))
    excess = np.full(len(apart), usual - np.clip(usual, -slack, slack))
    for start, stop in runs(ankle.planted | toes.planted):
        own = apart[start:stop][both[start:stop]]
        if len(own):
            middle = float(np.median(own))
            excess[start:stop] = middle - np.clip(middle, -slack, slack)
    return [ankle, replace(toes, wanted=toes.wanted - UP * excess[:, None])]


def stance_correction(
    points: list[FootPoint], leg_m: float, rate_hz: float, period: int | None
) -> tuple[Array, Indices]:
    """Correction `(frames, 3)`, valid inside the stances, and the stances as `(n, 2)` runs."""
    planted = np.stack([point.planted for point in points], axis=1)
    ramp = np.stack([frames_to_edge(point.planted) for point in points], axis=1)
    ramp = np.minimum(ramp / max(1.0, HAND_OVER_S * rate_hz), 1.0)
    stances = runs(np.any(planted, axis=1))
    missing = np.stack([point.wanted - point.analytic for point in points], axis=1)

    total = ramp.sum(axis=1, keepdims=True)
    share = ramp / np.where(total > 0.0, total, 1.0)
    correction = np.einsum("fp,fpi->fi", share, missing)

    slip = np.stack([point.slip_per_s for point in points], axis=1)
    firm = ramp / (1.0 + (slip / FIRM_SLIP_PER_S) ** 2)
    both = np.minimum(firm[1:], firm[:-1])
    handed = np.where(both.sum(axis=1, keepdims=True) > 0.0, both, np.maximum(firm[1:], firm[:-1]))
    handed /= np.maximum(handed.sum(axis=1, keepdims=True), 1e-12)
    steps = np.einsum("fp,fpi->fi", handed, np.diff(missing, axis=0))
    drift = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    for start, stop in stances:
        path = drift[start:stop, ::2]
        if period is not None and stop - start > period:
            # Planted all round the loop: what is left over after a lap would open it.
            lap = (path[period] - path[0]) / period
            path = path - lap * np.arange(stop - start)[:, None]
        correction[start:stop, ::2] = _limited(path - path.mean(axis=0), leg_m)
    return correction, stances


def _limited(path: Array, leg_m: float) -> Array:
    """Corrections along the ground `(frames, 2)`, kept small against the leg: a foot that needs more is not held."""
    size = np.linalg.norm(path, axis=1, keepdims=True)
    free, room = FREE_CORRECTION * leg_m, (MAX_CORRECTION - FREE_CORRECTION) * leg_m
    limited = np.where(size > free, free + room * np.tanh((size - free) / room), size)
    return np.asarray(path * (limited / np.where(size > 0.0, size, 1.0)))


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
            dying = np.maximum(1.0 - steps / min(CARRY_S * rate_hz, length), 0.0) ** 2
            carried = correction[edge] + slope * (steps * dying)[:, None]
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
    angle = np.sign(angle) * np.maximum(np.abs(angle) - FREE_PITCH_RAD, 0.0)
    angle = np.clip(np.where(both, angle, 0.0), -MAX_PITCH_RAD, MAX_PITCH_RAD)
    held, _ = blend_stances(np.repeat(angle[:, None], 3, axis=1), runs(both), rate_hz)
    return pitch_turn(arm, np.clip(held[:, 0], -MAX_PITCH_RAD, MAX_PITCH_RAD))


def pitch_turn(arm: Array, angle: Array) -> Array:
    """Turn that raises the end of `arm` `(frames, 3)` by `angle` `(frames,)`, about the horizontal axis beside it.

    An arm that hangs down has no such axis: the turn fades out as the arm steepens.
    """
    across = np.cross(quat.unit(arm), UP)
    level = np.linalg.norm(across, axis=-1)
    return quat.from_axis_angle(quat.unit(across), angle * smoothstep((level - STEEP_ARM) / STEEP_ARM))
