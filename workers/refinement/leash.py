"""The leash: how far a change may move each limb, frame by frame, whatever its losses and scores gain.

A limb that lies in the body leaves it by the shortest way or not at all: without a contact to reach, no joint of it
goes farther than some times the depth that it had to leave, nor than a share of the limb's own length, plus a hundredth
of the height. Short arms that lie deep in a large head would else be held up before the face. Trunk and head stay where
no contact needs them, and give way by a little where one does. Near a contact of the source a limb may go farther, by
what it is away from there. These are bounds and no weights: the residual is shortened until it keeps them, smoothly
along time, before anything is measured or delivered. That a way within them is looked for is `staying.WithinLeash`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.parts import ARM_GROUPS, BODY, GROUPS, LEG_GROUPS
from workers.motion.body_motion import BodyMotion
from workers.motion.smoothing import running_maximum, smooth_above, smoothstep
from workers.motion.timeline import Timeline
from workers.refinement.activity import most_around, value_groups
from workers.retargeting.residual import DegreesOfFreedom, move
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices, Mask

TIMES_DEPTH = 1.7
MOST_LENGTH = 0.2  # of the limb's length: farther it leaves the pose before it leaves the body
TIMES_WAY = 1.2  # of the way to a contact
# Shares of the height; near a contact for the trunk and for limbs. A place that is farther off is no place that this
# body touches: a beard that lies on a short arm is not a chin in somebody's hand.
SLACK, TRUNK_SLACK, REACH = 0.01, 0.02, 0.16
DEPTH_S = 0.1  # a limb comes and goes this much before and after it is inside
TOUCH_S = 0.25  # the same of a contact
SMOOTH_S = 0.1
HALVINGS = 7
# Roles that say where a limb is, by the end of their names, after a side.
OF_ARMS, OF_LEGS = ("LowerArm", "Hand", "MiddleProximal"), ("LowerLeg",)
OF_TRUNK, HANGING = ("neck", "head"), ("leftHand", "rightHand")  # what the trunk carries goes no farther than it may


@dataclass(frozen=True, eq=False)
class Leash:
    """`bounds_m` `(frames, GROUPS)`: how far the joints of each group may go from the base, `ways_m` what of it is the
    way to a contact. Without one an elbow goes as much less as its arm is shorter there: `levers` `(joints,)`, 0 to 1.
    """

    bounds_m: Array
    ways_m: Array
    joints: tuple[tuple[int, Indices], ...]  # group, and its joints that are measured
    hanging: Indices  # joints that the trunk carries
    levers: Array
    timeline: Timeline

    def bound_m(self, frames: Indices, group: int, joint: int) -> Array:
        """How far a joint of a group may go in these frames."""
        bounds, ways = self.bounds_m[frames, group], self.ways_m[frames, group]
        result: Array = ways + self.levers[joint] * (bounds - ways)
        return result

    def around(self, inside: Mask) -> Mask:
        """The frames that have a say in how far those `inside` `(frames,)` are shortened."""
        line = self.timeline.unroll(inside.astype(np.float64))
        near: Mask = self.timeline.crop(running_maximum(line, 2 * self.timeline.frames_in(SMOOTH_S))) > 0.0
        return near

    def held(self, freedom: DegreesOfFreedom, base: BodyMotion, residual: Array) -> Array:
        """The residual `(frames, values)` of the whole clip, shortened by group where it passes a bound."""
        changed = np.flatnonzero(residual.any(axis=1))
        if not len(changed):
            return residual
        groups, result = value_groups(freedom), residual.copy()
        limbs = (*ARM_GROUPS, *LEG_GROUPS)
        for together, later in (((BODY,), limbs), (limbs, ())):  # the trunk carries the arms
            alone = np.where(np.isin(groups, later), 0.0, result)
            shares = self._shares(freedom, base, changed, alone, groups, together)
            for group, share in shares.items():
                result[:, groups == group] *= share[:, None]
        return result

    def _shares(
        self,
        freedom: DegreesOfFreedom,
        base: BodyMotion,
        changed: Indices,
        residual: Array,
        groups: Indices,
        together: tuple[int, ...],
    ) -> dict[int, Array]:
        """Share of each group's residual that keeps its bound `(frames,)`, by halving, then smooth along time."""
        measured = [
            (group, np.concatenate([joints, self.hanging]) if group == BODY else joints)
            for group, joints in self.joints
            if group in together
        ]
        rotations, positions = base.rotations[changed], base.positions_m[changed]
        least = {group: np.zeros(len(changed)) for group, _ in measured}
        most = {group: np.ones(len(changed)) for group, _ in measured}
        tried = dict(most)
        for halving in range(HALVINGS + 1):
            values = residual[changed]
            for group, _ in measured:
                values[:, groups == group] *= tried[group][:, None]
            moved = move(freedom, rotations, positions, values).positions_m
            for group, joints in measured:
                kept = np.ones(len(changed), dtype=np.bool_)
                for joint in joints:
                    away = np.linalg.norm(moved[:, joint] - positions[:, joint], axis=-1)
                    kept &= away <= self.bound_m(changed, group, int(joint)) + 1e-9
                least[group] = np.where(kept, np.maximum(least[group], tried[group]), least[group])
                most[group] = np.where(kept, most[group], np.minimum(most[group], tried[group]))
                tried[group] = np.where(least[group] >= 1.0, 1.0, 0.5 * (least[group] + most[group]))
            if halving == 0 and all((least[group] >= 1.0).all() for group, _ in measured):
                return {}
        found = {}
        for group, _ in measured:
            missing = np.zeros(len(residual))
            missing[changed] = 1.0 - least[group]
            line = self.timeline.unroll(missing)
            found[group] = 1.0 - self.timeline.crop(smooth_above(line, self.timeline.frames_in(SMOOTH_S)))
        return found


def find_leash(body: Body, depths_m: Array, touched: Mask, ways_m: Array, timeline: Timeline) -> Leash:
    """`depths_m` `(frames, GROUPS)` is how deep each group lies in the base, or has another in it; `touched`
    `(frames, GROUPS)` where it has a contact of the source to reach, `ways_m` how far that is.
    """
    bounds, ways = np.empty(depths_m.shape), np.zeros(depths_m.shape)
    for group in range(len(GROUPS)):
        if group == BODY:
            near = smoothstep(most_around(touched[:, group].astype(np.float64), timeline, TOUCH_S))
            bounds[:, group] = near * TRUNK_SLACK * body.height_m
        else:
            depth = most_around(depths_m[:, group], timeline, DEPTH_S)
            way = most_around(np.minimum(TIMES_WAY * ways_m[:, group], REACH * body.height_m), timeline, TOUCH_S)
            depth = np.minimum(TIMES_DEPTH * depth, MOST_LENGTH * limb_length_m(body, group))
            ways[:, group] = way
            bounds[:, group] = depth + way + SLACK * body.height_m
    return Leash(bounds, ways, tuple(_measured(body)), known_joints(body, HANGING), _levers(body), timeline)


def _levers(body: Body) -> Array:
    """Share of the arm's length at which each joint is, 1 for all but elbows."""
    levers = np.ones(len(body.rest_positions_m))
    for group in ARM_GROUPS:
        places = _limb(body, group)
        if places is not None:
            side = _side(group)
            upper, lower = (float(np.linalg.norm(b - a)) for a, b in pairwise(places))
            levers[known_joints(body, (f"{side}LowerArm",))] = upper / max(upper + lower, 1e-9)
    return levers


def _measured(body: Body) -> Iterator[tuple[int, Indices]]:
    yield BODY, known_joints(body, OF_TRUNK)
    for groups, ends in ((ARM_GROUPS, OF_ARMS), (LEG_GROUPS, OF_LEGS)):
        for group in groups:
            side = _side(group)
            yield group, known_joints(body, tuple(side + end for end in ends))


def limb_length_m(body: Body, group: int) -> float:
    """From the shoulder to the wrist, or from the hip to the ankle; infinite where a joint is not known."""
    places = _limb(body, group)
    return np.inf if places is None else float(sum(np.linalg.norm(b - a) for a, b in pairwise(places)))


def _limb(body: Body, group: int) -> list[Array] | None:
    """The rest places of a limb's three joints."""
    side = _side(group)
    roles = ("UpperArm", "LowerArm", "Hand") if group in ARM_GROUPS else ("UpperLeg", "LowerLeg", "Foot")
    joints = [body.joint(side + role) for role in roles]
    if any(joint is None for joint in joints):
        return None
    return [body.rest_positions_m[joint] for joint in joints if joint is not None]


def _side(group: int) -> str:
    return next(side for side in SIDES if GROUPS[group].startswith(side))


def known_joints(body: Body, roles: tuple[str, ...]) -> Indices:
    """The joints of those of the roles that the body has."""
    return np.array([joint for role in roles if (joint := body.joint(role)) is not None], dtype=np.int64)
