"""What a pose is in relations: for each probe the place on the own body that it is near to, how far from the skin it is
and which way its palm faces there; for each limb where it points.

Of numpy arrays or torch tensors alike: only operators and methods that both have are used, so that there is one formula
with and without gradients. Everything is smooth in the pose, but for poses in which an arm has no length.

The place is a mean of the marks' embedding with weights `(1 + (distance / r)^2)^-4` (r: the forearms' radius), times a
factor that favours marks whose normal points to the probe: no hard switch from one mark or part to the next. The height
over the skin is the mean of the heights over the marks' tangent planes with the same weights (implicit moving least
squares; Shen, O'Brien and Shewchuk 2004).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from workers.contract.roles import SIDES
from workers.geometry.relations.nearness import Nearness, Values, nearness, nearness_compiled
from workers.geometry.relations.points import JOINTS, PROBES, RelationPoints
from workers.skeleton.model import Array

NEAR = 2.0  # forearm radii from the skin at which nearness is a quarter
SOFT = 2.0  # forearm radii at which a height over the skin counts half
HANGS_COS = (0.72, 0.91)  # of 44 and 24 degrees from the trunk's downward axis: from no hanging to hanging altogether
EDGE = 0.1  # forearm radii: heights less than this are as good as none when distances are put together
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Relations:
    """Of `f` frames. By probe: `place` `(f, probes, dimensions)`; `height` `(f, probes)` over the skin, in forearm
    radii and compressed by `SOFT`; `near` (1 on the skin or in it, 0 far away); `facing`, the cosine of the palm with
    the skin's outward normal (0 for what is no hand); `hangs`, how far its limb hangs straight down. `ways` are unit
    directions and reaches `(f, ways, 3)` by `names`, in the body's canonical heading at rest; `hips` `(f, 3, 3)` turn
    away from rest.
    """

    limbs: tuple[str, ...]
    probes: tuple[str, ...]  # the limb of each probe
    place: Values
    height: Values
    near: Values
    facing: Values
    hangs: Values
    names: tuple[str, ...]
    ways: Values
    hips: Values


class PointRows(NamedTuple):
    """The points posed, seen from the hips, in forearm radii: marks and unit normals `(frames, marks, 3)`, probes and
    unit palms `(frames, probes, 3)`, and the `rest` of the rows: joints and axes.
    """

    place: Values
    normal: Values
    asked: Values
    palm: Values
    rest: Values


def read_rows(points: RelationPoints, posed_m: Values) -> PointRows:
    """Of the points' mesh posed, `posed_m` `(frames, rows, 3)` in the world."""
    marks, probes = len(points.marks), len(points.probes)
    rows = (posed_m - posed_m[:, [2 * marks + 2 * probes + len(JOINTS)]]) / points.scale_m
    place = rows[:, :marks]
    asked = rows[:, 2 * marks : 2 * marks + probes]
    return PointRows(
        place,
        _unit(rows[:, marks : 2 * marks] - place),
        asked,
        _unit(rows[:, 2 * marks + probes : 2 * marks + 2 * probes] - asked),
        rows[:, 2 * marks + 2 * probes :],
    )


def rows_nearness(points: RelationPoints, rows: PointRows) -> Nearness:
    """How the probes lie to the marks."""
    like = _constants(rows.place)
    measure = nearness_compiled if isinstance(rows.place, np.ndarray) else nearness
    return measure(
        rows.asked, rows.palm, rows.place, rows.normal, like(points.asked), like(points.apart_m / points.scale_m)
    )


def nearness_at(heights: Values) -> Values:
    """How near a height over the skin is, in forearm radii: 1 on it or in it, a quarter at `NEAR`, 0 far away."""
    outside = 0.5 * (heights + abs(heights))
    return 1.0 / (1.0 + (outside / NEAR) ** 2) ** 2


def probe_heights(points: RelationPoints, found: Nearness) -> Values:
    """How far each probe's own skin is over the surface `(frames, probes)`, in forearm radii, not compressed."""
    # Off the end of a limb all tangent planes are near: what the marks between them leave unexplained is distance too.
    aside = found.aside - found.apart
    flat = (found.over**2 + EDGE**2) ** 0.5
    away = (found.over**2 + EDGE**2 + 0.5 * (aside + abs(aside))) ** 0.5
    return found.over + away - flat - _constants(found.over)(points.own_radius_m / points.scale_m)


def relations(points: RelationPoints, posed_m: Values) -> Relations:
    """Of the points' mesh posed: `posed_m` `(frames, rows, 3)` in the world, numpy or float64 torch."""
    like = _constants(posed_m)
    rows = read_rows(points, posed_m)
    rest = rows.rest
    found = rows_nearness(points, rows)
    palm, height = rows.palm, probe_heights(points, found)

    joints = {role: rest[:, number] for number, role in enumerate(JOINTS)}
    axes = rest[:, len(JOINTS) :]
    names, ways, hanging = _ways(points, joints, palm, axes)
    owners = tuple(PROBES[probe][0] for probe in points.probes)
    upright = like(points.facing)
    return Relations(
        points.limbs,
        owners,
        found.weight @ like(points.embedding),
        height / (1.0 + abs(height) / SOFT),
        nearness_at(height),
        found.facing,
        stacked([hanging.get(_chain(owner), 0.0 * height[:, 0]) for owner in owners]),
        names,
        stacked(ways) @ upright,
        # Columns are canonical axes: what the hips' axes are now, in canonical directions.
        (axes[:, 1:4] @ upright).swapaxes(-1, -2),
    )


def _ways(
    points: RelationPoints, joints: dict[str, Values], palm: Values, axes: Values
) -> tuple[tuple[str, ...], list[Values], dict[str, Values]]:
    """Names of the ways and the ways, in the world; how far each arm and leg hangs, by its name."""
    down = _unit(sum(joints[f"{side}UpperLeg"] - joints[f"{side}UpperArm"] for side in SIDES))
    found: dict[str, Values] = {}
    hanging: dict[str, Values] = {}
    for side in SIDES:
        for limb, tip in (("Arm", "Hand"), ("Leg", "Foot")):
            start, bend, end = (joints[side + role] for role in (f"Upper{limb}", f"Lower{limb}", tip))
            upper, lower = _unit(bend - start), _unit(end - bend)
            found[f"{side}{tip}.reach"] = (end - start) * (points.scale_m / points.lengths_m[side + limb])
            found[f"{side}{'Elbow' if limb == 'Arm' else 'Knee'}.way"] = upper
            if limb == "Arm":
                found[f"{side}Forearm.way"] = lower
            hanging[side + limb] = _risen((upper * down).sum(-1)) * _risen((lower * down).sum(-1))
    for number, probe in enumerate(points.probes):
        owner = PROBES[probe][0]
        if owner.endswith("Hand"):
            found[f"{owner}.palm"] = palm[:, number]
    found["head.up"], found["head.face"] = axes[:, 5] - axes[:, 4], axes[:, 6] - axes[:, 4]
    kept = {name: way for name, way in found.items() if name.split(".")[0] in points.limbs}
    return tuple(kept), list(kept.values()), hanging


def _chain(limb: str) -> str:
    """The arm or leg that a limb belongs to."""
    side = "left" if limb.startswith("left") else "right"
    return side + ("Leg" if limb.endswith(("Foot", "Knee")) else "Arm") if limb.startswith(side) else limb


def _risen(cosine: Values) -> Values:
    """From 0 to 1 over `HANGS_COS`, smooth."""
    share = ((cosine - HANGS_COS[0]) / (HANGS_COS[1] - HANGS_COS[0])).clip(0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _unit(vectors: Values) -> Values:
    """Unit vectors; of what has no length as good as zero."""
    return vectors / ((vectors**2).sum(-1)[..., None] + TINY**2) ** 0.5


def stacked(columns: list[Values]) -> Values:
    """Columns `(frames, ...)` as `(frames, columns, ...)`."""
    if isinstance(columns[0], np.ndarray):
        return np.stack(columns, axis=1)
    made = columns[0].new_zeros((len(columns[0]), len(columns), *columns[0].shape[1:]))
    for number, column in enumerate(columns):
        made[:, number] = column
    return made


def _constants(like: Values) -> Callable[[Array], Values]:
    """What turns an array into values of the same kind."""
    if isinstance(like, np.ndarray):
        return lambda values: values
    return lambda values: like.new_tensor(values)
