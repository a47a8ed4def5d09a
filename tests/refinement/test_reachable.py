"""Contacts that a body cannot make are told and left alone; those that it can are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from workers.contract.options import JobOptions
from workers.geometry.contact_model import SelfContacts
from workers.geometry.parts import HEAD, part_index
from workers.geometry.prepared import surfaces_of
from workers.geometry.self_contact import find_self_contacts
from workers.preparation.prepare import PreparedCharacter
from workers.refinement import reachable
from workers.refinement.leash import REACH
from workers.refinement.refine import refine_clip
from workers.retargeting.clip import RetargetedClip

Done = Callable[[str], RetargetedClip]


@pytest.mark.parametrize("clip", ["clap", "hands_on_hips"])
def test_what_the_sample_clips_touch_is_within_reach_of_the_stout_body(
    clip: str, on_stout: Done, stout: PreparedCharacter
) -> None:
    done = on_stout(clip)
    contacts = find_self_contacts(done.source.motion, surfaces_of(done.source).light)
    kept, far = reachable.within_reach(contacts, surfaces_of(stout).light, done.scored)
    assert len(contacts) > 0 and kept.contacts == contacts.contacts and not far


def test_hands_that_hang_cannot_clap(on_stout: Done, stout: PreparedCharacter) -> None:
    clap, hanging = on_stout("clap"), on_stout("wave").scored
    contacts = find_self_contacts(clap.source.motion, surfaces_of(clap.source).light)
    kept, far = reachable.within_reach(contacts, surfaces_of(stout).light, hanging)
    assert len(kept) == 0 and len(far) == len(contacts)
    assert all(item.apart_m > 2.0 * REACH * hanging.body.height_m for item in far)


@pytest.mark.parametrize(
    ("limb", "air", "is_kept"),
    [("leftLowerArm", 10.0, False), ("leftFoot", 10.0, False), ("leftHand", 10.0, True), ("leftHand", 0.07, False)],
)
def test_only_hands_go_through_the_air_to_what_they_touch_and_not_far(
    limb: str, air: float, is_kept: bool, on_stout: Done, stout: PreparedCharacter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large head or a beard lies on its owner's forearms; on this body there is air between."""
    monkeypatch.setattr(reachable, "REACH", 10.0)
    monkeypatch.setattr(reachable, "AIR_OF_HANDS", air)
    done, light = on_stout("wave"), surfaces_of(stout).light
    clap = on_stout("clap")
    (first, *_) = find_self_contacts(clap.source.motion, surfaces_of(clap.source).light).contacts
    touch = replace(first, part_a=part_index(limb), part_b=HEAD)
    kept, far = reachable.within_reach(SelfContacts(done.scored.frames, (touch,)), light, done.scored)
    assert (len(kept), len(far)) == ((1, 0) if is_kept else (0, 1))
    assert is_kept or far[0].apart_m > reachable.AIR * done.scored.body.height_m


def test_a_contact_out_of_reach_is_told_and_moves_nothing(
    first_clap: RetargetedClip, stout: PreparedCharacter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.refinement.reachable.REACH", 0.001)
    refined = refine_clip(first_clap, stout, JobOptions(refine="geometry"), lambda _: None, budget_s=60.0)
    told = [notice for notice in refined.notices if notice.code == "contact-out-of-reach"]
    assert told and "Hand" in told[0].message and "left as they are" in told[0].message
    assert refined.refinement is not None
    assert refined.refinement.summary["out_of_reach"][0]["apart_cm"] > 0.1
    hands = [stout.body.mapping.roles[f"{side}Hand"].joint for side in ("left", "right")]
    apart = [
        np.linalg.norm(motion.positions_m[:, hands[0]] - motion.positions_m[:, hands[1]], axis=-1)
        for motion in (first_clap.scored, refined.scored)
    ]
    assert (apart[1] >= apart[0] - 0.02).all()  # nothing pulls them together
