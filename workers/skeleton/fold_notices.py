"""Notices that say the same of many things become one with a count, so that the guesses that matter are not drowned.

Notices are alike where code and frames are the same and the messages differ in nothing but quoted names and numbers.
Equal ones are one from two on; others from `MIN_ALIKE` on, since a pair (left and right, source and target) is no
flood. The first message stays whole; what `LISTED` of the others name is listed behind it, and `Notice.joints` holds
the joints of all. Who joins notices of several origins, which may tell the same fact twice, drops equal ones first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workers.skeleton.model import Notice

MIN_ALIKE = 3
LISTED = 8
# What varies between messages of one kind: a name as `repr` quotes it (an apostrophe inside a word opens none), or a
# number that is no part of a word.
_VARYING = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)|(?<![\w.])\d+(?:[.,]\d+)*""")


def fold_notices(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """The notices in order of first appearance, each with those alike folded into it."""
    groups: dict[tuple[str, tuple[int, int] | None, str], dict[Notice, int]] = {}
    for notice in notices:
        counts = groups.setdefault((notice.code, notice.frames, _VARYING.sub("''", notice.message)), {})
        counts[notice] = counts.get(notice, 0) + notice.count
    folded: list[Notice] = []
    for counts in groups.values():
        if len(counts) < MIN_ALIKE:
            folded += [_repeated(notice, count) for notice, count in counts.items()]
        else:
            folded.append(_folded(list(counts), sum(counts.values())))
    return tuple(folded)


def _repeated(notice: Notice, count: int) -> Notice:
    if count == notice.count:
        return notice
    return replace(notice, message=f"{notice.message} ({count} times)", count=count)


def _folded(alike: Sequence[Notice], count: int) -> Notice:
    first = alike[0]
    tokens = [_VARYING.findall(notice.message) for notice in alike]
    varies = [place for place in range(len(tokens[0])) if len({row[place] for row in tokens}) > 1]
    named = dict.fromkeys(" ".join(row[place] for place in varies) for row in tokens[1:])
    named.pop(" ".join(tokens[0][place] for place in varies), None)
    listed = ", ".join(list(named)[:LISTED]) + (", ..." if len(named) > LISTED else "")
    joints = tuple(dict.fromkeys(joint for notice in alike for joint in notice.named_joints))
    return replace(
        first, message=f"{first.message} (and so for {count - 1} more: {listed})", count=count, joints=joints
    )
