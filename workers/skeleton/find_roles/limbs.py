"""Arms and legs: the best chain of roles below every joint, by dynamic programming over ancestor pairs.

The template of a limb is a list of links (role part, its usual bone length as a fraction of body height). The value
of putting a link on a joint is what the name says, plus what the bone length says, plus the best continuation below;
joints skipped on the way cost a little. Nothing is decided here: `whole_body` chooses among all starts at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.skeleton.find_roles.names import NameReading, Side
from workers.skeleton.find_roles.shape import Shape
from workers.skeleton.model import Array, Indices

NAME_WEIGHT = 1.5
FIRST_OF_NAME = frozenset({"Hand", "Foot"})
IMPOSSIBLE = -1e6


@dataclass(frozen=True)
class Link:
    """One role of a limb.

    `bone` is the usual length to the next link in body heights, `missing` the price of ending before this link, `extra`
    the price of having it (links that many rigs lack must earn their place), `lead` the usual way from the branching
    point above, `tip` whether it carries a palm or sole.
    """

    part: str
    bone: float
    missing: float
    extra: float = 0.0
    lead: float = 0.0
    tip: bool = False


ARM = (
    Link("Shoulder", 0.08, 0.0, extra=0.15),
    Link("UpperArm", 0.16, -IMPOSSIBLE, lead=0.15),
    Link("LowerArm", 0.15, 1.5),
    Link("Hand", 0.08, 0.7, tip=True),
)
LEG = (
    Link("UpperLeg", 0.24, -IMPOSSIBLE, lead=0.08),
    Link("LowerLeg", 0.23, 1.5),
    Link("Foot", 0.08, 0.7, tip=True),
    Link("Toes", 0.05, 0.0, tip=True),
)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the names say about every joint, as arrays `(joints,)`, and the skip costs along the tree."""

    readings: tuple[NameReading, ...]
    parents: Indices
    auxiliary: Array
    skip: Array  # summed from the root: cost of passing over each joint
    bonus: dict[str, Array]  # role -> (joints,), from declared roles and overrides

    def name(self, part: str, side: Side | None, role: str) -> Array:
        """Score `(joints,)` of a part on a side. Another side's mark or another part's name counts against it."""
        result = np.zeros(len(self.readings))
        for joint, reading in enumerate(self.readings):
            score = reading.score(part)
            if part == "Toes" and "Finger" in reading.parts:
                score = 0.3  # many languages have one word for fingers and toes
            if not score and reading.parts:
                score = -0.45 * max(reading.parts.values())
            result[joint] = NAME_WEIGHT * score * (1.0 - self.auxiliary[joint] if score > 0 else 1.0)
            if reading.side is not None:
                result[joint] += 0.2 if reading.side == side else -3.0
        for joint, parent in enumerate(self.parents):
            if parent >= 0 and self._continues(self.readings[joint], self.readings[parent], part):
                result[joint] -= 0.5
        result -= 1.6 * self.auxiliary
        return result + self.bonus.get(role, 0.0)

    def _continues(self, own: NameReading, above: NameReading, part: str) -> bool:
        """True for the second joint of one name, carried by the first: hand after wrist, "thigh.001" after "thigh"."""
        if own.side != above.side or above.score(part) < own.score(part):
            return False
        if part in FIRST_OF_NAME:
            return own.score(part) > 0.5
        return own.score(part) > 0.85 and own.numbers != above.numbers


def gather_evidence(shape: Shape, readings: tuple[NameReading, ...], bonus: dict[str, Array]) -> Evidence:
    """Collect name evidence; joints that deform nothing are doubtful, coincident and helper joints cheap to pass."""
    skeleton = shape.skeleton
    auxiliary = np.array([reading.auxiliary for reading in readings])
    auxiliary = np.maximum(auxiliary, np.where(skeleton.deforming, 0.0, 0.6))
    cost = np.where((shape.length_m < 0.01 * shape.height_m) | (auxiliary > 0.65), 0.05, 0.15)
    skip = np.zeros(len(skeleton))
    for joint, parent in enumerate(skeleton.parents):
        skip[joint] = cost[joint] + (skip[parent] if parent >= 0 else 0.0)
    return Evidence(readings, skeleton.parents, auxiliary, skip, bonus)


@dataclass(frozen=True, eq=False)
class LimbValues:
    """`value[joint]` of the best chain that starts there, and how it goes on."""

    links: tuple[Link, ...]
    side: Side
    first: Array  # (joints,) value of starting with link 0
    second: Array  # (joints,) value of starting with link 1 (an arm without a shoulder)
    following: Indices  # (links, joints) next joint, -1 where the chain ends

    def start(self) -> Array:
        return np.maximum(self.first, self.second) if self.links is ARM else self.first

    def anchor(self, joint: int) -> int:
        """The joint that swings the limb whose chain starts at `joint`: upper arm or upper leg."""
        return self.chain(joint)[self.side + ("UpperArm" if self.links is ARM else "UpperLeg")]

    def chain(self, joint: int) -> dict[str, int]:
        """Role -> joint of the best chain from `joint`."""
        link = 1 if self.links is ARM and self.second[joint] > self.first[joint] else 0
        result = {}
        while joint >= 0 and link < len(self.links):
            result[self.side + self.links[link].part] = joint
            joint = int(self.following[link, joint])
            link += 1
        return result


def bone_fit(ratio: Array, usual: float) -> Array:
    """Reward of a bone length in body heights against the usual one: 0.6 at it, -0.35 far from it (log-normal)."""
    z = np.log(np.maximum(ratio, 1e-6) / usual) / 0.6
    return np.asarray(0.95 * np.exp(-0.5 * z * z) - 0.35)


def form_fit(shape: Shape, link: Link) -> Array:
    """What the tree around a joint says for a link, `(joints,)`: palms end limbs, limb bases branch off the trunk."""
    height = shape.height_m
    result = np.full(len(shape.skeleton), -link.extra)
    joints = shape.usable & shape.skeleton.deforming
    many = np.array([np.count_nonzero(joints[list(children)]) >= 3 for children in shape.skeleton.children])
    palm = many & (shape.reach_m < 0.2 * height) & (shape.reach_m > 0)
    if link.tip:
        return np.asarray(result + 0.4 * palm)
    beyond = palm.copy()
    for joint, parent in enumerate(shape.skeleton.parents):
        beyond[joint] |= parent >= 0 and beyond[parent]
    result -= 0.8 * beyond
    if link.lead:
        result += 0.5 * bone_fit(shape.lead_m / height, link.lead)
        result -= 0.2 * (shape.next_m < 0.05 * height)  # a mount just before the joint that swings the limb
    return result


def limb_values(shape: Shape, evidence: Evidence, links: tuple[Link, ...], side: Side) -> LimbValues:
    """Solve one limb for every start joint."""
    count = len(shape.skeleton)
    upper, lower = shape.pairs
    following = np.full((len(links), count), -1, dtype=np.int64)
    value = np.zeros(count)
    second = np.full(count, IMPOSSIBLE)
    steps = evidence.skip[shape.skeleton.parents[lower]] - evidence.skip[upper] if len(lower) else np.zeros(0)
    ratio = (shape.arc_m[lower] - shape.arc_m[upper]) / shape.height_m
    starts = np.flatnonzero(np.r_[True, upper[1:] != upper[:-1]]) if len(upper) else np.zeros(0, dtype=np.int64)
    for index in range(len(links) - 1, -1, -1):
        link = links[index]
        own = evidence.name(link.part, side, side + link.part)
        own += form_fit(shape, link)
        own[~shape.usable] = IMPOSSIBLE
        if index == len(links) - 1:
            value = own
            continue
        onward = np.full(count, -links[index + 1].missing)
        if len(upper):
            through = value[lower] + bone_fit(ratio, link.bone) - steps
            best = np.maximum.reduceat(through, starts)
            heads = upper[starts]
            better = best > onward[heads]
            is_best = through >= np.repeat(best, np.diff(np.r_[starts, len(upper)])) - 1e-12
            winners = np.flatnonzero(is_best)
            position = np.searchsorted(starts, winners, side="right") - 1
            chosen = np.full(len(starts), -1, dtype=np.int64)
            chosen[position[::-1]] = lower[winners[::-1]]
            following[index, heads] = np.where(better, chosen, -1)
            onward[heads] = np.maximum(best, onward[heads])
        if links is ARM and index == 0:
            second = value
        value = own + onward
    return LimbValues(links, side, value, second, following)
