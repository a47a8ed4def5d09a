"""How far the relations of two bodies are from one another, limb by limb: the measure behind `relation_error`.

With `a` and `a'` how near a probe is to either body and `n` their mean, the error of a probe is the root of

    a a' (|place - place'|^2 + (facing - facing')^2 / 4)  +  n (height - height')^2 / 2  +  (1 - n) far

and `far` the sum over the limb's ways of `WAYS |way - way'|^2`. So where it lies counts where both are near, that one
is near and the other not by their heights, and far from the body what points where. A hand one plain-body spread off
its place on the skin, one and a half forearm radii too high over it or too deep in it, or turned away from it counts
about 1; so does an arm, far from the body, that points 30 degrees elsewhere. Where a hand is near to the body, that
carries its arm: elbow and forearm count less. A limb that hangs straight down is near to nothing on purpose, but for
`HANGING_NEAR`.

Symmetric in the two bodies, zero for equal relations, smooth. The turn about the vertical between both hips is taken
out, so that travel and facing of the whole body do not count. Numpy or torch, as `features`.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.geometry.relations.features import Relations, stacked
from workers.geometry.relations.nearness import Values

HEIGHT, FACING = 0.5, 0.25
WAYS = {"reach": 4.0, "way": 2.0, "palm": 0.125, "up": 2.0, "face": 2.0}
HANGING_NEAR = 0.15  # of nearness, that counts of what hangs
HANDS = 2.0  # times as much as another limb: where the hands are is what a pose says first
CARRIED = 0.8  # how much a near hand or foot takes over of its limb's ways
CARRIERS = {
    side + limb: side + tip
    for side in ("left", "right")
    for limb, tip in (("Forearm", "Hand"), ("Elbow", "Hand"), ("Knee", "Foot"))
}
ROUND = 0.02  # errors less than this are rounded off, so that there is a gradient at zero


@dataclass(frozen=True, eq=False)
class RelationErrors:
    """`by_limb` `(frames, limbs)`, of `limbs`."""

    limbs: tuple[str, ...]
    by_limb: Values

    @property
    def by_frame(self) -> Values:
        """Mean of the limbs `(frames,)`, in which hands count `HANDS` times."""
        counts = [HANDS if limb.endswith("Hand") else 1.0 for limb in self.limbs]
        return sum(count * self.by_limb[:, k] for k, count in enumerate(counts)) / sum(counts)


def relation_errors(wanted: Relations, made: Relations) -> RelationErrors:
    """Of the same frames and of points that are shared (`points.shared_points`); raises ValueError for others."""
    if (wanted.limbs, wanted.probes, wanted.names) != (made.limbs, made.probes, made.names):
        raise ValueError("relations of points that are not shared cannot be compared")
    one, other = (found.near * (1.0 - (1.0 - HANGING_NEAR) * found.hangs) for found in (wanted, made))
    near = 0.5 * (one + other)
    lies = ((wanted.place - made.place) ** 2).sum(-1) + FACING * (wanted.facing - made.facing) ** 2
    close = one * other * lies + near * HEIGHT * (wanted.height - made.height) ** 2
    far = _far(wanted, made)
    rows = {limb: [k for k, owner in enumerate(wanted.probes) if owner == limb] for limb in wanted.limbs}
    columns = []
    for limb in wanted.limbs:
        elsewhere = far[limb]
        if CARRIERS.get(limb) in rows:
            elsewhere = elsewhere * (1.0 - CARRIED * near[:, rows[CARRIERS[limb]]].mean(1))
        of_probe = close[:, rows[limb]] + (1.0 - near[:, rows[limb]]) * elsewhere[:, None]
        columns.append(((of_probe + ROUND**2) ** 0.5 - ROUND).mean(1))
    return RelationErrors(wanted.limbs, stacked(columns))


def _far(wanted: Relations, made: Relations) -> dict[str, Values]:
    """By limb, the weighted squared distances of its ways `(frames,)`, both seen from the same heading."""
    turn = made.hips @ wanted.hips.swapaxes(-1, -2)
    cosine, sine = turn[:, 0, 0] + turn[:, 2, 2], turn[:, 0, 2] - turn[:, 2, 0]
    size = (cosine**2 + sine**2 + 1e-12) ** 0.5
    cosine, sine = (cosine / size)[:, None], (sine / size)[:, None]
    x, y, z = (wanted.ways[..., axis] for axis in range(3))
    squared = (
        (made.ways[..., 0] - cosine * x - sine * z) ** 2
        + (made.ways[..., 1] - y) ** 2
        + (made.ways[..., 2] + sine * x - cosine * z) ** 2
    )
    found: dict[str, Values] = {}
    for number, name in enumerate(wanted.names):
        limb, kind = name.split(".")
        found[limb] = found.get(limb, 0.0) + WAYS[kind] * squared[:, number]
    return found
