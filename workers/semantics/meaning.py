"""Meaning: what an encoder says of one clip, or why it says nothing; and the part of a job that measures it.

torch is imported when the first clip is looked at, not before: a job without semantic scores never loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workers.contract.errors import ModelUnavailable
from workers.contract.options import JobOptions
from workers.preparation.prepare import PreparedCharacter
from workers.scores.scores import MeaningValues
from workers.semantics.choice import EncoderChoice, choose_encoder
from workers.skeleton.model import Array, Notice

if TYPE_CHECKING:
    from workers.engine.engine import RetargetedClip
    from workers.semantics.loaded import LoadedEncoder
    from workers.semantics.viewed_clip import SeenClip

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
    seen: SeenClip | None = None

    @staticmethod
    def absent(choice: EncoderChoice) -> Meaning:
        values = MeaningValues(reasons={"semantic_similarity": choice.reason})
        return Meaning(values, values, notices=choice.notices)


class MeaningStage:
    """The encoder of one job, chosen at its start and loaded when it is needed."""

    def __init__(self, wanted: str | None) -> None:
        """`wanted` is the option `encoder`. Raises InvalidOptions, ModelUnavailable (`choice.choose_encoder`)."""
        self.choice = choose_encoder(wanted)
        self._loaded: LoadedEncoder | None = None

    def measure(
        self,
        see: Callable[[tuple[str, ...], str], SeenClip],
        description: str | None = None,
        on_step: OnStep = lambda share: None,
    ) -> Meaning:
        """`see(views, device)` shows the clip. Raises ModelUnavailable where a named encoder cannot be loaded,
        OutputInvalid where it gives what is not finite, and what `on_step` raises.
        """
        loaded = self._open()
        if loaded is None:
            return Meaning.absent(self.choice)
        from workers.semantics.scoring import measure_meaning

        return measure_meaning(see(loaded.views, loaded.encoder.device.type), loaded, description, on_step)

    def measure_clip(
        self, done: RetargetedClip, target: PreparedCharacter, options: JobOptions, on_step: OnStep
    ) -> Meaning:
        """One clip of a job."""

        def see(views: tuple[str, ...], device: str) -> SeenClip:
            from workers.semantics.viewed_clip import see_clip

            return see_clip(done, target, options.keyframes, views, device)

        return self.measure(see, options.description, on_step)

    def _open(self) -> LoadedEncoder | None:
        if self.choice.reference is not None and self._loaded is None:
            from workers.semantics.loaded import open_encoder

            try:
                self._loaded = open_encoder(self.choice.reference)
            except ModelUnavailable as error:
                if self.choice.required:
                    raise
                self.choice = self.choice.without(f"meaning is not measured: {error.detail}")
        return self._loaded
