"""`Meaning`: what an encoder says of one clip, its naive copy beside it, or why it says nothing. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workers.scores.scores import MeaningValues
from workers.semantics.choice import EncoderChoice
from workers.skeleton.model import Array, Notice

if TYPE_CHECKING:
    from workers.semantics.viewed_clip import ViewedClip

OnStep = Callable[[float], None]  # told the share of the work that is done


@dataclass(frozen=True, eq=False)
class Meaning:
    """Scores of result and naive copy. Where meaning was measured: `per_frame`, the raw similarity of every frame,
    `per_frame_naive` that of the copy, `facts` for the report, and the clip as it was `seen`; else None.
    """

    result: MeaningValues = field(default_factory=MeaningValues)
    naive: MeaningValues = field(default_factory=MeaningValues)
    per_frame: Array | None = None
    per_frame_naive: Array | None = None
    facts: dict[str, Any] | None = None
    notices: tuple[Notice, ...] = ()
    seen: ViewedClip | None = None

    @staticmethod
    def absent(choice: EncoderChoice) -> Meaning:
        values = MeaningValues(reasons={"semantic_similarity": choice.reason})
        return Meaning(values, values, notices=choice.notices)

    @staticmethod
    def failed(reason: str) -> Meaning:
        """Where measuring it went wrong."""
        values = MeaningValues(reasons={"semantic_similarity": reason})
        return Meaning(values, values)
