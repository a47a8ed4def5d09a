"""The engine as workers call it: on scenes that the ingest sandbox has read. Pure, like `workers.engine.engine`, but
that it remembers the files that it prepared last (`workers.engine.prepared_files`). `warm_up` loads what jobs need.
"""

from __future__ import annotations

from typing import Any

from workers.contract.options import JobOptions
from workers.contract.stages import in_order
from workers.engine.engine import EngineResult, OnStage, Stopwatch, retarget_scenes
from workers.engine.prepared_files import PreparedFiles
from workers.skeleton.model import Scene

WARM_UP_S = 0.5  # of a clip: enough that every part of a job runs

_files = PreparedFiles()


def warm_up() -> None:
    """Do a small default job on our own files, so that models, compiled code and packages are there before a user's
    job comes. Raises what such a job raises.
    """
    from workers.formats.bundle import FileBundle
    from workers.formats.read import read_scene
    from workers.samples.write import sample_files

    files = sample_files()
    motion, character = (read_scene(FileBundle(name, files[name])) for name in ("clap.bvh", "stout.glb"))
    retarget_scenes(motion, character, JobOptions(end_s=WARM_UP_S))


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
