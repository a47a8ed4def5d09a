"""What this worker can do, told before it takes a job: by packages and files that are there, without loading any.

`lacks` answers for one job's needs (`service.jobs.needs`), with the same checks that the engine makes at its start;
`Abilities` is what a worker registers in Redis for as long as it lives, and what `/readyz` lists. A job that this
worker cannot do is left to one that can, never failed for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

from model_store.catalogue import manifests
from service.jobs.registry import Abilities
from workers.contract.errors import InvalidOptions, ModelUnavailable, RetargetError
from workers.contract.options import JobOptions
from workers.pictures.packages import check_pictures
from workers.refinement.budget import check_refinement
from workers.retargeting.methods import METHODS, choose_method
from workers.semantics.choice import check_ready

REFINEMENTS = ("geometry", "semantic")
PREVIEWS = ("webp", "webm")


def lacks(needs: Sequence[str]) -> RetargetError | None:
    """Why this worker cannot do what these words ask for; None where it can."""
    for word in needs:
        kind, _, name = word.partition(":")
        found = _problem(partial(_CHECKS[kind], name))
        if found is not None:
            return found
    return None


def own_abilities(queues: Sequence[str]) -> Abilities:
    """All that this worker can do."""
    encoders = [manifest.reference for manifest in manifests() if manifest.encoder is not None]
    return Abilities(
        queues=list(queues),
        methods=[row.name for row in METHODS if lacks([f"method:{row.name}"]) is None],
        refine=[name for name in REFINEMENTS if lacks([f"refine:{name}"]) is None],
        encoders=[name for name in encoders if lacks([f"encoder:{name}"]) is None],
        preview=[name for name in PREVIEWS if lacks([f"preview:{name}"]) is None],
        device=os.environ.get("RETARGET_DEVICE") or "auto",
    )


def _problem(check: Callable[[], Any]) -> RetargetError | None:
    try:
        check()
    except InvalidOptions:  # the job's own mistake: it is told by the engine, here as on any worker
        return None
    except RetargetError as error:
        return error
    except ImportError as error:
        return ModelUnavailable(f"a package cannot be looked for ({error}); install the extra 'worker'")
    return None


def _check_method(name: str) -> None:
    """A worker that lacks torch has no learned method; the engine itself loads it where the method is opened."""
    if choose_method(name).learned and find_spec("torch") is None:
        raise ModelUnavailable(f"method {name}: needs torch, which is not installed; install the extra 'worker'")


def _check_refine(name: str) -> None:
    # The encoder that it compares with is a need of its own where the job names one.
    check_refinement(JobOptions.model_validate({"refine": name}))


_CHECKS: dict[str, Callable[[str], Any]] = {
    "method": _check_method,
    "refine": _check_refine,
    "encoder": check_ready,
    "preview": lambda name: check_pictures(JobOptions.model_validate({"preview": True, "preview_format": name})),
    "sheet": lambda name: check_pictures(JobOptions.model_validate({"sheet": True})),
    "scene": lambda name: check_pictures(JobOptions.model_validate({"scene": True})),
}
