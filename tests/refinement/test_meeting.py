"""What meets in the base meets after refinement: counted as the report counts, given back where it would be lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from workers.contract.options import JobOptions
from workers.geometry.contact_model import SelfContacts
from workers.geometry.parts import ARM_GROUPS, GROUPS, TORSO, part_index
from workers.geometry.prepared import surfaces_of
from workers.geometry.self_contact import find_self_contacts
from workers.motion.timeline import find_timeline
from workers.preparation.prepare import PreparedCharacter
from workers.refinement import resting
from workers.refinement.activity import value_groups
from workers.refinement.held import AskedContacts, asked_contacts
from workers.refinement.meeting import GivenAway, contacts_held, give_back, meeting_of
from workers.refinement.refine import refine_clip
from workers.refinement.spline import fit_spline
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.residual import find_freedom
from workers.scores.surface_measures import geometry_scores

Done = Callable[[str], RetargetedClip]


def asked_of(done: RetargetedClip, target: PreparedCharacter) -> AskedContacts:
    asked = asked_contacts(done.source.motion, surfaces_of(done.source).light, surfaces_of(target).light)
    assert asked is not None
    return asked


@pytest.mark.parametrize("clip", ["hands_on_hips", "clap"])
def test_it_counts_as_the_report_does(clip: str, on_stout: Done, stout: PreparedCharacter) -> None:
    """On the light surface and in all frames of contact; the report takes the full one and some of these frames."""
    done = on_stout(clip)
    held = asked_of(done, stout).held(done.scored)
    assert held is not None
    light = surfaces_of(done.source).light
    (told,) = geometry_scores([done.scored], done.source.motion, light, surfaces_of(stout))
    assert told.values["contact_recall"] == pytest.approx(held.kept.mean(), abs=0.05)
    assert not (held.kept & ~held.touching).any()


def test_a_stretch_holds_what_the_whole_holds_there(on_stout: Done, stout: PreparedCharacter) -> None:
    done = on_stout("hands_on_hips")
    asked, motion = asked_of(done, stout), done.scored
    whole = asked.held(motion)
    first = motion.frames // 3
    part = asked.held(
        replace(motion, rotations=motion.rotations[first:], positions_m=motion.positions_m[first:]), first
    )
    assert whole is not None and part is not None
    rows = whole.asked[:, 1] * asked.stride >= first
    assert np.array_equal(whole.asked[rows], part.asked)
    # A contact that the stretch cuts off may be too short to count there.
    assert np.count_nonzero(whole.touching[rows] != part.touching) <= 2


def test_what_stays_gives_nothing_away_and_arms_that_hang_all(on_stout: Done, stout: PreparedCharacter) -> None:
    done, hanging = on_stout("hands_on_hips"), on_stout("wave").scored
    asked, base = asked_of(done, stout), done.scored
    meeting = meeting_of(asked, base, 0, base.frames)
    assert meeting is not None
    assert meeting.given_away(base) is None
    take = np.arange(base.frames) % hanging.frames
    away = meeting.given_away(replace(base, rotations=hanging.rotations[take], positions_m=hanging.positions_m[take]))
    assert away is not None and away.frames > 0.5 * away.held
    assert set(np.flatnonzero(away.limbs.any(axis=0))) == {0, *ARM_GROUPS}


def test_only_the_limb_that_gave_something_away_is_given_back(stout: PreparedCharacter, on_stout: Done) -> None:
    base = on_stout("hands_on_hips").scored
    timeline, freedom = find_timeline(base), find_freedom(stout.body, stout.left_alone)
    spline = fit_spline(timeline, 0.15)
    knots = np.ones((spline.knots, freedom.values))
    limbs = np.zeros((base.frames, len(GROUPS)), dtype=np.bool_)
    middle = base.frames // 2
    limbs[middle, ARM_GROUPS[0]] = True
    result = give_back(knots, 0.0 * knots, GivenAway(1, 1, limbs), spline, freedom, base.rate_hz)
    own = value_groups(freedom) == ARM_GROUPS[0]
    assert (result[:, ~own] == 1.0).all()
    numbers, _ = spline.rows(np.array([middle]))
    assert (result[numbers[0]][:, own] == 0.0).all()
    assert (result[:, own] == 1.0).any()


def test_a_forearm_that_lies_on_the_body_stays_where_it_lies(on_stout: Done, stout: PreparedCharacter) -> None:
    """The base's own contact takes the place of the source's, but for hands."""
    done, light = on_stout("hands_on_hips"), surfaces_of(stout).light
    base = done.scored
    made = find_self_contacts(base, light).contacts
    (hand, *_) = [item for item in made if item.part_a == part_index("leftHand") and item.part_b == TORSO]
    arm = replace(hand, part_a=part_index("leftLowerArm"))
    found = resting.sort_contacts(SelfContacts(base.frames, (hand,)), base, light)
    assert [contact.name for contact in found.reached] == [hand.name] and not found.rest
    own = [item for item in made if item.part_a == arm.part_a and item.part_b == TORSO]
    assert own, "the sample's forearm lies on its wide body"
    found = resting.sort_contacts(SelfContacts(base.frames, tuple(own)), base, light)
    assert not found.out_of_reach and not found.reached
    assert {(item.start, item.stop) for item in found.rest} == {(item.start, item.stop) for item in own}


@pytest.mark.parametrize("clip", ["hands_on_hips", "clap"])
def test_a_report_tells_what_is_held(clip: str, on_stout: Done, stout: PreparedCharacter) -> None:
    done = on_stout(clip)
    refined = refine_clip(done, stout, JobOptions(refine="geometry"), lambda _: None, budget_s=60.0)
    assert refined.refinement is not None
    told = refined.refinement.summary["contacts_held"]
    assert told == contacts_held(asked_of(done, stout), done.scored, refined.scored)
    for entry in told.values():
        assert entry["after"] >= entry["before"] - max(1, 0.05 * entry["before"])
