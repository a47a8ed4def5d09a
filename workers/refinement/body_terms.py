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
from workers.geometry.surface import BodySurface
from workers.refinement.losses import Posed
from workers.rendering.skinning import Skin
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Indices

# Arm radii kept between surfaces, a few millimetres: as much as the reduced surface and the frames between may differ.
CLEARANCE = 0.15


@dataclass(eq=False)
class Penetration:
    """Limbs in the body and in one another, or closer to it than `CLEARANCE`."""

    surface: BodySurface
    pairs: PenetrationPairs | None = None

    def renew(self, posed: Posed) -> None:
        pairs = find_pairs(self.surface, posed.vertices_m)
        self.pairs = replace(pairs, allowed_m=pairs.allowed_m - CLEARANCE * self.surface.arm_radius_m)

    def loss(self, posed: Posed) -> Tensor:
        assert self.pairs is not None
        return penetration_loss(posed.vertices_m, self.pairs, self.surface.arm_radius_m)


@dataclass(frozen=True, eq=False)
class Contact:
    """The source's self-contacts, on this body; `pairs` count the frames that are posed."""

    surface: BodySurface
    pairs: ContactPairs

    def renew(self, posed: Posed) -> None:
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
