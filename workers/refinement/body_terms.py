"""Penetration and self-contact on a posed surface: as terms of the loss, and as what a window is judged by.

The geometry is `workers.geometry`'s; here its pairs and anchors meet the frames of a window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from workers.geometry.contact_loss import ContactPairs, contact_loss
from workers.geometry.contact_model import SelfContact
from workers.geometry.contact_scores import JOINED, PLACE
from workers.geometry.penetration import PenetrationPairs, find_pairs, penetration_loss
from workers.geometry.posing import pose
from workers.geometry.self_contact import OWN_SKIN
from workers.geometry.surface import SHALLOW, BodySurface
from workers.geometry.transfer_contacts import ContactAnchors
from workers.motion.body_motion import BodyMotion
from workers.motion.intervals import hysteresis
from workers.refinement.clearance import Clearance
from workers.refinement.losses import Posed
from workers.rendering.skinning import Skin
from workers.skeleton.model import Array, Indices, Mask

# Arm radii kept between surfaces, a few millimetres: as much as the reduced surface and the frames between may differ.
CLEARANCE = 0.15
# In the last steps, on the finer surface: how near a vertex is watched, in arm radii; from which distance on it is as
# good as inside; and the least patch of skin, in square arm radii, that a vertex counts for which is.
REACH_AT_LAST, INSIDE, LEAST_AREA = 0.25, 0.08, 0.1


@dataclass(eq=False)
class Penetration:
    """Limbs in the body and in one another, or closer to it than `CLEARANCE`."""

    surface: BodySurface
    room: Clearance
    pairs: PenetrationPairs | None = None

    def renew(self, posed: Posed, afresh: bool) -> None:
        if self.pairs is None or afresh:
            pairs = find_pairs(self.surface, posed.vertices_m)
            room_m = CLEARANCE * self.surface.arm_radius_m * self.room.shares(self.surface, pairs)
            self.pairs = replace(pairs, allowed_m=pairs.allowed_m - room_m)
        else:
            self.pairs = self.pairs.followed(posed.vertices_m, SHALLOW * self.surface.arm_radius_m)

    def loss(self, posed: Posed) -> Tensor:
        assert self.pairs is not None
        return penetration_loss(posed.vertices_m, self.pairs, self.surface.arm_radius_m)


@dataclass(eq=False)
class FinePenetration:
    """The same on a finer surface, for the last steps; and what is really inside counts by the vertex, however small
    its share of the skin.

    Only the vertices that are near something are posed, so that a step costs no more than one on the reduced surface.
    """

    surface: BodySurface
    skin: Skin
    room: Clearance
    near: tuple[PenetrationPairs, Tensor, Skin] | None = None

    def renew(self, posed: Posed, afresh: bool) -> None:
        radius_m = self.surface.arm_radius_m
        if self.near is not None and not afresh:
            pairs, shares, skin = self.near
            places = skin.deform(posed.rotations, posed.positions_m)
            self.near = pairs.followed(places, SHALLOW * radius_m), shares, skin
            return
        pairs = find_pairs(self.surface, self.skin.deform(posed.rotations, posed.positions_m), REACH_AT_LAST)
        shares = self.room.shares(self.surface, pairs)
        touched = torch.cat([pairs.vertex[:, None], pairs.around.flatten(1)], dim=1)
        used, numbers = torch.unique(torch.cat([touched, pairs.corners], dim=1), return_inverse=True)
        pairs = replace(
            pairs,
            vertex=numbers[:, 0],
            corners=numbers[:, -3:],
            around=numbers[:, 1:-3].reshape(pairs.around.shape),
        )
        skin = replace(self.skin, positions_m=self.skin.positions_m[used], weights=self.skin.weights[used])
        self.near = pairs, shares, skin

    def loss(self, posed: Posed) -> Tensor:
        assert self.near is not None
        (pairs, shares, skin), radius_m = self.near, self.surface.arm_radius_m
        vertices = skin.deform(posed.rotations, posed.positions_m)
        close = replace(pairs, allowed_m=pairs.allowed_m - CLEARANCE * radius_m * shares)
        inside = replace(
            pairs,
            allowed_m=pairs.allowed_m - INSIDE * radius_m * shares,
            area_m2=pairs.area_m2.clamp(min=LEAST_AREA * radius_m**2),
        )
        return penetration_loss(vertices, close, radius_m) + penetration_loss(vertices, inside, radius_m)


@dataclass(frozen=True, eq=False)
class Contact:
    """The source's self-contacts, on this body; `pairs` count the frames that are posed."""

    surface: BodySurface
    pairs: ContactPairs

    def renew(self, posed: Posed, afresh: bool) -> None:
        """Pairs hold for the whole clip."""

    def loss(self, posed: Posed) -> Tensor:
        return contact_loss(posed.vertices_m, self.pairs, self.surface.arm_radius_m)


@dataclass(frozen=True)
class Measures:
    """What a window is judged by, over its frames; None where the source does not touch itself.

    `penetration` is the loss without its weight, a mean over frames; `contact_error`, in arm radii, and
    `contact_recall` are the report's (`geometry.contact_scores`) on the reduced surface.
    """

    penetration: float
    deepest_cm: float
    contact_error: float | None
    contact_recall: float | None
    similarity: float | None = None


@dataclass(frozen=True, eq=False)
class WindowMetrics:
    """A surface to measure on, and the source's contacts on it; `anchors` count the clip's frames, `contacts` are those
    that they number.
    """

    surface: BodySurface
    anchors: ContactAnchors
    contacts: tuple[SelfContact, ...]

    def measure(self, motion: BodyMotion, frames: Indices, start: int = 0) -> Measures:
        """Over some frames of a clip, ascending; `motion` is the clip from frame `start` on."""
        places = pose(self.surface, motion, frames - start)
        vertices = torch.as_tensor(places)
        pairs = find_pairs(self.surface, vertices, reach=OWN_SKIN.far)
        depths = pairs.depths_m(vertices)
        anchors = self.anchors.at(frames)
        missed = anchors.distance_missed(places, self.surface.arm_radius_m)
        held = self._held(anchors, pairs, pairs.distances_m(vertices).numpy(), missed, len(frames))
        return Measures(
            float(penetration_loss(vertices, pairs, self.surface.arm_radius_m).mean()),
            100.0 * float(depths.max()) if len(depths) else 0.0,
            float(missed.mean()) if len(missed) else None,
            float(held.mean()) if len(held) else None,
        )

    def _held(
        self, anchors: ContactAnchors, pairs: PenetrationPairs, distances_m: Array, missed: Array, frames: int
    ) -> Mask:
        """Whether each contact of each frame is held: its parts touch, some pair where it belongs."""
        at, a, b = (values.numpy() for values in (pairs.frame, pairs.vertex, pairs.corners[:, 0]))
        a, b = self.surface.parts[a], self.surface.parts[b]
        near, far = (limit * self.surface.arm_radius_m for limit in (OWN_SKIN.near, OWN_SKIN.far))
        result = [np.zeros(0, dtype=np.bool_)]
        for number in np.unique(anchors.contact):
            contact = self.contacts[number]
            meant = (a == contact.part_a) & JOINED[b, contact.part_b]
            closest, nearest = np.full(frames, np.inf), np.full(frames, np.inf)
            np.minimum.at(closest, at[meant], distances_m[meant])
            rows = anchors.contact == number
            np.minimum.at(nearest, anchors.frame[rows], missed[rows])
            touching = hysteresis(closest < near, closest < far)
            result.append((touching & (nearest < PLACE))[np.unique(anchors.frame[rows])])
        return np.concatenate(result)
