"""Pixels as a model wants them: resize, crop and normalise in torch, as its own image processor would.

The processors of transformers refuse tensors that carry gradients; this reads the same configuration file and does the
same arithmetic on tensors. Antialiased bicubic and bilinear resizing agree with the processors to about a grey level.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from workers.contract.errors import ModelUnavailable

FILE_NAMES = ("preprocessor_config.json", "processor_config.json")
_MODES: dict[int, Literal["bilinear", "bicubic"]] = {2: "bilinear", 3: "bicubic"}  # PIL's numbers
# CLIP's, which BLIP shares: what a processor without numbers of its own uses.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class PixelPreparation:
    """`resize` is the exact size (height, width), or the length of the shortest edge; `crop` (height, width)."""

    resize: tuple[int, int] | int | None
    crop: tuple[int, int] | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    mode: Literal["bilinear", "bicubic"]

    def __call__(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        """`(frames, 3, H, W)` in 0 to 1 -> `(frames, 3, height, width)`, normalised; differentiable."""
        pixels = images.float()
        size = self._size_of(pixels)
        if size != tuple(pixels.shape[-2:]):
            pixels = functional.interpolate(pixels, size=size, mode=self.mode, antialias=True)
        if self.crop is not None and self.crop != tuple(pixels.shape[-2:]):
            pixels = _centre_crop(pixels, self.crop)
        mean = torch.tensor(self.mean, device=pixels.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(3, 1, 1)
        return ((pixels - mean) / std).to(dtype)

    def _size_of(self, pixels: Tensor) -> tuple[int, int]:
        height, width = int(pixels.shape[-2]), int(pixels.shape[-1])
        if self.resize is None:
            return height, width
        if isinstance(self.resize, tuple):
            return self.resize
        shortest = min(height, width)
        return max(1, height * self.resize // shortest), max(1, width * self.resize // shortest)


def read_pixel_preparation(folder: Path) -> PixelPreparation:
    """From the model's processor configuration. Raises ModelUnavailable naming the file."""
    path = next((folder / name for name in FILE_NAMES if (folder / name).is_file()), folder / FILE_NAMES[0])
    try:
        data = json.loads(path.read_bytes())
        return _parse(data.get("image_processor", data))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(
            f"{path}: cannot be read as an image processor's configuration ({type(error).__name__}: {error}); "
            "pull the model again"
        ) from None


def _parse(data: dict[str, Any]) -> PixelPreparation:
    normalise = data.get("do_normalize", True)
    return PixelPreparation(
        resize=_size(data["size"]) if data.get("do_resize", True) else None,
        crop=_height_width(data["crop_size"]) if data.get("do_center_crop", False) else None,
        mean=_triple(data.get("image_mean") or CLIP_MEAN) if normalise else (0.0, 0.0, 0.0),
        std=_triple(data.get("image_std") or CLIP_STD) if normalise else (1.0, 1.0, 1.0),
        mode=_MODES[int(data.get("resample", 3))],
    )


def _size(value: Any) -> tuple[int, int] | int:
    if isinstance(value, dict) and "shortest_edge" in value:
        return int(value["shortest_edge"])
    return _height_width(value)


def _height_width(value: Any) -> tuple[int, int]:
    if isinstance(value, dict):
        return int(value["height"]), int(value["width"])
    return int(value), int(value)


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _centre_crop(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut out the middle; where the picture is smaller, black is added around it, as the processors do."""
    height, width = size
    add_y, add_x = max(0, height - pixels.shape[-2]), max(0, width - pixels.shape[-1])
    if add_y or add_x:
        pixels = functional.pad(pixels, (add_x // 2, add_x - add_x // 2, add_y // 2, add_y - add_y // 2))
    top, left = (pixels.shape[-2] - height) // 2, (pixels.shape[-1] - width) // 2
    return pixels[..., top : top + height, left : left + width]
