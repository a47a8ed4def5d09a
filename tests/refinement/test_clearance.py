"""How much room limbs keep, and when: all of it where they are corrected, little where they touch, none at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from workers.geometry.contact_model import Places, SelfContact
from workers.geometry.parts import GROUP_OF, GROUPS, TORSO, part_index
from workers.geometry.penetration import PenetrationPairs
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.body_terms import FinePenetration, Penetration
from workers.refinement.clearance import TOUCHING, clearance_at
from workers.refinement.limits import ElbowHinges
from workers.refinement.plan import FIRM, GEOMETRY, REPAIR
from workers.refinement.surfaces import moving_surface

HAND, OTHER_HAND = part_index("leftHand"), part_index("rightHand")


@dataclass(frozen=True)
class Parts:
    """A surface of three vertices: the two hands and the torso."""

    parts: np.typing.NDArray[np.int64]


SURFACE = Parts(np.array([HAND, OTHER_HAND, TORSO]))


def pairs(frames: list[int], vertices: list[int]) -> PenetrationPairs:
    """Vertices of hands near the torso."""
    count = len(frames)
    none = torch.zeros(count)
    return PenetrationPairs(
        torch.tensor(frames), torch.tensor(vertices), torch.full((count, 3), 2), torch.zeros(count, 3),
        torch.zeros(count, 3), none, none, torch.full((count, 1, 3), 2), none > 1.0,
    )  # fmt: skip


def test_room_by_frame_and_part() -> None:
    nearness = np.zeros((4, len(GROUPS)))
    nearness[1:, GROUP_OF[HAND]] = 1.0
    nearness[3, GROUP_OF[HAND]] = 0.5
    nearness[:, 0] = 1.0
    place = Places(np.zeros(1), np.zeros(1), np.zeros(1))
    contact = SelfContact(HAND, TORSO, 2, 3, place, place, np.zeros((1, 1)))
    room = clearance_at(np.arange(4), nearness, [contact])
    shares = room.shares(SURFACE, pairs([0, 1, 2, 3, 1], [0, 0, 0, 0, 1]))  # type: ignore[arg-type]
    assert shares.tolist() == pytest.approx([0.0, 1.0, TOUCHING, 0.5, 0.0])


def test_penetration_is_firm_after_contacts_are_found_and_at_once_in_a_repair(tall: PreparedCharacter) -> None:
    moving = moving_surface(tall)
    room = clearance_at(np.arange(1), np.zeros((1, len(GROUPS))), [])
    coarse, fine = Penetration(moving.surface, room), FinePenetration(moving.surface, moving.skin, room)
    seen = [GEOMETRY.schedule(1.0, term) for term in (coarse, fine, ElbowHinges([], np.arange(1)))]
    assert [[of(step) for of in seen] for step in (0, GEOMETRY.firm_at, GEOMETRY.fine_at)] == [
        [1.0, 0.0, 1.0], [FIRM, 0.0, 1.0], [0.0, FIRM, 1.0],
    ]  # fmt: skip
    assert [REPAIR.schedule(1.0, term)(0) for term in (coarse, fine)] == [0.0, FIRM]
    assert REPAIR.changes_at == []
