"""Contacts within an arm's own length, by place, on a body of known arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from workers.geometry.contact_model import SelfContact, SelfContacts
from workers.geometry.parts import HEAD, part_index
from workers.geometry.prepared import surfaces_of
from workers.geometry.self_contact import find_self_contacts
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.arm_length import find_arm, in_arm_length
from workers.retargeting.clip import RetargetedClip
from workers.skeleton.model import Indices

Done = Callable[[str], RetargetedClip]


def _asked(contact: SelfContact) -> Indices:
    frames = np.arange(contact.start, contact.stop)
    return np.stack([np.zeros_like(frames), frames], axis=1)


@pytest.mark.parametrize(("lengths_away", "is_near"), [(0.0, True), (2.0, False)])
def test_a_place_is_in_reach_up_to_the_arms_length(
    lengths_away: float, is_near: bool, on_stout: Done, stout: PreparedCharacter
) -> None:
    """The body with its hips contact, and its shoulders carried away by arm lengths."""
    done, surface = on_stout("hands_on_hips"), surfaces_of(stout).light
    contacts = find_self_contacts(done.source.motion, surfaces_of(done.source).light)
    one = next(contact for contact in contacts.contacts if contact.part_a == part_index("leftHand"))
    motion = done.scored
    arm = find_arm(motion.body, one.part_a)
    assert arm is not None
    bones = motion.body.rest_positions_m[list(arm.joints)]
    arm_m = float(np.linalg.norm(np.diff(bones, axis=0), axis=1).sum())
    places = motion.positions_m.copy()
    toward = places[:, arm.joints[0]] - motion.positions_m[:, arm.joints[2]]
    unit = toward / np.linalg.norm(toward, axis=1, keepdims=True)
    places[:, arm.joints[0]] += lengths_away * arm_m * unit
    near = in_arm_length(
        SelfContacts(contacts.frames, (one,)), surface, replace(motion, positions_m=places), _asked(one)
    )
    assert near.all() if is_near else not near.any()


def test_arms_that_meet_and_legs_count_as_reachable(on_stout: Done, stout: PreparedCharacter) -> None:
    done, surface = on_stout("clap"), surfaces_of(stout).light
    contacts = find_self_contacts(done.source.motion, surfaces_of(done.source).light)
    clap = contacts.contacts[0]
    foot = replace(clap, part_a=part_index("leftFoot"), part_b=HEAD)
    for contact in (clap, foot):
        one = SelfContacts(contacts.frames, (contact,))
        assert in_arm_length(one, surface, done.scored, _asked(contact)).all()


def test_nothing_asked_is_nothing(on_stout: Done, stout: PreparedCharacter) -> None:
    none = np.zeros((0, 2), dtype=np.int64)
    done = on_stout("wave")
    assert len(in_arm_length(SelfContacts(done.scored.frames, ()), surfaces_of(stout).light, done.scored, none)) == 0
