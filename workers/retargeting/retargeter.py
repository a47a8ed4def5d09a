"""`Retargeter`: what a retargeting method is given and what it gives back; `methods` is the table of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from workers.contract.options import RootScale
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.retargeting.alignment import RestAlignment
from workers.skeleton.model import Notice


@dataclass(frozen=True, eq=False)
class TransferInput:
    """One clip, the character it goes to, and what is known of both before any method begins.

    `source_floor_m` is the height of the source motion's own ground, `root_scale` how far the job wants the character
    to travel.
    """

    source: PreparedMotion
    target: PreparedCharacter
    contacts: FootContacts
    alignment: RestAlignment
    source_floor_m: float
    root_scale: RootScale = "legs"


@dataclass(frozen=True, eq=False)
class Transferred:
    """The clip on the character's body, frame for frame; feet are not held yet.

    `keyed` are the target joints that the method turns: the result's file keys their rotations, all others follow
    their parents as in the rest pose (`kinematics.follow_rest`). `notices` are what the user must know of it.
    """

    motion: BodyMotion
    keyed: tuple[int, ...]
    notices: tuple[Notice, ...] = ()


class Retargeter(Protocol):
    """A method that is ready to run."""

    def retarget(self, given: TransferInput) -> Transferred:
        """Changes nothing that it is given. Raises the EngineErrors of `workers.contract.errors`."""
        ...
