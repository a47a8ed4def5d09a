"""What the network is told of a clip: the source's pose and the character's, on both bodies, node by node.

Everything is seen from the hips, in shares of the body's height or in radii of its own forearms, so that neither units,
names, travel nor heading reach the network. What it is to correct is said in the terms of `geometry.relations`: for
each place on a limb how far it is from the skin, here and in the source, the way out of the body, and the way to where
it should be if the source's place on its own skin is looked up on this one. For the joints above, both ways are also
given as the small turn that would bring the place there (`ways_as_turns`): one step of a pseudo-inverse for a single
point (Wampler 1986, damped), so that the network need not learn what a lever is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import SelfContacts
from workers.geometry.part_frames import PartFrame
from workers.geometry.parts import TORSO, part_index
from workers.geometry.posing import pose
from workers.geometry.relations.features import NEAR, PointRows, nearness_at, probe_heights, read_rows, rows_nearness
from workers.geometry.relations.marks import all_marks
from workers.geometry.relations.nearness import Nearness
from workers.geometry.relations.points import PROBES, RelationPoints, relation_points, shared_points
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import carry
from workers.motion.body_motion import BodyMotion
from workers.retargeting.alignment import RestAlignment
from workers.retargeting.network.contact_ways import ContactWays, contact_ways
from workers.retargeting.network.nodes import (
    NODES,
    NUMBER,
    PARENTS,
    node_joints,
    node_parents,
    node_turns,
    rest_turns,
)
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices, Mask

ROOM = 0.3  # forearm radii over the skin below which a place is shown the way out
FAR = 6.0  # forearm radii: no way is longer
TRUNK_SHARES = {"hips": (-1.0, 0.2), "spine": (0.2, 0.4), "chest": (0.4, 0.6), "upperChest": (0.6, 2.0)}
QUADRANTS = 4
CHAIN_PROBES = 4  # of an arm; a leg has two
SLOTS = 2  # probes that lie on one node
# The node that each probe lies on, and its place there.
SLOT_OF: dict[int, tuple[int, int]] = {}
for _number, (_limb, _held, _) in enumerate(PROBES):
    _node = NUMBER[_held.replace("LowerArm", "UpperArm") if _limb.endswith("Elbow") else _held]
    SLOT_OF[_number] = (_node, sum(node == _node for node, _ in SLOT_OF.values()))
# The probes that each limb's nodes carry, hands and feet first.
CHAINS: dict[str, tuple[int, ...]] = {
    side + limb: tuple(
        number
        for end in ends
        for number, (owner, _, _) in enumerate(PROBES)
        if owner == side + end
    )
    for side in SIDES
    for limb, ends in (("Arm", ("Hand", "Forearm", "Elbow")), ("Leg", ("Foot", "Knee")))
}  # fmt: skip
CHAIN_OF = {
    NUMBER[side + part]: side + limb
    for side in SIDES
    for limb, parts in (
        ("Arm", ("Shoulder", "UpperArm", "LowerArm", "Hand")),
        ("Leg", ("UpperLeg", "LowerLeg", "Foot")),
    )
    for part in parts
}
BONE = 3  # columns of a body's statics that its skeleton alone tells: the bone from the node above
STATIC = BONE + 1 + QUADRANTS + 1
SOURCE_DYNAMIC = 6 + 6 + 3 + 3 * SLOTS
TARGET_DYNAMIC = 3 + 4 * SLOTS + 3 * CHAIN_PROBES + 2
WAYS = 2 * CHAIN_PROBES + 1  # turns that are offered to each node, the last by the source's contacts


@dataclass(frozen=True, eq=False)
class Features:
    """Of `f` frames, float32: `source` `(f, nodes, STATIC + SOURCE_DYNAMIC)` and `target` `(f, nodes,
    STATIC + TARGET_DYNAMIC)`, without and with what is known of the character; `turns` `(f, nodes, WAYS, 3)` are
    offered turns in radians, in the axes of the node above; `near` `(f, limbs)` how near each of `CHAINS` comes to
    anything, here or in the source, 0 to 1; `present` `(nodes,)` which nodes the character has.
    """

    source: Array
    target: Array
    turns: Array
    near: Array
    present: Mask

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, eq=False)
class _Side:
    """One of the two bodies in the frames that are looked at."""

    body: Body
    points: RelationPoints
    rest: Array
    turns: Array  # (frames, nodes, 4) away from rest, canonical
    places_m: Array  # (frames, nodes, 3) of joints, from the hips, world
    rows: PointRows
    found: Nearness
    heights: Array
    present: Mask


def clip_features(
    source: BodyMotion,
    source_surface: BodySurface,
    result: BodyMotion,
    surface: BodySurface,
    alignment: RestAlignment,
    contacts: SelfContacts,
    frames: Indices,
) -> Features:
    """Of some frames of a source, ascending but for a loop's ends, and of the analytic result on the character that
    `surface` is of; `contacts` are the source's own.
    """
    one, other = shared_points(relation_points(source_surface), relation_points(surface))
    wanted = _side(source, one, None, frames)
    made = _side(result, other, alignment, frames)
    near_source, near_target = (nearness_at(side.heights) for side in (wanted, made))
    out, there = _ways(wanted, made)
    probes = {int(probe): column for column, probe in enumerate(made.points.probes)}
    near = np.zeros((len(frames), len(CHAINS)))
    for number, chain in enumerate(CHAINS.values()):
        columns = [probes[probe] for probe in chain if probe in probes]
        if columns:
            near[:, number] = np.maximum(near_source[:, columns], near_target[:, columns]).max(axis=1)
    touching = _contact_ways(made, result, surface, contacts, frames)
    near = np.maximum(near, touching.touches)
    return Features(
        np.concatenate(
            [_static(wanted, None, len(frames)), _source_dynamic(wanted, near_source, probes)], axis=-1
        ).astype(np.float32),
        np.concatenate(
            [
                _static(made, alignment, len(frames)),
                _target_dynamic(made, near_source, near_target, there, touching, probes),
            ],
            axis=-1,
        ).astype(np.float32),
        np.concatenate(
            [ways_as_turns(made, out, near_source[:, :, None] * there, probes), touching.turns[:, :, None]], axis=2
        ).astype(np.float32),
        near.astype(np.float32),
        made.present,
    )


def _contact_ways(
    made: _Side, result: BodyMotion, surface: BodySurface, contacts: SelfContacts, frames: Indices
) -> ContactWays:
    body, parents = made.body, node_parents(made.present)
    axes = quat.multiply(body.facing, made.turns[:, np.maximum(parents, 0)])
    asked, back = np.unique(frames, return_inverse=True)
    first = np.unique(back, return_index=True)[1]
    anchors = carry(contacts, surface, result.rate_hz, asked)
    found = contact_ways(anchors, surface, result, asked, made.places_m[first], axes[first])
    return ContactWays(found.turns[back], found.touches[back], found.missed[back])


def _side(motion: BodyMotion, points: RelationPoints, alignment: RestAlignment | None, frames: Indices) -> _Side:
    body = motion.body
    rest, joints = rest_turns(body, alignment), node_joints(body)
    rows = read_rows(points, pose(points.surface, motion, frames))
    found = rows_nearness(points, rows)
    places = motion.positions_m[frames][:, joints] - motion.positions_m[frames][:, [body.hips]]
    present = joints >= 0
    for number in np.flatnonzero(~present):
        places[:, number] = places[:, PARENTS[number]]
    turns = node_turns(body, motion.rotations[frames], rest)
    return _Side(body, points, rest, turns, places, rows, found, probe_heights(points, found), present)


def _ways(wanted: _Side, made: _Side) -> tuple[Array, Array]:
    """Of each probe, in forearm radii and the world's axes `(frames, probes, 3)`: out of the body, and to where the
    source's place is on this body, as far over its skin.
    """
    normal = made.found.weight @ made.rows.normal
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    out = normal / np.maximum(length, 1e-6) * np.clip(ROOM - made.heights, 0.0, FAR)[..., None]
    over = np.clip(wanted.heights, -1.0, FAR) + made.points.own_radius_m / made.points.scale_m
    there = wanted.found.weight @ made.rows.place + over[..., None] * (wanted.found.weight @ made.rows.normal)
    way = there - made.rows.asked
    far = np.linalg.norm(way, axis=-1, keepdims=True)
    return out, way * np.minimum(1.0, FAR / np.maximum(far, 1e-6))


def _local(turns: Array) -> Array:
    """Turns of the nodes as seen from the node above `(frames, nodes, 4)`; the hips have the identity."""
    above = np.where(PARENTS < 0, 0, PARENTS)
    return quat.multiply(quat.conjugate(turns[:, above]), turns)


def _six(turns: Array) -> Array:
    """The first two columns of each turn's matrix `(..., 6)` (Zhou et al. 2019)."""
    matrix = quat.to_matrix(turns)
    return np.concatenate([matrix[..., 0], matrix[..., 1]], axis=-1)


def _seen_from_hips(side: _Side, vectors: Array) -> Array:
    """World vectors `(frames, n, 3)` in the hips' axes."""
    axes = quat.multiply(side.body.facing, side.turns[:, [0]])
    return quat.rotate(quat.conjugate(axes), vectors)


def _source_dynamic(side: _Side, near: Array, probes: dict[int, int]) -> Array:
    relative = quat.multiply(quat.conjugate(side.turns[:, [0]]), side.turns)
    parts = [_six(relative), _six(_local(side.turns)), _seen_from_hips(side, side.places_m) / side.body.height_m]
    values = np.stack([_soft(side.heights), near, side.found.facing], axis=-1)
    return np.concatenate([*parts, _on_nodes(values, probes)], axis=-1)


def _target_dynamic(
    made: _Side, near_source: Array, near: Array, there: Array, touching: ContactWays, probes: dict[int, int]
) -> Array:
    place = _seen_from_hips(made, made.places_m) / made.body.height_m
    missing = np.linalg.norm(there, axis=-1) * near_source / FAR
    values = np.stack([_soft(made.heights), near, made.found.facing, missing], axis=-1)
    of_chain = np.stack([_soft(made.heights), near, near_source], axis=-1)
    carried = np.zeros((len(near), len(NODES), CHAIN_PROBES, 3))
    for node, chain in CHAIN_OF.items():
        for slot, probe in enumerate(CHAINS[chain]):
            if probe in probes:
                carried[:, node, slot] = of_chain[:, probes[probe]]
    asked = np.zeros((len(near), len(NODES), 2))
    for node, chain in CHAIN_OF.items():
        limb = list(CHAINS).index(chain)
        asked[:, node] = np.stack([touching.touches[:, limb], _soft(touching.missed[:, limb])], axis=-1)
    flat = carried.reshape(*carried.shape[:2], -1)
    return np.concatenate([place, _on_nodes(values, probes), flat, asked], axis=-1)


def _soft(heights: Array) -> Array:
    """Heights between -1 and 1, half at `NEAR`."""
    soft: Array = heights / (NEAR + np.abs(heights))
    return soft


def _on_nodes(values: Array, probes: dict[int, int]) -> Array:
    """What is known of probes `(frames, probes, k)`, at the nodes on which they lie `(frames, nodes, SLOTS k)`."""
    frames, _, count = values.shape
    result = np.zeros((frames, len(NODES), SLOTS, count))
    for probe, column in probes.items():
        result[:, SLOT_OF[probe][0], SLOT_OF[probe][1]] = values[:, column]
    return result.reshape(frames, len(NODES), -1)


def ways_as_turns(made: _Side, out: Array, there: Array, probes: dict[int, int]) -> Array:
    """For every node of a limb and each probe that it carries the rotation vectors, in the canonical axes of the node
    above, that would move the probe by either way, `(frames, nodes, 2 CHAIN_PROBES, 3)`.
    """
    frames, scale = len(out), made.points.scale_m
    result = np.zeros((frames, len(NODES), 2, CHAIN_PROBES, 3))
    parents = node_parents(made.present)
    for node, chain in CHAIN_OF.items():
        if not made.present[node]:
            continue
        axes = quat.multiply(made.body.facing, made.turns[:, parents[node]])
        for slot, probe in enumerate(CHAINS[chain]):
            if probe not in probes or not _carries(node, probe):
                continue
            lever = made.rows.asked[:, probes[probe]] - made.places_m[:, node] / scale
            for kind, way in enumerate((out, there)):
                turn = np.cross(lever, way[:, probes[probe]]) / ((lever**2).sum(-1, keepdims=True) + 1.0)
                result[:, node, kind, slot] = quat.rotate(quat.conjugate(axes), turn)
    return result.reshape(frames, len(NODES), 2 * CHAIN_PROBES, 3)


def _carries(node: int, probe: int) -> bool:
    """Whether a turn of the node moves the probe: an elbow lies on the upper arm's end, a knee on the thigh's."""
    held = PROBES[probe][1].replace("LowerArm", "UpperArm") if PROBES[probe][0].endswith("Elbow") else PROBES[probe][1]
    held = held.replace("LowerLeg", "UpperLeg") if PROBES[probe][0].endswith("Knee") else held
    number = NUMBER[held]
    while number >= 0:
        if number == node:
            return True
        number = int(PARENTS[number])
    return False


def _static(side: _Side, alignment: RestAlignment | None, frames: int) -> Array:
    """Bone from the node above, typical radius, radius to four sides, whether it is there `(frames, nodes, 9)`."""
    body, surface = side.body, side.points.surface
    joints, parents = node_joints(body), node_parents(side.present)
    result = np.zeros((len(NODES), STATIC))
    # Of a limb that is aligned the bone below turns along: a node's rest is the source's.
    aligned = quat.multiply(side.rest, quat.conjugate(rest_turns(body, None)))
    for number in np.flatnonzero(side.present):
        above = parents[number]
        if above >= 0:
            bone = body.rest_positions_m[joints[number]] - body.rest_positions_m[joints[above]]
            bone = quat.rotate(quat.conjugate(body.facing), quat.rotate(aligned[above], bone))
            result[number, :BONE] = bone / body.height_m
        part = _skin_part(NODES[number])
        result[number, BONE] = surface.radius_m[part] / body.height_m
        result[number, BONE + 1 : BONE + 1 + QUADRANTS] = _radii(side, part, NODES[number]) / body.height_m
        result[number, -1] = 1.0
    return np.repeat(result[None], frames, axis=0)


def _skin_part(role: str) -> int:
    if role in TRUNK_SHARES or role == "neck" or role.endswith("Shoulder"):
        return TORSO
    return part_index(role)


def _radii(side: _Side, part: int, role: str) -> Array:
    """Mean distance of the marks from the part's axis, to its front and round `(QUADRANTS,)`; 0 where none are."""
    frame: PartFrame | None = side.points.surface.frames.get(part)
    every = all_marks()
    mine = np.flatnonzero(every.part[side.points.marks] == part)
    if frame is None or not len(mine):
        return np.zeros(QUADRANTS)
    along, around, distance = frame.coordinates(side.points.mesh.positions_m[mine])
    low, high = TRUNK_SHARES.get(role, (-np.inf, np.inf))
    quadrant = np.round(around / (2.0 * np.pi / QUADRANTS)).astype(np.int64) % QUADRANTS
    result = np.zeros(QUADRANTS)
    for number in range(QUADRANTS):
        chosen = (quadrant == number) & (along >= low) & (along < high)
        result[number] = distance[chosen].mean() if chosen.any() else 0.0
    return result
