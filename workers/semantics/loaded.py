"""Encoders in memory: loaded once a process by name, content and device. Threads are left as torch set them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from model_store.manifest import Anchors, Manifest
from model_store.status import resolve
from workers.semantics.encoders.base import Encoder
from workers.semantics.encoders.loading import DeviceChoice, load_encoder
from workers.semantics.viewed_clip import VIEWS, BodyKind

MODELS_KEPT = 2  # a job uses one; the large ones fill a GPU


@dataclass(frozen=True, eq=False)
class LoadedEncoder:
    """A model that is ready, with what its manifest says of its scores."""

    encoder: Encoder
    manifest: Manifest

    @property
    def views(self) -> tuple[str, ...]:
        """The views it is calibrated for, our own choice first; that choice where it is calibrated for none."""
        known = {entry.views for entry in self.manifest.calibration}
        return VIEWS if VIEWS in known or not known else max(sorted(known), key=len)

    def anchors(self, views: tuple[str, ...], body: BodyKind) -> Anchors | None:
        return self.manifest.anchors(views, body)

    def to_dict(self) -> dict[str, str]:
        """For reports."""
        return {"name": self.manifest.name, "version": self.manifest.version, "identity": self.encoder.identity}


def open_encoder(reference: str, device: DeviceChoice = "auto") -> LoadedEncoder:
    """The model, loaded unless it is in memory. Raises InvalidOptions, ModelUnavailable with the command to run."""
    installed = resolve(reference)  # anew each time: it may have been calibrated, or pulled again
    return LoadedEncoder(_load(reference, installed.identity, device), installed.manifest)


@lru_cache(maxsize=MODELS_KEPT)
def _load(reference: str, identity: str, device: DeviceChoice) -> Encoder:
    return load_encoder(reference, device)
