"""The MobileNet yardstick against a second forward pass written with shifted numpy slices, and its gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from workers.contract.errors import ModelUnavailable, UnsupportedFeature
from workers.lab.eye.study.mobilenet import MobilenetEncoder

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def weights_path(shared_data: Path) -> Path:
    path = shared_data / "models" / "mobilenet-v1" / "mobilenet_v1_1.0_224_to_block12.npz"
    if not path.is_file():
        pytest.skip(f"no MobileNet weights at {path}")
    return path


@pytest.fixture(scope="module")
def encoder(weights_path: Path) -> MobilenetEncoder:
    return MobilenetEncoder(weights_path)


def picture(seed: int) -> torch.Tensor:
    coarse = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bicubic").clamp(0, 1)


def normalised(values: Array, weights: Any, name: str) -> Array:
    scale = weights[f"{name}__gamma"] / np.sqrt(weights[f"{name}__moving_variance"] + 1e-3)
    scaled: Array = np.clip((values - weights[f"{name}__moving_mean"]) * scale + weights[f"{name}__beta"], 0, 6)
    return scaled


def shifted(values: Array, stride: int) -> list[list[Array]]:
    """Nine views of an image `(height, width, channels)`, padded by one, for a 3 x 3 kernel."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    return [[padded[y : y + height : stride, x : x + width : stride] for x in range(3)] for y in range(3)]


def by_hand(image: Array, weights: Any) -> Array:
    """Features `(7, 7, 1024)` of an image `(224, 224, 3)`, 0 to 255."""
    views = shifted(image / 127.5 - 1.0, 2)
    kernel = weights["conv1__kernel"].astype(np.float64)
    values = normalised(sum(views[y][x] @ kernel[y, x] for y in range(3) for x in range(3)), weights, "conv1_bn")
    for block, stride in enumerate((1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2), start=1):
        views = shifted(values, stride)
        kernel = weights[f"conv_dw_{block}__depthwise_kernel"][..., 0]
        deep = sum(views[y][x] * kernel[y, x] for y in range(3) for x in range(3))
        values = normalised(deep, weights, f"conv_dw_{block}_bn")
        kernel = weights[f"conv_pw_{block}__kernel"][0, 0]
        values = normalised(values @ kernel, weights, f"conv_pw_{block}_bn")
    return values


def test_features_are_those_of_a_second_implementation(encoder: MobilenetEncoder, weights_path: Path) -> None:
    image = picture(1)
    with np.load(weights_path) as weights, torch.no_grad():
        expected = by_hand(image[0].permute(1, 2, 0).double().numpy() * 255.0, weights)
        found = encoder.features(image * 2 - 1)[0].permute(1, 2, 0).numpy()
    assert found.shape == expected.shape == (7, 7, 1024)
    assert np.abs(found - expected).max() < 1e-3
    assert 0.1 < (expected > 0).mean() < 0.6  # about a third is active: the weights are real


def test_embedding_is_bounded_and_tells_pictures_apart(encoder: MobilenetEncoder) -> None:
    """A blurred picture, the same a little to the side, and stripes."""
    stripes = (torch.arange(224) // 8 % 2).float().expand(1, 3, 224, 224)
    with torch.no_grad():
        rows = encoder.embed(torch.cat([picture(1), torch.roll(picture(1), 3, dims=-1), stripes]))
    assert rows.shape == (3, 1024) and (rows >= 0).all() and (rows <= 6).all()
    near, far = (torch.nn.functional.cosine_similarity(rows[0], rows[other], dim=0) for other in (1, 2))
    assert near > 0.97 and far < 0.9


def test_gradient_reaches_the_pixels(encoder: MobilenetEncoder) -> None:
    pixels = picture(3)[..., ::2, ::2].clone().requires_grad_(True)
    encoder.embed(pixels).sum().backward()  # type: ignore[no-untyped-call]
    assert pixels.grad is not None and torch.isfinite(pixels.grad).all() and pixels.grad.abs().max() > 0


def test_it_has_no_words(encoder: MobilenetEncoder) -> None:
    with pytest.raises(UnsupportedFeature, match="mobilenet-v1 cannot match"):
        encoder.match(picture(1), "walking")


def test_another_file_is_a_typed_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    for name in ("other.npz", "absent.npz"):
        with pytest.raises(ModelUnavailable, match=name):
            MobilenetEncoder(tmp_path / name)
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(ModelUnavailable, match="text"):
        MobilenetEncoder(tmp_path / "text.npz")
