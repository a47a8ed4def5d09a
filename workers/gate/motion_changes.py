"""What differs between two motions' signatures, as values beside their limits. Pure.

A change is told in words a person can follow: which joint, by how much, at the time where it is greatest. Each value is
the greater of the 90th percentile over time and the greatest over `AT_ONCE`, so that neither one odd frame nor a short
break decides alone. Feet count also where they are planted: one that is in the ground for a third of a clip is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workers.gate.motion_signature import MotionSignature
from workers.gate.tolerances import Tolerances
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES
from workers.skeleton.model import Array

USUAL = 90.0  # percentile over time
AT_ONCE = 3.0  # the greatest value counts as much less
FRAMES = 1.5  # a clip may be longer or shorter by this
FEET = ("leftFoot", "rightFoot", "leftToes", "rightToes")
CENTIMETRES = 100.0
LIMB_PARTS = tuple(
    (f"{side}{first}", f"{side}{second}")
    for side in ("left", "right")
    for first, second in (
        ("UpperArm", "LowerArm"), ("LowerArm", "Hand"),
        ("UpperLeg", "LowerLeg"), ("LowerLeg", "Foot"), ("Foot", "Toes"),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """`amount` is in shares of what may differ: 1 is at the limit. `text` says it in one line."""

    what: str
    amount: float
    text: str

    @property
    def is_loss(self) -> bool:
        return self.amount > 1.0


def motion_changes(before: MotionSignature, after: MotionSignature, limits: Tolerances) -> Iterator[Change]:
    """Every measure, the harmless ones too."""
    yield _duration(before, after, limits)
    missing = sorted(set(before.placed) - set(after.placed))
    if missing:
        yield Change("joints", 2.0, f"no longer placed: {', '.join(missing)}")
    if len(before.places) != len(after.places):
        before, after = _on_same_times(before, after)
    height_cm = after.height_m * CENTIMETRES
    clock = np.linspace(0.0, after.duration_s, len(after.places))
    yield from _joints(before, after, limits, clock, height_cm)
    yield from _feet(before, after, limits, clock, height_cm)
    yield from _hips(before, after, limits, clock, height_cm)
    yield from _limbs(before, after, limits, clock)
    yield from _turns(before, after, limits, clock)
    apart = float(np.mean(before.planted != after.planted))
    yield Change("planted", _share(apart, limits.planted), f"feet planted otherwise {apart:.0%} of the time")


def _duration(before: MotionSignature, after: MotionSignature, limits: Tolerances) -> Change:
    apart_s = abs(before.duration_s - after.duration_s)
    allowed_s = limits.duration * before.duration_s + FRAMES / min(before.rate_hz, after.rate_hz)
    text = f"lasts {after.duration_s:.2f} s, not {before.duration_s:.2f}"
    return Change("duration", apart_s / allowed_s, text)


def _on_same_times(before: MotionSignature, after: MotionSignature) -> tuple[MotionSignature, MotionSignature]:
    """Both at the times of the one that has fewer, by their share of the clip."""
    times = min(len(before.places), len(after.places))
    return _at(before, times), _at(after, times)


def _at(kept: MotionSignature, times: int) -> MotionSignature:
    chosen = np.round(np.linspace(0, len(kept.places) - 1, times)).astype(np.int64)
    return MotionSignature(
        kept.frames, kept.rate_hz, kept.height_m, kept.placed, kept.turned,
        kept.places[chosen], kept.hips[chosen], kept.turns[chosen], kept.planted[chosen],
    )  # fmt: skip


def _joints(
    before: MotionSignature, after: MotionSignature, limits: Tolerances, clock: Array, height_cm: float
) -> Iterator[Change]:
    """The worst joint's way from where it was beside the hips."""
    roles = [role for role in before.placed if role in after.placed]
    if not roles:
        return
    apart = {role: np.linalg.norm(_place(after, role) - _place(before, role), axis=1) for role in roles}
    amounts = {role: _amount(apart[role], limits.joint) for role in roles}
    worst = max(roles, key=amounts.__getitem__)
    at = int(np.argmax(apart[worst]))
    text = f"{worst} {apart[worst][at] * height_cm:.1f} cm from where it was at {clock[at]:.2f} s"
    yield Change("joint", amounts[worst], text)


def _feet(
    before: MotionSignature, after: MotionSignature, limits: Tolerances, clock: Array, height_cm: float
) -> Iterator[Change]:
    roles = [role for role in FEET if role in before.placed and role in after.placed]
    if not roles:
        return
    rise = {
        role: (_place(after, role) + after.hips - _place(before, role) - before.hips)[:, 1] for role in roles
    }  # shares of the height, over the floor
    amounts = {}
    for role in roles:
        away = np.abs(rise[role])
        planted = before.planted[:, FOOT_ROLES.index(role)]
        held = float(np.median(away[planted])) if planted.any() else 0.0
        amounts[role] = max(_amount(away, limits.foot_height), _share(held, limits.foot_height))
    worst = max(roles, key=amounts.__getitem__)
    at = int(np.argmax(np.abs(rise[worst])))
    word = "higher" if rise[worst][at] > 0 else "lower"
    text = f"{worst} {abs(rise[worst][at]) * height_cm:.1f} cm {word} over the floor at {clock[at]:.2f} s"
    yield Change("foot_height", amounts[worst], text)


def _hips(
    before: MotionSignature, after: MotionSignature, limits: Tolerances, clock: Array, height_cm: float
) -> Iterator[Change]:
    moved = after.hips - before.hips
    rise = np.abs(moved[:, 1])
    at = int(np.argmax(rise))
    text = f"hips {rise[at] * height_cm:.1f} cm off their height at {clock[at]:.2f} s"
    yield Change("hips_height", _amount(rise, limits.hips_height), text)
    aside = np.linalg.norm(moved[:, [0, 2]], axis=1)
    steps = np.linalg.norm(np.diff(before.hips[:, [0, 2]], axis=0), axis=1)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    at = int(np.argmax(aside))
    text = f"{aside[at] * height_cm:.1f} cm off the path at {clock[at]:.2f} s"
    yield Change("path", _amount(aside / (1.0 + way), limits.path), text)


def _limbs(before: MotionSignature, after: MotionSignature, limits: Tolerances, clock: Array) -> Iterator[Change]:
    """The worst direction of a limb's part."""
    known = set(before.placed) & set(after.placed)
    parts = [pair for pair in LIMB_PARTS if known.issuperset(pair)]
    if not parts:
        return
    apart = {
        part: np.degrees(_angle(*(_place(side, part[1]) - _place(side, part[0]) for side in (before, after))))
        for part in parts
    }
    amounts = {part: _amount(apart[part], limits.limb_deg) for part in parts}
    worst = max(parts, key=amounts.__getitem__)
    at = int(np.argmax(apart[worst]))
    text = f"{worst[0]} points {apart[worst][at]:.0f} degrees elsewhere at {clock[at]:.2f} s"
    yield Change("limb", amounts[worst], text)


def _turns(before: MotionSignature, after: MotionSignature, limits: Tolerances, clock: Array) -> Iterator[Change]:
    roles = [role for role in before.turned if role in after.turned]
    if not roles:
        return
    apart = {
        role: np.degrees(
            quat.angle_between(
                quat.unit(before.turns[:, before.turned.index(role)]),
                quat.unit(after.turns[:, after.turned.index(role)]),
            )
        )
        for role in roles
    }
    amounts = {role: _amount(apart[role], limits.turn_deg) for role in roles}
    worst = max(roles, key=amounts.__getitem__)
    at = int(np.argmax(apart[worst]))
    text = f"{worst} turned by {apart[worst][at]:.0f} degrees at {clock[at]:.2f} s"
    yield Change("turn", amounts[worst], text)


def _place(kept: MotionSignature, role: str) -> Array:
    return kept.places[:, kept.placed.index(role)]


def _angle(first: Array, second: Array) -> Array:
    """Between directions `(times, 3)`, radians; exact for small ones too (Kahan 2006)."""
    first, second = quat.unit(first), quat.unit(second)
    between = 2.0 * np.arctan2(np.linalg.norm(first - second, axis=1), np.linalg.norm(first + second, axis=1))
    return np.asarray(between)


def _amount(values: Array, limit: float) -> float:
    usual = float(np.percentile(values, USUAL))
    return max(_share(usual, limit), _share(float(values.max()), AT_ONCE * limit))


def _share(value: float, limit: float) -> float:
    """Of what is allowed; where nothing is, any difference is twice that."""
    return value / limit if limit > 0.0 else (2.0 if value > 0.0 else 0.0)
