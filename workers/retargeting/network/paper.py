"""The network of "Semantics-aware Motion Retargeting with Vision-Language Models" (SMT, CVPR 2024), to compare with.

As its published code has it: nodes are joints with a 6-D rotation and a place, edges carry bone offsets; gated graph
convolutions of 9, 16 and 32 channels and back, a causal convolution of three frames along time, forward kinematics
outside. It writes rotations and not a residual, so what it cannot say of a pose is lost. Ours to differ: nodes are the
twenty roles of `nodes` in place of 25 joints of one skeleton, places and offsets are shares of the height in place of
statistics of each character, which a new character has none of, and the root's path is the analytic method's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workers.retargeting.network.architecture import Architecture, node_ranges
from workers.retargeting.network.features import BONE, STATIC
from workers.retargeting.network.nodes import NODES, PARENTS

CHANNELS = (9, 16, 32)
PLACE = STATIC + 12  # column of the place in `Features.source`; the local 6-D rotation stands before it


class PaperNetwork(nn.Module):
    """`forward` takes what `ResidualNetwork.forward` takes, and gives what it gives: the turns, in the axes of the node
    above, that lead from the analytic result to the rotations that it writes.
    """

    ranges: Tensor

    def __init__(self, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.architecture = architecture or Architecture(variant="paper")
        self.register_buffer("ranges", torch.tensor(node_ranges()), persistent=False)
        first, middle, last = CHANNELS
        self.encoder = nn.ModuleList([_GatedGraph(first, middle), _GatedGraph(middle, last)])
        self.along = nn.Conv1d(last, 2 * last, 3)  # of each node
        self.decoder = nn.ModuleList([_GatedGraph(2 * last, last), _GatedGraph(last, middle)])
        self.write = nn.Linear(middle, 6)

    def forward(self, source: Tensor, target: Tensor, turns: Tensor, near: Tensor, present: Tensor) -> Tensor:
        bones, other = source[:, 0, :, :BONE], target[:, 0, :, :BONE]
        local = source[..., STATIC + 6 : STATIC + 12]
        state = torch.cat([local, source[..., PLACE : PLACE + 3]], dim=-1)
        for layer in self.encoder:
            state = layer(state, bones)
        batch, frames = state.shape[:2]
        line = state.permute(0, 2, 3, 1).flatten(0, 1)
        line = torch.cat([line[..., :1].expand(-1, -1, 2), line], dim=-1)
        code = nn.functional.leaky_relu(self.along(line), 0.2)
        state = code.reshape(batch, len(NODES), -1, frames).permute(0, 3, 1, 2)
        for layer in self.decoder:
            state = layer(state, other)
        written = matrix_of(self.write(state))
        said = vector_of(written @ matrix_of(local).transpose(-1, -2))
        said = torch.cat(
            [torch.zeros_like(said[:, :, :1]), said[:, :, 1:]], dim=2
        )  # the hips are the analytic method's
        return said.reshape(batch, frames, len(NODES), 3) * present[:, None, :, None]


class _GatedGraph(nn.Module):
    """Each node hears the nodes beside it with the bone between them, and itself, through a gate."""

    above: Tensor

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.own, self.beside = nn.Linear(channels, wider), nn.Linear(channels + BONE, wider)
        self.gate = nn.Linear(channels + BONE, wider)
        above = torch.tensor([max(int(parent), 0) for parent in PARENTS])
        self.register_buffer("above", above, persistent=False)

    def forward(self, state: Tensor, bones: Tensor) -> Tensor:
        edges = bones[:, None].expand(-1, state.shape[1], -1, -1)
        from_above = torch.cat([state[:, :, self.above], edges], dim=-1)
        heard = torch.sigmoid(self.gate(from_above)) * self.beside(from_above)
        to_above = torch.cat([state, -edges], dim=-1)
        said = torch.sigmoid(self.gate(to_above)) * self.beside(to_above)
        below = torch.zeros_like(said).index_add(2, self.above[1:], said[:, :, 1:])
        return nn.functional.leaky_relu(self.own(state) + heard + below, 0.2)


def matrix_of(columns: Tensor) -> Tensor:
    """Rotation matrices `(..., 3, 3)` of their first two columns `(..., 6)` (Gram and Schmidt; Zhou et al. 2019)."""
    x = nn.functional.normalize(columns[..., :3], dim=-1)
    y = nn.functional.normalize(columns[..., 3:] - (x * columns[..., 3:]).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def vector_of(matrices: Tensor) -> Tensor:
    """Rotation vectors `(..., 3)`, with finite gradients at zero; turns are less than a half one."""
    twice = torch.stack(
        [
            matrices[..., 2, 1] - matrices[..., 1, 2],
            matrices[..., 0, 2] - matrices[..., 2, 0],
            matrices[..., 1, 0] - matrices[..., 0, 1],
        ],
        dim=-1,
    )
    sine = 0.5 * (twice.square().sum(-1) + 1e-14).sqrt()
    cosine = 0.5 * (matrices.diagonal(dim1=-2, dim2=-1).sum(-1) - 1.0)
    angle = torch.atan2(sine, cosine)
    return 0.5 * twice * (angle / sine)[..., None]
