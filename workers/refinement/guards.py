"""Guards: what a refined stretch must keep, whatever its scores gain. Each says by how much it was broken.

That no joint goes out of all proportion needs no guard: the leash holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.scores import foot_scores, pose_scores, smoothness
from workers.scores.joint_limits import Limits
from workers.skeleton.model import Array, Mask

# Arms that go round a wider body swing on a longer lever: a constant residual brings our walk on the stout body 16 %.
JERK, ARM_JERK = 1.2, 1.3  # of the source's
OWN_JERK = 1.1  # of the base's, where that has more
STILL_JERK = 1.0  # body heights / s^3: a twentieth of a calm walk's; below it nobody sees a difference
SKATE = 1e-3  # body heights / s
IDLE_ARMS_DEG = 3.0  # mean change of the arms' direction where there is nothing to correct
TOLD = {
    "jerk": "jerk",
    "arm_jerk": "arm jerk",
    "leg_jerk": "leg jerk",
    "foot_skate": "foot skate",
    "joint_limits": "joint limits, %",
    "idle_arms": "idle arms, degrees",
    "contacts_held": "contacts given away, frames",
}
ARMS = tuple(
    (f"{side}{a}", f"{side}{b}") for side in SIDES for a, b in (("UpperArm", "LowerArm"), ("LowerArm", "Hand"))
)


@dataclass(frozen=True)
class Broken:
    """A guard that does not hold, by its name in `TOLD`."""

    guard: str
    value: float
    limit: float

    @property
    def times(self) -> float:
        """How many times the limit."""
        return self.value / self.limit if self.limit > 0.0 else 1.0

    def __str__(self) -> str:
        return f"{TOLD[self.guard]} {self.value:.4g}, at most {self.limit:.4g}"


@dataclass(frozen=True, eq=False)
class FrameSpan:
    """Frames of a clip that a window changes, in one piece; `idle` ones of them have nothing to correct. `changed`
    counts the frames of the whole clip, `idle` those of the stretch.
    """

    start: int
    stop: int
    idle: Mask
    changed: Mask

    def cut(self, motion: BodyMotion) -> BodyMotion:
        """The motion's frames of the stretch."""
        return motion.some(slice(self.start, self.stop))


def span_of(changed: Mask, idle: Mask) -> FrameSpan:
    """The frames from the first to the last changed one, with three more on each side, so that joins are seen."""
    frames = np.flatnonzero(changed)
    start, stop = max(0, int(frames[0]) - 3), min(len(changed), int(frames[-1]) + 4)
    return FrameSpan(start, stop, (changed & idle)[start:stop], changed)


def broken_guards(
    base: BodyMotion,
    refined: BodyMotion,
    source: BodyMotion,
    result_ground: foot_scores.FootTrack,
    limits: Limits,
    span: FrameSpan,
) -> Iterator[Broken]:
    """The guards that `refined`, the stretch alone, breaks against `base`; that and `source` are whole clips.

    `result_ground` is the ground of the result (`foot_scores.result_track`).
    """
    before, after, wanted = span.cut(base), refined, span.cut(source)
    moving = smoothness.moving_roles(source.body, base.body)
    arms = [role for role in moving if role.endswith(("LowerArm", "Hand"))]
    legs = smoothness.leg_roles(source.body, base.body)
    for name, roles, most in (("jerk", moving, JERK), ("arm_jerk", arms, ARM_JERK), ("leg_jerk", legs, JERK)):
        jerks = [smoothness.jerk(motion, roles) for motion in (before, after, wanted)]
        if jerks[0] is not None and jerks[1] is not None and jerks[2] is not None:
            yield from _above(name, jerks[1], max(OWN_JERK * jerks[0], most * jerks[2], STILL_JERK))
    part = slice(span.start, span.stop)
    track = replace(result_ground, planted=result_ground.planted[part], ground_m=result_ground.ground_m[part])
    slides = [foot_scores.foot_skate(motion, track) for motion in (before, after)]
    if slides[0] is not None and slides[1] is not None:
        yield from _above("foot_skate", slides[1], slides[0] + SKATE)
    beyond = [pose_scores.beyond_limits(motion, limits) for motion in (before, after)]
    if beyond[0].size:
        yield from _above("joint_limits", *(100.0 * float(values.mean()) for values in reversed(beyond)))
    if span.idle.any():
        yield from _above("idle_arms", float(arms_turned_deg(before, after)[span.idle].mean()), IDLE_ARMS_DEG)


def arms_turned_deg(before: BodyMotion, after: BodyMotion) -> Array:
    """Mean angle between the arms' directions of two motions of one body, `(frames,)`; 0 for a body without arms."""
    limbs = [limb for limb in ARMS if before.body.has(*limb)]
    if not limbs:
        return np.zeros(before.frames)
    directions = [pose_scores.limb_directions(motion, limbs) for motion in (before, after)]
    mean: Array = pose_scores.angles_deg(*directions).mean(axis=1)
    return mean


def _above(guard: str, value: float, limit: float) -> Iterator[Broken]:
    if value > limit * (1.0 + 1e-6) + 1e-9:
        yield Broken(guard, value, limit)
