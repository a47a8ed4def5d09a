"""The humanoid mapping: which joint plays which role, how surely, and why.

This module holds the result type; finding it is left to `workers.skeleton.find_roles.find`.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from typing import Any

from workers.skeleton.model import Notice, Skeleton


@dataclass(frozen=True)
class RoleMatch:
    """`joint` indexes the skeleton; `confidence` 0-1; `alternatives` are (joint, score), best first."""

    joint: int
    confidence: float
    reason: str
    alternatives: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class HumanoidMapping:
    """Roles and chains of one skeleton.

    `chains` lists every joint between the ends of a chain, base first: `spine` from the first joint above the hips
    up to the one below the neck, `neck`, and per finger; longer or shorter than the roles when the rig is. The twist
    joints of a limb's bone are a chain of their own, such as `leftLowerArmTwist`.
    `notices` tell what was guessed. `confidence` is the mean over the required roles found, 0 if one is missing.
    """

    roles: MappingABC[str, RoleMatch]
    chains: MappingABC[str, tuple[int, ...]]
    unmapped: tuple[int, ...]
    notices: tuple[Notice, ...] = ()

    def joint(self, role: str) -> int | None:
        match = self.roles.get(role)
        return None if match is None else match.joint

    def to_dict(self, skeleton: Skeleton) -> dict[str, Any]:
        """The `M` of the contract: {roles, chains, unmapped} with joint names and file indices."""
        return {
            "roles": {
                role: {
                    "joint": skeleton.label(match.joint),
                    "index": int(skeleton.file_indices[match.joint]),
                    "confidence": round(match.confidence, 4),
                    "reason": match.reason,
                    "alternatives": [
                        {"joint": skeleton.label(j), "index": int(skeleton.file_indices[j]), "score": round(score, 4)}
                        for j, score in match.alternatives
                    ],
                }
                for role, match in self.roles.items()
            },
            "chains": {chain: [skeleton.label(joint) for joint in joints] for chain, joints in self.chains.items()},
            "unmapped": [skeleton.label(joint) for joint in self.unmapped],
        }
