"""MobileNet v1 (1.0, 224 px) up to block 12 as a yardstick: what general image features see of a motion.

Evaluation only. The weights are read from a file of plain arrays that the caller names; none are shipped. Architecture:
Howard et al. 2017, arXiv 1704.04861; array names as Keras gives them (`conv_dw_1__depthwise_kernel`, ...). The
embedding is the mean over places of the last block's 1024 features. Differentiable to the pixels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workers.contract.errors import ModelUnavailable
from workers.semantics.encoders.base import Encoder

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2)
NORMALISATION_EPSILON = 1e-3
SIZE = 224


class MobilenetEncoder(Encoder):
    """`embed` only: `(frames, 1024)`."""

    capabilities = frozenset({"embed"})

    def __init__(self, path: Path, device: torch.device | None = None, batch_size: int = 8) -> None:
        """Reads the `.npz`. Raises ModelUnavailable naming the file and what is wrong with it."""
        place = device or torch.device("cpu")
        try:
            content = path.read_bytes()
            with np.load(path, allow_pickle=False) as arrays:
                weights = {name: torch.from_numpy(arrays[name]).float().to(place) for name in arrays.files}
            self._layers = [_layer(weights, "conv1", "conv1_bn", "conv1__kernel")]
            for block in range(1, len(STRIDES) + 1):
                deep, point = f"conv_dw_{block}", f"conv_pw_{block}"
                self._layers.append(_layer(weights, deep, f"{deep}_bn", f"{deep}__depthwise_kernel"))
                self._layers.append(_layer(weights, point, f"{point}_bn", f"{point}__kernel"))
        except (OSError, ValueError, KeyError) as error:
            raise ModelUnavailable(
                f"{path}: no MobileNet v1 weights as plain arrays ({type(error).__name__}: {error}); name another file"
            ) from None
        identity = f"mobilenet-v1:{hashlib.sha256(content).hexdigest()[:16]}"
        super().__init__("mobilenet-v1", identity, place, torch.float32, batch_size)

    def _embed(self, images: Tensor, start: int) -> Tensor:
        pixels = images.to(self.device, torch.float32)
        if pixels.shape[-2:] != (SIZE, SIZE):
            pixels = functional.interpolate(pixels, size=(SIZE, SIZE), mode="bilinear", antialias=True)
        return self.features(pixels * 2.0 - 1.0).mean(dim=(2, 3))

    def features(self, pixels: Tensor) -> Tensor:
        """Feature maps `(images, 1024, 7, 7)` of prepared pixels `(images, 3, 224, 224)`, -1 to 1."""
        strides = [2, *(stride for block in STRIDES for stride in (block, 1))]
        for (kernel, bias), stride in zip(self._layers, strides, strict=True):
            groups = pixels.shape[1] if kernel.shape[1] == 1 else 1
            pixels = functional.conv2d(
                pixels, kernel, bias, stride=stride, padding=kernel.shape[-1] // 2, groups=groups
            ).clamp(0.0, 6.0)
        return pixels


def _layer(weights: dict[str, Tensor], name: str, normalisation: str, kernel_name: str) -> tuple[Tensor, Tensor]:
    """Kernel `(out, in, y, x)` and bias of a convolution, with the batch normalisation behind it folded in."""
    # Stored as (y, x, channels, 1) for a depthwise kernel, else as (y, x, in, out).
    order = (2, 3, 0, 1) if kernel_name.endswith("depthwise_kernel") else (3, 2, 0, 1)
    kernel = weights[kernel_name].permute(order)
    scale = weights[f"{normalisation}__gamma"] / torch.sqrt(
        weights[f"{normalisation}__moving_variance"] + NORMALISATION_EPSILON
    )
    bias = weights[f"{normalisation}__beta"] - weights[f"{normalisation}__moving_mean"] * scale
    return (kernel * scale.view(-1, 1, 1, 1)).contiguous(), bias
