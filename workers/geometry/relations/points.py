"""Relation points: the marks of a surface, its joints and what is asked about them, as one small mesh.

Marks follow the skin, by the weights of the face that they lie on; what is asked (`PROBES`) and the joints follow one
joint each. A mark comes with the tip of its normal, one arm radius long. The mesh has no faces: it is something to
pose, by `workers.geometry.posing` or, with gradients, by `workers.rendering.skinning`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.parts import ARM_GROUPS, GROUP_OF, LEG_GROUPS, part_index
from workers.geometry.relations.find_marks import find_marks
from workers.geometry.relations.marks import all_marks
from workers.geometry.surface import BodySurface
from workers.skeleton import quat
from workers.skeleton.body import FORWARD, LEFT, UP, Body
from workers.skeleton.model import Array, Indices, Mask, Mesh

BODIES_KEPT = 16
FINGER_TIPS, PALM = 0.85, 0.4  # shares along a hand
HAND_LENGTH = 0.7  # of the forearm, where a hand has no skin to measure
PROBE_SHIFT = 0.2  # share of a part by which a whole shift moves a probe
THIN_PCT = 25.0
NEIGHBOURS = 3
# What is asked: limb, part, and the share along that part's axis; 0 is the joint.
PROBES: tuple[tuple[str, str, float], ...] = (
    *(
        (side + limb, side + part, along)
        for side in SIDES
        for limb, part, along in (
            ("Hand", "Hand", PALM), ("Hand", "Hand", FINGER_TIPS), ("Forearm", "LowerArm", 0.5),
            ("Elbow", "LowerArm", 0.0), ("Foot", "Foot", 0.5), ("Knee", "LowerLeg", 0.0),
        )
    ),
    ("head", "head", 0.5),
)  # fmt: skip
JOINTS = tuple(
    side + role for side in SIDES for role in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
)


@dataclass(frozen=True, eq=False)
class RelationPoints:
    """Rows of `mesh`: marks, tips of their normals, probes, tips of their palms (of what is no hand, the probe again),
    `JOINTS`, the hips with three axes, the head with two. `marks` numbers the marks among all, `probes` among `PROBES`.
    """

    surface: BodySurface  # to pose: the surface's own but for the mesh
    marks: Indices
    embedding: Array  # (marks, dimensions)
    apart_m: Array  # (marks,) how far marks are from one another at rest
    probes: Indices
    own_radius_m: Array  # (probes,)
    palms: Mask  # (probes,) those whose palm is known
    asked: Array  # (probes, marks) 1 where a probe is asked about a mark: not within its limb, nor of a leg about arms
    lengths_m: dict[str, float]  # of each arm and leg along its bones, such as leftArm
    facing: Array  # (3, 3) from the body's canonical space to the rest pose's world

    @property
    def mesh(self) -> Mesh:
        return self.surface.mesh

    @property
    def limbs(self) -> tuple[str, ...]:
        """The limbs that are asked about, each once."""
        return tuple(dict.fromkeys(PROBES[probe][0] for probe in self.probes))

    @property
    def scale_m(self) -> float:
        """What is near is measured in: the radius of the forearms."""
        return self.surface.arm_radius_m

    def only(self, marks: Indices, probes: Indices, palms: Indices) -> RelationPoints:
        """With some of the marks and probes, by their numbers, and the palms of some of these; no probe that is asked
        about none of the marks.
        """
        of_marks, of_probes = np.isin(self.marks, marks), np.isin(self.probes, probes)
        of_probes &= self.asked[:, of_marks].any(axis=1)
        rest = len(self.mesh.positions_m) - 2 * len(of_marks) - 2 * len(of_probes)
        rows = np.concatenate([of_marks, of_marks, of_probes, of_probes, np.ones(rest, dtype=np.bool_)])
        known = self.palms & np.isin(self.probes, palms)
        places, joints, weights = (
            values.copy() for values in (self.mesh.positions_m, self.mesh.joints, self.mesh.weights)
        )
        first = 2 * len(of_marks) + np.flatnonzero(~known)
        places[first + len(of_probes)] = places[first]  # a palm that one of two bodies lacks faces nowhere on both
        return replace(
            self,
            surface=_with_points(self.surface, places[rows], joints[rows], weights[rows]),
            palms=known[of_probes],
            marks=self.marks[of_marks],
            embedding=self.embedding[of_marks],
            apart_m=self.apart_m[of_marks],
            probes=self.probes[of_probes],
            own_radius_m=self.own_radius_m[of_probes],
            asked=self.asked[np.ix_(of_probes, of_marks)],
        )


@lru_cache(maxsize=BODIES_KEPT)
def relation_points(surface: BodySurface, shift: float = 0.0) -> RelationPoints:
    """The points of a surface; `shift` as in `all_marks` (0 or 0.5: others are not alike on both sides), by which the
    probes move along their parts too.
    """
    body, every = surface.body, all_marks(shift)
    places = find_marks(surface, every)
    probes = np.array([k for k, probe in enumerate(PROBES) if _holder(surface, *probe) is not None], dtype=np.int64)
    marks = np.flatnonzero(places.found)
    of_part = {part: _radius(surface, part, places.positions_m[every.part[marks] == part]) for part in surface.frames}
    holders = [holder for probe in probes if (holder := _holder(surface, *PROBES[probe])) is not None]
    parts = np.array([part_index(part) for part, _, _ in holders], dtype=np.int64)
    own, other = GROUP_OF[parts][:, None], GROUP_OF[every.part[marks]]
    apart = (own != other) & ~(np.isin(own, LEG_GROUPS) & np.isin(other, ARM_GROUPS))
    mesh = surface.mesh
    joints = mesh.joints[places.corners].reshape(len(marks), -1)
    weights = (places.shares[..., None] * mesh.weights[places.corners]).reshape(len(marks), -1)
    palms = np.array([part.endswith("Hand") for part, _, _ in holders], dtype=np.bool_)
    rigid, carriers = _rigid_points(surface, holders, shift)
    held = np.zeros((len(rigid), joints.shape[1]), dtype=np.int64)
    held[:, 0] = carriers
    whole = np.zeros(held.shape)
    whole[:, 0] = 1.0
    tips = places.positions_m + surface.arm_radius_m * places.normals
    columns = (
        np.concatenate([places.positions_m, tips, rigid]),
        np.concatenate([joints, joints, held]),
        np.concatenate([weights, weights, whole]),
    )
    return RelationPoints(
        _with_points(surface, *columns),
        marks,
        every.embedding[marks],
        _apart_m(places.positions_m, every.part[marks]),
        probes,
        np.array([of_part[part] for part in parts]),
        palms,
        apart.astype(np.float64),
        {f"{side}{limb}": _length(surface, side, limb) for side in SIDES for limb in ("Arm", "Leg")},
        quat.to_matrix(body.facing),
    )


def shared_points(one: RelationPoints, other: RelationPoints) -> tuple[RelationPoints, RelationPoints]:
    """Both with only what both have, so that their relations can be compared; each of the same `shift`."""
    marks, probes = np.intersect1d(one.marks, other.marks), np.intersect1d(one.probes, other.probes)
    palms = np.intersect1d(one.probes[one.palms], other.probes[other.palms])
    return one.only(marks, probes, palms), other.only(marks, probes, palms)


def _holder(surface: BodySurface, limb: str, part: str, along: float) -> tuple[str, str, float] | None:
    """Part on which a probe lies, the role whose joint it follows, and the share along the part. Hands without skin, or
    without a joint, are where their forearm goes on to, or its end. None for what the body lacks.
    """
    body = surface.body
    if body.has(part) and part_index(part) in surface.frames:
        return part, part, along
    forearm = part.replace("Hand", "LowerArm")
    if forearm == part or part_index(forearm) not in surface.frames:
        return None
    return (forearm, part, 1.0 + HAND_LENGTH * along) if body.has(part) else (forearm, forearm, 0.7 + 0.3 * along)


def _radius(surface: BodySurface, part: int, marks_m: Array) -> float:
    """How far the skin of a part is from its axis where it is thin: of a hand half its thickness."""
    if not len(marks_m):
        return float(surface.radius_m[part])
    return float(np.percentile(surface.frames[part].coordinates(marks_m)[2], THIN_PCT))


def _apart_m(places_m: Array, parts: Indices) -> Array:
    """Distance of each mark from the last of its `NEIGHBOURS` nearest of its part."""
    apart = np.linalg.norm(places_m[:, None] - places_m[None], axis=-1)
    apart[parts[:, None] != parts[None]] = np.inf
    nearest: Array = np.sort(apart, axis=1)[:, NEIGHBOURS]
    return nearest


def _rigid_points(
    surface: BodySurface, holders: Sequence[tuple[str, str, float]], shift: float
) -> tuple[Array, list[int]]:
    """What follows one joint each, at rest `(points, 3)`, and these joints; in the order of `RelationPoints`."""
    body, reach = surface.body, surface.arm_radius_m
    places, palms, carriers = [], [], []
    for part, role, along in holders:
        frame = surface.frames[part_index(part)]
        along += PROBE_SHIFT * shift if along > 0.0 else 0.0
        place = body.rest_positions_m[_joint(body, role)]
        if along > 0.0:
            place = frame.origin_m + along * frame.length_m * frame.axis
        places.append(place)
        palms.append(place - reach * frame.zero if part.endswith("Hand") else place)
        carriers.append(_joint(body, role))
    joints = [_bone_end(surface, role) for role in JOINTS]
    forward, up, left = (quat.rotate(body.facing, way) for way in (FORWARD, UP, LEFT))
    head = body.joint("head") if body.has("head") else body.hips
    assert head is not None
    axes = [
        *((body.rest_positions_m[body.hips] + reach * way, body.hips) for way in (np.zeros(3), left, up, forward)),
        *((body.rest_positions_m[head] + reach * way, head) for way in (np.zeros(3), up, forward)),
    ]
    ends = [*joints, *axes]
    return np.array([*places, *palms, *(end for end, _ in ends)]), [*carriers, *carriers, *(by for _, by in ends)]


def _bone_end(surface: BodySurface, role: str) -> tuple[Array, int]:
    """Where a joint is at rest and what it follows; of a missing wrist or ankle, where its limb ends."""
    body = surface.body
    joint = body.joint(role)
    if joint is not None:
        return body.rest_positions_m[joint], joint
    side = "left" if role.startswith("left") else "right"
    lower, upper = (side + part + ("Arm" if role.endswith("Hand") else "Leg") for part in ("Lower", "Upper"))
    frame = surface.frames.get(part_index(lower))
    if frame is not None:
        return frame.origin_m + frame.length_m * frame.axis, _joint(body, lower)
    start, bend = (body.rest_positions_m[_joint(body, above)] for above in (upper, lower))
    return 2.0 * bend - start, _joint(body, lower)


def _length(surface: BodySurface, side: str, limb: str) -> float:
    tip = "Hand" if limb == "Arm" else "Foot"
    start, bend, end = (_bone_end(surface, side + role)[0] for role in (f"Upper{limb}", f"Lower{limb}", tip))
    return float(np.linalg.norm(bend - start) + np.linalg.norm(end - bend))


def _joint(body: Body, role: str) -> int:
    return body.mapping.roles[role].joint


def _with_points(surface: BodySurface, positions_m: Array, joints: Indices, weights: Array) -> BodySurface:
    """Something to pose that holds the points in place of the surface's vertices."""
    mesh = Mesh(positions_m, np.zeros((0, 3), dtype=np.int64), joints, weights)
    nothing = np.zeros(0, dtype=np.int64)
    return replace(surface, mesh=mesh, parts=nothing, face_parts=nothing, outer=nothing.astype(np.bool_))
