"""How well a result keeps the source's self-contacts: error, recall and precision.

`contact_error`: mean change of the distance between the two points of each pair of the source's contacts, in arm radii
of each body. `contact_recall`: of the frames and contacts of the source, the share in which the same part touches the
same part (or one that it joins) of the result and some pair lies within PLACE of where it belongs. `contact_precision`:
of the frames and pairs of parts that touch in the result, the share that does in the source, give or take SLACK_S.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.contact_model import ContactSpans, SelfContacts
from workers.geometry.parts import HEAD, LIMB_PARTS, PARTS, TORSO, part_index
from workers.geometry.transfer_contacts import ContactAnchors
from workers.skeleton.model import Array, Indices, Mask

PLACE = 2.0  # arm radii
SLACK_S = 0.07


def _joined() -> Mask:
    """`(parts, parts)`: the same part, or two that share a joint."""
    result = np.eye(len(PARTS), dtype=np.bool_)
    pairs = [(TORSO, HEAD)]
    for side in SIDES:
        arm, leg = ([part_index(side + part) for part in parts] for parts in (LIMB_PARTS[:3], LIMB_PARTS[3:]))
        pairs += [(TORSO, arm[0]), (arm[0], arm[1]), (arm[1], arm[2]), (TORSO, leg[0]), (leg[0], leg[1])]
        pairs.append((leg[1], leg[2]))
    for first, second in pairs:
        result[first, second] = result[second, first] = True
    return result


JOINED = _joined()


@dataclass(frozen=True, eq=False)
class ContactScores:
    """Numerators and denominators; a ratio is None where its denominator is 0."""

    missed: Array  # change of distance of each pair of points, arm radii
    asked: (
        Indices  # (n, 2): each contact of the source, as `ContactAnchors.carried` numbers them, in each of its frames
    )
    touching: Mask  # (n,) whether its parts touch
    kept: Mask  # (n,) and where they should
    right: int
    result: int  # frames times pairs of parts that touch in the result

    @property
    def held(self) -> int:
        return int(np.count_nonzero(self.kept))

    @property
    def source(self) -> int:
        return len(self.asked)

    @property
    def error(self) -> float | None:
        return float(self.missed.mean()) if len(self.missed) else None

    @property
    def recall(self) -> float | None:
        return self.held / self.source if self.source else None

    @property
    def precision(self) -> float | None:
        return self.right / self.result if self.result else None


def contact_scores(
    source: SelfContacts,
    result: SelfContacts | ContactSpans,
    anchors: ContactAnchors,
    vertices_m: Array,
    frames: Indices,
    arm_radius_m: float,
    rate_hz: float,
) -> ContactScores:
    """`anchors` are the source's on the result's surface, counted by `frames` `(n,)`, in which it is posed:
    `vertices_m` `(n, vertices, 3)`. `source` and `result` share one time axis.
    """
    missed = anchors.distance_missed(vertices_m, arm_radius_m)
    touches = result.touching()
    asked: list[tuple[int, int]] = []
    met: list[bool] = []
    kept: list[bool] = []
    for number, contact in enumerate(anchors.carried(source)):
        partners = [mask for (a, b), mask in touches.items() if a == contact.part_a and JOINED[b, contact.part_b]]
        meeting = _any_of(partners, result.frames)
        rows = np.flatnonzero(anchors.contact == number)
        at = anchors.frame[rows]
        for frame in np.unique(at):
            asked.append((number, int(frames[frame])))
            met.append(bool(meeting[frames[frame]]))
            kept.append(met[-1] and bool(missed[rows[at == frame]].min() < PLACE))
    right = made = 0
    slack = round(SLACK_S * rate_hz)
    wanted = {pair: _widened(mask, slack) for pair, mask in source.touching().items()}
    for (a, b), mask in touches.items():
        partners = [other for (a2, b2), other in wanted.items() if a2 == a and JOINED[b2, b]]
        made += int(mask.sum())
        right += int((mask & _any_of(partners, result.frames)).sum())
    each = np.array(asked, dtype=np.int64).reshape(-1, 2)
    touching, held = (np.array(values, dtype=np.bool_) for values in (met, kept))
    return ContactScores(missed, each, touching, held, right, made)


def _any_of(masks: list[Mask], frames: int) -> Mask:
    joined: Mask = np.zeros(frames, dtype=np.bool_)
    for mask in masks:
        joined = joined | mask
    return joined


def _widened(mask: Mask, frames: int) -> Mask:
    if frames < 1:
        return mask
    padded = np.pad(mask, frames)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1).any(axis=1))
