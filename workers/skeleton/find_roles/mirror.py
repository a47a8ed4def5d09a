"""Sides of a body that is seen in a mirror: what its names call left is seen on its right.

A node with negative scale above the skeleton mirrors what is below. Where the contents were not mirrored too, the body
stands there as its own mirror image, and sides count as they are seen: a wave of the left hand is one of the hand that
is on the left. Whether sides and facing contradict each other is `whole_body`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from workers.contract.roles import SIDES
from workers.skeleton.find_roles.names import NameReading, Side
from workers.skeleton.model import Notice

SEEN_IN_A_MIRROR = Notice(
    "sides-mirrored",
    "the file's transforms mirror the body: sides count as they are seen, so joints named left play the right side; "
    "give the mapping to have it otherwise",
)
_OTHER: dict[Side | None, Side | None] = {"left": "right", "right": "left", None: None}


def sides_swapped(readings: tuple[NameReading, ...], chosen: Mapping[str, int | None]) -> bool | None:
    """Whether the user's choices give joints named left right roles; None where they say nothing of sides."""
    sides = [(role, readings[joint].side) for role, joint in chosen.items() if joint is not None]
    said = [not role.startswith(side) for role, side in sides if side is not None and role.startswith(SIDES)]
    return all(said) if said else None


def swap_names(readings: tuple[NameReading, ...]) -> tuple[NameReading, ...]:
    """The readings with their sides exchanged."""
    return tuple(replace(reading, side=_OTHER[reading.side]) for reading in readings)


def swap_roles(declared: Mapping[str, int], chosen: Mapping[str, int | None]) -> dict[str, int]:
    """The file's own map with its sides exchanged, without what the user chose otherwise."""
    taken = set(chosen.values())
    swapped = {_other(role): joint for role, joint in declared.items()}
    return {role: joint for role, joint in swapped.items() if role not in chosen and joint not in taken}


def _other(role: str) -> str:
    for side, other in (("left", "right"), ("right", "left")):
        if role.startswith(side):
            return other + role[len(side) :]
    return role
