"""Overrides of the mapping by the user: joint names and file indices made into joints, with errors that help."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from workers.contract.errors import InvalidOptions
from workers.contract.options import JointChoice, JointIndex
from workers.contract.roles import ALL_ROLES
from workers.skeleton.model import Skeleton


def resolve_overrides(skeleton: Skeleton, override: Mapping[str, JointChoice]) -> dict[str, int | None]:
    """Role -> joint, None for a role to leave unmapped.

    Raises InvalidOptions for an unknown role or joint, a name that several joints bear, a BVH end site, and two roles
    on one joint.
    """
    result: dict[str, int | None] = {}
    taken: dict[int, str] = {}
    for role, choice in override.items():
        if role not in ALL_ROLES:
            _refuse(role, f"unknown role {role!r}; {_like(role, ALL_ROLES)}roles are VRM 1.0 humanoid bone names")
        joint = None if choice is None else _find(skeleton, role, choice)
        if joint is not None and joint in taken:
            label = _label(skeleton, joint)
            _refuse(role, f"{role} and {taken[joint]} both name joint {label}; give each role its own joint")
        if joint is not None:
            taken[joint] = role
        result[role] = joint
    return result


def _find(skeleton: Skeleton, role: str, choice: str | JointIndex) -> int:
    if isinstance(choice, JointIndex):
        found = [j for j, index in enumerate(skeleton.file_indices) if index == choice.index]
        if not found:
            low, high = int(skeleton.file_indices.min(initial=0)), int(skeleton.file_indices.max(initial=0))
            _refuse(role, f"no joint with index {choice.index} for {role}; the indices run from {low} to {high}")
    else:
        bearers = [j for j, name in enumerate(skeleton.names) if name == choice and name]
        found = [j for j in bearers if skeleton.deforming[j]] or bearers  # a mesh node often repeats its joint's name
        if not found:
            near = _like(choice, [name for name in skeleton.names if name])
            _refuse(role, f"no joint {choice!r} for {role}; {near}retarget inspect lists the joints")
        if len(found) > 1:
            indices = ", ".join(str(int(skeleton.file_indices[j])) for j in found)
            remedy = f'choose one by {{"index": n}} of {indices}'
            _refuse(role, f"{len(found)} joints are named {choice!r} (for {role}); {remedy}")
    if skeleton.end_site[found[0]]:
        _refuse(role, f"{_label(skeleton, found[0])} (for {role}) is an end site, which cannot turn; choose its parent")
    return found[0]


def _label(skeleton: Skeleton, joint: int) -> str:
    index = int(skeleton.file_indices[joint])
    return f"{skeleton.names[joint]!r} (index {index})" if skeleton.names[joint] else f"with index {index}"


def _like(word: str, choices: list[str] | tuple[str, ...]) -> str:
    """Close matches, also by letters alone ("leftupleg" for "mixamorig:LeftUpLeg")."""
    lower = {name.lower(): name for name in choices}
    near = [lower[name] for name in get_close_matches(word.lower(), lower, n=3, cutoff=0.6)]
    near += [name for key, name in lower.items() if word.lower() in key and name not in near]
    return f"did you mean {', '.join(repr(name) for name in near[:3])}? " if near else ""


def _refuse(role: str, message: str) -> None:
    raise InvalidOptions(f"mapping override: {message}", errors=[{"pointer": f"/mapping/{role}", "message": message}])
