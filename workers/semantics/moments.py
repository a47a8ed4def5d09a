"""Why a moment looks different: what measurably differs between source and result in that frame, in words.

Encoders tell that two pictures differ, not how. The motions do: limbs and trunk that point elsewhere, hands nearer to
or farther from the body, hips higher or lower, a planted foot that has left its ground. Each difference is weighed
against what a viewer notices; the largest are reported. Lengths are shares of each body's own height or leg, so that
bodies of other size do not differ for it. numpy only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion, hip_centre
from workers.motion.contacts import FootContacts
from workers.scores import foot_scores, pose_scores
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

# What a viewer begins to notice.
DIRECTION_DEG = 8.0
HAND_SHARE = 0.04  # of body height
HIPS_SHARE = 0.05  # of leg length
FOOT_SHARE = 0.01  # of body height
# Farther from the body than this share of its height, a hand's distance says what the arm's direction says already.
NEAR = 0.35
MAX_REASONS = 3
NOTHING = "no limb, hand, hip height or planted foot differs much: the bodies' shapes do"

_ENDS = {"UpperArm": "upper arm", "LowerArm": "forearm", "UpperLeg": "thigh", "LowerLeg": "shin"}


@dataclass(frozen=True)
class Difference:
    """`size` 1 is what a viewer begins to notice."""

    size: float
    words: str


def explain(
    frames: Indices | Sequence[int],
    source: BodyMotion,
    result: BodyMotion,
    contacts: FootContacts,
    source_floor_m: float,
) -> list[str]:
    """For each frame what differs most, in one line. `contacts` are the source's; the motions share a time axis."""
    chosen = np.asarray(frames, dtype=np.int64)
    ours, theirs = _only(result, chosen), _only(source, chosen)
    columns: list[list[Difference]] = [
        *_limbs(ours, theirs),
        *_trunk(ours, theirs),
        *_hands(ours, theirs),
        _hips(ours, theirs, source_floor_m),
        *_feet(result, source, contacts, source_floor_m, chosen),
    ]
    return [_told([column[number] for column in columns]) for number in range(len(chosen))]


def _told(differences: list[Difference]) -> str:
    noticed = sorted((d for d in differences if d.size >= 1.0), key=lambda d: -d.size)
    return "; ".join(difference.words for difference in noticed[:MAX_REASONS]) or NOTHING


def _limbs(result: BodyMotion, source: BodyMotion) -> Iterator[list[Difference]]:
    errors = pose_scores.limb_errors_deg(result, source)
    for (role, _), angles in zip(pose_scores.shared_limbs(source.body, result.body), errors.T, strict=True):
        yield [_direction(_words(role), angle) for angle in angles]


def _trunk(result: BodyMotion, source: BodyMotion) -> Iterator[list[Difference]]:
    tip = next((role for role in ("neck", "head") if source.body.has(role) and result.body.has(role)), None)
    if tip is not None:
        ways = [_way(motion, "hips", tip) for motion in (result, source)]
        angles = np.degrees(np.arccos(np.clip(np.einsum("fi,fi->f", *ways), -1.0, 1.0)))
        yield [_direction("trunk", angle) for angle in angles]


def _hands(result: BodyMotion, source: BodyMotion) -> Iterator[list[Difference]]:
    for side, other in zip(SIDES, reversed(SIDES), strict=True):
        hand = f"{side}Hand"
        for mark in ("head", "hips", f"{other}Hand"):
            if mark.endswith("Hand") and side == SIDES[1]:
                continue  # both hands are one distance
            if source.body.has(hand, mark) and result.body.has(hand, mark):
                ours, theirs = (_distance(motion, hand, mark) for motion in (result, source))
                words = f"{_words(hand)} {{:.0f}} % of body height {{}} the {_words(mark)}"
                near = np.minimum(ours, theirs) < NEAR
                yield [
                    Difference(
                        float(np.abs(change) / HAND_SHARE * close),
                        words.format(100.0 * np.abs(change), "farther from" if change > 0 else "nearer to"),
                    )
                    for change, close in zip(ours - theirs, near, strict=True)
                ]


def _hips(result: BodyMotion, source: BodyMotion, source_floor_m: float) -> list[Difference]:
    changes = pose_scores.hip_heights(result, result.body.floor_m) - pose_scores.hip_heights(source, source_floor_m)
    return [
        Difference(
            abs(float(change)) / HIPS_SHARE,
            f"hips {100.0 * abs(change):.0f} % of leg length {'higher' if change > 0 else 'lower'}",
        )
        for change in changes
    ]


def _feet(
    result: BodyMotion, source: BodyMotion, contacts: FootContacts, source_floor_m: float, chosen: Indices
) -> Iterator[list[Difference]]:
    track = foot_scores.source_track(contacts, source.body, result.body, source_floor_m)
    result_ground = foot_scores.result_track(track, source.body, result.body, source_floor_m)
    scale = result.body.height_m / source.body.height_m
    # What the source's own foot is off its ground by, as in a heel that lifts, is no difference.
    off = foot_scores.sole_clearance(result, result_ground) - scale * foot_scores.sole_clearance(source, track)
    for role, planted, changes in zip(track.roles, track.planted[chosen].T, off[chosen].T, strict=True):
        yield [
            Difference(
                abs(float(change)) / (FOOT_SHARE * result.body.height_m) * bool(down),
                f"{_words(role)}, planted in the source, {100.0 * abs(change):.1f} cm "
                f"{'higher over' if change > 0 else 'deeper in'} the ground",
            )
            for change, down in zip(changes, planted, strict=True)
        ]


def _direction(what: str, angle_deg: float) -> Difference:
    return Difference(float(angle_deg) / DIRECTION_DEG, f"{what} points {angle_deg:.0f} degrees elsewhere")


def _only(motion: BodyMotion, frames: Indices) -> BodyMotion:
    return motion.some(frames)


def _way(motion: BodyMotion, base: str, tip: str) -> Array:
    """Unit direction `(frames, 3)` in the body's canonical heading."""
    way = quat.unit(_place(motion, tip) - _place(motion, base))
    return quat.rotate(quat.conjugate(motion.body.facing), way)


def _distance(motion: BodyMotion, first: str, second: str) -> Array:
    """In body heights, `(frames,)`."""
    distance: Array = np.linalg.norm(_place(motion, first) - _place(motion, second), axis=-1) / motion.body.height_m
    return distance


def _place(motion: BodyMotion, role: str) -> Array:
    """Of a role's joint, `(frames, 3)`; of the hips the middle between the legs: some rigs have theirs elsewhere."""
    return hip_centre(motion) if role == "hips" else motion.positions_m[:, motion.body.mapping.roles[role].joint]


def _words(role: str) -> str:
    """`leftLowerArm` -> `left forearm`."""
    side, part = re.match("(left|right)?(.*)", role).groups()  # type: ignore[union-attr]  # matches anything
    return f"{side} {_ENDS.get(part, part.lower())}" if side else part.lower()
