"""Takes made wrong on purpose: hard negatives for single moments, and one damage in growing steps for whole clips.

What is damaged, and by how much, is `workers.lab.eye.data.damage`'s to say; which moments, and the same damage on both
bodies of a pair, is decided here, by the clip's name alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from workers.lab.eye.data.bodies import PosableBody
from workers.lab.eye.data.damage import Damaged, mirror_sides, mirrored, open_contact, push_inside, turn_limb
from workers.lab.eye.study.views import RenderedMoments, frames_of, joined
from workers.motion.body_motion import BodyMotion

Make = Callable[[BodyMotion, PosableBody, np.random.Generator], Damaged | None]

ARM_STEPS_DEG = (10, 20, 40, 80)


@dataclass(frozen=True)
class HardKind:
    """One kind of hard negative at one range of sizes."""

    name: str
    make: Make


def _turned(low: float, high: float) -> Make:
    return lambda motion, body, random: turn_limb(motion, body, random, degrees=float(random.uniform(low, high)))


def _opened(low: float, high: float) -> Make:
    return lambda motion, body, random: open_contact(motion, body, random, centimetres=float(random.uniform(low, high)))


HARD_KINDS = (
    HardKind("limb turned 5-10 deg", _turned(5.0, 10.0)),
    HardKind("limb turned 10-20 deg", _turned(10.0, 20.0)),
    HardKind("limb turned 20-40 deg", _turned(20.0, 40.0)),
    HardKind("contact opened 3-6 cm", _opened(3.0, 6.0)),
    HardKind("contact opened 6-10 cm", _opened(6.0, 10.0)),
    HardKind("hand pushed in 3-10 cm", push_inside),
    HardKind("sides swapped", mirror_sides),
)


def hard_negatives(
    take: RenderedMoments, kind: HardKind, clip: str, most: int
) -> tuple[list[int], RenderedMoments] | None:
    """Up to `most` moments of the take, damaged, and which moments they are; None where no moment allows it."""
    order = np.random.default_rng(seed_of(clip, kind.name)).permutation(len(take)).tolist()
    found: dict[int, BodyMotion] = {}
    for moment in order:
        random = np.random.default_rng(seed_of(clip, kind.name, str(moment)))
        damaged = kind.make(frames_of(take.motion, [moment]), take.rendered_body.posable, random)
        if damaged is not None:
            found[moment] = damaged.motion
        if len(found) == most:
            break
    if not found:
        return None
    moments = sorted(found)
    return moments, take.at(moments).doing(joined([found[moment] for moment in moments]))


def arm_steps(take: RenderedMoments, clip: str) -> list[RenderedMoments]:
    """The take with one upper arm turned by `ARM_STEPS_DEG` about one axis."""
    seed = seed_of(clip, "arm")
    role = ("leftUpperArm", "rightUpperArm")[seed % 2]
    takes = []
    for degrees in ARM_STEPS_DEG:
        damaged = turn_limb(take.motion, take.rendered_body.posable, np.random.default_rng(seed), float(degrees), role)
        if damaged is not None:  # a rig that is measured on has both arms
            takes.append(take.doing(damaged.motion))
    return takes


def mirrored_take(take: RenderedMoments) -> RenderedMoments | None:
    """Sides swapped in all moments, the hips where they were; None where the pose is the same on both sides."""
    if mirror_sides(take.motion, take.rendered_body.posable) is None:
        return None
    motion = mirrored(take.motion)
    hips = take.motion.body.hips
    back = (take.motion.positions_m[:, hips] - motion.positions_m[:, hips])[:, None]
    return take.doing(replace(motion, positions_m=motion.positions_m + back))


def shuffled(count: int, clip: str) -> list[int]:
    """An order of the moments in which none is in its place."""
    order = np.random.default_rng(seed_of(clip, "order")).permutation(count)
    result = np.empty(count, dtype=np.int64)
    result[order] = np.roll(order, 1)
    return [int(moment) for moment in result]


def seed_of(*words: str) -> int:
    """The same number for the same words, on every machine."""
    return zlib.crc32("\n".join(words).encode())
