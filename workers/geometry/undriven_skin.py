"""Skin that hangs on joints which nothing drives: it stays where it is while the body goes on.

Two kinds of joints are looked at. Those outside the hips' subtree (a pelvis above the hips, eyes on an armature of
their own) should go with one of the mapped bones that their skin lies near to: hair on the shoulders goes with the
head. Those inside it that stand exactly where a mapped joint without skin of its own stands (MMD's D bones, Rigify's
DEF bones) are the skin of that joint and should turn with it. A joint is undriven where the middle of its skin stays
behind all of them by more than `LEFT_BEHIND`.
What a joint should follow comes from the rest pose, whether it does from the result alone; driving it is
`workers.retargeting`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workers.geometry.surface import BodySurface, vertex_areas
from workers.motion.body_motion import BodyMotion
from workers.skeleton import quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Indices
from workers.skeleton.skin_hold import below

# Shares of body height.
LEFT_BEHIND = 0.01
NEAR = 0.15  # what lies further from any bone than this is no part of the body: a platform, a shadow
SAME_PLACE = 0.005
# A mapped joint that holds less skin than this share of its twin's has left its skin to the twin.
LITTLE_SKIN = 0.2


@dataclass(frozen=True)
class UndrivenSkin:
    """`share` of the surface (0 to 1), and the joints that hold it, the largest part first."""

    share: float
    joints: tuple[int, ...]


def undriven_skin(surface: BodySurface, motion: BodyMotion, frames: Indices) -> UndrivenSkin:
    """What of a body's own surface stays behind in these frames."""
    body, height = surface.body, surface.body.height_m
    held = _held(surface)
    found: dict[int, float] = {}
    for joint, carriers, middle in _followers(surface, held):
        own = _carried(motion, body, joint, middle, frames)
        away = [own - _carried(motion, body, carrier, middle, frames) for carrier in carriers]
        if min(np.sqrt((apart**2).sum(axis=1).mean()) for apart in away) > LEFT_BEHIND * height:
            found[joint] = held[joint][0]
    whole = sum(area for area, _ in held.values())
    joints = tuple(sorted(found, key=lambda joint: -found[joint]))
    return UndrivenSkin(sum(found.values()) / whole if whole else 0.0, joints)


@lru_cache(maxsize=4)
def _held(surface: BodySurface) -> dict[int, tuple[float, Array]]:
    """By joint: how much surface it holds in square metres, and the middle of that `(3,)` in the rest pose."""
    mesh, influences = surface.mesh, surface.influences
    count = len(influences.joints)
    vertex = np.repeat(np.arange(len(mesh.positions_m)), np.diff(influences.starts))
    share = vertex_areas(mesh.positions_m, mesh.faces)[vertex] * influences.weights
    amounts = np.bincount(influences.columns, share, count)
    moments = [np.bincount(influences.columns, share * mesh.positions_m[vertex, axis], count) for axis in range(3)]
    return {
        int(joint): (float(amount), np.array(moment) / amount)
        for joint, amount, *moment in zip(influences.joints, amounts, *moments, strict=True)
        if amount > 0.0
    }


def _followers(surface: BodySurface, held: dict[int, tuple[float, Array]]) -> list[tuple[int, list[int], Array]]:
    """`(joint, the mapped joints of which it should follow one, the middle of its skin)`."""
    body, skeleton = surface.body, surface.body.skeleton
    mapped = {match.joint for match in body.mapping.roles.values()}
    starts, ends, carriers = _bones(body)
    roots = np.zeros(len(skeleton), dtype=np.bool_)
    roots[[body.hips, *body.attachments]] = True
    inside = below(skeleton, roots)
    result = []
    for joint, (amount, middle) in held.items():
        if joint in mapped:
            continue
        if not inside[joint]:
            near = _distances(middle, starts, ends) < NEAR * body.height_m
            if near.any():
                result.append((joint, sorted({carriers[bone] for bone in np.flatnonzero(near)}), middle))
            continue
        family = {joint, *skeleton.ancestors(joint)}
        for twin in mapped - family:
            gap = np.linalg.norm(body.rest_positions_m[twin] - body.rest_positions_m[joint])
            little = held.get(twin, (0.0, middle))[0] < LITTLE_SKIN * amount
            if gap < SAME_PLACE * body.height_m and little and joint not in skeleton.ancestors(twin):
                result.append((joint, [twin], middle))
                break
    return result


def _bones(body: Body) -> tuple[Array, Array, list[int]]:
    """Starts and ends `(bones, 3)` of the mapped bones at rest, tips as points, and the joint that carries each."""
    mapped = sorted({match.joint for match in body.mapping.roles.values()})
    starts, ends, carriers = [], [], []
    for joint in mapped:
        above = [body.attachments[joint]] if joint in body.attachments else body.skeleton.ancestors(joint)
        carrier = next((item for item in above if item in mapped), joint)
        starts += [body.rest_positions_m[carrier], body.rest_positions_m[joint]]
        ends += [body.rest_positions_m[joint], body.rest_positions_m[joint]]
        carriers += [carrier, joint]
    return np.array(starts), np.array(ends), carriers


def _distances(point: Array, starts: Array, ends: Array) -> Array:
    bones = ends - starts
    along = np.einsum("ij,ij->i", point - starts, bones) / np.maximum(np.einsum("ij,ij->i", bones, bones), 1e-12)
    distances: Array = np.linalg.norm(point - starts - np.clip(along, 0.0, 1.0)[:, None] * bones, axis=1)
    return distances


def _carried(motion: BodyMotion, body: Body, joint: int, point: Array, frames: Indices) -> Array:
    """A point of the rest pose as a joint carries it, `(frames, 3)`."""
    offset = quat.rotate(quat.conjugate(body.rest_rotations[joint]), point - body.rest_positions_m[joint])
    place: Array = motion.positions_m[frames, joint] + quat.rotate(motion.rotations[frames, joint], offset)
    return place
