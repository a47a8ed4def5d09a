"""How much room limbs keep, and when: all of it where they are corrected, little where they touch, none at rest."""

from __future__ import annotations

import numpy as np
import pytest

from workers.geometry.contact_model import Places, SelfContact
from workers.geometry.parts import GROUP_OF, GROUPS, TORSO, part_index
from workers.refinement.clearance import TOUCHING, clearance_at
from workers.refinement.rounds import GEOMETRY, REPAIR, SOFT, always, until_fine, when_fine

HAND, OTHER_HAND = part_index("leftHand"), part_index("rightHand")


def test_room_by_frame_and_part() -> None:
    nearness = np.zeros((4, len(GROUPS)))
    nearness[1:, GROUP_OF[HAND]] = 1.0
    nearness[3, GROUP_OF[HAND]] = 0.5
    nearness[:, 0] = 1.0
    place = Places(np.zeros(1), np.zeros(1), np.zeros(1))
    contact = SelfContact(HAND, TORSO, 2, 3, place, place, np.zeros((1, 1)))
    room = clearance_at(np.arange(4), nearness, [contact])
    shares = room.shares(np.array([0, 1, 2, 3, 1]), np.array([HAND] * 4 + [OTHER_HAND]), np.full(5, TORSO))
    assert shares.tolist() == pytest.approx([0.0, 1.0, TOUCHING, 0.5, 0.0])


def test_penetration_is_firm_after_contacts_are_found_and_at_once_in_a_repair() -> None:
    schedules = until_fine, when_fine, always
    seen = [[of(GEOMETRY, number) for of in schedules] for number in (0, GEOMETRY.firm_at, GEOMETRY.fine_at)]
    assert seen == [[SOFT, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    assert until_fine(REPAIR, 0) == 1.0 and when_fine(REPAIR, REPAIR.rounds - 1) == 1.0
