"""The lock file of an installed model: what was really installed. Sizes and hashes are held against it from then on.

It lies beside the model's folder, not in it, so that a lost or broken folder is pulled again to the same content.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_store.manifest import Manifest, Sha256, Source
from model_store.places import model_dir, write_whole
from workers.contract.errors import ModelUnavailable


class LockedFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Lock(BaseModel):
    """`revision` is the hub commit; null for other sources."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    version: str
    source: Source
    revision: str | None
    files: dict[str, LockedFile]

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files.values())


def lock_path(manifest: Manifest) -> Path:
    return model_dir() / manifest.name / f"{manifest.version}.lock.json"


def read_lock(manifest: Manifest) -> Lock | None:
    """None where the model was never installed. Raises ModelUnavailable for a lock that cannot be read."""
    path = lock_path(manifest)
    try:
        return Lock.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise ModelUnavailable(
            f"model {manifest.reference}: its lock {path} cannot be read ({type(error).__name__}); delete it and run: "
            f"retarget models pull {manifest.reference}"
        ) from None


def write_lock(manifest: Manifest, lock: Lock) -> None:
    """Whole or not at all."""
    write_whole(lock_path(manifest), lock.model_dump_json(indent=1) + "\n")


def forget_lock(manifest: Manifest) -> None:
    """Let the next pull record afresh what it finds; for a change that is meant."""
    lock_path(manifest).unlink(missing_ok=True)
