"""Things that characters wear and carry, put on bodies at random: hats, helmets, capes, skirts, packs, blades, shields.

They cover limbs and stick out of the outline, and say nothing of the pose: an encoder that never saw any takes a
sword for an arm. Each is a solid of rings about an axis (`Ring`), rigid on one joint, in the rest pose, sized in body
heights. A dressed body is only for pictures: hands and contacts are those of the bare one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from workers.contract.roles import SIDES
from workers.lab.eye.data.bodies import PosableBody
from workers.lab.eye.data.describe import part_owners
from workers.skeleton import quat
from workers.skeleton.body import FORWARD, LEFT, UP, Body
from workers.skeleton.model import Array, Indices, Mesh

BARE = 0.45  # share of the bodies that wear nothing
CHANCES = {"hat": 0.25, "helmet": 0.25, "cape": 0.3, "skirt": 0.2, "pack": 0.2, "held": 0.45}

Ring = tuple[float, float, float]  # place along the axis, radius along `u`, radius across


@dataclass(frozen=True, eq=False)
class _Solid:
    joint: int
    positions_m: Array
    faces: Indices


def dressed(posable: PosableBody, random: np.random.Generator) -> PosableBody:
    """The body with some things on it, or bare; the same body and skeleton, another surface."""
    if random.random() < BARE:
        return posable
    wearer = _Wearer(posable)
    solids: list[_Solid] = []
    for name, make in _MAKERS.items():
        if random.random() < CHANCES[name]:
            solids += make(wearer, random)
    return replace(posable, surface=_joined(posable.surface, solids)) if solids else posable


class _Wearer:
    """Rest places by role, the body's directions, and the head's box. Lengths in body heights unless named."""

    def __init__(self, posable: PosableBody) -> None:
        self.body: Body = posable.body
        self.height = posable.body.height_m
        self.left = quat.rotate(self.body.facing, LEFT)
        self.forward = quat.rotate(self.body.facing, FORWARD)
        owners = np.array([part == "head" for part in part_owners(self.body)])
        mesh = posable.surface
        on_head = (mesh.weights * owners[mesh.joints]).sum(axis=1) > 0.5
        self.head_m = mesh.positions_m[on_head]

    def joint(self, *roles: str) -> int | None:
        """The first of the roles that the body has."""
        return next((joint for role in roles if (joint := self.body.joint(role)) is not None), None)

    def place(self, role: str) -> Array | None:
        joint = self.body.joint(role)
        return None if joint is None else self.body.rest_positions_m[joint]

    def head_box(self) -> tuple[Array, Array] | None:
        """Centre in metres and half sizes (across, up, along) in heights."""
        if len(self.head_m) < 4:
            return None
        axes = np.stack([self.left, UP, self.forward])
        along = self.head_m @ axes.T
        low, high = along.min(axis=0), along.max(axis=0)
        return axes.T @ (0.5 * (low + high)), 0.5 * (high - low) / self.height

    def solid(self, joint: int, origin_m: Array, axis: Array, u: Array, rings: list[Ring], sides: int) -> _Solid:
        """Rings about an axis, closed at both ends."""
        axis = quat.unit(axis)
        u = quat.unit(u - axis * (u @ axis) + 1e-9 * quat.perpendicular(axis))
        v = np.cross(axis, u)
        turn = 2.0 * np.pi * (np.arange(sides) + 0.5) / sides
        circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        layers = [axis * at + (circle * [first, second]) @ np.stack([u, v]) for at, first, second in rings]
        ends = np.stack([axis * rings[0][0], axis * rings[-1][0]])
        return _Solid(joint, origin_m + self.height * np.concatenate([*layers, ends]), _ring_faces(len(rings), sides))


def _hat(wearer: _Wearer, random: np.random.Generator) -> Iterator[_Solid]:
    """A brim with a crown: a sun hat, a cap, a wizard's cone."""
    joint, box = wearer.joint("head"), wearer.head_box()
    if joint is None or box is None:
        return
    centre, half = box
    wide = float(max(half[0], half[2]))
    brim, tall, tip = random.uniform(1.0, 2.4) * wide, random.uniform(0.4, 2.5) * wide, random.uniform(0.05, 0.9)
    origin = centre + UP * half[1] * wearer.height * random.uniform(0.3, 0.8)
    lean = UP + random.normal(0.0, 0.12, size=3)
    crown = 0.95 * wide
    rings = [(0.0, brim, brim), (0.012, brim, brim), (0.013, crown, crown), (tall, tip * crown, tip * crown)]
    yield wearer.solid(joint, origin, lean, wearer.left, rings, 12)


def _helmet(wearer: _Wearer, random: np.random.Generator) -> Iterator[_Solid]:
    """A shell around the head: helmets, hair, hoods."""
    joint, box = wearer.joint("head"), wearer.head_box()
    if joint is None or box is None:
        return
    centre, half = box
    grow = random.uniform(1.03, 1.35)
    origin = centre + (UP * half[1] * random.uniform(-0.1, 0.3) - wearer.forward * half[2] * 0.25) * wearer.height
    bend = np.linspace(0.0, np.pi, 7)[1:-1]
    rings = [
        (float(-np.cos(a) * half[1] * grow), float(np.sin(a) * half[0] * grow), float(np.sin(a) * half[2] * grow))
        for a in bend
    ]
    yield wearer.solid(joint, origin, UP, wearer.left, rings, 10)


def _cape(wearer: _Wearer, random: np.random.Generator) -> Iterator[_Solid]:
    """A slab that hangs behind the back from the shoulders."""
    joint = wearer.joint("upperChest", "chest", "spine")
    left, right = wearer.place("leftUpperArm"), wearer.place("rightUpperArm")
    if joint is None or left is None or right is None:
        return
    half = 0.5 * float(np.linalg.norm(left - right)) / wearer.height
    length, flare, off = random.uniform(0.25, 0.7), random.uniform(0.8, 1.7), random.uniform(0.03, 0.08)
    down = -UP - wearer.forward * random.uniform(0.0, 0.35)
    origin = 0.5 * (left + right) - wearer.forward * off * wearer.height + UP * 0.02 * wearer.height
    rings = [(0.0, half, 0.015), (0.5 * length, half * 0.5 * (1 + flare), 0.02), (length, half * flare, 0.012)]
    yield wearer.solid(joint, origin, down, wearer.left, rings, 8)


def _skirt(wearer: _Wearer, random: np.random.Generator) -> Iterator[_Solid]:
    """A cone about the hips: skirts, robes, armour plates."""
    joint, left, right = wearer.joint("hips"), wearer.place("leftUpperLeg"), wearer.place("rightUpperLeg")
    if joint is None or left is None or right is None:
        return
    half = 0.5 * float(np.linalg.norm(left - right)) / wearer.height + 0.06
    length, flare = random.uniform(0.08, 0.32), random.uniform(1.0, 1.8)
    rings = [(-0.05, 0.9 * half, 0.7 * half), (length, flare * half, 0.85 * flare * half)]
    yield wearer.solid(joint, 0.5 * (left + right), -UP, wearer.left, rings, 10)


def _pack(wearer: _Wearer, random: np.random.Generator) -> Iterator[_Solid]:
    """A box or quiver on the back."""
    joint, chest = wearer.joint("upperChest", "chest", "spine"), wearer.place("neck")
    if joint is None or chest is None:
        return
    size = random.uniform(0.05, 0.12, size=3)
    origin = chest - (UP * random.uniform(0.08, 0.2) + wearer.forward * (0.06 + size[2])) * wearer.height
    rings = [(-float(size[1]), float(size[0]), float(size[2])), (float(size[1]), float(size[0]), float(size[2]))]
    yield wearer.solid(joint, origin, UP + random.normal(0.0, 0.2, size=3), wearer.left, rings, 4)


def _held(wearer: _Wearer, random: np.random.Generator) -> Iterator[_Solid]:
    """A blade, a staff, a shield or a box in one hand or in both."""
    for side in SIDES:
        hand, lower = wearer.place(f"{side}Hand"), wearer.place(f"{side}LowerArm")
        joint = wearer.joint(f"{side}Hand")
        if hand is None or lower is None or joint is None or random.random() < 0.35:
            continue
        along = quat.unit(hand - lower)
        across = quat.unit(np.cross(along, random.normal(size=3)))
        grip = hand + along * random.uniform(0.0, 0.06) * wearer.height
        yield wearer.solid(joint, grip, *_THINGS[int(random.integers(len(_THINGS)))](along, across, random))


Thing = tuple[Array, Array, list[Ring], int]  # axis, u, rings, sides


def _blade(along: Array, across: Array, random: np.random.Generator) -> Thing:
    length, wide = random.uniform(0.15, 0.6), random.uniform(0.01, 0.04)
    rings = [(-0.06, 0.008, 0.008), (0.02, 0.01, 0.01), (0.03, wide, 0.008), (length, 0.7 * wide, 0.006)]
    return across, along, [*rings, (length + wide, 0.002, 0.002)], 4


def _staff(along: Array, across: Array, random: np.random.Generator) -> Thing:
    below, above, knob = random.uniform(0.1, 0.4), random.uniform(0.1, 0.4), random.uniform(0.012, 0.07)
    rings = [
        (-below, 0.01, 0.01),
        (above - knob, 0.01, 0.01),
        (above, knob, knob),
        (above + knob, 0.4 * knob, 0.4 * knob),
    ]
    return across, along, rings, 6


def _shield(along: Array, across: Array, random: np.random.Generator) -> Thing:
    wide, tall = (float(value) for value in random.uniform(0.07, 0.2, size=2))
    rings = [(0.02, wide, tall), (0.035, wide, tall), (0.06, 0.4 * wide, 0.4 * tall)]
    return np.cross(along, across), across, rings, int(random.choice([4, 12]))


def _box(along: Array, across: Array, random: np.random.Generator) -> Thing:
    first, second, third = (float(value) for value in random.uniform(0.015, 0.09, size=3))
    return across, along, [(-third, first, second), (third, first, second)], 4


_THINGS: tuple[Callable[[Array, Array, np.random.Generator], Thing], ...] = (_blade, _staff, _shield, _box)
_MAKERS: dict[str, Callable[[_Wearer, np.random.Generator], Iterator[_Solid]]] = {
    "hat": _hat, "helmet": _helmet, "cape": _cape, "skirt": _skirt, "pack": _pack, "held": _held,
}  # fmt: skip


def _ring_faces(rings: int, sides: int) -> Indices:
    """Faces of stacked rings, and of the two ends, whose middles follow the rings."""
    around = np.arange(sides)
    after = (around + 1) % sides
    low = np.arange(rings - 1)[:, None] * sides
    a, b = (low + around).ravel(), (low + after).ravel()
    last = (rings - 1) * sides
    bottom, top = np.full(sides, rings * sides), np.full(sides, rings * sides + 1)
    faces = [(a, b, b + sides), (a, b + sides, a + sides), (bottom, after, around), (top, last + around, last + after)]
    return np.concatenate([np.stack(corners, axis=1) for corners in faces]).astype(np.int64)


def _joined(mesh: Mesh, solids: list[_Solid]) -> Mesh:
    positions, faces, joints, weights = [mesh.positions_m], [mesh.faces], [mesh.joints], [mesh.weights]
    start = len(mesh.positions_m)
    for solid in solids:
        count, width = len(solid.positions_m), mesh.joints.shape[1]
        positions.append(solid.positions_m)
        faces.append(solid.faces + start)
        joints.append(np.full((count, width), solid.joint))
        weights.append(np.eye(1, width).repeat(count, axis=0))
        start += count
    return replace(
        mesh, positions_m=np.concatenate(positions), faces=np.concatenate(faces),
        joints=np.concatenate(joints), weights=np.concatenate(weights),
    )  # fmt: skip
