"""The joints of each finger that bend: its roles, and what a rig with more joints has beyond them.

Metacarpals and mounts below the first role stay with the palm. Beyond the last role lies either a further phalanx or
the finger's tip. A tip carries next to no skin, so the mesh tells; without one nobody knows, and such a joint is
counted where the other rig has it too. What a user left unmapped is not brought back: a finger is only longer than its
roles where it has all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import FINGERS, SIDES, finger_roles
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Mesh, Skeleton

# A joint with less than this share of its finger's skin is a tip.
TIP_SKIN = 0.1


@dataclass(frozen=True)
class Finger:
    """`joints` from the palm outward, of which at least the first `least` bend; `roles` are those it has."""

    roles: tuple[str, ...]
    joints: tuple[int, ...]
    least: int


def find_finger_chains(skeleton: Skeleton, mapping: HumanoidMapping, mesh: Mesh | None) -> dict[str, Finger]:
    """`leftIndex` -> its joints; fingers that the rig lacks are absent."""
    skin = None
    if mesh is not None:
        skin = np.bincount(mesh.joints.ravel(), mesh.weights.ravel(), minlength=len(skeleton))
    result = {}
    for side in SIDES:
        for finger in FINGERS:
            roles = tuple(role for role in finger_roles(side, finger) if role in mapping.roles)
            joints = tuple(mapping.roles[role].joint for role in roles)
            if not roles:
                continue
            chain = mapping.chains.get(side + finger, ())
            further = chain[chain.index(joints[-1]) + 1 :] if len(roles) == 3 and joints[-1] in chain else ()
            least = len(joints)
            if skin is not None:
                whole = float(skin[[*joints, *further]].sum())
                while further and skin[further[-1]] < TIP_SKIN * whole:
                    further = further[:-1]
                least += len(further)
            result[side + finger] = Finger(roles, (*joints, *further), least)
    return result
