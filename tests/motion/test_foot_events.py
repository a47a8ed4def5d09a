"""Foot events: as many as there are contacts, at their ends, and harder where a foot comes down faster."""

from __future__ import annotations

import numpy as np

from tests.synthetic_walker import jump, make_body, walk
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts, find_contacts
from workers.motion.foot_events import DOWN, UP, foot_events
from workers.motion.intervals import runs
from workers.skeleton.model import Mask


def test_events_are_the_ends_of_the_planted_frames() -> None:
    motion, _ = walk(make_body(0.45, 0.42), 30.0, seconds=3.3)
    contacts = find_contacts(motion)
    found = foot_events(motion, contacts)
    for side, columns in (("left", [0, 1]), ("right", [2, 3])):
        planted: Mask = np.asarray(contacts.planted[:, columns].any(axis=1))
        pairs = [tuple(pair) for pair in runs(planted).tolist()]
        assert list(found.down[side]) == pairs
        downs = [event.frame for event in found.events if event.foot == side and event.name == DOWN]
        ups = [event.frame for event in found.events if event.foot == side and event.name == UP]
        assert downs == [start for start, _ in pairs if start > 0]
        assert ups == [stop for _, stop in pairs if stop < motion.frames]
    assert all(event.seconds == event.frame / 30.0 for event in found.events)
    assert [event.frame for event in found.events] == sorted(event.frame for event in found.events)


def test_a_loop_has_no_end() -> None:
    """Three cycles of a walk: each foot comes down three times, at whatever frame the clip begins."""
    motion, _ = walk(make_body(0.45, 0.42), 30.0, seconds=3.0)
    found = foot_events(motion, find_contacts(motion))
    for side in ("left", "right"):
        for name in (DOWN, UP):
            assert sum(event.foot == side and event.name == name for event in found.events) == 3


def test_a_jump_lands_harder_than_a_step() -> None:
    body = make_body(0.45, 0.42)
    walked = foot_events(*_found(walk(body, 30.0, seconds=2.5)[0]))
    jumped = foot_events(*_found(jump(body, 30.0)[0]))
    steps = [event.strength for event in walked.events if event.name == DOWN]
    landings = [event.strength for event in jumped.events if event.name == DOWN]
    assert landings and steps and min(landings) > max(steps)
    assert all(0.0 <= strength <= 1.0 for strength in (*steps, *landings))


def test_a_body_without_toes_and_without_contacts_has_what_it_has() -> None:
    motion, _ = walk(make_body(0.45, 0.42, toes=False), 30.0)
    assert {joint for event in foot_events(*_found(motion)).events for joint in event.joints} == {
        "leftFoot",
        "rightFoot",
    }
    contacts = find_contacts(motion)
    none = FootContacts(np.zeros_like(contacts.planted), contacts.ground_m, contacts.ground_velocity_m_s)
    assert foot_events(motion, none).to_dict() == {"events": [], "planted_frames": {"left": [], "right": []}}


def _found(motion: BodyMotion) -> tuple[BodyMotion, FootContacts]:
    return motion, find_contacts(motion)
