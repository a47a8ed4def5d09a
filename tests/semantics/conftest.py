"""Tiny encoders, installed in a model store of their own through the same commands that a user has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from model_store.catalogue import find_manifest
from model_store.pull import pull
from model_store.sources import parse_source
from workers.platform.torch_threads import torch_threads
from workers.semantics.encoders.base import Encoder
from workers.semantics.encoders.guidance import GuidedEncoder
from workers.semantics.encoders.loading import load_encoder


@pytest.fixture(scope="module", autouse=True)
def few_threads() -> Iterator[None]:
    with torch_threads(min(2, torch.get_num_threads())):
        yield


@pytest.fixture(scope="session")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with the tiny stand-in of every encoder the project has a manifest for."""
    from tests.semantics.tiny_models import TINY, save_tiny  # loads transformers, which not every test here needs

    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETARGET_MODEL_DIR", str(folder / "store"))
        for name in TINY:
            source = save_tiny(name, folder / "sources" / name)
            assert pull(find_manifest(name), parse_source(str(source))).state == "ready"
    return folder


@pytest.fixture(scope="module")
def tiny_store(filled_store: Path) -> Iterator[Path]:
    """The same folder, as the place of the models while a module's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETARGET_MODEL_DIR", str(filled_store / "store"))
        yield filled_store


@pytest.fixture(scope="session")
def loaded_encoders() -> dict[str, Encoder]:
    """What `encoder_of` has loaded."""
    return {}


@pytest.fixture(scope="module")
def encoder_of(tiny_store: Path, loaded_encoders: dict[str, Encoder]) -> Callable[[str], Encoder]:
    """Each encoder, loaded once on the CPU. Tests that change one load their own."""

    def get(name: str) -> Encoder:
        if name not in loaded_encoders:
            loaded_encoders[name] = load_encoder(name, device="cpu", batch_size=8)
        return loaded_encoders[name]

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
