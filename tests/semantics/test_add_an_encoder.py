"""A recipe: what it takes to add an encoder. A throw-away one, added here, goes the whole way through a job's scores.

For a real one: the class goes into a module of `workers/semantics/encoders` (named in the map of its `__init__`), the
line of `KINDS` into `loading.py`, the manifest into `model_store/<name>/<version>/manifest.json`. Nothing else changes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model_store import catalogue
from model_store.catalogue import find_manifest
from model_store.manifest import Manifest
from model_store.pull import pull
from model_store.sources import parse_source
from model_store.status import status_of
from workers.contract.errors import ModelUnavailable
from workers.contract.options import parse_options
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.samples.write import sample_files
from workers.semantics.encoders import loading
from workers.semantics.encoders.base import Encoder
from workers.semantics.loaded import open_encoder

MANIFEST = {
    "name": "shades",
    "version": "1",
    "title": "Shades",
    "encoder": "shades",
    "source": {"kind": "hub", "id": "nobody/shades"},
    "licence": {"id": "Apache-2.0"},
    "files": [{"path": "grid.json"}],
}


class ShadesEncoder(Encoder):
    """How dark a picture is, place by place, on a coarse grid; its weights are the grid's size."""

    def __init__(
        self, manifest: Manifest, identity: str, folder: Path, device: torch.device, dtype: torch.dtype, batch_size: int
    ) -> None:
        super().__init__(manifest.name, identity, device, dtype, batch_size)
        self.places = int(json.loads((folder / "grid.json").read_text())["places"])

    def _embed(self, images: Tensor, start: int) -> Tensor:
        grey = images.to(self.device, self.dtype).mean(dim=1, keepdim=True)
        return 1.0 - torch.nn.functional.adaptive_avg_pool2d(grey, self.places).flatten(1)


@pytest.fixture
def shades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """The three things that an encoder is made of: its class, its line in the table, its manifest."""
    monkeypatch.setitem(loading.KINDS, "shades", f"{__name__}:ShadesEncoder")
    packaged = tmp_path / "packaged"
    (packaged / "shades" / "1").mkdir(parents=True)
    (packaged / "shades" / "1" / "manifest.json").write_text(json.dumps(MANIFEST))
    monkeypatch.setattr(catalogue, "PACKAGED", packaged)
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(tmp_path / "store"))
    return find_manifest("shades")


def test_a_class_a_line_and_a_manifest_are_an_encoder(shades: Manifest, tmp_path: Path) -> None:
    assert status_of(shades).state == "missing"
    with pytest.raises(ModelUnavailable, match="retarget models pull shades"):
        open_encoder("shades", "cpu")
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "grid.json").write_text('{"places": 7}')
    assert pull(shades, parse_source(str(weights))).state == "ready"

    files = {name: FileBundle(name, data) for name, data in sample_files().items()}
    options = parse_options({"encoder": "shades", "keyframes": 2, "end_s": 0.5})
    report = retarget(files["walk.bvh"], files["stout.glb"], options).report

    assert report["semantics"]["encoder"]["name"] == "shades"
    for scores in (report["scores"], report["scores_naive_copy"]):
        assert 0.5 < scores["semantic_similarity"]["raw"] <= 1.0
        assert scores["scl"] >= 0.0
    absent = report["not_applicable"]
    assert "not calibrated" in absent["semantic_similarity.calibrated"] and "does not match" in absent["itm"]


def test_its_gradients_reach_the_pixels(shades: Manifest, tmp_path: Path) -> None:
    (tmp_path / "grid.json").write_text('{"places": 3}')
    encoder = ShadesEncoder(shades, "shades@1:0", tmp_path, torch.device("cpu"), torch.float32, 2)
    images = torch.full((3, 3, 24, 24), 0.5, requires_grad=True)
    rows = encoder.embed(images)
    assert rows.shape == (3, 9)
    (gradient,) = torch.autograd.grad(rows.sum(), images)
    assert bool((gradient != 0.0).all())
