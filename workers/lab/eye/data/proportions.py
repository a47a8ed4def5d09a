"""Bodies with other proportions, made from any body: same rig, same local rotations, limbs of other length and girth.

Each part of the body (`REGIONS`) gets an affine stretch in the rest pose: limbs along and around their bone, trunk,
head, hands and feet along the body's axes. Joints and skin follow the same stretches, so joints stay inside their limbs
and left and right stay alike. Directions of limbs in any pose are kept, contacts are not (see `describe.ContactProbe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.body_proxy import build_proxy
from workers.lab.eye.data.bodies import PosableBody
from workers.lab.eye.data.describe import part_owners
from workers.skeleton import quat
from workers.skeleton.body import FORWARD, LEFT, UP, Body, measure_body
from workers.skeleton.model import Array, Mesh

# Region -> smallest and largest scale: along the bone (limbs) or up (others), and across. Drawn evenly in logarithms.
REGIONS = {
    "trunk": ((0.75, 1.25), (0.75, 1.5)),
    "neck": ((0.7, 1.3), (0.8, 1.3)),
    "UpperArm": ((0.65, 1.35), (0.7, 1.6)),
    "LowerArm": ((0.65, 1.35), (0.7, 1.6)),
    "Hand": ((0.8, 1.6), (0.8, 1.6)),
    "UpperLeg": ((0.6, 1.3), (0.7, 1.6)),
    "LowerLeg": ((0.6, 1.3), (0.7, 1.6)),
    "Foot": ((0.8, 1.5), (0.8, 1.5)),
}
HEAD_SHARES, GROWN_HEAD = (0.11, 0.36), (0.12, 0.17)
# Drawn figures, two to three and a half heads tall: so many of the bodies, and by how much their limbs are shorter.
DRAWN, DRAWN_HEAD, DRAWN_LIMBS = 0.25, (0.28, 0.5), (0.5, 0.85)
LIMB_ENDS = {"UpperArm": "LowerArm", "LowerArm": "Hand", "UpperLeg": "LowerLeg", "LowerLeg": "Foot"}
# A role outside the limbs -> its region; fingers belong to the hand, toes to the foot.
CENTRE = {
    "hips": "trunk", "spine": "trunk", "chest": "trunk", "upperChest": "trunk", "neck": "neck", "head": "head",
    "leftShoulder": "trunk", "rightShoulder": "trunk",
}  # fmt: skip

Scales = Mapping[str, tuple[float, float]]


def random_scales(random: np.random.Generator, posable: PosableBody) -> Scales:
    """Lengths and girths by region. Neighbouring parts change partly together, as they do between real bodies; heads
    become any share of the height in `HEAD_SHARES`, half of them that of a grown body, and some bodies are drawn ones.
    """
    is_drawn = random.random() < DRAWN
    shorter = float(random.uniform(*DRAWN_LIMBS)) if is_drawn else 1.0
    whole_limb = {part: float(random.normal(0.0, 0.5)) for part in ("Arm", "Leg")}
    result = {}
    for region, ranges in REGIONS.items():
        shared = next((value for part, value in whole_limb.items() if region.endswith(part)), None)
        values = []
        for low, high in ranges:
            place = float(random.random())
            if shared is not None:
                place = float(np.clip(0.5 * place + 0.25 + 0.35 * shared, 0.0, 1.0))
            values.append(float(low * (high / low) ** place))
        result[region] = (values[0] * (shorter if region in LIMB_ENDS else 1.0), values[1])
    low, high = DRAWN_HEAD if is_drawn else GROWN_HEAD if random.random() < 0.5 else HEAD_SHARES
    wanted = float(low * (high / low) ** random.random())
    result["head"] = (wanted / max(head_share(posable), 0.05),) * 2
    return result


def head_share(posable: PosableBody) -> float:
    """Height of what the head joint moves, as a share of the body's."""
    owners = np.array([part == "head" for part in part_owners(posable.body)])
    mesh = posable.surface
    on_head = (mesh.weights * owners[mesh.joints]).sum(axis=1) > 0.5
    if not on_head.any():
        return 0.13
    return float(np.ptp(mesh.positions_m[on_head, 1]) / np.ptp(mesh.positions_m[:, 1]))


def stretch(posable: PosableBody, scales: Scales, name: str) -> PosableBody:
    """The body with its regions scaled; `scales` holds all of `REGIONS`."""
    body = posable.body
    matrices = _matrices(body, scales)
    places = _stretched_places(body, matrices)
    mesh = _stretched_surface(posable.surface, body, matrices, places)
    skeleton = body.skeleton
    child = skeleton.parents >= 0
    above = skeleton.parents[child]
    offsets = places.copy()
    offsets[child] = quat.rotate(quat.conjugate(body.rest_rotations[above]), places[child] - places[above])
    # Where a file's nodes stand apart from its rest pose, their offsets change as those of the rest pose do.
    before = np.linalg.norm(skeleton.rest_offsets_m, axis=1)
    ratio = np.where(before > 1e-9, np.linalg.norm(offsets, axis=1) / np.maximum(before, 1e-9), 1.0)
    same = np.linalg.norm(skeleton.node_offsets_m - skeleton.rest_offsets_m, axis=1) < 1e-4 * body.height_m
    nodes = np.where(same[:, None], offsets, skeleton.node_offsets_m * ratio[:, None])
    stretched = replace(skeleton, rest_offsets_m=offsets, node_offsets_m=nodes)
    return PosableBody(name, posable.family, posable.kind, measure_body(stretched, body.mapping, mesh), mesh)


def generated(posable: PosableBody) -> PosableBody:
    """The same skeleton, measured and given a surface from its bones alone, as a motion without a mesh is shown."""
    body = measure_body(posable.body.skeleton, posable.body.mapping, None)
    return PosableBody(f"{posable.name} bones", posable.family, "generated", body, build_proxy(body))


def _matrices(body: Body, scales: Scales) -> Array:
    """The stretch of each joint's part in the rest pose's world, `(joints, 3, 3)`."""
    roles = {match.joint: role for role, match in body.mapping.roles.items()}
    axes = quat.rotate(body.facing, np.stack([LEFT, UP, FORWARD]))
    result = np.empty((len(body.skeleton), 3, 3))
    for joint in range(len(result)):
        above = joint
        while above >= 0 and above not in roles:
            above = int(body.skeleton.parents[above])
        result[joint] = _matrix(body, roles.get(above, "hips"), axes, scales)
    return result


def _matrix(body: Body, role: str, axes: Array, scales: Scales) -> Array:
    part = next((role.removeprefix(side) for side in SIDES if role.startswith(side)), role)
    if role in CENTRE or part not in REGIONS:
        region = CENTRE.get(role) or _end_region(part)
        along, across = scales[region]
        if region in ("head", "Hand", "Foot"):
            # Real heads, hands and feet differ in size more than in form.
            return np.eye(3) * along
        stretched: Array = np.einsum("k,ki,kj->ij", [across, along, across], axes, axes)
        return stretched
    along, across = scales[part]
    end = LIMB_ENDS.get(part)
    joint, tip = body.joint(role), body.joint(role.replace(part, end)) if end is not None else None
    if joint is None or tip is None:
        return np.eye(3) * along
    way = quat.unit(body.rest_positions_m[tip] - body.rest_positions_m[joint])
    return across * np.eye(3) + (along - across) * np.outer(way, way)


def _end_region(part: str) -> str:
    if part == "Toes":
        return "Foot"
    return "head" if part in ("Eye", "jaw") else "Hand"


def _stretched_places(body: Body, matrices: Array) -> Array:
    """Joints of the rest pose, each moved by the stretch of the part that carries it."""
    places = body.rest_positions_m.copy()
    done: set[int] = set()

    def place(joint: int) -> Array:
        if joint not in done:
            done.add(joint)
            carrier = body.attachments.get(joint, int(body.skeleton.parents[joint]))
            if carrier >= 0:
                offset = body.rest_positions_m[joint] - body.rest_positions_m[carrier]
                places[joint] = place(carrier) + matrices[carrier] @ offset
        placed: Array = places[joint]
        return placed

    for joint in range(len(places)):
        place(joint)
    return places


def _stretched_surface(mesh: Mesh, body: Body, matrices: Array, places: Array) -> Mesh:
    result = np.zeros_like(mesh.positions_m)
    for column in range(mesh.joints.shape[1]):
        joints = mesh.joints[:, column]
        moved = np.einsum("vij,vj->vi", matrices[joints], mesh.positions_m - body.rest_positions_m[joints])
        result += mesh.weights[:, column, None] * (moved + places[joints])
    return replace(mesh, positions_m=result)
