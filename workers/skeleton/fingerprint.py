"""A name for a skeleton that its files share: the same joints below the same joints, whatever else they hold.

Exact names and parents of the deforming joints count; the order of nodes, meshes, clips, bone lengths, poses and groups
between joints do not. Names are taken as they are: rigs whose names differ by a prefix are told apart, since a preset
names joints exactly. A joint without a name of its own (missing or shared) counts with its file index, because only by
that can a preset mean it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import numpy as np

from workers.skeleton.model import Skeleton

FINGERPRINT_PATTERN = r"^skl_[0-9a-f]{32}$"


def skeleton_fingerprint(skeleton: Skeleton) -> str:
    """`skl_` and 32 hexadecimal digits: sha256 over the tree of deforming joints, children in a canonical order."""
    joints = skeleton.real
    if not joints.any():
        joints = ~skeleton.end_site
    chosen = np.flatnonzero(joints)
    shared = Counter(skeleton.names[joint] for joint in chosen)
    below: dict[int, list[str]] = {joint: [] for joint in (-1, *map(int, chosen))}
    # Parents come before children, so that in reverse every joint knows its children's digests.
    for joint in map(int, reversed(chosen)):
        name = skeleton.names[joint]
        label = [name] if name and shared[name] == 1 else [name, int(skeleton.file_indices[joint])]
        digest = _digest([label, sorted(below.pop(joint))])
        above = next((up for up in skeleton.ancestors(joint) if joints[up]), -1)
        below[above].append(digest)
    return "skl_" + _digest(sorted(below[-1]))[:32]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()
