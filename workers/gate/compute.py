"""One row computed: files read, retargeted, and what is kept of it. Runs in a process of its own; what it read and
prepared last stays for the rows that follow.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from workers.contract.definitions import CharacterDefinition, parse_definition
from workers.contract.errors import InternalError, InvalidOptions, RetargetError
from workers.contract.json_lines import MAX_BYTES
from workers.engine.engine import EngineResult, retarget_scenes
from workers.engine.prepared_files import PreparedFiles
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.gate.manifest import Pair
from workers.gate.outcome import RowOutcome, error_outcome, outcome_of
from workers.skeleton.model import Scene

Engine = Callable[..., EngineResult]

_prepared = PreparedFiles()


def compute(pair: Pair, key: str, engine: Engine = retarget_scenes) -> tuple[RowOutcome, dict[str, bytes]]:
    """What is kept of a pair's result, and its sheets by name. Nothing is raised: an error is an outcome."""
    try:
        return outcome_of(pair.name, key, engine(**given(pair), preparation=_prepared))
    except RetargetError as error:
        return error_outcome(pair.name, key, error), {}
    except MemoryError:
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return error_outcome(pair.name, key, InternalError(text)), {}


def forget() -> None:
    """Read files anew from here on: between two runs in one process they may have changed."""
    _scene.cache_clear()


def given(pair: Pair) -> dict[str, Any]:
    """What the engine takes, by name. Raises what reading raises."""
    return {
        "motion": _scene(pair.motion),
        "character": _scene(pair.character),
        "options": pair.options,
        "source_character": None if pair.source_character is None else _scene(pair.source_character),
        "definition": _definition(pair.definition),
        "source_definition": _definition(pair.source_definition),
    }


@lru_cache(maxsize=8)
def _scene(path: Path) -> Scene:
    return read_scene(bundle_from_path(path))


def _definition(path: Path | None) -> CharacterDefinition | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return parse_definition(file.read(MAX_BYTES + 1), path.name)
    except OSError as error:
        raise InvalidOptions(f"definition {path.name!r}: cannot be read: {error.strerror}") from None
