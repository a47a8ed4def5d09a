"""A nearly looping motion made to loop: its last pose becomes its first, and it goes on at the same pace.

What differs between the two ends, in pose and in velocity, is shared by both: half is added after the start, half is
taken away before the end, each fading within `FADE_S` by a cubic that ends flat (inertialisation as in Bollo 2018,
"Inertialization: High-Performance Animation Transitions in Gears of War", at both ends). In between nothing changes.

A loop may travel and turn: where the ends stand further apart than `KEPT_TRAVEL` or are turned by more than
`KEPT_TURN_DEG`, each lap goes on from where the last one ended; less is drift and goes. Joints move against what
carries them, the hips against the world, so bones keep their lengths. Feet that slide through the change are left to
whoever holds them. Ends that are further apart than a fade can bridge are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.contract.roles import LEG, SIDES, side_roles
from workers.motion.body_motion import BodyMotion
from workers.motion.timeline import LOOP_ANGLE_RAD, LOOP_HEIGHT_SHARE
from workers.skeleton import quat
from workers.skeleton.body import UP
from workers.skeleton.model import Array, Notice

FADE_S = 0.5
MIN_FRAMES = 6  # two velocities at each end, and something in between
KEPT_TRAVEL = 0.1  # of body height
KEPT_TURN_DEG = 15.0
# Of the joints of trunk and limbs, the one whose turn against what carries it differs most; and of the hips' height.
WARNED_DEG, REFUSED_DEG = 30.0, 90.0
WARNED_RISE, REFUSED_RISE = 0.1, 0.35
PASSES = 4  # velocities of large turns add up only nearly
JUDGED = ("hips", "spine", "chest", "upperChest", "neck", "head", "UpperArm", "LowerArm", *LEG[:3])


@dataclass(frozen=True)
class Lap:
    """From the start of a lap to its end: along the ground `(x, z)` in metres, and turned about Y."""

    travel_m: tuple[float, float]
    turn_rad: float


@dataclass(frozen=True)
class Seam:
    """How far the end of a clip is from its start: the worst turn of a joint, the hips' place, and the worst jump in
    the speed at which a joint turns, beside the worst from frame to frame within the clip.
    """

    pose_deg: float
    place_m: float
    speed_jump_deg_s: float
    jump_inside_deg_s: float

    def is_closed(self, height_m: float) -> bool:
        """Whether the clip loops: as `workers.motion.timeline` has it, and no rougher than it is anyway."""
        closed = self.pose_deg <= np.degrees(LOOP_ANGLE_RAD) and self.place_m <= LOOP_HEIGHT_SHARE * height_m
        return bool(closed and self.speed_jump_deg_s <= self.jump_inside_deg_s)

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class ClosedLoop:
    """The motion closed, and what that took; what looped before is left as it is. `lap` is what each lap adds."""

    motion: BodyMotion
    lap: Lap
    before: Seam
    after: Seam
    fade_s: float
    notices: tuple[Notice, ...]

    def to_dict(self) -> dict[str, Any]:
        """For reports."""
        return {
            "travel_m": float(np.hypot(*self.lap.travel_m)),
            "turn_deg": float(np.degrees(self.lap.turn_rad)),
            "fade_s": self.fade_s,
            "seam_before": self.before.to_dict(),
            "seam_after": self.after.to_dict(),
        }


def close_loop(motion: BodyMotion, kept: tuple[bool, bool] | None = None) -> ClosedLoop:
    """The motion as a loop. `kept` says whether travel and turn of a lap stay, where that was decided before.

    Raises InvalidOptions for ends that no fade can join and for clips of fewer than `MIN_FRAMES` frames.
    """
    if motion.frames < MIN_FRAMES:
        raise InvalidOptions(
            f"loop: clip {motion.name!r} has {motion.frames} frames, too few to close; use a longer part of the motion"
        )
    lap = _lap(motion, kept)
    rotations, offsets = _against_carriers(motion, lap)
    before = measure_seam(motion, lap)
    if before.is_closed(motion.body.height_m):
        return ClosedLoop(motion, lap, before, before, 0.0, ())
    notices = _judge(motion, rotations, offsets)
    fade = min(round(FADE_S * motion.rate_hz), (motion.frames - 1) // 2)
    for _ in range(PASSES):
        rotations = quat.multiply(rotations, quat.from_rotation_vector(_turns_to_add(rotations, fade)))
        offsets = offsets + _offset(
            offsets[-1] - offsets[0], _end_speed(offsets) - _start_speed(offsets), offsets, fade
        )
    closed = _from_carriers(motion, lap, rotations, offsets)
    return ClosedLoop(closed, lap, before, measure_seam(closed, lap), fade / motion.rate_hz, notices)


def measure_seam(motion: BodyMotion, lap: Lap | None = None) -> Seam:
    """The seam between the last and the first frame of a motion whose laps add `lap`."""
    rotations, offsets = _against_carriers(motion, _lap(motion, None) if lap is None else lap)
    moved = _moved(motion)
    apart = quat.angle_between(rotations[-1, moved], rotations[0, moved])
    speeds = _log(quat.multiply(quat.conjugate(rotations[:-1, moved]), rotations[1:, moved])) * motion.rate_hz
    jump = np.linalg.norm(speeds[-1] - speeds[0], axis=-1)
    inside = np.linalg.norm(np.diff(speeds, axis=0), axis=-1)
    place = float(np.linalg.norm(offsets[-1, motion.body.hips] - offsets[0, motion.body.hips]))
    return Seam(
        float(np.degrees(apart.max())),
        place,
        float(np.degrees(jump.max())),
        float(np.degrees(inside.max(initial=0.0))),
    )


def kept_by(lap: Lap) -> tuple[bool, bool]:
    """Whether a lap travels and whether it turns."""
    return bool(np.hypot(*lap.travel_m) > 0.0), lap.turn_rad != 0.0


def _lap(motion: BodyMotion, kept: tuple[bool, bool] | None) -> Lap:
    body = motion.body
    path = motion.positions_m[[0, -1], body.hips]
    travel = (path[1] - path[0])[[0, 2]]
    turned = quat.multiply(motion.rotations[-1, body.hips], quat.conjugate(motion.rotations[0, body.hips]))
    turn = float(2.0 * np.arctan2(turned[1], turned[3]))
    turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
    keeps = kept or (bool(np.hypot(*travel) > KEPT_TRAVEL * body.height_m), abs(np.degrees(turn)) > KEPT_TURN_DEG)
    return Lap((float(travel[0]), float(travel[1])) if keeps[0] else (0.0, 0.0), turn if keeps[1] else 0.0)


def _ground(motion: BodyMotion, lap: Lap) -> tuple[Array, Array]:
    """Where the ground of each frame is, as an even screw from the start of the lap to its end: turns `(frames, 4)` and
    shifts `(frames, 3)`; a world point is `rotate(turn, p) + shift`.
    """
    share = np.linspace(0.0, 1.0, motion.frames)
    turns = quat.from_axis_angle(UP, share * lap.turn_rad)
    start = motion.positions_m[0, motion.body.hips] * [1.0, 0.0, 1.0]
    travel = np.array([lap.travel_m[0], 0.0, lap.travel_m[1]])
    if lap.turn_rad == 0.0:
        return turns, share[:, None] * travel
    # The point c that an even turn leaves in place: c + turn(start - c) = start + travel.
    half = 0.5 / np.tan(0.5 * lap.turn_rad)
    centre = start + 0.5 * travel + half * np.cross(UP, travel)
    return turns, centre - quat.rotate(turns, np.broadcast_to(centre, (motion.frames, 3)))


def _moved(motion: BodyMotion) -> list[int]:
    """The hips and all that goes along with them, each after what carries it."""
    carriers, hips = motion.body.carriers, motion.body.hips
    depth = {hips: 0}

    def reach(joint: int) -> int | None:
        path = []
        while joint not in depth:
            path.append(joint)
            joint = int(carriers[joint])
            if joint < 0 or joint in path:
                return None
        for number, passed in enumerate(reversed(path)):
            depth[passed] = depth[joint] + number + 1
        return depth[path[0]] if path else depth[joint]

    for joint in range(len(carriers)):
        reach(joint)
    return sorted(depth, key=lambda joint: (depth[joint], joint))


def _against_carriers(motion: BodyMotion, lap: Lap) -> tuple[Array, Array]:
    """Rotations `(frames, joints, 4)` and places `(frames, joints, 3)` of moved joints against what carries them, the
    hips' against the ground; all others stay at identity and zero.
    """
    hips, carriers = motion.body.hips, motion.body.carriers
    turns, shifts = _ground(motion, lap)
    rotations = quat.identity(*motion.rotations.shape[:2])
    offsets = np.zeros(motion.positions_m.shape)
    rotations[:, hips] = quat.multiply(quat.conjugate(turns), motion.rotations[:, hips])
    offsets[:, hips] = quat.rotate(quat.conjugate(turns), motion.positions_m[:, hips] - shifts)
    joints = [joint for joint in _moved(motion) if joint != hips]
    above = carriers[joints]
    back = quat.conjugate(motion.rotations[:, above])
    rotations[:, joints] = quat.multiply(back, motion.rotations[:, joints])
    offsets[:, joints] = quat.rotate(back, motion.positions_m[:, joints] - motion.positions_m[:, above])
    return quat.make_continuous(rotations), offsets


def _from_carriers(motion: BodyMotion, lap: Lap, rotations: Array, offsets: Array) -> BodyMotion:
    hips, carriers = motion.body.hips, motion.body.carriers
    turns, shifts = _ground(motion, lap)
    world, places = motion.rotations.copy(), motion.positions_m.copy()
    world[:, hips] = quat.multiply(turns, rotations[:, hips])
    places[:, hips] = quat.rotate(turns, offsets[:, hips]) + shifts
    for joint in _moved(motion):
        if joint != hips:
            above = int(carriers[joint])
            world[:, joint] = quat.multiply(world[:, above], rotations[:, joint])
            places[:, joint] = places[:, above] + quat.rotate(world[:, above], offsets[:, joint])
    return replace(motion, rotations=quat.normalize(world), positions_m=places)


def _turns_to_add(rotations: Array, fade: int) -> Array:
    """Rotation vectors `(frames, joints, 3)` that bring both ends of rotations together, applied on their right."""
    gap = _log(quat.multiply(quat.conjugate(rotations[0]), rotations[-1]))
    steps = _log(quat.multiply(quat.conjugate(rotations[[0, 1, -3, -2]]), rotations[[1, 2, -2, -1]]))
    start, end = 1.5 * steps[0] - 0.5 * steps[1], 1.5 * steps[3] - 0.5 * steps[2]
    return _offset(gap, end - start, np.zeros((*rotations.shape[:2], 3)), fade)


def _start_speed(values: Array) -> Array:
    """What values `(frames, ...)` change in a frame at the first, by the parabola through three."""
    return np.asarray(-1.5 * values[0] + 2.0 * values[1] - 0.5 * values[2])


def _end_speed(values: Array) -> Array:
    return np.asarray(1.5 * values[-1] - 2.0 * values[-2] + 0.5 * values[-3])


def _offset(gap: Array, speed_gap: Array, like: Array, fade: int) -> Array:
    """What to add to each frame: half of `gap` and `speed_gap` (end minus start) fading after the start, and minus half
    before the end.
    """
    t = np.arange(fade + 1) / fade
    place = (1.0 - t) ** 2 * (1.0 + 2.0 * t)  # Hermite: from 1 with no slope to 0 with none
    slope = fade * t * (1.0 - t) ** 2  # from 0 with a slope of one a frame to 0 with none
    rest = (1,) * (like.ndim - 1)
    place, slope = place.reshape(-1, *rest), slope.reshape(-1, *rest)
    result = np.zeros(like.shape)
    result[: fade + 1] += 0.5 * (place * gap + slope * speed_gap)
    result[-fade - 1 :] += 0.5 * (-place * gap + slope * speed_gap)[::-1]
    return result


def _log(q: Array) -> Array:
    """Rotation vectors `(..., 3)` of quaternions, along the shorter way."""
    q = np.where(q[..., 3:] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., :3], axis=-1, keepdims=True)
    return np.asarray(
        q[..., :3] * np.where(sine > 1e-12, 2.0 * np.arctan2(sine, q[..., 3:]) / np.maximum(sine, 1e-12), 2.0)
    )


def _judge(motion: BodyMotion, rotations: Array, offsets: Array) -> tuple[Notice, ...]:
    body = motion.body
    roles: Mapping[str, int] = {
        role: match.joint
        for role, match in body.mapping.roles.items()
        if role in JUDGED or any(role in side_roles(side, JUDGED) for side in SIDES)
    }
    apart = {
        role: float(np.degrees(quat.angle_between(rotations[0, joint], rotations[-1, joint])))
        for role, joint in roles.items()
    }
    worst = max(apart, key=lambda role: apart[role])
    rise = abs(float(offsets[-1, body.hips, 1] - offsets[0, body.hips, 1])) / body.height_m
    text = (
        f"the first and last pose of clip {motion.name!r} are {apart[worst]:.0f} degrees apart at {worst} and "
        f"{100.0 * rise:.0f} % of the height at the hips"
    )
    remedy = "choose start_s and end_s where the motion comes round again"
    if apart[worst] > REFUSED_DEG or rise > REFUSED_RISE:
        raise InvalidOptions(f"loop: {text}, too far to close; {remedy}, or keep it open")
    if apart[worst] > WARNED_DEG or rise > WARNED_RISE:
        joint = body.skeleton.names[roles[worst]]
        return (Notice("loop-ends-apart", f"{text}; closing it bends the motion for a moment; {remedy}", joint),)
    return ()
