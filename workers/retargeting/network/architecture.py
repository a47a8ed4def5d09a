"""The network: attention over the body's parts, convolution along time, encoder and decoder; it says a residual on the
rest-aligned transfer.

The encoder sees the source alone; the decoder its encoding, the character's bones and widths, and how the analytic
result lies on that character. What comes out is, for each node, a share of each of the turns that `features` offers
and a free turn beside; both are zero where the network says nothing, and `near` closes what has nothing to correct, so
that a limb in free air stays bit for bit. The result runs through a fixed window along time: a network on noisy motion
must not add jerk.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from workers.retargeting.network.features import (
    BONE,
    CHAIN_OF,
    CHAINS,
    SOURCE_DYNAMIC,
    STATIC,
    TARGET_DYNAMIC,
    WAYS,
)
from workers.retargeting.network.mirror import (
    mirrored_near,
    mirrored_present,
    mirrored_source,
    mirrored_target,
    mirrored_turns,
)
from workers.retargeting.network.nodes import NODES
from workers.retargeting.ranges import STIFFNESS_RAD

MOST_RANGES = 4.0  # that a node is turned at most by what is free of its turn
OPENS, OPEN = 0.05, 0.25  # nearness at which a limb begins to be open to change, and is
HALF_WINDOW = 3  # frames of the network's rate, to each side


@dataclass(frozen=True)
class Architecture:
    """`causal` looks at no later frame, for streaming; the window along time is then one-sided too."""

    variant: str = "residual"  # or "paper": `paper.PaperNetwork`, of which nothing else here is asked
    channels: int = 48
    heads: int = 4
    encoder_blocks: int = 1
    decoder_blocks: int = 3
    kernel: int = 5
    causal: bool = False
    see_widths: bool = True  # ablation: without, all is hidden that the character's skin tells

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Architecture:
        return Architecture(**json.loads(text))


class ResidualNetwork(nn.Module):
    """`forward` maps features to residual turns; see `Features` for shapes, here with a batch in front."""

    ranges: Tensor
    window: Tensor
    limb: Tensor

    def __init__(self, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.architecture = architecture = architecture or Architecture()
        width = architecture.channels
        self.node = nn.Parameter(0.1 * torch.randn(len(NODES), width))
        self.read_source = nn.Linear(STATIC + SOURCE_DYNAMIC, width)
        self.encoder = nn.ModuleList(_Block(architecture, 0) for _ in range(architecture.encoder_blocks))
        self.read_target = nn.Linear(STATIC + TARGET_DYNAMIC + 3 * WAYS, width)
        self.decoder = nn.ModuleList(_Block(architecture, number) for number in range(architecture.decoder_blocks))
        self.last = nn.LayerNorm(width)
        self.write = nn.Linear(width, WAYS + 3)
        nn.init.zeros_(self.write.weight)
        nn.init.zeros_(self.write.bias)
        self.register_buffer("ranges", torch.tensor(node_ranges()), persistent=False)
        self.register_buffer("window", _window(architecture.causal), persistent=False)
        self.register_buffer("limb", torch.tensor(_limbs()), persistent=False)

    def forward(self, source: Tensor, target: Tensor, turns: Tensor, near: Tensor, present: Tensor) -> Tensor:
        """Rotation vectors `(batch, frames, nodes, 3)`, radians, in the axes of the node above. `source` and `target`
        `(batch, frames, nodes, k)`, `turns` `(batch, frames, nodes, WAYS, 3)`, `near` `(batch, frames, limbs)`,
        `present` `(batch, nodes)`. A mirrored clip on a mirrored body gives the mirrored turns, exactly: both
        are asked and the mean counts.
        """
        both = self._one_side(
            torch.cat([source, mirrored_source(source)]),
            torch.cat([target, mirrored_target(target)]),
            torch.cat([turns, mirrored_turns(turns)]),
            torch.cat([near, mirrored_near(near)]),
            torch.cat([present, mirrored_present(present)]),
        )
        said, other = both.chunk(2)
        return 0.5 * (said + mirrored_turns(other))

    def _one_side(self, source: Tensor, target: Tensor, turns: Tensor, near: Tensor, present: Tensor) -> Tensor:
        hidden = torch.where(present, 0.0, -1e4)[:, None, None, None]
        if not self.architecture.see_widths:
            target = torch.cat([target[..., :BONE], 0.0 * target[..., BONE:]], dim=-1)
            turns = 0.0 * turns
        code = self.read_source(source) + self.node
        for block in self.encoder:
            code = block(code, hidden)
        offered = turns.flatten(-2)
        known = torch.cat([target, offered], dim=-1)
        state = code + self.read_target(known) + self.node
        for block in self.decoder:
            state = block(state, hidden)
        said = self.write(self.last(state))
        shares, free = said[..., :WAYS], said[..., WAYS:]
        raw = (shares[..., None] * turns).sum(-2)
        raw = raw + self.ranges[:, None] * MOST_RANGES * torch.tanh(free / MOST_RANGES)
        most = 4.0 * MOST_RANGES * self.ranges[:, None]
        raw = most * torch.tanh(raw / most.clamp_min(1e-6))
        gate = self.gates(near)
        return self._smooth(raw * gate[..., None]) * present[:, None, :, None]

    def gates(self, near: Tensor) -> Tensor:
        """How open each node is to change `(batch, frames, nodes)`: 0 where its limb is near to nothing. The trunk is
        as open as the arms.
        """
        share = ((near - OPENS) / (OPEN - OPENS)).clamp(0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        arms = torch.maximum(share[..., 0], share[..., 2])
        columns = torch.cat([share, arms[..., None], torch.zeros_like(arms)[..., None]], dim=-1)
        return columns[..., self.limb]

    def _smooth(self, raw: Tensor) -> Tensor:
        """Along time by the fixed window, ends held."""
        batch, frames, nodes, _ = raw.shape
        line = raw.permute(0, 2, 3, 1).reshape(batch * nodes * 3, 1, frames)
        right = 0 if self.architecture.causal else HALF_WINDOW
        left = len(self.window) - 1 - right
        line = torch.cat([line[..., :1].expand(-1, -1, left), line, line[..., -1:].expand(-1, -1, right)], dim=-1)
        line = nn.functional.conv1d(line, self.window[None, None])
        return line.reshape(batch, nodes, 3, frames).permute(0, 3, 1, 2)


class _Block(nn.Module):
    """Attention among the nodes of a frame, a depthwise convolution along time, a perceptron; each a residual."""

    def __init__(self, architecture: Architecture, number: int) -> None:
        super().__init__()
        width = architecture.channels
        self.heads, self.causal = architecture.heads, architecture.causal
        self.reach = (architecture.kernel - 1) * 2**number
        self.before = nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.tell = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(architecture.heads, len(NODES), len(NODES)))
        self.along = nn.Conv1d(width, width, architecture.kernel, dilation=2**number, groups=width)
        self.mix = nn.Linear(width, width)
        self.then = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, state: Tensor, hidden: Tensor) -> Tensor:
        batch, frames, nodes, width = state.shape
        asked, keys, values = (
            part.reshape(batch, frames, nodes, self.heads, -1).transpose(-2, -3)
            for part in self.ask(self.before(state)).chunk(3, dim=-1)
        )
        scores = asked @ keys.transpose(-1, -2) * (width // self.heads) ** -0.5 + self.bias + hidden
        heard = (scores.softmax(dim=-1) @ values).transpose(-2, -3).reshape(batch, frames, nodes, width)
        state = state + self.tell(heard)
        line = state.permute(0, 2, 3, 1).reshape(batch * nodes, width, frames)
        right = 0 if self.causal else self.reach // 2
        left = self.reach - right
        line = torch.cat([line[..., :1].expand(-1, -1, left), line, line[..., -1:].expand(-1, -1, right)], dim=-1)
        line = self.along(line).reshape(batch, nodes, width, frames).permute(0, 3, 1, 2)
        state = state + self.mix(nn.functional.gelu(line))
        told: Tensor = state + self.narrow(nn.functional.gelu(self.wide(self.then(state))))
        return told


def node_ranges() -> list[float]:
    """Usual range of each node's turn; 0 for what refinement does not turn either. A thigh swivels."""
    result = []
    for role in NODES:
        part = role.removeprefix("left").removeprefix("right")
        result.append(STIFFNESS_RAD["Swivel"] if part == "UpperLeg" else STIFFNESS_RAD.get(part, 0.0))
    return result


def _limbs() -> list[int]:
    """Column of `gates` for each node: its limb's, the arms' for spine to head, nothing for the hips."""
    order = list(CHAINS)
    return [
        order.index(CHAIN_OF[number]) if number in CHAIN_OF else len(order) + (role == "hips")
        for number, role in enumerate(NODES)
    ]


def _window(causal: bool) -> Tensor:
    """A raised cosine over `HALF_WINDOW` frames to each side, or to one."""
    places = torch.arange(-HALF_WINDOW, 1 if causal else HALF_WINDOW + 1, dtype=torch.float32)
    window = 1.0 + torch.cos(torch.pi * places / (HALF_WINDOW + 1.0))
    return window / window.sum()
