"""Followers: joints that hold skin, that no role moves, and that must go along with a joint of the body.

Three kinds: skinned joints above the hips that stand at the pelvis; `twins` in the place of a mapped joint;
`loose_parts` on an armature of their own. A follower keeps its rest place and rest turn relative to the joint it
follows, in every frame, and carries what hangs below it. A joint above the hips that stands far from them is a root:
what it holds stays where it is, such as a prop, unless its skin is one with the body's. Then it follows the joint whose
skin is beside its own or, where that is not one, the body's travel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from workers.skeleton import quat
from workers.skeleton.loose_parts import Neighbours, find_loose
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Indices, Mask, Mesh, Notice, Skeleton
from workers.skeleton.skin_hold import below, reaches, skin_holders
from workers.skeleton.twins import find_twins

AT_PELVIS = 0.35  # of the leg's length: a skinned joint above the hips and nearer to them than this is part of it
NAMED = 6  # joints that one notice names


@dataclass(frozen=True)
class Followers:
    """`leaders`: follower -> the joint it follows, which follows none itself. `left_behind` hold skin that nothing
    moves, `travelling` are roots whose skin the body's travel must carry.
    """

    leaders: Mapping[int, int] = field(default_factory=dict)
    left_behind: tuple[int, ...] = ()
    travelling: tuple[int, ...] = ()

    def without(self, joints: frozenset[int]) -> Followers:
        """Less joints that are to stay as they are."""
        leaders = {joint: leader for joint, leader in self.leaders.items() if joint not in joints}
        left_behind = tuple(joint for joint in self.left_behind if joint not in joints)
        return Followers(leaders, left_behind, tuple(joint for joint in self.travelling if joint not in joints))

    def led(self, mesh: Mesh, joints: int) -> Mesh:
        """The surface as if it hung on the leaders: how a body's parts are measured, whoever holds their skin."""
        if not self.leaders:
            return mesh
        holder = np.arange(joints)
        holder[list(self.leaders)] = list(self.leaders.values())
        return Mesh(mesh.positions_m, mesh.faces, holder[mesh.joints], mesh.weights)


def own_joints(skeleton: Skeleton, mapping: HumanoidMapping) -> Mask:
    """Joints `(joints,)` that the body moves by itself: those of its roles and chains."""
    result = np.zeros(len(skeleton), dtype=np.bool_)
    result[[match.joint for match in mapping.roles.values()]] = True
    result[[joint for chain in mapping.chains.values() for joint in chain]] = True
    return result


def find_followers(
    skeleton: Skeleton, mapping: HumanoidMapping, positions_m: Array, leg_m: float, mesh: Mesh | None
) -> Followers:
    """The followers of a mapped skeleton. `positions_m` `(joints, 3)` and `mesh` are its rest pose.

    Without a surface only twins in chains are found: they need no weights to be known.
    """
    own = own_joints(skeleton, mapping)
    holders = skin_holders(mesh, len(skeleton)) if mesh is not None and len(mesh.positions_m) else None
    skinned = skeleton.real if holders is None else holders & skeleton.deforming
    candidates = skeleton.real & ~own & ~reaches(skeleton, own) & reaches(skeleton, skinned)
    leaders = find_twins(skeleton, mapping, positions_m, leg_m, own, candidates, holders)
    if mesh is None or holders is None:
        return Followers(leaders)
    hips = mapping.roles["hips"].joint
    # What the body carries: a role above the hips, as of a rig whose map is the user's, carries nothing by itself.
    moved = own.copy()
    moved[skeleton.ancestors(hips)] = False
    moved[list(leaders)] = True
    carried = below(skeleton, moved)
    lead = _lead(skeleton, own, leaders, carried)
    above = [joint for joint in skeleton.ancestors(hips) if skinned[joint] and not own[joint]]
    stray = ~carried & ~reaches(skeleton, own)
    loose = stray & ~reaches(skeleton, moved) & reaches(skeleton, skinned)
    roots = [int(j) for j in np.flatnonzero(loose) if skeleton.parents[j] < 0 or not loose[skeleton.parents[j]]]
    between = [int(j) for j in np.flatnonzero(stray & ~loose & skinned)]  # above twins
    if not above and not roots and not between:
        return Followers(leaders)
    neighbours = Neighbours(skeleton, mesh, positions_m, leg_m, own & carried, lead)
    left_behind: list[int] = []
    travelling: list[int] = []
    for joint in above:
        vertices = neighbours.vertices(np.array([joint]))
        leader = neighbours.leader(vertices)
        if float(np.linalg.norm(positions_m[joint] - positions_m[hips])) <= AT_PELVIS * leg_m:
            leaders[joint] = hips
        elif not neighbours.is_one_with(vertices):
            left_behind.append(joint)
        elif leader is not None:
            leaders[joint] = leader
        else:
            travelling.append(joint)
    for joint in between:
        leader = neighbours.leader(neighbours.vertices(np.array([joint])))
        if leader is None:
            left_behind.append(joint)
        else:
            leaders[joint] = leader
    following, unclear = find_loose(skeleton, roots, skinned, neighbours)
    return Followers({**leaders, **following}, tuple(sorted([*left_behind, *unclear])), tuple(sorted(travelling)))


def place_followers(
    skeleton: Skeleton,
    leaders: Mapping[int, int],
    own: Mask,
    keyed: set[int],
    rest: tuple[Array, Array],
    rotations: Array,
    positions_m: Array,
) -> None:
    """Put followers, and what hangs on them, where their leaders carry them, in place.

    `rest` are the rest pose's world rotations and positions, `rotations` and `positions_m` the body's world arrays
    `(frames, joints, ...)`; `own` joints keep their turns, and their places where these are `keyed`. Doing it twice
    changes nothing.
    """
    rest_rotations, rest_positions = rest
    inside = np.zeros(len(skeleton), dtype=np.bool_)
    for joint, parent in enumerate(skeleton.parents):
        if joint in leaders:
            leader = leaders[joint]
            inverse = quat.conjugate(rest_rotations[leader])
            turn = quat.multiply(inverse, rest_rotations[joint])
            offset = quat.rotate(inverse, rest_positions[joint] - rest_positions[leader])
            rotations[:, joint] = quat.multiply(rotations[:, leader], turn)
            positions_m[:, joint] = positions_m[:, leader] + quat.rotate(rotations[:, leader], offset)
            inside[joint] = True
        elif parent >= 0 and inside[parent] and joint not in keyed:
            if not own[joint]:
                rotations[:, joint] = quat.multiply(rotations[:, parent], skeleton.rest_rotations[joint])
            bone = skeleton.node_offsets_m[joint]
            positions_m[:, joint] = positions_m[:, parent] + quat.rotate(rotations[:, parent], bone)
            inside[joint] = True


def follower_notices(skeleton: Skeleton, followers: Followers) -> Iterator[Notice]:
    """One notice for all joints that follow, one for all that are left behind, one for roots that travel."""
    if followers.leaders:
        pairs = [f"{_name(skeleton, j)} ({_name(skeleton, to)})" for j, to in followers.leaders.items()]
        what = "1 joint holds skin and has" if len(pairs) == 1 else f"{len(pairs)} joints hold skin and have"
        yield Notice("follows", f"{what} no role; keyed to follow the joint of the body in brackets: {_listed(pairs)}")
    for joint in followers.travelling:
        text = "holds part of the body's skin far from the hips; it is keyed to go along with the body's travel"
        yield Notice("follows", f"root joint {_name(skeleton, joint)} {text}", skeleton.names[joint] or None)
    if followers.left_behind:
        names = [_name(skeleton, joint) for joint in followers.left_behind]
        what = "1 joint holds skin that" if len(names) == 1 else f"{len(names)} joints hold skin that"
        remedy = "hang it below the body's joints, or name it in leave_alone where it is to stay"
        yield Notice(
            "left-behind", f"{what} nothing moves, as no one joint of the body is near: {_listed(names)}; {remedy}"
        )


def _lead(skeleton: Skeleton, own: Mask, leaders: Mapping[int, int], carried: Mask) -> Indices:
    """The joint of the body that moves each joint `(joints,)`, -1 where none does."""
    result = np.full(len(skeleton), -1)
    for joint, parent in enumerate(skeleton.parents):
        if not carried[joint]:
            continue
        above = int(result[parent]) if parent >= 0 else -1
        result[joint] = joint if own[joint] else leaders.get(joint, above)
    return result


def _name(skeleton: Skeleton, joint: int) -> str:
    return repr(skeleton.names[joint]) if skeleton.names[joint] else f"#{int(skeleton.file_indices[joint])}"


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more
