"""Foot events of a motion: when a foot is set down, when it leaves, and how hard it lands.

A foot is its ankle and its toes; it is down while either is planted (`workers.motion.contacts`), in the same frames
that scores and reports count. A foot that is down when the clip begins, or still is when it ends, was not set down or
lifted there. In a loop a contact that runs through the seam is one, and begins before it. `strength` of a landing is
the speed at which the foot comes down, over the last `APPROACH_S` before it is planted, as a share of `HARD_PER_S` body
heights a second, at most 1; a foot that slides in level has 0. Times are those of the written clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.motion.intervals import runs
from workers.motion.timeline import find_timeline
from workers.skeleton.body import FOOT_ROLES
from workers.skeleton.model import Mask

APPROACH_S = 0.1
HARD_PER_S = 1.5  # a stamp; a walking heel comes down at some 0.3
DOWN, UP = "foot_down", "foot_up"


@dataclass(frozen=True)
class FootEvent:
    """`frame` is the first planted one of a foot set down, the first free one of a foot lifted; `joints` are the roles
    that are planted in the contact.
    """

    name: str
    foot: str
    frame: int
    seconds: float
    strength: float
    joints: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "foot": self.foot,
            "frame": self.frame,
            "seconds": round(self.seconds, 6),
            "strength": round(self.strength, 4),
            "joints": list(self.joints),
        }


@dataclass(frozen=True, eq=False)
class FootEvents:
    """Events in order of time, and the frames in which each foot is down: side -> half-open pairs."""

    events: tuple[FootEvent, ...]
    down: dict[str, tuple[tuple[int, int], ...]]

    def to_dict(self) -> dict[str, Any]:
        planted = {side: [list(pair) for pair in pairs] for side, pairs in self.down.items()}
        return {"events": [event.to_dict() for event in self.events], "planted_frames": planted}


def foot_events(motion: BodyMotion, contacts: FootContacts) -> FootEvents:
    """The events of a motion whose foot joints are planted as `contacts` say, those that the body has."""
    loops = find_timeline(motion).period is not None
    events: list[FootEvent] = []
    down = {}
    for side in SIDES:
        columns = [n for n, role in enumerate(FOOT_ROLES) if role.startswith(side) and motion.body.has(role)]
        planted: Mask = np.asarray(contacts.planted[:, columns].any(axis=1))
        down[side] = tuple((int(start), int(stop)) for start, stop in runs(planted))
        for start, stop in down[side]:
            joints = tuple(FOOT_ROLES[n] for n in columns if contacts.planted[start:stop, n].any())
            events += _of_contact(motion, side, joints, (start, stop), planted, loops)
    return FootEvents(tuple(sorted(events, key=lambda event: (event.frame, event.foot))), down)


def _of_contact(
    motion: BodyMotion, side: str, joints: tuple[str, ...], run: tuple[int, int], planted: Mask, loops: bool
) -> Iterator[FootEvent]:
    start, stop = run
    begin, end = max(motion.start_s, 0.0), motion.frames
    # The last frame of a loop is the first: what is planted there goes on.
    lands = start > 0 or (loops and not planted[-1])
    leaves = stop < end or (loops and not planted[0])
    if lands:
        strength = _strength(motion, joints, start, loops)
        yield FootEvent(DOWN, side, start, begin + start / motion.rate_hz, strength, joints)
    if leaves:
        frame = min(stop, end - 1)
        yield FootEvent(UP, side, frame, begin + frame / motion.rate_hz, 0.0, joints)


def _strength(motion: BodyMotion, joints: Iterable[str], frame: int, loops: bool) -> float:
    back = max(1, round(APPROACH_S * motion.rate_hz))
    before = (frame - back) % (motion.frames - 1) if loops else max(frame - back, 0)
    seconds = (back if loops else max(frame - before, 1)) / motion.rate_hz
    fastest = 0.0
    for role in joints:
        heights = motion.positions_m[:, motion.body.mapping.roles[role].joint, 1]
        fastest = max(fastest, float(heights[before] - heights[frame]) / seconds)
    return float(np.clip(fastest / (HARD_PER_S * motion.body.height_m), 0.0, 1.0))
