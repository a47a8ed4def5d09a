"""Manifest: what one version of a model is. Read from `manifest.json`; unknown fields are an error.

A file's `sha256` is null where the project has not seen the file: it is recorded at the first pull, in the lock file,
and every later pull and check is held against that record. Nothing here says whether the model is installed.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$"
_GLOB = re.compile(r"[*?\[\]]")

Dtype = Literal["float32", "bfloat16", "float16"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSource(_Strict):
    """A repository on the model hub. `revision` is a branch, tag or commit; the commit it meant is in the lock."""

    kind: Literal["hub"] = "hub"
    id: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: str = "main"


class UrlSource(_Strict):
    """A folder on a web server. Where the manifest lists no files, `<url>/manifest.json` does."""

    kind: Literal["url"] = "url"
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]


class FolderSource(_Strict):
    kind: Literal["folder"] = "folder"
    path: str


class PackagedSource(_Strict):
    """The weights lie beside this manifest, inside the installed package."""

    kind: Literal["packaged"] = "packaged"


Source = Annotated[HubSource | UrlSource | FolderSource | PackagedSource, Field(discriminator="kind")]


class Runs(_Strict):
    """What the weights are for: the encoder of that name in `workers.semantics.encoders`, or the retargeter of that
    name in `workers.retargeting.methods`.
    """

    kind: Literal["encoder", "retargeter"]
    name: Annotated[str, Field(pattern=NAME_PATTERN)]


class FileEntry(_Strict):
    """One file, or with `*` in its path all files that match. `otherwise` is looked for where `path` matches none."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    bytes: Annotated[int, Field(ge=0)] | None = None
    sha256: Sha256 | None = None
    optional: bool = False
    otherwise: str | None = None

    @model_validator(mode="after")
    def _one_hash_one_file(self) -> FileEntry:
        if _GLOB.search(self.path) and (self.sha256 or self.bytes is not None):
            raise ValueError(f"{self.path!r} matches many files and cannot have one size or hash")
        return self


class Licence(_Strict):
    """`id` is an SPDX identifier, or `unknown`; `note` says where it was read, or why it is not known."""

    id: str
    note: str | None = None


class Needs(_Strict):
    """Roughly what it takes to run; null where it was not measured."""

    parameters: int | None = None
    memory_bytes: int | None = None
    cuda_recommended: bool = False


class DtypePolicy(_Strict):
    """Precision by kind of device. T5-based models overflow in float16."""

    cpu: Dtype = "float32"
    cuda: Dtype = "float32"


class Anchors(_Strict):
    """What turns a raw similarity into a calibrated one, for one set of views and one kind of source body.

    `other_*`: similarity of other moments on another body, `same_*`: of the same moment; medians with the quartiles
    of their distributions, over held-out clips and bodies.
    """

    views: Annotated[tuple[str, ...], Field(min_length=1)]
    body: Literal["skinned", "generated"]
    other_median: Annotated[float, Field(ge=-1, le=1)]
    other_quartiles: tuple[float, float]
    same_median: Annotated[float, Field(ge=-1, le=1)]
    same_quartiles: tuple[float, float]
    clips: Annotated[int, Field(gt=0)]
    bodies: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _same_beats_other(self) -> Anchors:
        if self.same_median <= self.other_median:
            raise ValueError("same_median must be greater than other_median")
        return self


class Manifest(_Strict):
    """One version of one model. In place of `runs`, `"encoder": NAME` is read too: so it was written at first."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN, max_length=64)]
    version: Annotated[str, Field(pattern=NAME_PATTERN, max_length=32)]
    title: str
    description: str = ""
    runs: Runs
    source: Source
    licence: Licence
    files: tuple[FileEntry, ...] = ()
    needs: Needs = Needs()
    dtype: DtypePolicy = DtypePolicy()
    calibration: tuple[Anchors, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _first_form(cls, data: Any) -> Any:
        if isinstance(data, dict) and "encoder" in data and "runs" not in data:
            kept = {key: value for key, value in data.items() if key != "encoder"}
            return {**kept, "runs": {"kind": "encoder", "name": data["encoder"]}}
        return data

    @property
    def encoder(self) -> str | None:
        """The encoder that it runs; None where it runs none."""
        return self.runs.name if self.runs.kind == "encoder" else None

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"

    def anchors(self, views: tuple[str, ...], body: str) -> Anchors | None:
        """The calibration measured for these views and this kind of source body, None where there is none."""
        return next((entry for entry in self.calibration if (entry.views, entry.body) == (views, body)), None)
