"""What HTTP and `retarget models list --json` show of a model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from model_store.manifest import DtypePolicy, HubSource, Licence, Needs, Runs, Source, UrlSource
from model_store.status import ModelStatus


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


class ModelList(BaseModel):
    models: list[ModelView]


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
