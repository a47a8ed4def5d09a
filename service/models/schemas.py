"""What HTTP and `retarget models list --json` show of a model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from model_store.catalogue import manifests
from model_store.manifest import DtypePolicy, HubSource, Licence, Needs, Runs, Source, UrlSource
from model_store.status import ModelStatus, status_of
from workers.retargeting import methods


class ModelView(BaseModel):
    """One version of one model. `problem` and `remedy`, a command, are set unless it is ready."""

    name: str
    version: str
    title: str
    description: str
    encoder: str | None = Field(description="Kind of encoder that it runs; null where it runs none.")
    runs: Runs = Field(description="What its weights are for: an encoder or a retargeter, and which.")
    status: Literal["ready", "missing", "corrupt"]
    source: str = Field(description="Where its files come from.")
    revision: str | None = Field(description="Commit that is installed; null where none is, or the source has none.")
    licence: Licence
    bytes: int | None = Field(description="Size of the installed files.")
    needs: Needs
    dtype: DtypePolicy
    calibrated: bool = Field(description="Whether its similarities have anchors, measured on held-out characters.")
    problem: str | None = None
    remedy: str | None = None


class MethodView(BaseModel):
    """One value of the option `method`. `reason` says what is missing where it is not available."""

    name: str
    title: str
    available: bool
    model: str | None = Field(description="Model that runs it, NAME@VERSION; null where it needs none or has none.")
    reason: str | None


class ModelList(BaseModel):
    models: list[ModelView]
    methods: list[MethodView] = Field(description="Retargeting methods, with those that need no model.")


def model_list() -> ModelList:
    """All there is. Raises ModelUnavailable for a manifest that cannot be read."""
    return ModelList(
        models=[model_view(status_of(manifest)) for manifest in manifests()],
        methods=[method_view(method) for method in methods.METHODS],
    )


def method_view(method: methods.Method) -> MethodView:
    found = methods.availability(method)
    available = found.reason is None
    return MethodView(name=method.name, title=method.title, available=available, model=found.model, reason=found.reason)


def model_view(status: ModelStatus) -> ModelView:
    manifest = status.manifest
    return ModelView(
        name=manifest.name,
        version=manifest.version,
        title=manifest.title,
        description=manifest.description,
        encoder=manifest.encoder,
        runs=manifest.runs,
        status=status.state,
        source=_source_text(manifest.source),
        revision=status.revision,
        licence=manifest.licence,
        bytes=status.bytes,
        needs=manifest.needs,
        dtype=manifest.dtype,
        calibrated=bool(manifest.calibration),
        problem=status.problem,
        remedy=status.remedy,
    )


def _source_text(source: Source) -> str:
    """As `--from` takes it; a path of this machine is nobody else's business."""
    if isinstance(source, HubSource):
        return f"hub:{source.id}@{source.revision}"
    return source.url if isinstance(source, UrlSource) else source.kind
