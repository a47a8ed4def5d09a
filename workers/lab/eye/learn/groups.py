"""Groups of poses that are compared: one moment on several bodies, clean and damaged, all seen alike from every view.

A group shares moment and camera jitter. Poses of one group with the same `variant` mean the same: 0 is the
clean moment, another number one damage, done to several bodies alike where the damage is a turn or a mirror (the same
local rotations), to one body where it depends on its surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workers.lab.eye.data.bodies import PosableBody
from workers.lab.eye.data.damage import (
    KINDS,
    Damaged,
    mirror_sides,
    open_contact,
    probe_of,
    push_inside,
    turn_limb,
)
from workers.lab.eye.data.describe import directions
from workers.lab.eye.data.families import copy_onto
from workers.lab.eye.data.poses import MomentBank, keep_touches
from workers.motion.body_motion import BodyMotion
from workers.rendering.cameras import DISTANCE, PITCH_DEG, VIEWS, Camera, follow, look_at
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import bind_skin
from workers.semantics.encoders.eye_picture import RENDER_PX, SIDE_PX, to_bytes, to_grey
from workers.skeleton import quat
from workers.skeleton.body import UP
from workers.skeleton.model import Array

VIEW_NAMES = tuple(VIEWS)
DAMAGE_NAMES = ("clean", *KINDS)
YAW_DEG, PITCH_JITTER_DEG, ZOOM, SHIFT = 8.0, 4.0, 0.06, 0.04  # shift in body heights
GROUND_SHIFT = 0.7  # body heights: where on the grid a body stands says nothing
AT_ONCE = 8


@dataclass(frozen=True)
class Look:
    """How a group is seen: by how much its cameras stand beside the product's, from every view alike."""

    yaw_deg: float
    pitch_deg: float
    zoom: float
    shift: tuple[float, float]  # of what the camera looks at, in body heights

    def turn(self, view: str) -> Array:
        """From +Z to the viewer `(4,)`."""
        return quat.from_axis_angle(UP, np.radians(VIEWS[view] + self.yaw_deg))


@dataclass(frozen=True, eq=False)
class Seen:
    """One pose to take pictures of: a single frame on a body, and what it is."""

    moment: int
    variant: int
    body: int
    look: Look
    damage: str
    damage_size: float
    clip: int
    time_s: float
    motion: BodyMotion


def random_look(random: np.random.Generator) -> Look:
    """A little beside where the product's cameras stand."""
    return Look(
        float(random.uniform(-YAW_DEG, YAW_DEG)),
        float(random.uniform(-PITCH_JITTER_DEG, PITCH_JITTER_DEG)),
        float(1.0 + random.uniform(-ZOOM, ZOOM)),
        (float(random.uniform(-SHIFT, SHIFT)), float(random.uniform(-SHIFT, SHIFT))),
    )


def make_group(
    moments: MomentBank, row: int, moment: int, first: PosableBody, bodies: Sequence[PosableBody],
    random: np.random.Generator,
) -> list[Seen]:  # fmt: skip
    """All poses of one moment of `first` on `bodies`: clean on each, one limb turned alike on three of them, then
    hands moved where they touch, else a second limb, then sides swapped now and then.
    """
    look = random_look(random)
    clip, time_s = int(moments.clips[row]), float(moments.times_s[row])
    original = moments.motion(np.array([row]))
    clean = [keep_touches(copy_onto(original, body.body), body, original, first) for body in bodies]
    result: list[Seen] = []

    def add(number: int, variant: int, damaged: Damaged | None) -> bool:
        if damaged is None:
            return False
        motion = damaged.motion
        result.append(Seen(moment, variant, number, look, damaged.kind, damaged.size, clip, time_s, motion))
        return True

    for number, motion in enumerate(clean):
        result.append(Seen(moment, 0, number, look, "clean", 0.0, clip, time_s, motion))
    everyone = random.permutation(len(bodies)).tolist()
    turned = int(random.integers(2**32))
    for number in everyone[:3]:
        add(number, 1, turn_limb(clean[number], bodies[number], np.random.default_rng(turned)))
    variant, moved = 2, 0
    for number in everyone:
        damage = open_contact if random.random() < 0.6 else push_inside
        if moved < 2 and add(number, variant, damage(clean[number], bodies[number], random)):
            variant, moved = variant + 1, moved + 1
    if not moved:
        turned = int(random.integers(2**32))
        for number in everyone[-2:]:
            add(number, variant, turn_limb(clean[number], bodies[number], np.random.default_rng(turned)))
    if random.random() < 0.35:
        for number in everyone[:2]:
            add(number, variant + 1, mirror_sides(clean[number], bodies[number]))
    return result


def stacked(seen: Sequence[Seen], random: np.random.Generator) -> BodyMotion:
    """The frames of poses of one body one after the other, each anywhere on the ground's grid."""
    body = seen[0].motion.body
    rotations = np.concatenate([one.motion.rotations for one in seen])
    positions = np.concatenate([one.motion.positions_m for one in seen])
    away = random.uniform(-GROUND_SHIFT, GROUND_SHIFT, size=(len(seen), 1, 3)) * [1.0, 0.0, 1.0] * body.height_m
    return BodyMotion(body, "poses", 30.0, 0.0, rotations, positions + away)


def cameras(motion: BodyMotion, looks: Sequence[Look], view: str, size: int = RENDER_PX) -> Camera:
    """One camera a frame: the product's (`cameras.follow` on a single frame), jittered."""
    body = motion.body
    result = []
    for frame, look in enumerate(looks):
        root = motion.positions_m[frame : frame + 1, body.hips]
        yaw = quat.from_axis_angle(UP, np.radians(look.yaw_deg))
        camera = follow(root, motion.rate_hz, body.height_m, body.floor_m, yaw, size, [view])[view]
        result.append(jittered(camera, look, view))
    return Camera.join(result)


def jittered(camera: Camera, look: Look, view: str) -> Camera:
    """The camera pitched, zoomed and shifted as the look says; yaw is in the camera already."""
    unit, floor = float(camera.unit_m[0]), float(camera.floor_m[0])
    rotation, eye = camera.rotation.double().numpy(), camera.eye_m.double().numpy()
    target = eye + rotation[:, 2] * DISTANCE * unit
    target = target + rotation[:, 0] * look.shift[0] * unit + [0.0, look.shift[1] * unit, 0.0]
    tilt = quat.from_axis_angle([1.0, 0.0, 0.0], -np.radians(PITCH_DEG + look.pitch_deg))
    back = quat.rotate(quat.multiply(look.turn(view), tilt), [0.0, 0.0, DISTANCE * unit])
    return look_at(target + back, target, float(camera.focal[0]) * look.zoom, floor, unit, camera.size)


def render(posable: PosableBody, motion: BodyMotion, looks: Sequence[Look]) -> NDArray[np.uint8]:
    """`(frames, views, 112, 112)`: what the encoder sees of each frame."""
    skin, renderer = bind_skin(posable.surface, posable.body.skeleton), TorchRenderer()
    views = [cameras(motion, looks, view) for view in VIEW_NAMES]
    pictures = np.zeros((motion.frames, len(views), SIDE_PX, SIDE_PX), dtype=np.uint8)
    for start in range(0, motion.frames, AT_ONCE):
        chosen = slice(start, start + AT_ONCE)
        turns = torch.as_tensor(motion.rotations[chosen], dtype=torch.float32)
        places = torch.as_tensor(motion.positions_m[chosen], dtype=torch.float32)
        with torch.no_grad():
            vertices = skin.deform(turns, places)
            for number, camera in enumerate(views):
                seen = renderer.render(vertices, skin.faces, camera[chosen])
                pictures[chosen, number] = to_bytes(to_grey(seen)).numpy()
    return pictures


def numbers(posable: PosableBody, motion: BodyMotion, looks: Sequence[Look]) -> tuple[Array, Array]:
    """Directions of each frame in each view `(frames, views, S, 3)`, and its contacts `(frames, K)`."""
    turns = [np.stack([look.turn(view) for look in looks]) for view in VIEW_NAMES]
    return np.stack([directions(motion, turn) for turn in turns], axis=1), probe_of(posable).contacts(motion)
