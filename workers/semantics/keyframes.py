"""Keyframes: the frames that carry the meaning of a motion. Everything between them is interpolated. Numpy only.

Candidates are the moments an animator would key: the pose comes to rest or turns (minima of its speed), the pose or one
hand, foot or the head is farthest from where it usually is, a foot is set down or lifted. Beginning with first and last
frame, the one is added that linear interpolation between its neighbours misses most (curve simplification), where
candidates count for more than other frames; until the budget is spent or nothing is missed by more than a hundredth of
the body's height.

Distances are shares of body height and taken over whole poses, so heading, place and scale do not matter; times are in
seconds, so the frame rate does not, within a frame. A loop has no seam (`timeline`). Nothing is random.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workers.contract.errors import InvalidOptions
from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.motion.smoothing import weighted_mean
from workers.motion.timeline import Timeline, find_timeline
from workers.motion.velocity import velocities
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices, Mask

SMOOTHING_S = 0.06
NEIGHBOURHOOD_S = 0.15  # an extreme is one among this much to either side
POINTER = 0.08  # of body height: how far before a joint the point lies that shows its turning
TOLERANCE = 0.01  # of body height
SPACING_S = 0.08  # keys closer than this show the same
WEIGHT_CONTACT = 1.25
WEIGHT_EXTREME = 1.0
WEIGHT_OTHER = 0.7
SPEED_DIP = 0.8  # a minimum must be this much lower than the speed around it
ENDS = ("head", *(f"{side}{part}" for side in SIDES for part in ("Hand", "LowerArm", "Foot")))
FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")


def choose_keyframes(motion: BodyMotion, contacts: FootContacts | None, budget: int) -> Indices:
    """Frame numbers, ascending, first and last always among them; fewer than `budget` where fewer say all.

    Raises InvalidOptions for a budget below 2.
    """
    if budget < 2:
        raise InvalidOptions(f"keyframe budget {budget}: at least 2, for the first and the last frame")
    if motion.frames <= 2:
        return np.arange(motion.frames)
    path = pose_path(motion)
    weights = np.full(motion.frames, WEIGHT_OTHER)
    weights[extreme_frames(motion)] = WEIGHT_EXTREME
    if contacts is not None:
        weights[contact_frames(contacts)] = WEIGHT_CONTACT
    return _simplify(path, weights, budget, max(1, round(SPACING_S * motion.rate_hz)))


def interpolate_timeline(keyframes: Indices, values: ArrayLike, frames: int) -> Array:
    """Values at the keyframes `(keys,)` as a value for every frame `(frames,)`, linear between them."""
    return np.interp(np.arange(frames), keyframes, np.asarray(values, dtype=np.float64))


def pose_path(motion: BodyMotion) -> Array:
    """The motion as a smooth path through pose space `(frames, d)`; distances are RMS shares of body height."""
    timeline = find_timeline(motion)
    return _middle(timeline, _smooth_path(motion, timeline))


def extreme_frames(motion: BodyMotion) -> Indices:
    """Where the pose rests or turns, or it, a hand, a foot or the head is farthest out."""
    timeline = find_timeline(motion)
    path = _smooth_path(motion, timeline)
    half = max(1, timeline.frames_in(NEIGHBOURHOOD_S))
    found = _dips(np.linalg.norm(velocities(path, motion.rate_hz), axis=1), half)
    body, height = motion.body, motion.body.height_m
    relative = timeline.unroll(motion.positions_m - motion.positions_m[:, [body.hips]]) / height
    relative = weighted_mean(relative, timeline.frames_in(SMOOTHING_S))
    points = [relative.reshape(len(relative), -1)]
    points += [relative[:, joint] for joint in (body.joint(role) for role in ENDS) if joint is not None]
    for values in points:
        usual = timeline.crop(values)[: timeline.period].mean(axis=0)
        found |= _farthest(np.linalg.norm(values - usual, axis=1), half)
    return np.flatnonzero(timeline.crop(found))


def contact_frames(contacts: FootContacts) -> Indices:
    """Frames in which a foot point has just been planted or lifted."""
    changed = np.any(contacts.planted[1:] != contacts.planted[:-1], axis=1)
    return np.flatnonzero(changed) + 1


def _smooth_path(motion: BodyMotion, timeline: Timeline) -> Array:
    """Along the unrolled time line: joints and what they point at relative to the hips, and the path of the hips."""
    body, height = motion.body, motion.body.height_m
    roles = [role for role in body.mapping.roles if not any(finger in role for finger in FINGERS)]
    joints = sorted({body.mapping.roles[role].joint for role in roles})
    hips = motion.positions_m[:, body.hips]
    places = motion.positions_m[:, joints] - hips[:, None]
    turned = quat.multiply(motion.rotations[:, joints], quat.conjugate(body.rest_rotations[joints]))
    pointers = places + quat.rotate(turned, np.array([0.0, 0.0, POINTER * height]))
    points = np.concatenate([places, pointers], axis=1) / height
    pose = points.reshape(motion.frames, -1) / np.sqrt(points.shape[1])
    path = np.concatenate([timeline.unroll(pose), timeline.unroll_positions(hips) / height], axis=1)
    return weighted_mean(path, timeline.frames_in(SMOOTHING_S))


def _middle(timeline: Timeline, unrolled: Array) -> Array:
    """The clip's own lap; unlike `Timeline.crop` a loop that travels ends where it has travelled to."""
    return unrolled if timeline.period is None else unrolled[timeline.period : 2 * timeline.period + 1]


def _dips(speed: Array, half: int) -> Mask:
    """Local minima that are clearly below the highest speed before and after them."""
    around = _windows(speed, half)
    before, after = around[:, : half + 1].max(axis=1), around[:, half:].max(axis=1)
    lowest = (speed <= around.min(axis=1)) & (speed < SPEED_DIP * np.minimum(before, after))
    return np.asarray(lowest)


def _farthest(distance: Array, half: int) -> Mask:
    """Local maxima that stand out by more than the tolerance."""
    around = _windows(distance, half)
    lowest = np.minimum(around[:, : half + 1].min(axis=1), around[:, half:].min(axis=1))
    return np.asarray((distance >= around.max(axis=1)) & (distance - lowest > TOLERANCE))


def _windows(values: Array, half: int) -> Array:
    padded = np.pad(values, half, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)


def _simplify(path: Array, weights: Array, budget: int, spacing: int) -> Indices:
    """Greedy curve simplification of `path` `(frames, d)`; keys `spacing` frames apart; ties go to the earlier."""
    keys = [0, len(path) - 1]
    weights = weights.copy()
    weights[:spacing] = weights[-spacing:] = 0.0
    missed = weights * _missed(path, 0, len(path) - 1)
    while len(keys) < budget:
        worst = int(missed.argmax())
        if missed[worst] <= TOLERANCE * WEIGHT_OTHER:
            break
        position = int(np.searchsorted(keys, worst))
        before, after = keys[position - 1], keys[position]
        keys.insert(position, worst)
        weights[max(0, worst - spacing + 1) : worst + spacing] = 0.0
        for start, stop in ((before, worst), (worst, after)):
            missed[start : stop + 1] = weights[start : stop + 1] * _missed(path, start, stop)
    return np.asarray(keys, dtype=np.int64)


def _missed(path: Array, start: int, stop: int) -> Array:
    """Distance of each frame from `start` to `stop` to the straight line in time between those two."""
    share = np.linspace(0.0, 1.0, stop - start + 1)[:, None]
    line = path[start] * (1.0 - share) + path[stop] * share
    return np.asarray(np.linalg.norm(path[start : stop + 1] - line, axis=1))
