"""The last step of making an encoder: its anchors measured on held-out clips and bodies, written into its manifest."""

from __future__ import annotations

from pathlib import Path

import torch

from model_store.manifest import Manifest
from workers.lab.eye.learn.encoder_package import write_manifest
from workers.lab.eye.study.calibration import measure_anchors
from workers.semantics.encoders.builtin import BuiltinEncoder

BATCH = 16


def write_calibrated(folder: Path, version: str, data: Path, clips: int) -> Manifest:
    """The manifest of the weights in `folder` with their calibration, from `clips` clips of each held-out group.

    Raises OutputInvalid for weights that tell nothing apart, and what reading the data raises.
    """
    manifest = write_manifest(folder, version)
    encoder = BuiltinEncoder(manifest, manifest.reference, folder, torch.device("cpu"), torch.float32, BATCH)
    return write_manifest(folder, version, measure_anchors(encoder, data, clips))
