"""The joints of the SMPL family of body models: names, parents, roles, and where they stand in an average body.

SMPL has 24 joints, SMPL-H 52 (its two hand joints replaced by fifteen each), SMPL-X 55 (jaw and eyes before the hands);
the first 22 are the same and are what HumanML3D keeps. Names and order are those of the models' own code (Loper et al.
2015; Romero et al. 2017; Pavlakos et al. 2019). At rest a body stands as a T, Y up, facing +Z, in metres, and the frame
of every joint is the world's.

The models may not be passed on, so none is here. The average body is a table of plain lengths:

* trunk and limbs: the rest offsets that EDGE prints (Tseng et al. 2023, github.com/Stanford-TML/EDGE, `vis.py`, MIT),
  left and right averaged, rounded to millimetres;
* pelvis: its place in the body's own frame, printed by motion generators as (-0.0018, -0.2233, 0.0282), rounded;
* fingers: mean lengths of the bones of a hand (Buryanov and Kotiuk 2010, Int. J. Morphol. 28(3):755), lying as those of
  a flat hand, palm down; jaw and eyes: rough places in a head.

A person of another shape moves with these limbs, unless the user's own model file is given
(`workers.formats.smpl.body_model`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from workers.contract.roles import FINGERS, SIDES, finger_roles
from workers.skeleton import quat
from workers.skeleton.model import Array, Skeleton

BODY_JOINTS = 22
JOINT_COUNTS = (22, 24, 52, 55)
DECLARED_BY = "SMPL's order of joints"

# Name, parent, role, offset from the parent in mm. "?" stands for the side: mirrored for the right.
_BODY = (
    ("pelvis", "", "hips", (0, -223, 28)),
    ("?_hip", "pelvis", "?UpperLeg", (59, -86, -16)),
    ("spine1", "pelvis", "spine", (0, 124, -38)),
    ("?_knee", "?_hip", "?LowerLeg", (43, -385, 2)),
    ("spine2", "spine1", "chest", (0, 138, 27)),
    ("?_ankle", "?_knee", "?Foot", (-17, -423, -36)),
    ("spine3", "spine2", "upperChest", (0, 56, 3)),
    ("?_foot", "?_ankle", "?Toes", (38, -61, 126)),
    ("neck", "spine3", "neck", (0, 212, -33)),
    ("?_collar", "spine3", "?Shoulder", (77, 113, -21)),
    ("head", "neck", "head", (0, 89, 50)),
    ("?_shoulder", "?_collar", "?UpperArm", (118, 46, -14)),
    ("?_elbow", "?_shoulder", "?LowerArm", (258, -15, -27)),
    ("?_wrist", "?_elbow", "?Hand", (267, 10, -7)),
)
_SMPL_HANDS = (("?_hand", "?_wrist", "", (88, -10, -13)),)
_FACE = (("jaw", "head", "jaw", (0, -10, 20)), ("?_eye_smplhf", "head", "?Eye", (32, 50, 80)))
# The knuckle in the hand, the direction of the bones from there, and their lengths, mm; in the models' order.
_FINGERS = (
    ("index", "Index", (95, -6, 22), (1.0, 0.0, 0.05), (40, 22)),
    ("middle", "Middle", (97, -2, 2), (1.0, 0.0, 0.0), (45, 26)),
    ("pinky", "Little", (78, -8, -36), (1.0, 0.0, -0.15), (33, 18)),
    ("ring", "Ring", (88, -4, -18), (1.0, 0.0, -0.05), (41, 26)),
    ("thumb", "Thumb", (25, -12, 28), (0.7, -0.2, 0.7), (46, 32)),
)


@dataclass(frozen=True)
class SmplJoints:
    """The joints of one model in its order. `offsets_m` `(joints, 3)` are the average body's, the root's being its
    place; `roles` takes a role to a joint.
    """

    title: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets_m: Array
    roles: dict[str, int]

    def __len__(self) -> int:
        return len(self.names)

    def skeleton(self, offsets_m: Array) -> Skeleton:
        """A skeleton in conventions, at rest as the model is, with these offsets `(joints, 3)`."""
        count = len(self)
        return Skeleton(
            names=self.names,
            parents=np.array(self.parents, dtype=np.int64),
            file_indices=np.arange(count, dtype=np.int64),
            node_offsets_m=offsets_m,
            node_rotations=quat.identity(count),
            rest_offsets_m=offsets_m,
            rest_rotations=quat.identity(count),
            deforming=np.ones(count, dtype=np.bool_),
            translation_scale=np.ones(count),
            end_site=np.zeros(count, dtype=np.bool_),
        )


@cache
def smpl_joints(count: int) -> SmplJoints:
    """The model with 22 (body only), 24 (SMPL), 52 (SMPL-H) or 55 (SMPL-X) joints. Raises KeyError for others."""
    title, rows = {
        22: ("the SMPL body", _both_sides(_BODY)),
        24: ("SMPL", _both_sides((*_BODY, *_SMPL_HANDS))),
        52: ("SMPL-H", _both_sides(_BODY) + _hands()),
        55: ("SMPL-X", _both_sides((*_BODY, *_FACE)) + _hands()),
    }[count]
    names = tuple(name for name, *_ in rows)
    return SmplJoints(
        title=title,
        names=names,
        parents=tuple(names.index(parent) if parent else -1 for _, parent, _, _ in rows),
        offsets_m=np.array([offset for *_, offset in rows], dtype=np.float64) / 1000.0,
        roles={role: joint for joint, (_, _, role, _) in enumerate(rows) if role},
    )


_Row = tuple[str, str, str, tuple[float, float, float]]


def _both_sides(rows: tuple[_Row, ...]) -> list[_Row]:
    return [sided for row in rows for sided in ([_of(side, row) for side in SIDES] if "?" in row[0] else [row])]


def _of(side: str, row: _Row) -> _Row:
    name, parent, role, (x, y, z) = row
    return (
        name.replace("?", side),
        parent.replace("?", side),
        role.replace("?", side),
        (x if side == "left" else -x, y, z),
    )


def _hands() -> list[_Row]:
    """All joints of the left hand, then all of the right."""
    rows: list[_Row] = []
    for side in SIDES:
        for name, finger, (x, y, z), direction, lengths in _FINGERS:
            assert finger in FINGERS
            along = np.array(direction) / np.linalg.norm(direction)
            parent, place = "?_wrist", (float(x), float(y), float(z))
            for number, role in enumerate(finger_roles(side, finger), start=1):
                rows.append(_of(side, (f"?_{name}{number}", parent, role, place)))
                parent = f"?_{name}{number}"
                if number <= len(lengths):
                    bone = along * lengths[number - 1]
                    place = (float(bone[0]), float(bone[1]), float(bone[2]))
    return rows
