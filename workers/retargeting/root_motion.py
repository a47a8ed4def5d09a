"""Root motion: where the travel of a clip is kept.

Travel is the smooth part of the hips' ground-plane path and of its heading, without the sway of each step; it passes
exactly through the first and the last frame, so a clip that loops still does. `keep` leaves it at the hips, `in_place`
takes it away, `root_joint` moves it to the joint above the hips, as engines with root motion expect. The body's world
pose does not change in `keep` and `root_joint`. A root that holds part of the body's skin carries the travel in `keep`
too (`workers.skeleton.followers`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion, hip_centre
from workers.motion.timeline import find_timeline
from workers.retargeting.feet.legs import carried
from workers.skeleton import kinematics, quat
from workers.skeleton.body import UP, Body, heading
from workers.skeleton.kinematics import subtree
from workers.skeleton.model import Array, Indices

SMOOTHING_S = 0.4  # standard deviation; a walking cycle takes about 1 s
GROUND: Array = np.array([1.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Travel:
    """Smooth ground-plane displacement from rest `(frames, 3)` and heading away from rest `(frames, 4)`."""

    path_m: Array
    heading: Array


def measure_travel(motion: BodyMotion) -> Travel:
    """The travel of a motion."""
    path, yaw = _ground_path(motion)
    return _travel(_smooth(np.column_stack([path, yaw]), motion.rate_hz))


def looped_travel(motion: BodyMotion) -> Travel:
    """The travel of a loop, as smooth over the seam as elsewhere; of what is no loop, as `measure_travel`."""
    timeline = find_timeline(motion)
    if timeline.period is None:
        return measure_travel(motion)
    values = np.column_stack(_ground_path(motion))
    laps = timeline.lap[:, None] * (values[timeline.period] - values[0])
    smooth = _smooth(values[timeline.index] + laps, motion.rate_hz)
    return _travel(smooth[timeline.period : 2 * timeline.period + 1])


def _travel(values: Array) -> Travel:
    return Travel(values[:, :3], quat.from_axis_angle(UP, values[:, 3]))


def _ground_path(motion: BodyMotion) -> tuple[Array, Array]:
    """Ground-plane displacement from rest `(frames, 3)` and heading away from rest `(frames,)`, radians."""
    body = motion.body
    path = (hip_centre(motion) - body.rest_positions_m[body.hips]) * GROUND
    joints = [body.mapping.roles[f"{side}UpperLeg"].joint for side in SIDES]
    turned = quat.multiply(
        heading(motion.positions_m[:, joints[0]] - motion.positions_m[:, joints[1]]), quat.conjugate(body.facing)
    )
    return path, np.unwrap(2.0 * np.arctan2(turned[:, 1], turned[:, 3]))


def start_at_origin(motion: BodyMotion) -> BodyMotion:
    """The same motion, its first frame over the place where the rig rests."""
    body = motion.body
    return _shifted(motion, (body.rest_positions_m[body.hips] - motion.positions_m[0, body.hips]) * GROUND)


def place_travel(
    motion: BodyMotion, mode: Literal["keep", "in_place", "root_joint"], travel: Travel | None = None
) -> tuple[BodyMotion, int | None]:
    """The motion with its travel where `mode` wants it, and the joint that now carries it (None: the hips). `travel` is
    the motion's, where it was measured otherwise than by `measure_travel`.

    Raises InvalidOptions for `root_joint` on a rig whose hips have no joint above them.
    """
    if mode == "keep" and not motion.body.followers.travelling:
        return motion, None
    travel = travel or measure_travel(motion)
    if mode == "in_place":
        return _shifted(motion, -(travel.path_m - travel.path_m[:1])), None
    root = min(motion.body.followers.travelling, default=None) if mode == "keep" else root_joint(motion.body)
    assert root is not None
    skeleton = motion.body.skeleton
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    # From rest, so that doing it twice changes nothing: what is not of the body stands as its nodes do.
    still = np.asarray(motion.body.rest_rotations)[None]
    stand = kinematics.world_positions(skeleton, still, skeleton.node_offsets_m)
    others = np.setdiff1d(subtree(skeleton, root), with_the_body(motion.body))
    pivot = motion.body.rest_positions_m[motion.body.hips] * GROUND
    turned = quat.rotate(travel.heading[:, None], stand[:, others] - pivot)
    positions[:, others] = turned + pivot + travel.path_m[:, None]
    rotations[:, others] = quat.multiply(travel.heading[:, None], still[:, others])
    return replace(motion, rotations=rotations, positions_m=positions), root


def without_root(motion: BodyMotion) -> BodyMotion:
    """The same motion with all that is not of the body back where it rests: nothing but the hips carries travel."""
    body = motion.body
    body_joints = with_the_body(body)
    still = np.asarray(body.rest_rotations)[None]
    rotations = motion.rotations.copy()
    positions = np.empty(motion.positions_m.shape)
    positions[:] = kinematics.world_positions(body.skeleton, still, body.skeleton.node_offsets_m)
    others = np.setdiff1d(np.arange(len(body.skeleton)), body_joints)
    rotations[:, others] = still[:, others]
    positions[:, body_joints] = motion.positions_m[:, body_joints]
    return replace(motion, rotations=rotations, positions_m=positions)


def root_joint(body: Body) -> int:
    """The nearest joint above the hips that does not go along with them."""
    following = with_the_body(body)
    for joint in body.skeleton.ancestors(body.hips):
        if body.skeleton.deforming[joint] and joint not in following:
            return joint
    name = body.skeleton.names[body.hips]
    raise InvalidOptions(
        f"root_motion: the character has no joint above its hips {name!r}; add a root joint or use 'keep' or 'in_place'"
    )


def with_the_body(body: Body) -> Indices:
    """Joints that go along with the hips or are part of a limb."""
    return np.unique(np.concatenate([carried(body, joint) for joint in (body.hips, *body.attachments)]))


def _shifted(motion: BodyMotion, shift_m: Array) -> BodyMotion:
    """The body moved by `(3,)` or `(frames, 3)`; what is not below the hips or part of a limb stays."""
    moved = with_the_body(motion.body)
    positions = motion.positions_m.copy()
    positions[:, moved] += shift_m[:, None] if shift_m.ndim == 2 else shift_m
    return replace(motion, positions_m=positions)


def _smooth(values: Array, rate_hz: float) -> Array:
    """Gaussian smoothing `(frames, n)` over point-reflected ends, which keeps the end values and straight lines."""
    radius = round(3.0 * SMOOTHING_S * rate_hz)
    if len(values) < 2 or radius < 1:
        return values
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / (SMOOTHING_S * rate_hz)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=-1)
