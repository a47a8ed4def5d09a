"""The built-in encoder as it is packaged, and its class on a small network of random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model_store.catalogue import find_manifest
from model_store.manifest import Manifest
from model_store.places import PACKAGED
from model_store.status import check_hashes
from workers.contract.errors import InvalidOptions, ModelUnavailable
from workers.lab.eye.learn.encoder_package import write_manifest, write_network
from workers.semantics.encoders.builtin import ARCHITECTURE_KEY, WEIGHTS_NAME, BuiltinEncoder, read_network
from workers.semantics.encoders.eye_network import Architecture, EyeNetwork
from workers.semantics.encoders.eye_picture import from_bytes, to_bytes, to_grey
from workers.semantics.encoders.eye_text import token_rows, words_of
from workers.semantics.encoders.loading import load_encoder
from workers.semantics.loaded import open_encoder

SMALL = Architecture(widths=(4, 8, 8, 8), blocks=1, reduced=4, hidden=16, dimension=8, text_buckets=64, text_width=8)


@pytest.fixture
def network() -> EyeNetwork:
    """Small, random, with running figures that are not those of a fresh network."""
    torch.manual_seed(0)
    made = EyeNetwork(SMALL)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return made.eval()


@pytest.fixture
def build(network: EyeNetwork, tmp_path: Path) -> Callable[[int], BuiltinEncoder]:
    write_network(network, tmp_path / WEIGHTS_NAME)
    manifest = write_manifest(tmp_path, "1")

    def make(batch_size: int) -> BuiltinEncoder:
        return BuiltinEncoder(manifest, "eye@1:test", tmp_path, torch.device("cpu"), torch.float32, batch_size)

    return make


@pytest.fixture
def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(5, 3, 9, 9, generator=generator)
    return nn.functional.interpolate(coarse, size=(224, 224), mode="bicubic").clamp(0.02, 0.98)


def test_saved_and_loaded_it_is_the_same_network(network: EyeNetwork, tmp_path: Path, pictures: Tensor) -> None:
    write_network(network, tmp_path / WEIGHTS_NAME)
    again = read_network(tmp_path / WEIGHTS_NAME)
    assert again.architecture == network.architecture and not again.training
    grey = to_grey(pictures)
    torch.testing.assert_close(again(grey), network(grey), rtol=0, atol=5e-3)  # weights are kept as half floats


def test_folding_changes_no_number(network: EyeNetwork, pictures: Tensor) -> None:
    grey = to_grey(pictures)
    before = network.features(grey)
    network.fold()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    torch.testing.assert_close(network.features(grey), before, rtol=1e-4, atol=1e-5)


def test_embeddings_are_unit_vectors_whatever_the_batch(
    build: Callable[[int], BuiltinEncoder], pictures: Tensor
) -> None:
    whole = build(8).embed(pictures)
    assert whole.shape == (5, SMALL.dimension) and whole.dtype == torch.float32
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(5))
    for size in (1, 2):
        torch.testing.assert_close(build(size).embed(pictures), whole, rtol=1e-4, atol=1e-5)
    assert torch.equal(build(8).embed(pictures), whole)


def test_gradients_reach_the_pixels_and_are_the_slope(build: Callable[[int], BuiltinEncoder], pictures: Tensor) -> None:
    encoder = build(8)
    pixels = pictures.clone().requires_grad_(True)
    direction = torch.randn(5, SMALL.dimension, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((encoder.embed(pixels) * direction).sum(), pixels)
    assert (gradient.abs().amax(dim=(1, 2, 3)) > 0).all()
    change, step = gradient / gradient.abs().max(), 3e-3
    with torch.no_grad():
        ahead, behind = (encoder.embed(pictures + sign * step * change) for sign in (1, -1))
    slope = float(((ahead - behind).double() * direction).sum() / (2 * step))
    assert float((gradient * change).sum()) == pytest.approx(slope, rel=0.05)
    assert all(not parameter.requires_grad for parameter in encoder.model.parameters())


def test_pictures_of_any_size_are_seen(build: Callable[[int], BuiltinEncoder], pictures: Tensor) -> None:
    """A smooth picture means the same in more or fewer pixels."""
    encoder = build(8)
    smaller = nn.functional.interpolate(pictures, size=(180, 180), mode="bilinear", antialias=True)
    likeness = (encoder.embed(smaller) * encoder.embed(pictures)).sum(dim=1)
    assert likeness.min() > 0.98


def test_grey_is_the_mean_of_colours_and_of_four_pixels() -> None:
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    grey = to_grey(images)
    torch.testing.assert_close(grey[1, 3, 7], images[1, :, 6:8, 14:16].mean())
    assert (from_bytes(to_bytes(grey)) - grey).abs().max() <= 0.5 / 255 + 1e-6  # near: exact


def test_match_reads_picture_and_text(build: Callable[[int], BuiltinEncoder], pictures: Tensor) -> None:
    encoder = build(2)
    first, second = encoder.match(pictures, "walk forward"), encoder.match(pictures, "throw a ball")
    assert first.shape == (5,) and (first.abs() <= 1.0 + 1e-6).all()
    assert not torch.allclose(first, second) and first.std() > 0
    with pytest.raises(InvalidOptions, match="empty"):
        encoder.match(pictures, "  ")
    assert torch.isfinite(encoder.match(pictures, "123 !?")).all()  # no word in it, and still a text


def test_several_texts_are_matched_as_each_alone(build: Callable[[int], BuiltinEncoder], pictures: Tensor) -> None:
    encoder, texts = build(2), ["walk forward", "throw a ball", "sit"]
    alone = torch.stack([encoder.match(pictures, text) for text in texts], dim=1)
    torch.testing.assert_close(encoder.match_texts(pictures, texts), alone)
    with pytest.raises(InvalidOptions, match="empty"):
        encoder.match_texts(pictures, ["walk", " "])


def test_words_and_their_rows() -> None:
    assert words_of("Walk_Forward01 (left), zombieWalk") == ["walk", "forward", "left", "zombie", "walk"]
    rows = token_rows(["walk"], 4096)
    assert rows == token_rows(["walk"], 4096) and len(set(rows) & set(token_rows(["walking"], 4096))) >= 3
    assert all(0 < row < 64 for row in token_rows(["walk", "throw"], 64)) and token_rows([], 64) == [0]


@pytest.mark.parametrize("damage", ["missing tensor", "no architecture", "no weights"])
def test_damaged_weights_name_the_command(damage: str, build: Callable[[int], BuiltinEncoder], tmp_path: Path) -> None:
    path, metadata = tmp_path / WEIGHTS_NAME, {ARCHITECTURE_KEY: SMALL.to_json()}
    tensors = load_file(path)
    if damage == "missing tensor":
        del tensors["gather.weight"]
    save_file(tensors, path, metadata=None if damage == "no architecture" else metadata)
    if damage == "no weights":
        path.write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable, match="retarget models verify eye@1"):
        build(8)


@pytest.fixture
def packaged() -> Manifest:
    return find_manifest("eye")


def test_the_packaged_model_is_whole_and_small(packaged: Manifest) -> None:
    assert check_hashes(packaged).state == "ready"
    folder = PACKAGED / packaged.name / packaged.version
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 25_000_000
    assert (folder / "README.md").is_file()
    assert {entry.body for entry in packaged.calibration} == {"skinned", "generated"}


def test_the_packaged_model_loads_by_name(packaged: Manifest, pictures: Tensor) -> None:
    encoder = load_encoder("eye", device="cpu")
    assert encoder.identity.startswith("eye@") and encoder.match_scale == "cosine"
    rows = encoder.embed(pictures)
    assert torch.isfinite(rows).all() and torch.isfinite(encoder.match(pictures, "walk")).all()


def test_pictures_that_are_embedded_and_matched_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = open_encoder("eye").encoder
    assert isinstance(encoder, BuiltinEncoder)
    images = torch.rand(5, 3, 112, 112, generator=torch.Generator().manual_seed(2))
    expected = encoder.embed(images), encoder.match(images, "somebody walks")
    read: list[int] = []
    features = BuiltinEncoder._features

    def counted(self: BuiltinEncoder, batch: Tensor) -> Tensor:
        read.append(len(batch))
        return features(self, batch)

    monkeypatch.setattr(BuiltinEncoder, "_features", counted)
    found = encoder.embed_and_match(images, "somebody walks")
    assert sum(read) == len(images)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    with pytest.raises(InvalidOptions, match="empty"):
        encoder.embed_and_match(images, " ")
