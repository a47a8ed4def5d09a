"""Changes of a picture that change no pose: light, contrast, sharpness, noise, and where the body stands in it.

Shifts and sizes are the same for all pictures of one moment and view, so that what moves in the picture still means
something; the rest is each picture's own.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CONTRAST = 0.15
LIGHT = 0.05
NOISE = 0.015
BLUR = 0.6  # at most this share of the 3 x 3 mean
SHIFT_PX = 1.5
SIZE = 0.04


def augment(pictures: Tensor, groups: Tensor, random: torch.Generator) -> Tensor:
    """`pictures (n, side, side)`, 0 to 1; `groups (n,)`: pictures of one number are shifted and scaled alike."""
    _, group = torch.unique(groups, return_inverse=True)
    pictures = _shift(pictures, group, random)
    blurred = functional.avg_pool2d(functional.pad(pictures[:, None], (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = _uniform(len(pictures), 0.0, BLUR, random)
    pictures = torch.lerp(pictures, blurred[:, 0], share)
    pictures = (pictures - 0.5) * _uniform(len(pictures), 1 - CONTRAST, 1 + CONTRAST, random) + 0.5
    pictures = pictures + _uniform(len(pictures), -LIGHT, LIGHT, random)
    noise = torch.randn(pictures.shape, generator=random) * _uniform(len(pictures), 0.0, NOISE, random)
    return (pictures + noise).clamp(0.0, 1.0)


def _shift(pictures: Tensor, group: Tensor, random: torch.Generator) -> Tensor:
    count, side = int(group.max()) + 1, pictures.shape[-1]
    scale = 1 + SIZE * (2 * torch.rand(count, generator=random) - 1)
    shift = SHIFT_PX * 2 / side * (2 * torch.rand(count, 2, generator=random) - 1)
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = maps[:, 1, 1] = scale
    maps[:, :, 2] = shift
    grid = functional.affine_grid(maps[group], [len(pictures), 1, side, side], align_corners=False)
    return functional.grid_sample(pictures[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def _uniform(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, 1, 1, generator=random)
