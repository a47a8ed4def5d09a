"""Penetration and self-contact as rows: limbs leave surfaces along the shortest way, and touch where they should."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.geometry.near_body import near_body
from workers.geometry.parts import GROUP_OF
from workers.geometry.surface import BodySurface
from workers.geometry.transfer_contacts import ContactAnchors
from workers.refinement.clearance import Clearance
from workers.refinement.rows import OnPiece, Posed, Rows, WatchedSurface, huber_weights, joined
from workers.skeleton.model import Array, Indices, Mask

SOFT = 0.1  # arm radii: error up to which losses are quadratic, beyond linear (Huber 1964)
# The same for depth where nothing touches on purpose: a limb that lies a little in soft flesh is no harm, one that is
# buried is.
SOFT_FLESH = 1.0
# Arm radii kept between surfaces, a few millimetres: as much as the reduced surface and the frames between may differ.
CLEARANCE = 0.15
# On the finer surface the least patch, in square arm radii, that a vertex counts for where limbs touch on purpose.
LEAST_AREA = 0.3
FRAMES_AT_ONCE = 32
# Arm radii along a surface by which a contact may be off its place: of two hands, at the head, elsewhere. Places of
# bodies of other shapes are no surer than that: hands that were drawn the last bit slid from ear to cheek.
ASIDE_OF_HANDS, ASIDE_AT_HEAD, ASIDE = 0.25, 1.0, 0.5


@dataclass(frozen=True, eq=False)
class Penetration:
    """Limbs in the body and in one another, or closer to it than `CLEARANCE`; of the vertices `asked`. Limbs that touch
    on purpose, `touching` `(frames, GROUPS)` between 0 and 1, do not sink in; `least_area` is the least patch that a
    vertex of theirs counts for, in square arm radii.
    """

    watched: WatchedSurface
    asked: Indices
    room: Clearance
    touching: Array
    least_area: float
    every: int  # frame is asked in a round, in turns

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        surface = self.watched.surface
        chosen = np.arange(number % self.every, len(posed.frames), self.every)
        radius_m = surface.arm_radius_m
        found = []
        for start in range(0, len(chosen), FRAMES_AT_ONCE):
            on_piece()
            found.append(self._rows(posed, chosen[start : start + FRAMES_AT_ONCE], radius_m))
        pieces = [rows for rows in found if rows is not None]
        return joined(pieces) if pieces else None

    def _rows(self, posed: Posed, frames: Indices, radius_m: float) -> Rows | None:
        surface, shares = self.watched.surface, self.watched.shares
        places = posed.vertices_m(surface, frames)
        near, allowed = near_body(surface, places, self.asked, CLEARANCE * radius_m)
        corners = surface.outer_faces[near.face]
        frame = frames[near.frame]
        room = CLEARANCE * radius_m * self.room.shares(frame, surface.parts[near.vertex], surface.parts[corners[:, 0]])
        errors = (room - near.distance_m - allowed) / radius_m
        rows = np.flatnonzero(errors > 0.0)
        if not len(rows):
            return None
        near, corners, frame, errors = near.chosen(rows), corners[rows], frame[rows], errors[rows]
        groups = GROUP_OF[surface.parts[near.vertex]], GROUP_OF[surface.parts[corners[:, 0]]]
        touching = np.maximum(*(self.touching[frame, group] for group in groups))
        levers = shares[near.vertex] - np.einsum("nc,ncp->np", near.shares, shares[corners])
        points = places[near.frame, near.vertex]
        speeds = posed.levers.along(frame, points, levers, near.outward) / radius_m
        area = np.maximum(surface.areas_m2[near.vertex] / radius_m**2, touching * self.least_area)
        order = np.argsort(frame, kind="stable")
        weights = self.every * area * huber_weights(errors, SOFT_FLESH + touching * (SOFT - SOFT_FLESH))
        return Rows(frame[order], errors[order], -speeds[order], weights[order])


@dataclass(frozen=True, eq=False)
class Contact:
    """The source's self-contacts, on this body; `anchors` count the frames that are posed. `aside` `(anchors,)` is how
    far each may be off its place along the surface, in arm radii.
    """

    watched: WatchedSurface
    anchors: ContactAnchors
    aside: Array

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        anchors, shares = self.anchors, self.watched.shares
        if not len(anchors):
            return None
        surface = self.watched.surface
        places, radius_m = posed.vertices_m(surface), surface.arm_radius_m
        order = np.argsort(anchors.frame, kind="stable")
        frame = anchors.frame[order]
        offset, normal = anchors.offsets_m(places)
        errors = (offset - anchors.gap_m[:, None] * normal)[order] / radius_m
        normal = normal[order]
        speeds = np.zeros((len(order), 3, posed.freedom.values))
        for sign, corners, held in (
            (1, anchors.a_corners, anchors.a_shares),
            (-1, anchors.b_corners, anchors.b_shares),
        ):
            corners, held = corners[order], held[order]
            points = np.einsum("ncd,nc->nd", places[frame[:, None], corners], held)
            moves = np.einsum("nc,ncp->np", held, shares[corners])
            speeds += sign / radius_m * posed.levers.of_points(frame, points, moves)
        errors, speeds = _but_for(self.aside[order], errors, normal, speeds)
        weights = anchors.weight[order] * huber_weights(np.linalg.norm(errors, axis=1), SOFT)
        return Rows(np.repeat(frame, 3), errors.ravel(), speeds.reshape(3 * len(order), -1), np.repeat(weights, 3))


def _but_for(aside: Array, errors: Array, normal: Array, speeds: Array) -> tuple[Array, Array]:
    """Errors `(n, 3)` less what they have along the surface, up to `aside` `(n,)`, and how they change `(n, 3,
    values)`.
    """
    over = np.einsum("nd,nd->n", errors, normal)
    along = errors - over[:, None] * normal
    far = np.linalg.norm(along, axis=1)
    left = np.maximum(0.0, 1.0 - aside / np.maximum(far, 1e-12))
    unit = along / np.maximum(far, 1e-12)[:, None]
    toward = np.einsum("nd,ndv->nv", normal, speeds)
    sideways = speeds - normal[:, :, None] * toward[:, None]
    # Beyond `aside` the direction still turns as the point goes by, which is what is left of it.
    straight = np.where(left > 0.0, 1.0 - left, 0.0)[:, None] * np.einsum("nd,ndv->nv", unit, sideways)
    sideways = left[:, None, None] * sideways + unit[:, :, None] * straight[:, None]
    return over[:, None] * normal + left[:, None] * along, normal[:, :, None] * toward[:, None] + sideways


def vertices_of(surface: BodySurface, groups: Mask) -> Indices:
    """Limb vertices of some groups `(GROUPS,)`."""
    vertices = surface.limb_vertices
    result: Indices = vertices[groups[GROUP_OF[surface.parts[vertices]]]]
    return result
