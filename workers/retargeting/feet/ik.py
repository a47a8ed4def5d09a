"""Analytic inverse kinematics of a chain of two bones, vectorised over frames.

Law of cosines in the plane the knee already bends in. Written for legs, good for any hinge. World space; the caller
applies the returned turns. Where the chain may go is left to `workers.retargeting.feet.foot_lock`.
"""

from __future__ import annotations

import numpy as np

from workers.skeleton import quat
from workers.skeleton.model import Array

# Near full extension the knee angle goes with the square root of the distance, so a target that recedes evenly makes
# the knee pop. From this share of the length on, the reach approaches its limit smoothly.
SOFT_REACH = 0.98
FULL_REACH = 0.9995
# An ankle may miss its target by about a third of this share of the length rather than flick a straight knee.
STRAIGHT_SLACK = 0.004
# Offset of the knee from the hip-ankle line, as a share of the length, under which its direction is mostly noise.
FIRM_BEND = 0.02


def solve_two_bone(hip: Array, knee: Array, ankle: Array, target: Array, hinge: Array) -> tuple[Array, Array]:
    """World turns `(frames, 4)` of the upper and lower bone that bring the ankle to the target.

    All arguments are `(frames, 3)`. `hinge` is the axis about which the knee flexes (right to left for a knee that
    points forward); it decides where a straight leg bends to, while a bent knee keeps its direction. The new ankle is
    `hip + upper (knee - hip) + lower (ankle - knee)`. A target out of reach, or all but, is approached along the line
    from the hip as far as `reachable` says; a target at the ankle gives identities.
    """
    upper_length = np.linalg.norm(knee - hip, axis=-1)
    lower_length = np.linalg.norm(ankle - knee, axis=-1)
    extension = np.linalg.norm(ankle - hip, axis=-1)
    wanted = np.linalg.norm(target - hip, axis=-1)
    along = quat.unit(ankle - hip)
    reach = reachable(wanted, extension, upper_length, lower_length)
    # A target on the hip has no direction of its own: the leg folds where it is.
    new_along = np.where((wanted > 1e-9)[:, None], quat.unit(target - hip), along)
    swing = quat.between(along, new_along)

    projection = _knee_projection(upper_length, lower_length, reach)
    bend = np.sqrt(np.maximum(upper_length**2 - projection**2, 0.0))
    old_offset = (knee - hip) - along * np.einsum("fi,fi->f", knee - hip, along)[:, None]
    sideways = quat.rotate(swing, _bend_direction(old_offset, along, hinge, bend, upper_length + lower_length))
    new_knee = hip + new_along * projection[:, None] + sideways * bend[:, None]
    new_ankle = hip + new_along * reach[:, None]
    upper = _turn_onto(swing, knee - hip, new_knee - hip)
    lower = _turn_onto(swing, ankle - knee, new_ankle - new_knee)
    still = (upper_length + lower_length < 1e-9)[:, None]
    return np.where(still, quat.IDENTITY, upper), np.where(still, quat.IDENTITY, lower)


def reachable(wanted: Array, extension: Array, upper_length: Array, lower_length: Array) -> Array:
    """Distance from the hip that is taken for a wanted one `(frames,)`: never overstretched, smooth up to the limit.

    The present extension is always kept, so a leg that is already straight may stay so. Up to `SOFT_REACH x length`
    the wanted distance is taken; beyond, and about an extension that is itself beyond, changes of distance are damped
    by how little of the reach is left, and end at `FULL_REACH x length`.
    """
    length = upper_length + lower_length
    start = np.maximum(np.minimum(extension, length), SOFT_REACH * length)
    left = np.maximum(FULL_REACH * length - start, 0.0)
    room = np.where(length > 0.0, (FULL_REACH - SOFT_REACH) * length, 1.0)
    beyond = left * -np.expm1(-np.maximum(wanted - start, 0.0) / room)
    short = np.maximum(start - wanted, 0.0)
    near = np.where(length > 0.0, STRAIGHT_SLACK * length, 1.0)
    damped = (1.0 - left / room) * short * np.exp(-short / near)
    nearest = np.minimum(np.abs(upper_length - lower_length) + 0.001 * length, length)
    reach = np.minimum(wanted, start) + beyond + damped
    return np.asarray(np.maximum(reach, np.minimum(nearest, np.maximum(extension, wanted))))


def _knee_projection(upper_length: Array, lower_length: Array, distance: Array) -> Array:
    """Where the knee stands along the hip-ankle line, by the law of cosines."""
    safe = np.where(distance > 1e-12, distance, 1.0)
    projection = (upper_length**2 + distance**2 - lower_length**2) / (2.0 * safe)
    return np.clip(np.where(distance > 1e-12, projection, 0.0), -upper_length, upper_length)


def _bend_direction(offset: Array, along: Array, hinge: Array, bend: Array, length: Array) -> Array:
    """Unit direction of the knee off the hip-ankle line: as it was, or by the hinge for what a straight leg adds."""
    by_hinge = quat.unit(np.cross(along, hinge))
    by_hinge = np.where(np.any(by_hinge, axis=-1, keepdims=True), by_hinge, quat.perpendicular(along))
    size = np.linalg.norm(offset, axis=-1)
    firmness = size / np.where(length > 1e-12, FIRM_BEND * length, 1.0)
    added = np.maximum(bend - size, 0.0) / (1.0 + firmness**4)
    mixed = offset + by_hinge * added[:, None]
    clear = np.einsum("fi,fi->f", mixed, mixed) > (1e-9 * length) ** 2
    return np.where(clear[:, None], quat.unit(mixed), by_hinge)


def _turn_onto(swing: Array, bone: Array, new_bone: Array) -> Array:
    """The swing, then the shortest turn that takes the swung bone onto its new direction."""
    return quat.multiply(quat.between(quat.rotate(swing, bone), new_bone), swing)
