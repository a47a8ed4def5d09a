"""Rotations as the angles that FBX animates: about the fixed axes X, then Y, then Z, without jumps from key to key.

FBX interpolates each angle by itself, so two keys next to each other must not describe their rotations by angles that
lie far apart. Every rotation has two sets of angles (and more by full turns); each key takes the one nearest to the key
before. Where Y is at a right angle only the sum or the difference of the others is settled: X then stays as it was.

Near that right angle even small turns swing X and Z far, and straight lines between the angles leave the shortest way
between two rotations. `turning_keys` puts keys between the frames where that shows.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton import quat
from workers.skeleton.model import Array, Mask

_OFF_RAD = np.radians(0.25)  # how far the angles' way may leave the shortest one, midway between two keys
_HALVINGS = 5  # of the distance between two frames, at most
_LOCKED = 1.0 - 1e-9  # sine of Y, beyond which X and Z turn about the same axis
_TURN = 2.0 * np.pi


def euler_degrees(rotations: Array) -> Array:
    """Angles `(frames, joints, 3)` in degrees of quaternions `(frames, joints, 4)`: `R = Rz Ry Rx`."""
    matrices = quat.to_matrix(rotations)
    sine = np.clip(-matrices[..., 2, 0], -1.0, 1.0)
    locked = np.abs(sine) > _LOCKED
    y = np.arcsin(sine)
    # Precise near the right angle, where the arcsine is not.
    y = np.where(locked, y, np.arctan2(sine, np.hypot(matrices[..., 2, 1], matrices[..., 2, 2])))
    x = np.where(locked, 0.0, np.arctan2(matrices[..., 2, 1], matrices[..., 2, 2]))
    z = np.where(locked, 0.0, np.arctan2(matrices[..., 1, 0], matrices[..., 0, 0]))
    angles = np.stack([x, y, z], axis=-1)
    before = np.zeros(angles.shape[1:])
    for frame in range(len(angles)):
        own, lock = angles[frame], locked[frame]
        if lock.any():
            own[lock] = _locked(matrices[frame, lock], own[lock, 1], before[lock, 0])
        before = angles[frame] = own if frame == 0 else _nearest(own, before, lock)
    degrees: Array = np.degrees(angles)
    return degrees


def _locked(matrices: Array, y: Array, x: Array) -> Array:
    """Angles where Y is at a right angle, for a given X: `R = Rz(z) Ry Rx(x)`, so Z is what is left."""
    up = np.where(y > 0.0, 1.0, -1.0)
    # Columns 1 and 2 of row 0 are then sine and cosine of x - up z, times `up`.
    apart = np.arctan2(up * matrices[:, 0, 1], up * matrices[:, 0, 2])
    return np.stack([x, y, up * (x - apart)], axis=-1)


def _nearest(own: Array, before: Array, locked: Mask) -> Array:
    """Of the two sets of angles, turned by full turns, the one nearest to the angles before `(joints, 3)`."""
    other = np.stack([own[:, 0] + np.pi, np.pi - own[:, 1], own[:, 2] + np.pi], axis=-1)
    sets = np.stack([own, other])
    sets += _TURN * np.round((before - sets) / _TURN)
    apart = np.abs(sets - before).sum(axis=-1)
    nearest: Array = np.where((apart[1] < apart[0])[:, None] & ~locked[:, None], sets[1], sets[0])
    return nearest


def turning_keys(seconds: Array, rotations: Array) -> list[tuple[Array, Array]]:
    """Key times `(keys,)` and angles `(keys, 3)` in degrees of each joint, of its rotations `(frames, joints, 4)`.

    Joints whose angles need no keys between the frames share the array `seconds`.
    """
    degrees = euler_degrees(rotations)
    off, _ = _leaves_way(rotations, degrees)
    leaving: Mask = np.asarray(off.any(axis=0))
    return [
        _filled(seconds, rotations[:, joint], degrees[:, joint]) if leaving[joint] else (seconds, degrees[:, joint])
        for joint in range(rotations.shape[1])
    ]


def _leaves_way(rotations: Array, degrees: Array) -> tuple[Mask, Array]:
    """Between which keys `(keys - 1, ...)` the angles leave the shortest turn, and the rotation midway on it."""
    between = quat.slerp(rotations[:-1], rotations[1:], np.full(rotations[1:].shape[:-1], 0.5))
    angles: Array = np.asarray(quat.angle_between(from_degrees((degrees[:-1] + degrees[1:]) / 2.0), between))
    off: Mask = angles > _OFF_RAD
    return off, between


def _filled(seconds: Array, rotations: Array, degrees: Array) -> tuple[Array, Array]:
    """Keys of one joint, with keys added halfway until the angles keep to the shortest turns."""
    for _ in range(_HALVINGS):
        off, between = _leaves_way(rotations, degrees)
        if not off.any():
            break
        places = np.flatnonzero(off) + 1
        seconds = np.insert(seconds, places, (seconds[places - 1] + seconds[places]) / 2.0)
        rotations = np.insert(rotations, places, between[off], axis=0)
        degrees = euler_degrees(rotations[:, None])[:, 0]
    return seconds, degrees


def from_degrees(degrees: Array) -> Array:
    """Quaternions `(..., 4)` of the angles `(..., 3)` that FBX animates."""
    return quat.from_euler(np.radians(degrees[..., ::-1]), "ZYX")
