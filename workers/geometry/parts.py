"""Body parts: which part of the body each joint, vertex and face of a skinned mesh belongs to, by skin weights.

A joint without a role belongs to the part of the nearest role above it, so skirts, hair, twist and finger joints go
where they hang; a follower to the part of the joint it follows. A face on a seam takes the part that holds most of its
three corners. Rigid shells that reach far beyond the limb that holds them (swords, shields) are props: no part of the
body. Poses are left to others.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from workers.contract.roles import ARM, FACE, FINGERS, LEG, SIDES, finger_roles
from workers.skeleton.body import Body
from workers.skeleton.kinematics import nearest_above
from workers.skeleton.model import Array, Indices, Mask, Mesh

LIMB_PARTS = ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
PARTS = ("torso", "head", *(side + part for side in SIDES for part in LIMB_PARTS))
TORSO, HEAD = 0, 1
PROP = -1
GROUPS = ("body", *(f"{side}{limb}" for side in SIDES for limb in ("Arm", "Leg")))
BODY = 0
# Group of each part; the last entry is what PROP (-1) indexes.
GROUP_OF: Indices = np.array([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, -1])
ARM_GROUPS, LEG_GROUPS = (1, 3), (2, 4)

# A shell held by one joint is a prop when it reaches farther from its bone than this many of its limb's lower bones.
PROP_REACH = 1.0
RIGID = 0.99


def part_index(name: str) -> int:
    return PARTS.index(name)


def role_parts() -> dict[str, int]:
    """Role -> part. Neck and clavicles count as torso, the face as head, fingers as hand, toes as foot."""
    found = dict.fromkeys(("head", *FACE), HEAD)
    found |= dict.fromkeys(("hips", "spine", "chest", "upperChest", "neck"), TORSO)
    for side in SIDES:
        found[f"{side}Shoulder"] = TORSO
        found |= {side + role: part_index(side + role) for role in (*ARM[1:], *LEG[:3])}
        found[f"{side}Toes"] = part_index(f"{side}Foot")
        for finger in FINGERS:
            found |= dict.fromkeys(finger_roles(side, finger), part_index(f"{side}Hand"))
    return found


def joint_parts(body: Body) -> Indices:
    """Part of every joint `(joints,)`; joints above the hips are torso."""
    of_role, own = role_parts(), {}
    for role, part in of_role.items():
        joint = body.joint(role)
        if joint is not None:
            own[joint] = part
    for twist in body.twists:
        own.setdefault(twist.joint, of_role[twist.role])
    natural = nearest_above(body.skeleton, own, TORSO)
    leaders = body.followers.leaders
    if not leaders:
        return natural
    return nearest_above(body.skeleton, own | {joint: int(natural[leader]) for joint, leader in leaders.items()}, TORSO)


def part_weights(mesh: Mesh, of_joint: Indices) -> Array:
    """How much of each vertex every part holds `(vertices, parts)`; rows sum to 1."""
    weights = np.zeros((len(mesh.positions_m), len(PARTS)))
    np.add.at(weights, (np.arange(len(weights))[:, None], of_joint[mesh.joints]), mesh.weights)
    return weights


def face_parts(weights: Array, faces: Indices) -> Indices:
    """Part of each face `(faces,)`: the one that holds most of its corners."""
    return np.asarray(weights[faces].sum(axis=1).argmax(axis=1))


def find_shells(mesh: Mesh) -> Indices:
    """Number of the connected shell of each vertex `(vertices,)`; vertices at one place are connected."""
    extent = max(float(np.ptp(mesh.positions_m, axis=0).max(initial=0.0)), 1e-9)
    place = np.unique(np.round(mesh.positions_m / (1e-6 * extent)), axis=0, return_inverse=True)[1].reshape(-1)
    return connected(place[mesh.faces], int(place.max(initial=-1)) + 1)[place]


def connected(faces: Indices, count: int) -> Indices:
    """Number of the piece that each of `count` vertices belongs to `(count,)`: pieces share no vertex."""
    rows, columns = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    pieces: Indices = connected_components(graph, directed=False)[1]
    return pieces


def find_props(mesh: Mesh, shells: Indices, parts: Indices, body: Body) -> Mask:
    """Vertices `(vertices,)` of rigid shells that hang on a limb and reach out of all proportion to it."""
    result = np.zeros(len(parts), dtype=np.bool_)
    strongest = mesh.weights.argmax(axis=1)
    holder = mesh.joints[np.arange(len(parts)), strongest]
    loose = mesh.weights.max(axis=1) < RIGID
    order = np.argsort(shells, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(shells[order])) + 1):
        if loose[members].any() or (holder[members] != holder[members[0]]).any() or parts[members[0]] <= HEAD:
            continue
        bone = _bone(body, PARTS[parts[members[0]]])
        if bone is not None:
            start, end, lower = bone
            result[members] = _distance_to_bone(mesh.positions_m[members], start, end).max() > PROP_REACH * lower
    return result


def _bone(body: Body, part: str) -> tuple[Array, Array, float] | None:
    """Where a part's bone starts and ends in the rest pose, and the length of its limb's lower bone."""
    side = "left" if part.startswith("left") else "right"
    chain = LIMB_PARTS[:3] if part[len(side) :] in LIMB_PARTS[:3] else LIMB_PARTS[3:]
    joints = [body.joint(side + role) for role in chain]
    if any(joint is None for joint in joints):
        return None
    places = [body.rest_positions_m[joint] for joint in joints if joint is not None]
    number = chain.index(part[len(side) :])
    return places[number], places[min(number + 1, 2)], float(np.linalg.norm(places[2] - places[1]))


def _distance_to_bone(points: Array, start: Array, end: Array) -> Array:
    bone = end - start
    along = np.clip((points - start) @ bone / max(float(bone @ bone), 1e-12), 0.0, 1.0)
    distance: Array = np.linalg.norm(points - start - along[:, None] * bone, axis=1)
    return distance
