"""`MeaningStage`: the part of a job that measures what an encoder says of its clips (`clip_meaning.Meaning`).

torch is imported when the first clip is looked at, not before: a job without semantic scores never loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from workers.contract.errors import ModelUnavailable
from workers.contract.options import JobOptions
from workers.platform.side_by_side import has_two_threads
from workers.preparation.prepare import PreparedCharacter
from workers.semantics.choice import choose_encoder
from workers.semantics.clip_meaning import Meaning, OnStep

if TYPE_CHECKING:
    from workers.retargeting.clip import RetargetedClip
    from workers.semantics.loaded import LoadedEncoder
    from workers.semantics.viewed_clip import ViewedClip


class MeaningStage:
    """The encoder of one job, chosen at its start and loaded when it is needed."""

    def __init__(self, wanted: str | None) -> None:
        """`wanted` is the option `encoder`. Raises InvalidOptions, ModelUnavailable (`choice.choose_encoder`)."""
        self.choice = choose_encoder(wanted)
        self._loaded: LoadedEncoder | None = None

    @property
    def shares_cores(self) -> bool:
        """Whether other work may go on beside it: the packaged encoder is too small to gain by a second thread, large
        ones take all.
        """
        return self.choice.packaged and has_two_threads()

    def measure(
        self,
        see: Callable[[tuple[str, ...], str], ViewedClip],
        description: str | None = None,
        on_step: OnStep = lambda share: None,
    ) -> Meaning:
        """`see(views, device)` shows the clip. Raises ModelUnavailable where a named encoder cannot be loaded,
        OutputInvalid where it gives what is not finite, and what `on_step` raises.
        """
        loaded = self._open()
        if loaded is None:
            return Meaning.absent(self.choice)
        from workers.platform.torch_threads import torch_threads
        from workers.semantics.scoring import measure_meaning

        with torch_threads(1) if self.choice.packaged else nullcontext():
            return measure_meaning(see(loaded.views, loaded.encoder.device.type), loaded, description, on_step)

    def measure_clip(
        self, retargeted: RetargetedClip, target: PreparedCharacter, options: JobOptions, on_step: OnStep
    ) -> Meaning:
        """One clip of a job."""

        def see(views: tuple[str, ...], device: str) -> ViewedClip:
            from workers.semantics.viewed_clip import view_clip

            return view_clip(retargeted, target, options.keyframes, views, device)

        meaning = self.measure(see, options.description, on_step)
        return meaning if meaning.seen is None else self._with_same_pose(meaning, retargeted, target)

    def _with_same_pose(self, meaning: Meaning, retargeted: RetargetedClip, target: PreparedCharacter) -> Meaning:
        """What the scores are worth on these two bodies."""
        loaded = self._open()
        if loaded is None or meaning.seen is None or meaning.facts is None:
            return meaning
        from workers.semantics.same_pose import same_pose

        found = same_pose(meaning.seen, retargeted.source, target, loaded)
        return replace(
            meaning,
            facts={**meaning.facts, "same_pose": found.to_dict()},
            notices=(*meaning.notices, *found.notices(loaded.manifest.reference)),
        )

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
