"""BodySurface: a character's surface split into parts, with what its bind pose says about touching itself.

`outer` are the faces that can be seen from outside: skin under clothes and shell ends inside other shells are no
surface that something could pass through. `reduced` has fewer faces, for losses. What intersects in the bind pose is
kept as a depth by vertex and group (`rest_depth_m`): only what lies deeper counts. Neighbours that share a joint
overlap whenever it bends: near that joint they are left out (`excluded`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.body_proxy import build_proxy, lies_in_part
from workers.geometry.decimate import compact, decimate, weld
from workers.geometry.nearest import Target
from workers.geometry.part_frames import PartFrame, find_part_frames
from workers.geometry.parts import (
    BODY,
    GROUP_OF,
    GROUPS,
    LEG_GROUPS,
    PARTS,
    connected,
    face_parts,
    find_props,
    find_shells,
    joint_parts,
    part_index,
    part_weights,
)
from workers.geometry.queries.near import find_near
from workers.geometry.winding import winding_numbers
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices, Mask, Mesh

# Shares of the body's height.
SEEN_FROM = 1e-4  # how far over a face one stands to see whether it lies inside another shell
ARM_RADIUS = 0.022  # of an adult's forearm (Winter 2009), where a rig has no forearm to measure
MAX_DEPTH = 0.2  # nothing is deeper in a body than this
SHALLOW = 0.3  # arm radii: up to this depth the normals of the nearest faces tell inside from outside
# Of the upper bone: what lies closer to the shared joint touches its neighbour in every bent pose.
NEIGHBOUR_SHARE = 0.5
FLIPPED = 0.01  # least volume, in units of area^1.5, by which a shell is known to be inside out
RADIUS_BAND = (0.15, 0.85)  # of a bone: its ends belong to joints


class Influences(NamedTuple):
    """Joints that hold any vertex `(used,)`; those of vertex v, by their place in `joints`, and how much each holds
    stand from `starts[v]` to `starts[v + 1]`.
    """

    joints: Indices
    starts: Indices  # (vertices + 1,)
    columns: Indices
    weights: Array


class Unbound(NamedTuple):
    """Inverse world rotations `(used, 4)` and world positions `(used, 3)` of joints in the bind pose."""

    rotations: Array
    positions_m: Array


@dataclass(frozen=True, eq=False)
class BodySurface:
    """A mesh in its rest pose whose faces all belong to the body (no props)."""

    body: Body
    mesh: Mesh
    parts: Indices  # (vertices,)
    face_parts: Indices  # (faces,)
    outer: Mask  # (faces,) can be seen from outside in the rest pose
    frames: dict[int, PartFrame]
    radius_m: Array  # (parts,) typical distance of the surface from the bone; 0 for a part without surface
    arm_radius_m: float
    is_own: bool  # False: generated around a bare skeleton

    @cached_property
    def influences(self) -> Influences:
        """How much each joint holds of each vertex."""
        mesh = self.mesh
        holds = mesh.weights > 0.0
        used, columns = np.unique(mesh.joints[holds], return_inverse=True)
        starts = np.concatenate([[0], np.cumsum(holds.sum(axis=1))])
        return Influences(
            used.astype(np.int64),
            starts.astype(np.int64),
            columns.reshape(-1).astype(np.int64),
            mesh.weights[holds].astype(np.float64),
        )

    @cached_property
    def unbound(self) -> Unbound:
        """What takes each of the joints that hold anything back from the bind pose to the origin."""
        rotations, positions = (values[self.influences.joints] for values in kinematics.rest_world(self.body.skeleton))
        return Unbound(quat.conjugate(rotations), positions)

    @cached_property
    def rest_m(self) -> Array:
        return np.ascontiguousarray(self.mesh.positions_m, dtype=np.float64)

    @cached_property
    def limb_vertices(self) -> Indices:
        """Vertices of arms and legs that the outer faces use."""
        used = np.zeros(len(self.parts), dtype=np.bool_)
        used[self.mesh.faces[self.outer]] = True
        return np.flatnonzero(used & (GROUP_OF[self.parts] > BODY))

    @cached_property
    def areas_m2(self) -> Array:
        """Outer area around each vertex `(vertices,)`."""
        return vertex_areas(self.mesh.positions_m, self.outer_faces)

    @cached_property
    def target(self) -> Target:
        """The outer faces as something to be near to; face numbers count among `outer_faces`."""
        deepest, shallow = MAX_DEPTH * self.body.height_m, SHALLOW * self.arm_radius_m
        return Target(self.outer_faces, self.outer_face_parts, self.mesh.positions_m, deepest, shallow)

    @cached_property
    def outer_faces(self) -> Indices:
        return self.mesh.faces[self.outer]

    @cached_property
    def outer_face_parts(self) -> Indices:
        return self.face_parts[self.outer]

    @cached_property
    def excluded(self) -> Mask:
        """`(vertices, parts)`: vertices that lie near the joint which their part shares with the other part."""
        result = np.zeros((len(self.parts), len(PARTS)), dtype=np.bool_)
        torso = part_index("torso")
        for side in SIDES:
            for upper, others in (
                ("UpperArm", (torso,)),
                ("UpperLeg", (torso, *(part_index(f"{other}UpperLeg") for other in SIDES if other != side))),
            ):
                part = part_index(side + upper)
                frame = self.frames.get(part)
                if frame is None:
                    continue
                own = np.flatnonzero(self.parts == part)
                along = frame.coordinates(self.mesh.positions_m[own])[0]
                result[np.ix_(own[along < NEIGHBOUR_SHARE], np.array(others))] = True
        return result

    @cached_property
    def rest_depth_m(self) -> Array:
        """`(vertices, groups)`: how deep each limb vertex lies in the surface of a group in the bind pose.

        Infinite where a leg lies in the trunk or the other leg, or an arm in the trunk: in a skirt, robe or sleeve.
        """
        depth = np.zeros((len(self.parts), len(GROUPS)))
        queries = self.limb_vertices
        own = self.parts[queries]
        near = find_near(self.target, self.mesh.positions_m[None], queries, own, 0.0, self.excluded)
        depth[near.vertex, GROUP_OF[self.outer_face_parts[near.face]]] = -near.distance_m
        return self.worn(depth)

    @cached_property
    def ignored(self) -> Mask:
        """`(vertices, parts)`: what never counts, be it excluded or worn."""
        return self.excluded | np.isinf(self.rest_depth_m)[:, GROUP_OF[: len(PARTS)]]

    def worn(self, depth_m: Array) -> Array:
        """Rest depths where a limb that is dressed in its neighbour's surface is never penalised for it."""
        groups = GROUP_OF[self.parts]
        legs = np.isin(groups, LEG_GROUPS)
        neighbours = np.zeros(depth_m.shape, dtype=np.bool_)
        neighbours[groups != BODY, BODY] = True
        neighbours[np.ix_(legs, np.array(LEG_GROUPS))] = True
        hands = np.isin(self.parts, [part_index(f"{side}{part}") for side in SIDES for part in ("Hand", "LowerArm")])
        neighbours[hands] = False
        return np.where(neighbours & (depth_m > 0.0), np.inf, depth_m)


def build_surface(body: Body, mesh: Mesh | None) -> BodySurface:
    """`mesh` is the surface in the rest pose of `body.skeleton`; without one, a body is generated around the joints."""
    own = mesh is not None and len(mesh.faces) > 0
    mesh = weld(mesh) if mesh is not None and own else build_proxy(body)
    of_joint = joint_parts(body)
    weights = part_weights(mesh, of_joint)
    shells = find_shells(mesh)
    props = find_props(mesh, shells, np.asarray(weights.argmax(axis=1)), body)
    mesh = compact(mesh, mesh.faces[~props[mesh.faces].any(axis=1)])
    mesh = replace(mesh, faces=_turned_outward(mesh, find_shells(mesh)))
    weights = part_weights(mesh, of_joint)
    parts = np.asarray(weights.argmax(axis=1))
    of_face = face_parts(weights, mesh.faces)
    outer = (_seen if own else _seen_between_parts)(mesh, SEEN_FROM * body.height_m)
    frames = find_part_frames(body, mesh.positions_m, parts)
    radius = _radii(mesh, parts, outer, frames)
    arms = [radius[part_index(f"{side}LowerArm")] for side in SIDES]
    known = [value for value in arms if value > 0.0]
    arm = float(np.mean(known)) if known else ARM_RADIUS * body.height_m
    return BodySurface(body, mesh, parts, of_face, outer, frames, radius, arm, own)


def reduced(surface: BodySurface, most_faces: int) -> BodySurface:
    """The outer surface with at most about `most_faces` faces; measures stay those of the full one."""
    return with_mesh(surface, fewer_faces(surface, most_faces))


def fewer_faces(surface: BodySurface, most_faces: int) -> Mesh:
    """The mesh of `reduced`."""
    return decimate(compact(surface.mesh, surface.outer_faces), most_faces)


def with_mesh(surface: BodySurface, mesh: Mesh) -> BodySurface:
    """The surface with fewer of its vertices and other faces between them, all of which can be seen."""
    weights = part_weights(mesh, joint_parts(surface.body))
    return replace(
        surface,
        mesh=mesh,
        parts=np.asarray(weights.argmax(axis=1)),
        face_parts=face_parts(weights, mesh.faces),
        outer=np.ones(len(mesh.faces), dtype=np.bool_),
    )


def vertex_areas(positions_m: Array, faces: Indices) -> Array:
    """A third of each face's area to each of its corners, by vertex `(vertices,)` in square metres."""
    a, b, c = (positions_m[faces[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6.0
    areas: Array = np.bincount(faces.ravel(), np.repeat(area, 3), len(positions_m)).astype(np.float64)
    return areas


def _turned_outward(mesh: Mesh, shells: Indices) -> Indices:
    """Faces with the shells turned round that are clearly inside out, as mirrored parts are in some files."""
    a, b, c = (mesh.positions_m[mesh.faces[:, corner]] for corner in range(3))
    shell = shells[mesh.faces[:, 0]]
    count = int(shells.max(initial=-1)) + 1
    area = np.cross(b - a, c - a)
    areas = np.bincount(shell, 0.5 * np.linalg.norm(area, axis=1), count)
    sums = np.stack([np.bincount(shell, a[:, k], count) for k in range(3)], axis=1)
    centres = sums / np.maximum(np.bincount(shell, minlength=count), 1)[:, None]
    volumes = np.bincount(shell, np.einsum("ij,ij->i", a - centres[shell], area) / 6.0, count)
    flipped = volumes < -FLIPPED * areas**1.5
    return np.where(flipped[shell][:, None], mesh.faces[:, ::-1], mesh.faces)


def _seen(mesh: Mesh, over_m: float) -> Mask:
    """Faces `(faces,)` whose outer side does not lie inside another shell."""
    seen: Mask = winding_numbers(mesh.positions_m, mesh.faces, _over(mesh, over_m)) < 0.5
    return seen


def _seen_between_parts(mesh: Mesh, over_m: float) -> Mask:
    """The same of a generated body, whose parts are simple shapes."""
    points = _over(mesh, over_m)
    part = connected(mesh.faces, len(mesh.positions_m))
    of_face = part[mesh.faces[:, 0]]
    inside = np.zeros(len(points), dtype=np.bool_)
    for number in np.unique(of_face):
        own = mesh.positions_m[part == number]
        low, high = own.min(axis=0), own.max(axis=0)
        asked = np.flatnonzero(~inside & (of_face != number) & ((points >= low) & (points <= high)).all(axis=1))
        inside[asked] = lies_in_part(own, points[asked])
    return ~inside


def _over(mesh: Mesh, over_m: float) -> Array:
    """A point `(faces, 3)` a little outside of the middle of each face."""
    a, b, c = (mesh.positions_m[mesh.faces[:, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-20)[:, None]
    points: Array = (a + b + c) / 3.0 + over_m * normal
    return points


def _radii(mesh: Mesh, parts: Indices, outer: Mask, frames: dict[int, PartFrame]) -> Array:
    """Median distance of the outer vertices from the bone, away from its ends, `(parts,)`."""
    used = np.zeros(len(parts), dtype=np.bool_)
    used[mesh.faces[outer]] = True
    radii = np.zeros(len(PARTS))
    for part, frame in frames.items():
        along, _, distance = frame.coordinates(mesh.positions_m[used & (parts == part)])
        middle = distance[(along > RADIUS_BAND[0]) & (along < RADIUS_BAND[1])]
        chosen = middle if len(middle) else distance
        radii[part] = float(np.median(chosen)) if len(chosen) else 0.0
    return radii
