"""The built-in encoder's network: from a grey picture of a body to what its pose means, as a unit vector.

A small residual network that keeps where things are: its last map, 7 x 7 places, is flattened, never averaged away,
since a limb's place is what tells poses apart. Activations are smooth, so that gradients to the pixels are. Two heads
read its features: the embedding, by which renders are compared, and the motion vector, which is compared with words.
Batch normalisation uses running figures outside of training, and `fold` merges it into the convolutions.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from workers.semantics.encoders.eye_picture import SIDE_PX
from workers.semantics.encoders.eye_text import TextTower

# Renders are mostly light ground: this brings them around zero, with a spread near one.
GREY_MEAN = 0.8
GREY_SCALE = 6.0


@dataclass(frozen=True)
class Architecture:
    """Sizes, kept with the weights. `widths`: channels after the stem and after each stage, which halves the side."""

    widths: tuple[int, ...] = (16, 32, 64, 128)
    blocks: int = 2
    reduced: int = 64
    hidden: int = 512
    dimension: int = 256
    text_buckets: int = 2048
    text_width: int = 64
    text_dimension: int = 64

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Architecture:
        """Raises ValueError for what `to_json` did not write."""
        data = json.loads(text)
        if not isinstance(data, dict) or set(data) != {field.name for field in fields(Architecture)}:
            raise ValueError(f"no architecture of the built-in encoder: {text[:100]}")
        return Architecture(**{**data, "widths": tuple(data["widths"])})


class NormalisedConvolution(nn.Module):
    """Convolution, batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        padding = (kernel - 1) // 2
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.convolution(maps))
        return normalised

    def fold(self) -> None:
        """Merge the normalisation into the convolution; for a network that is not trained any more."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution, self.norm)
            self.norm = nn.Identity()


class ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = NormalisedConvolution(width, width, 3)
        self.second = NormalisedConvolution(width, width, 3)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.silu(maps + self.second(functional.silu(self.first(maps))))


class EyeNetwork(nn.Module):
    """`features` of pictures, and the two heads on them."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        stem, *widths = architecture.widths
        layers: list[nn.Module] = [NormalisedConvolution(1, stem, 5, stride=2), nn.SiLU()]
        width, side = stem, SIDE_PX // 2
        for wider in widths:
            # An even kernel with its stride's double width: no pixel weighs more than its neighbour.
            layers += [NormalisedConvolution(width, wider, 4, stride=2), nn.SiLU()]
            layers += [ResidualBlock(wider) for _ in range(architecture.blocks)]
            width, side = wider, side // 2
        self.trunk = nn.Sequential(*layers)
        self.reduce = nn.Conv2d(width, architecture.reduced, 1)
        self.gather = nn.Linear(architecture.reduced * side * side, architecture.hidden)
        self.gather_norm = nn.BatchNorm1d(architecture.hidden)
        self.embedding_head = nn.Linear(architecture.hidden, architecture.dimension, bias=False)
        # Centred and scaled, so that other moments lie around a cosine of 0 and the whole range is used.
        self.embedding_norm = nn.BatchNorm1d(architecture.dimension, affine=False)
        self.motion_head = nn.Linear(architecture.hidden, architecture.text_dimension)
        self.text_tower = TextTower(architecture.text_buckets, architecture.text_width, architecture.text_dimension)

    def features(self, grey: Tensor) -> Tensor:
        """`(frames, 112, 112)`, 0 to 1 -> `(frames, hidden)`."""
        pixels = ((grey - GREY_MEAN) * GREY_SCALE).unsqueeze(1)
        maps = self.reduce(self.trunk(pixels.contiguous(memory_format=torch.channels_last)))
        return functional.silu(self.gather_norm(self.gather(maps.flatten(1))))

    def embedding(self, features: Tensor) -> Tensor:
        """Unit vectors `(frames, dimension)`."""
        return functional.normalize(self.embedding_norm(self.embedding_head(features)).float(), dim=-1)

    def motion(self, features: Tensor) -> Tensor:
        """Features of one frame, or their mean over several, `(n, hidden)` -> unit vectors `(n, text_dimension)`."""
        return functional.normalize(self.motion_head(features).float(), dim=-1)

    def forward(self, grey: Tensor) -> Tensor:
        return self.embedding(self.features(grey))

    def fold(self) -> None:
        """Merge normalisations into convolutions: the same numbers, faster. Not to be trained after."""
        for module in self.modules():
            if isinstance(module, NormalisedConvolution):
                module.fold()
