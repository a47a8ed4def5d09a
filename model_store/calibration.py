"""Calibration measured here for a model whose manifest brings none: kept beside the model's folder, as its lock is.

It holds for the content that it was measured with and no other: a model that is pulled anew with other weights has
none until it is measured again (`retarget evaluate eye --encoder NAME --calibrate --save`).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from model_store.manifest import Anchors, Manifest
from model_store.places import model_dir, write_whole
from workers.contract.errors import ModelUnavailable


class Calibration(BaseModel):
    """`identity` is that of the installed model (`status.InstalledModel`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    identity: str
    anchors: tuple[Anchors, ...]


def calibration_path(manifest: Manifest) -> Path:
    return model_dir() / manifest.name / f"{manifest.version}.calibration.json"


def calibrated(manifest: Manifest, identity: str) -> Manifest:
    """The manifest with what was measured here for this content in place of its own calibration, if anything was.

    Raises ModelUnavailable for a file that cannot be read.
    """
    path = calibration_path(manifest)
    try:
        found = Calibration.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return manifest
    except (OSError, ValidationError) as error:
        raise ModelUnavailable(
            f"model {manifest.reference}: its calibration {path} cannot be read ({type(error).__name__}); delete it "
            f"or measure it again: retarget evaluate eye --encoder {manifest.reference} --calibrate --save"
        ) from None
    if found.identity != identity:
        return manifest
    return manifest.model_copy(update={"calibration": found.anchors})


def save_calibration(manifest: Manifest, identity: str, anchors: tuple[Anchors, ...]) -> Path:
    """Whole or not at all; returns where it lies."""
    path = calibration_path(manifest)
    write_whole(path, Calibration(identity=identity, anchors=anchors).model_dump_json(indent=1) + "\n")
    return path
