"""All that decides the training of the network beside data, seed and length; a JSON file may change any of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from workers.contract.errors import InvalidOptions
from workers.lab.retargeter.stage_one import StageOne
from workers.lab.retargeter.stage_two import StageTwo
from workers.retargeting.network.architecture import Architecture


@dataclass(frozen=True)
class Recipe:
    """`examples` on `bodies` bodies to learn from, `watched` on others; steps of both stages; `encoder` looks in stage
    two, with `semantics` as its weight, unless that is zero.
    """

    architecture: Architecture = field(default_factory=Architecture)
    one: StageOne = field(default_factory=StageOne)
    two: StageTwo = field(default_factory=StageTwo)
    examples: int = 900
    bodies: int = 90
    watched: int = 60
    watched_bodies: int = 15
    steps_one: int = 400
    steps_two: int = 2400
    encoder: str = "eye"
    semantics: float = 0.02

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_recipe(path: Path | None) -> Recipe:
    """The recipe, with what the file says in place. Raises InvalidOptions for a file that says anything else."""
    recipe = Recipe()
    if path is None:
        return recipe
    try:
        said = json.loads(path.read_text())
        parts = {name: said.pop(name) for name in ("architecture", "one", "two") if name in said}
        changed = {name: replace(getattr(recipe, name), **values) for name, values in parts.items()}
        return replace(recipe, **changed, **said)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InvalidOptions(
            f"--recipe {str(path)!r}: {str(error).splitlines()[0][:200]}; write JSON of the names that training.json "
            "has under recipe"
        ) from None
