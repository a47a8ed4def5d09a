"""Notices that say the same of many things are one with a count, and nothing else is folded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.skeleton.fold_notices import LISTED, MIN_ALIKE, fold_notices
from workers.skeleton.model import Notice


def alike(joint: str) -> Notice:
    return Notice("matrix-rewritten", f"joint {joint!r} was given as a matrix", joint)


def test_many_alike_are_one_line_with_the_count_and_names() -> None:
    (folded,) = fold_notices([alike(f"joint_{number}") for number in range(22)])
    assert folded.message.startswith("joint 'joint_0' was given as a matrix (and so for 21 more: 'joint_1', ")
    assert folded.message.endswith(", ...)") and folded.message.count("'joint_") == 1 + LISTED
    assert (folded.count, folded.joint) == (22, "joint_0")
    assert folded.to_dict()["joints"] == [f"joint_{number}" for number in range(22)]


def test_equal_ones_are_counted() -> None:
    repaired = Notice("fbx-repaired", "walk.fbx: Bad UTF-8 string")
    (folded,) = fold_notices([repaired] * 5)
    assert (folded.message, folded.count) == ("walk.fbx: Bad UTF-8 string (5 times)", 5)
    assert fold_notices(fold_notices([repaired] * 5)) == (folded,)


def test_pairs_stay_two() -> None:
    pair = [Notice("units-guessed", f"it measures {size} units; taken as cm") for size in (170, 180)]
    assert fold_notices(pair) == tuple(pair)


def test_what_differs_in_more_than_names_stays_apart() -> None:
    windows = [Notice("refinement-rejected", "stays unrefined", frames=(n, n + 9)) for n in range(0, 50, 10)]
    assert fold_notices(windows) == tuple(windows)
    roles = [
        Notice("roll-guessed", f"{role} hardly bends in this motion; the file's pose is taken", role)
        for role in ("leftUpperLeg", "rightUpperLeg", "leftUpperArm")
    ]
    assert fold_notices(roles) == tuple(roles)


def test_each_decision_is_listed_where_two_names_differ() -> None:
    pairs = [("IK_foot_L", "shin_L"), ("IK_foot_R", "shin_R"), ("IK_hand_L", "arm_L")]
    (folded,) = fold_notices(Notice("detached-joint", f"joint {a!r} does not hang below {b!r}", a) for a, b in pairs)
    for name in (name for pair in pairs for name in pair):
        assert repr(name) in folded.message


names = st.text(max_size=12)
notices = st.builds(Notice, st.sampled_from(["a", "b"]), names, st.none() | names) | st.builds(alike, names)


@given(st.lists(notices, max_size=30))
def test_counts_add_up_and_no_joint_is_lost(given_notices: list[Notice]) -> None:
    folded = fold_notices(given_notices)
    assert sum(notice.count for notice in folded) == len(given_notices)
    assert {j for n in folded for j in n.named_joints} == {n.joint for n in given_notices if n.joint is not None}
    assert [notice.code for notice in folded[:1]] == [notice.code for notice in given_notices[:1]]
    rewritten = {notice for notice in given_notices if notice.code == "matrix-rewritten"}
    lines = [notice for notice in folded if notice.code == "matrix-rewritten"]
    assert len(lines) == (1 if len(rewritten) >= MIN_ALIKE else len(rewritten))
