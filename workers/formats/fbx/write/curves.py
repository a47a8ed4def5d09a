"""Keys of one animated value: an `AnimationCurveNode` on a property, with one `AnimationCurve` a component.

Keys lie at the frames of the clip and are joined by straight lines; what stays still keeps its first and last key.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.formats.fbx.write.objects import Objects, entry, properties
from workers.formats.fbx.write.records import Encoded, encode_value, record
from workers.skeleton.model import Array

TICKS_PER_SECOND = 46_186_158_000  # of FBX 7, before 7.7 the only one
_FLAGS = encode_value(np.array([0x00000004], dtype=np.int32))  # straight lines
_NO_TANGENTS = encode_value(np.zeros(4, dtype=np.float32))
_STILL = 1e-7  # of the largest value: less than float32 can tell


def ticks(seconds: float) -> int:
    return round(seconds * TICKS_PER_SECOND)


class KeyTimes:
    """The times of a clip's frames, encoded once for all curves."""

    def __init__(self, seconds: Array):
        self._all = _encoded(seconds)
        self._ends = _encoded(seconds[[0, -1]] if len(seconds) > 1 else seconds)

    def of(self, values: Array) -> tuple[Array, Encoded]:
        """The values to key, `(frames,)` or those of both ends, and the times of the keys."""
        size = max(float(np.max(np.abs(values))), 1e-6)
        if len(values) > 2 and float(np.ptp(values)) <= _STILL * size:
            return values[[0, -1]], self._ends
        return values, self._all


def _encoded(seconds: Array) -> Encoded:
    return encode_value(np.array([ticks(float(second)) for second in seconds], dtype=np.int64))


def add_curves(
    objects: Objects, layer: int, target: int, name: str, components: Sequence[str], values: Array, times: KeyTimes
) -> None:
    """Animate property `name` of the object `target` by `values` `(frames, components)`."""
    short = {"Lcl Translation": "T", "Lcl Rotation": "R", "Lcl Scaling": "S"}.get(name, name)
    defaults = [
        entry(f"d|{component}", "Number", "", "A", float(first))
        for component, first in zip(components, values[0], strict=True)
    ]
    node = objects.add("AnimationCurveNode", short, "", [properties(*defaults)])
    objects.connect(node, layer)
    objects.connect_property(node, target, name)
    for column, component in enumerate(components):
        curve = _add_curve(objects, values[:, column], times)
        objects.connect_property(curve, node, f"d|{component}")


def _add_curve(objects: Objects, values: Array, times: KeyTimes) -> int:
    keyed, at = times.of(values)
    return objects.add(
        "AnimationCurve",
        "",
        "",
        [
            record("Default", float(values[0])),
            record("KeyVer", 4008),
            record("KeyTime", at),
            record("KeyValueFloat", keyed.astype(np.float32)),
            record("KeyAttrFlags", _FLAGS),
            record("KeyAttrDataFloat", _NO_TANGENTS),
            record("KeyAttrRefCount", np.array([len(keyed)], dtype=np.int32)),
        ],
    )
