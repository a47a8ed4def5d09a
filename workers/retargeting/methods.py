"""`METHODS`: one row a retargeting method; what a job may name, what `auto` takes and what is available follow from it.

A method brings a clip from its own body to the character's (`retargeter.Retargeter`). What comes before and after is
the same for all and is `clip`'s: contacts, ground, alignment of the rest poses, naive copy, held feet, twist, travel.
A new method is a class in a file of its own, a row here, and its name in `workers.contract.options.MethodName`, which
is what users script against. A learned one is available where a manifest in `model_store` runs it and its weights are
there. Imports no numpy: the gateway lists methods with this.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from model_store.catalogue import find_runner
from model_store.manifest import Runs
from model_store.status import InstalledModel, resolve, status_of
from workers.contract.errors import InvalidOptions, ModelUnavailable

if TYPE_CHECKING:
    from workers.retargeting.retargeter import Retargeter

AUTO = "auto"
MODELS_KEPT = 2  # a job uses one


@dataclass(frozen=True)
class Method:
    """One row. `implementation` is `module:class`, imported when a job needs it; None where there is no code yet.

    The class is a `Retargeter`, made without arguments; that of a `learned` method with its `InstalledModel`.
    """

    name: str
    title: str
    implementation: str | None
    learned: bool = False

    def open(self) -> Retargeter:
        """The method, ready to run; weights stay in memory from job to job. Raises ModelUnavailable."""
        found = availability(self)
        if found.reason is not None or self.implementation is None:
            raise _unavailable(found)
        return _load(self.implementation, None if found.model is None else resolve(found.model))


# `auto` takes the first that is available. A method goes above another when the evaluation shows it to be better.
METHODS: tuple[Method, ...] = (
    Method("analytic", "rest-aligned transfer", "workers.retargeting.analytic:AnalyticRetargeter"),
    Method("smt", "the SMT network", "workers.retargeting.network.retargeter:SmtRetargeter", learned=True),
)


@dataclass(frozen=True)
class Availability:
    """`model` is what runs the method, by its `model_store` reference; `reason` says what is missing, None where
    nothing is.
    """

    model: str | None = None
    reason: str | None = None


def availability(method: Method) -> Availability:
    """By manifests, names and sizes. Raises ModelUnavailable for a manifest that cannot be read."""
    if not method.learned:
        return Availability()
    manifest = find_runner(Runs(kind="retargeter", name=method.name))
    if manifest is None:
        return Availability(reason=f"{method.title} has no weights in model_store yet")
    if method.implementation is None:
        return Availability(manifest.reference, f"this version has no code that runs {manifest.reference}")
    status = status_of(manifest)
    problem = f"model {manifest.reference}: {status.problem}; run: {status.remedy}"
    return Availability(manifest.reference, None if status.state == "ready" else problem)


def choose_method(wanted: str) -> Method:
    """The row that the option `method` means. Raises InvalidOptions for an unknown name, ModelUnavailable."""
    if wanted == AUTO:
        return next(row for row in METHODS if availability(row).reason is None)
    method = next((row for row in METHODS if row.name == wanted), None)
    if method is None:
        known = ", ".join((AUTO, *(row.name for row in METHODS)))
        raise InvalidOptions(f"method: there is no {wanted[:100]!r}; known: {known}")
    found = availability(method)
    if found.reason is not None:
        raise _unavailable(found)
    return method


def _unavailable(found: Availability) -> ModelUnavailable:
    others = [AUTO, *(row.name for row in METHODS if availability(row).reason is None)]
    return ModelUnavailable(f"method: {found.reason}; use {' or '.join(repr(name) for name in others)}")


@lru_cache(maxsize=MODELS_KEPT)
def _load(implementation: str, model: InstalledModel | None) -> Retargeter:
    module, _, name = implementation.partition(":")
    try:
        kind: Any = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"method: needs the package {error.name}, which is not installed; run: "
            "pip install 'motion-retargeting-service[worker]', or use 'analytic'"
        ) from None
    retargeter: Retargeter = kind() if model is None else kind(model)
    return retargeter
