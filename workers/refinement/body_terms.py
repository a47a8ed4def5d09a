"""Penetration and self-contact on a posed surface: as terms of the loss, and as what a window is judged by.

The geometry is `workers.geometry`'s; here its pairs and anchors meet the frames of a window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workers.geometry.carry import ContactAnchors
from workers.geometry.contact_loss import ContactPairs, contact_loss, contact_pairs
from workers.geometry.penetration import PenetrationPairs, find_pairs, penetration_loss
from workers.geometry.posing import pose
from workers.geometry.surface import SHALLOW, BodySurface
from workers.refinement.losses import Posed
from workers.rendering.skinning import Skin
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Indices

# Arm radii kept between surfaces, a few millimetres: as much as the reduced surface and the frames between may differ.
CLEARANCE = 0.15
# In the last steps, on the finer surface: how near a vertex is watched, in arm radii; from which distance on it is as
# good as inside; and the least patch of skin, in square arm radii, that a vertex counts for which is.
REACH_AT_LAST, INSIDE, LEAST_AREA = 0.25, 0.08, 1.0


@dataclass(eq=False)
class Penetration:
    """Limbs in the body and in one another, or closer to it than `CLEARANCE`."""

    surface: BodySurface
    pairs: PenetrationPairs | None = None

    def renew(self, posed: Posed, afresh: bool) -> None:
        if self.pairs is None or afresh:
            pairs = find_pairs(self.surface, posed.vertices_m)
            self.pairs = replace(pairs, allowed_m=pairs.allowed_m - CLEARANCE * self.surface.arm_radius_m)
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
    near: tuple[PenetrationPairs, Skin] | None = None

    def renew(self, posed: Posed, afresh: bool) -> None:
        radius_m = self.surface.arm_radius_m
        if self.near is not None and not afresh:
            pairs, skin = self.near
            self.near = pairs.followed(skin.deform(posed.rotations, posed.positions_m), SHALLOW * radius_m), skin
            return
        pairs = find_pairs(self.surface, self.skin.deform(posed.rotations, posed.positions_m), REACH_AT_LAST)
        touched = torch.cat([pairs.vertex[:, None], pairs.around.flatten(1)], dim=1)
        used, numbers = torch.unique(torch.cat([touched, pairs.corners], dim=1), return_inverse=True)
        pairs = replace(
            pairs,
            vertex=numbers[:, 0],
            corners=numbers[:, -3:],
            around=numbers[:, 1:-3].reshape(pairs.around.shape),
        )
        skin = replace(self.skin, positions_m=self.skin.positions_m[used], weights=self.skin.weights[used])
        self.near = pairs, skin

    def loss(self, posed: Posed) -> Tensor:
        assert self.near is not None
        (pairs, skin), radius_m = self.near, self.surface.arm_radius_m
        vertices = skin.deform(posed.rotations, posed.positions_m)
        close = replace(pairs, allowed_m=pairs.allowed_m - CLEARANCE * radius_m)
        inside = replace(
            pairs,
            allowed_m=pairs.allowed_m - INSIDE * radius_m,
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
    """What a window is judged by, means over frames; None where the source does not touch itself.

    `penetration` and `contact_error` are the losses without weights, the latter that of one contact, in arm radii.
    """

    penetration: float
    deepest_cm: float
    contact_error: float | None
    similarity: float | None = None


@dataclass(frozen=True, eq=False)
class Yardstick:
    """A surface to measure on, and the source's contacts on it; `anchors` count the clip's frames."""

    surface: BodySurface
    skin: Skin
    anchors: ContactAnchors

    def measure(self, motion: BodyMotion, frames: Indices, start: int = 0) -> Measures:
        """Over some frames of a clip, ascending; `motion` is the clip from frame `start` on."""
        vertices = torch.as_tensor(pose(self.surface, motion, frames - start))
        pairs = find_pairs(self.surface, vertices, reach=0.0)
        depths = pairs.depths_m(vertices)
        anchors = self.anchors.at(frames)
        error = None
        if len(anchors):
            contacts = contact_pairs(anchors, vertices.dtype)
            total = contact_loss(vertices, contacts, self.surface.arm_radius_m).sum()
            error = float(total) / max(float(anchors.weight.sum()), 1e-9)
        return Measures(
            float(penetration_loss(vertices, pairs, self.surface.arm_radius_m).mean()),
            100.0 * float(depths.max()) if len(depths) else 0.0,
            error,
        )
