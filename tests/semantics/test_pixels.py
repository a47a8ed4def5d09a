"""Preparing pixels in torch gives what the models' own image processors give, and lets gradients through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.semantics.tiny_models import save_processor
from workers.contract.errors import ModelUnavailable
from workers.semantics.encoders.pixels import read_pixel_preparation

GREY_LEVEL = 1 / 255


def picture(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth shapes with edges, as renders have."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * ((x - width / 2) ** 2 + (y - height / 3) ** 2 < (height / 4) ** 2)
    green = 255 * y / height
    blue = 127 + 120 * np.sin(x / 6.0)
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (90, 120), (32, 32), (20, 24)])
@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"height": 32, "width": 32}, "resample": 3},
        {"size": {"height": 48, "width": 40}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    ],
)
def test_agrees_with_the_processor(height: int, width: int, settings: dict[str, Any], tmp_path: Path) -> None:
    image = picture(height, width)
    processor = save_processor(tmp_path, **settings)
    expected = processor(Image.fromarray(image), return_tensors="np")["pixel_values"][0]
    prepare = read_pixel_preparation(tmp_path)
    found = prepare(torch.tensor(image).permute(2, 0, 1)[None] / 255, torch.float32)[0].numpy()
    assert found.shape == expected.shape
    difference = np.abs(found - expected) * np.array(prepare.std)[:, None, None]
    assert np.median(difference) <= 0.5 * GREY_LEVEL
    # PIL rounds to grey levels; where bicubic resizing overshoots beside an edge it also cuts off, which would stop
    # gradients at just the outlines that matter.
    share = 100 if settings["resample"] == 2 else 90
    assert np.percentile(difference, share) <= 1.6 * GREY_LEVEL


@pytest.mark.parametrize(("height", "width"), [(64, 64), (60, 90), (90, 60), (20, 24)])
def test_shortest_edge_and_crop_agree_with_clip(height: int, width: int, tmp_path: Path) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor.save_pretrained(tmp_path)
    image = picture(height, width)
    expected = processor(Image.fromarray(image), return_tensors="np")["pixel_values"][0]
    prepare = read_pixel_preparation(tmp_path)
    found = prepare(torch.tensor(image).permute(2, 0, 1)[None] / 255, torch.float32)[0].numpy()
    assert found.shape == expected.shape
    assert np.median(np.abs(found - expected)) <= 0.5 * GREY_LEVEL / min(prepare.std)


def test_gradients_pass(tmp_path: Path) -> None:
    save_processor(tmp_path)
    pixels = torch.rand(2, 3, 50, 50, requires_grad=True)
    read_pixel_preparation(tmp_path)(pixels, torch.bfloat16).float().sum().backward()  # type: ignore[no-untyped-call]
    assert pixels.grad is not None and (pixels.grad > 0).all()


def test_numbers_inside_a_whole_processor_are_found(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text(
        json.dumps({"image_processor": {"size": {"height": 8, "width": 8}, "image_mean": [0.1, 0.2, 0.3]}})
    )
    prepare = read_pixel_preparation(tmp_path)
    assert prepare.resize == (8, 8) and prepare.mean == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"size": {"height": "x", "width": 1}}', '{"size": 8, "resample": 9}']
)
def test_a_configuration_that_cannot_be_read_is_a_typed_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(ModelUnavailable, match=r"preprocessor_config\.json"):
        read_pixel_preparation(tmp_path)


def test_a_missing_configuration_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"preprocessor_config\.json"):
        read_pixel_preparation(tmp_path)
