"""Tiny encoders, installed in a model store of their own through the same commands that a user has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from model_store.catalogue import find_manifest
from model_store.pull import pull
from model_store.sources import parse_source
from workers.semantics.encoders.base import Encoder
from workers.semantics.encoders.guidance import GuidedEncoder
from workers.semantics.encoders.loading import load_encoder


@pytest.fixture(scope="package", autouse=True)
def few_threads() -> Iterator[None]:
    """Other tests share the machine; they find the threads as they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model folder with the tiny stand-in of every encoder the project has a manifest for."""
    from tests.semantics.tiny_models import TINY, save_tiny  # loads transformers, which not every test here needs

    folder = tmp_path_factory.mktemp("models")
    before = os.environ.get("RETARGET_MODEL_DIR")
    os.environ["RETARGET_MODEL_DIR"] = str(folder / "store")
    for name in TINY:
        source = save_tiny(name, folder / "sources" / name)
        assert pull(find_manifest(name), parse_source(str(source))).state == "ready"
    yield folder
    if before is None:
        del os.environ["RETARGET_MODEL_DIR"]
    else:
        os.environ["RETARGET_MODEL_DIR"] = before


@pytest.fixture(scope="package")
def encoder_of(tiny_store: Path) -> Callable[[str], Encoder]:
    """Each encoder, loaded once on the CPU. Tests that change one load their own."""
    loaded: dict[str, Encoder] = {}

    def get(name: str) -> Encoder:
        if name not in loaded:
            loaded[name] = load_encoder(name, device="cpu", batch_size=8)
        return loaded[name]

    return get


@pytest.fixture(autouse=True)
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random models never stop talking by themselves."""
    monkeypatch.setattr(GuidedEncoder, "answer_tokens", 3)


@pytest.fixture
def images() -> torch.Tensor:
    """Three frames, each clearly another picture: blobs of colour that move over a plain ground."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(3, 3, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(40, 40), mode="bilinear").clamp(0, 1)
