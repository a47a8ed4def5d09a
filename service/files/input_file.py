"""One uploaded file, as the records of jobs and assets keep it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class InputFile(BaseModel):
    """One uploaded file: `blob` is its key in the blob store, `name` its safe file name."""

    model_config = ConfigDict(frozen=True)
    name: str
    sha256: str
    bytes: int
    blob: str
