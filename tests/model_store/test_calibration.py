"""Calibration kept beside an installed model: found for the same content only."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_store.calibration import calibrated, calibration_path, save_calibration
from model_store.catalogue import find_manifest
from model_store.manifest import Anchors
from workers.contract.errors import ModelUnavailable

ANCHORS = (
    Anchors(
        views=("front",), body="skinned", other_median=0.2, other_quartiles=(0.1, 0.3), same_median=0.8,
        same_quartiles=(0.7, 0.9), clips=30, bodies=4,
    ),
)  # fmt: skip


def test_a_saved_calibration_counts_for_its_content_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(tmp_path))
    manifest = find_manifest("blip-itm")
    assert calibrated(manifest, "blip-itm@1:aaaa") is manifest
    path = save_calibration(manifest, "blip-itm@1:aaaa", ANCHORS)
    assert path == calibration_path(manifest) and path.parent.parent == tmp_path
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing half written lies about
    assert calibrated(manifest, "blip-itm@1:aaaa").calibration == ANCHORS
    assert calibrated(manifest, "blip-itm@1:aaaa").anchors(("front",), "skinned") == ANCHORS[0]
    assert calibrated(manifest, "blip-itm@1:bbbb").calibration == manifest.calibration


def test_a_broken_calibration_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(tmp_path))
    manifest = find_manifest("blip-itm")
    path = save_calibration(manifest, "x", ANCHORS)
    path.write_text("{")
    with pytest.raises(ModelUnavailable, match="evaluate eye --encoder blip-itm@1 --calibrate --save"):
        calibrated(manifest, "x")
