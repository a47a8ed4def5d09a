"""A body that can be posed and seen, a clip with words, and a family: bodies that share joint names and rotations.

Within a family the same local rotations are the same pose on every body, so that motions are copied (see
`workers.lab.eye.data.families`) and never retargeted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

from workers.motion.body_motion import BodyMotion
from workers.skeleton.body import Body
from workers.skeleton.model import Mesh

Kind = Literal["skinned", "generated"]


@dataclass(frozen=True, eq=False)
class PosableBody:
    """`surface` is given in the rest pose of `body.skeleton`; a generated one is built from the bones alone."""

    name: str
    family: str
    kind: Kind
    body: Body
    surface: Mesh


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """A clip on the first body of its family. `text` is what it shows in words."""

    id: str
    family: str
    text: str
    motion: BodyMotion


class ClipShelf(Sequence[LabelledClip]):
    """Clips of a family, each loaded by `load(id)` when it is first asked for, and kept. `ids` loads nothing."""

    def __init__(self, ids: Sequence[str], load: Callable[[str], LabelledClip]) -> None:
        self.ids = tuple(ids)
        self._load = load
        self._kept: dict[int, LabelledClip] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[LabelledClip]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> LabelledClip: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[LabelledClip]: ...

    def __getitem__(self, index: int | slice) -> LabelledClip | Sequence[LabelledClip]:
        if isinstance(index, slice):
            return ClipShelf(self.ids[index], self._load)
        index = range(len(self))[index]
        if index not in self._kept:
            self._kept[index] = self._load(self.ids[index])
        return self._kept[index]


@dataclass(frozen=True, eq=False)
class Family:
    """Bodies on which the same local rotations are the same pose; clips are on the first of them."""

    name: str
    bodies: tuple[PosableBody, ...]
    clips: ClipShelf
