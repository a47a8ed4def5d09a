"""HumanML3D's 263 numbers a frame to joint places.

As Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text", define them:

    0       turn of the body about Y to the next frame, half angle in radians
    1:3     step of the root to the next frame along the body's own X and Z, metres
    3       height of the root
    4:67    places of the 21 other joints, seen from under the root and turned to where the body faces
    67:193  rotations of 21 joints, 6 numbers each: made from the places, so they hold no more twist
    193:259 speeds of the 22 joints
    259:263 whether heels and toes stand

The first four are summed up to the root's way; with the places next to it that is all. What is said twice is not read.
"""

from __future__ import annotations

import numpy as np

from workers.formats.smpl.joints import BODY_JOINTS
from workers.skeleton import quat
from workers.skeleton.model import Array

FEATURES = 263
_PLACES = slice(4, 4 + 3 * (BODY_JOINTS - 1))


def joint_places(features: Array) -> Array:
    """`(frames, 263)` to `(frames, 22, 3)` in metres, Y up; the first frame faces +Z above the origin."""
    half_turn = np.concatenate([[0.0], np.cumsum(features[:-1, 0])])
    # The features are in the body's own axes: its heading is the inverse of the turn that brought it to +Z.
    heading = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), -2.0 * half_turn)
    step = np.zeros((len(features), 3))
    step[1:, 0], step[1:, 2] = features[:-1, 1], features[:-1, 2]
    root = np.cumsum(quat.rotate(heading, step), axis=0)
    around = quat.rotate(heading[:, None], features[:, _PLACES].reshape(len(features), -1, 3))
    around[..., 0] += root[:, None, 0]
    around[..., 2] += root[:, None, 2]
    root[:, 1] = features[:, 3]
    return np.concatenate([root[:, None], around], axis=1)
