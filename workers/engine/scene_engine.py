"""The engine as workers call it: on scenes that the ingest sandbox has read. Pure, like `workers.engine.engine`, but
that it remembers the files that it prepared last (`workers.engine.prepared_files`).
"""

from __future__ import annotations

from typing import Any

from workers.contract.options import JobOptions
from workers.contract.stages import in_order
from workers.engine.engine import EngineResult, OnStage, Stopwatch, retarget_scenes
from workers.engine.prepared_files import PreparedFiles
from workers.skeleton.model import Scene

_files = PreparedFiles()


def retarget(
    motion: Scene,
    character: Scene,
    options: JobOptions,
    *,
    source_character: Scene | None = None,
    on_stage: OnStage,
    **known: Any,
) -> EngineResult:
    """As `workers.engine.engine.retarget`; `known` is what else it takes (definitions, presets) and is passed on."""
    watch = Stopwatch(in_order(on_stage))
    return retarget_scenes(
        motion, character, options, source_character=source_character, preparation=_files, watch=watch, **known
    )
