"""Carrying self-contacts to another body: the places of a contact as points on the target's faces.

A place (part, share along, angle around) is looked up on the target's surface laid out around its own bone, so it finds
its counterpart on a body of any shape, rest pose and mesh. The gap scales with the arm radius. A contact whose part the
target lacks is left out and listed. What brings the pairs together is `workers.refinement.touching`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from workers.contract.roles import SIDES
from workers.geometry.contact_model import Places, SelfContact, SelfContacts
from workers.geometry.nearest import closest_on_triangles
from workers.geometry.parts import TORSO, part_index
from workers.geometry.self_contact import HIP_SHARE
from workers.geometry.surface import BodySurface
from workers.skeleton.model import Array, Indices, Mask

RADIAL = 0.3  # weight of a difference in distance from the bone against one along or around it
CANDIDATES = 24
FADE_S = 0.1  # contacts begin and end softly


@dataclass(frozen=True, eq=False)
class ContactAnchors:
    """`n` pairs of points on a surface, each in one frame."""

    frame: Indices  # (n,)
    a_corners: Indices  # (n, 3) vertices of the face that holds the first point
    a_shares: Array  # (n, 3) barycentric
    b_corners: Indices  # (n, 3)
    b_shares: Array  # (n, 3)
    gap_m: Array  # (n,) wanted distance along the normal of b
    weight: Array  # (n,) sums to about 1 over the points of one contact in one frame
    contact: Indices  # (n,) number of the contact
    left_out: tuple[SelfContact, ...]  # contacts that the body has no part for

    def __len__(self) -> int:
        return len(self.frame)

    def offsets_m(self, vertices_m: Array) -> tuple[Array, Array]:
        """From b to a `(n, 3)`, and the outward normal at b `(n, 3)`; `vertices_m` `(frames, vertices, 3)`."""
        corners = vertices_m[self.frame[:, None], self.b_corners]
        place = np.einsum("ncd,nc->nd", corners, self.b_shares)
        point = np.einsum("ncd,nc->nd", vertices_m[self.frame[:, None], self.a_corners], self.a_shares)
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        return point - place, normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-20)

    def missed_m(self, vertices_m: Array) -> Array:
        """How far a is from where it belongs `(n,)`: `gap_m` over b along the normal."""
        offset, normal = self.offsets_m(vertices_m)
        missed: Array = np.linalg.norm(offset - self.gap_m[:, None] * normal, axis=-1)
        return missed

    def distance_missed(self, vertices_m: Array, arm_radius_m: float) -> Array:
        """Change of the distance of each pair `(n,)`, arm radii; where to is not asked."""
        offset, _ = self.offsets_m(vertices_m)
        missed: Array = np.abs(np.linalg.norm(offset, axis=-1) - self.gap_m) / arm_radius_m
        return missed

    def carried(self, contacts: SelfContacts) -> tuple[SelfContact, ...]:
        """Those of the contacts that the body has parts for, in the order of `contact`."""
        return tuple(contact for contact in contacts.contacts if contact not in self.left_out)

    def at(self, frames: Indices) -> ContactAnchors:
        """The pairs of some frames, ascending, their frames counted among these."""
        number = np.minimum(np.searchsorted(frames, self.frame), max(len(frames) - 1, 0))
        rows = frames[number] == self.frame if len(frames) else np.zeros(len(self), dtype=np.bool_)
        return ContactAnchors(
            number[rows],
            self.a_corners[rows],
            self.a_shares[rows],
            self.b_corners[rows],
            self.b_shares[rows],
            self.gap_m[rows],
            self.weight[rows],
            self.contact[rows],
            self.left_out,
        )


def carry(
    contacts: SelfContacts, target: BodySurface, rate_hz: float, frames_asked: Indices | None = None
) -> ContactAnchors:
    """The contacts on another body, or on the source's own; of some frames, ascending: `ContactAnchors.at` them."""
    anchors = _carry(contacts, target, rate_hz, frames_asked)
    return anchors if frames_asked is None else anchors.at(frames_asked)


def carried_frames(contacts: SelfContacts, target: BodySurface) -> Indices:
    """The frames, ascending, in which any contact is that the body has parts for."""
    spans = [np.arange(item.start, item.stop) for item in contacts.contacts if _has_parts(target, item)]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *spans]))


def carried_contacts(contacts: SelfContacts, target: BodySurface) -> tuple[SelfContact, ...]:
    """Those that the body has parts for, as `ContactAnchors.contact` numbers them."""
    return tuple(contact for contact in contacts.contacts if _has_parts(target, contact))


def _carry(contacts: SelfContacts, target: BodySurface, rate_hz: float, frames_asked: Indices | None) -> ContactAnchors:
    rows: list[tuple[Array | Indices, ...]] = []
    left_out = [contact for contact in contacts.contacts if not _has_parts(target, contact)]
    kept = [contact for contact in contacts.contacts if _has_parts(target, contact)]
    fade = max(1.0, FADE_S * rate_hz)
    for number, contact in enumerate(kept):
        frame = np.arange(contact.start, contact.stop)
        asked = slice(None) if frames_asked is None else np.flatnonzero(np.isin(frame, frames_asked))
        frame, gap = frame[asked], contact.gap[asked]
        frames, points = gap.shape
        a_corners, a_shares = find_places(target, contact.part_a, contact.a)
        b = Places(*(values[asked].ravel() for values in vars(contact.b).values()))
        b_corners, b_shares = find_places(target, contact.part_b, b)
        # Intervals that the clip's ends cut off do not fade there.
        rise = np.where(contact.start == 0, 1.0, np.minimum((frame - contact.start + 1.0) / fade, 1.0))
        fall = np.where(contact.stop == contacts.frames, 1.0, np.minimum((contact.stop - frame) / fade, 1.0))
        rows.append(
            (
                np.repeat(frame, points),
                np.tile(a_corners, (frames, 1)), np.tile(a_shares, (frames, 1)),
                b_corners, b_shares,
                gap.ravel() * target.arm_radius_m,
                np.repeat(np.minimum(rise, fall) / points, points),
                np.full(frames * points, number),
            )
        )  # fmt: skip
    empty = (np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), *(np.zeros(0),) * 3)
    columns = [np.concatenate(values) for values in zip(*(rows or [empty]), strict=True)]
    frames, a_corners, a_shares, b_corners, b_shares, gap, weight, numbers = columns
    return ContactAnchors(
        frames.astype(np.int64),
        a_corners.astype(np.int64),
        a_shares,
        b_corners.astype(np.int64),
        b_shares,
        gap,
        weight,
        numbers.astype(np.int64),
        tuple(left_out),
    )


def find_places(surface: BodySurface, part: int, places: Places) -> tuple[Indices, Array]:
    """Corners `(n, 3)` and barycentric shares `(n, 3)` of the points with these places on a part of the surface."""
    laid = _laid_out_part(surface, part)
    frame, radius = surface.frames[part], float(surface.radius_m[part])
    wanted = _laid_out(places.along * frame.length_m, places.around, places.radii, radius)
    count = min(CANDIDATES, len(laid.faces))
    several = laid.centres.query(wanted, k=count)[1].reshape(len(wanted), count)
    shares, squared = closest_on_triangles(wanted[:, None], laid.corners[several])
    best = squared.argmin(axis=1)
    rows = np.arange(len(wanted))
    return laid.faces[several[rows, best]], shares[rows, best]


@dataclass(frozen=True, eq=False)
class _LaidOut:
    """The faces where places of a part are looked up, laid out around its bone."""

    faces: Indices  # (faces, 3)
    corners: Array  # (faces, 3, 4)
    centres: cKDTree


@lru_cache(maxsize=64)
def _laid_out_part(surface: BodySurface, part: int) -> _LaidOut:
    faces = surface.outer_faces[_holds(surface, part)]
    corners = _layout(surface, part, surface.mesh.positions_m[faces].reshape(-1, 3)).reshape(len(faces), 3, 4)
    return _LaidOut(faces, corners, cKDTree(corners.mean(axis=1)))


def _layout(surface: BodySurface, part: int, points: Array) -> Array:
    along, around, distance = surface.frames[part].coordinates(points)
    radius = float(surface.radius_m[part])
    return _laid_out(along * surface.frames[part].length_m, around, distance / max(radius, 1e-9), radius)


def _laid_out(along_m: Array, around: Array, radii: Array, radius: float) -> Array:
    """Points `(n, 4)` on a cylinder of the part's typical radius; the fourth is the distance from the bone."""
    circle = [radius * np.cos(around), radius * np.sin(around)]
    return np.stack([along_m, *circle, RADIAL * radius * radii], axis=-1)


def _has_parts(surface: BodySurface, contact: SelfContact) -> bool:
    parts = (contact.part_a, contact.part_b)
    return all(part in surface.frames and _holds(surface, part).any() for part in parts)


@lru_cache(maxsize=64)
def _holds(surface: BodySurface, part: int) -> Mask:
    """Outer faces `(faces,)` where places of a part are looked up: its own; for the trunk also the thighs' tops."""
    found: Mask = surface.outer_face_parts == part
    if part != TORSO:
        return found
    centres = surface.mesh.positions_m[surface.outer_faces].mean(axis=1)
    for thigh in (part_index(f"{side}UpperLeg") for side in SIDES):
        if thigh in surface.frames:
            high = surface.frames[thigh].coordinates(centres)[0] < HIP_SHARE
            found = found | ((surface.outer_face_parts == thigh) & high)
    return found
