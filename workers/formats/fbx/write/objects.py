"""The objects of an FBX and what is connected to what: numbers, names and `Properties70` records in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from workers.formats.fbx.write.records import Record, Value, record

# How the name of an object ends, by the kind of its record; the others end in the kind.
_CLASSES = {
    "AnimationStack": "AnimStack",
    "AnimationLayer": "AnimLayer",
    "AnimationCurveNode": "AnimCurveNode",
    "AnimationCurve": "AnimCurve",
}
_SUB_DEFORMERS = ("Cluster", "BlendShapeChannel")
_FIRST_ID = 1_000_000
ROOT = 0  # the scene itself, to which objects without a parent are connected


def full_name(name: str, kind: str) -> str:
    """A name as it is stored: with its class behind a separator that no name may hold."""
    return f"{name}\0\1{kind}"


class Objects:
    """Collects objects and connections. An object's number is what `add` gives back."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.connections: list[Record] = []

    def add(self, kind: str, name: str, subclass: str, children: Iterable[Record]) -> int:
        number = _FIRST_ID + len(self.records)
        ending = "SubDeformer" if subclass in _SUB_DEFORMERS else _CLASSES.get(kind, kind)
        self.records.append(record(kind, np.int64(number), full_name(name, ending), subclass, children=children))
        return number

    def connect(self, child: int, parent: int) -> None:
        self.connections.append(record("C", "OO", np.int64(child), np.int64(parent)))

    def connect_property(self, child: int, parent: int, name: str) -> None:
        """Connect an object to one property of another: a texture to a colour, a curve to a value."""
        self.connections.append(record("C", "OP", np.int64(child), np.int64(parent), name))

    def counts(self) -> Counter[str]:
        """How many objects there are of each kind."""
        return Counter(item.name for item in self.records)


def properties(*entries: Record) -> Record:
    return record("Properties70", children=entries)


def entry(name: str, kind: str, label: str, flags: str, *values: Value) -> Record:
    """One property; `flags` are `A` for one that may be animated, `U` for one that users made."""
    return record("P", name, kind, label, flags, *values)


def integer(name: str, value: int) -> Record:
    return entry(name, "int", "Integer", "", value)


def number(name: str, value: float, flags: str = "") -> Record:
    return entry(name, "double", "Number", flags, float(value))


def text(name: str, value: str) -> Record:
    return entry(name, "KString", "", "", value)


def time(name: str, ticks: int) -> Record:
    return entry(name, "KTime", "Time", "", np.int64(ticks))


def vector(name: str, kind: str, values: Iterable[float], flags: str = "A") -> Record:
    """Three numbers; `kind` is the property's type, such as `Lcl Rotation` or `Color`."""
    return entry(name, kind, "", flags, *(float(value) for value in values))
