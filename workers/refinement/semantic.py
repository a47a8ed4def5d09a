"""What an encoder asks for: the result should look to it as the source does (SMT, arXiv 2312.01964).

In every round the keyframes of a window are rendered from one view, the views taking turns, and embedded; the loss
between source and result goes back through encoder and renderer to the vertices, and by levers to the residual.
Work is cut into pieces of a few pictures, between which a job may be stopped. The source is looked at once a clip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.refinement.levers import Levers
from workers.refinement.rows import OnPiece, Posed, Rows
from workers.rendering.cameras import Camera
from workers.rendering.renderer import Renderer, choose_renderer
from workers.rendering.skinning import Skin
from workers.retargeting.residual import DegreesOfFreedom, Moved, move
from workers.semantics import similarity
from workers.semantics.encoders.base import Encoder
from workers.semantics.scoring import SIZE
from workers.semantics.viewed_clip import ViewedClip
from workers.skeleton.model import Array, Indices, Mask

PICTURES = 2  # a piece: with the slowest encoders some seconds' work on a CPU


@dataclass(frozen=True, eq=False)
class Piece:
    """A few keyframes from one view: `rows` of them, the source's embeddings, and the encoder as guided by it."""

    rows: slice
    camera: Camera
    source: Tensor
    encoder: Encoder


@dataclass(frozen=True, eq=False)
class SemanticObjective:
    """One clip before one encoder; `pieces` by view."""

    seen: ViewedClip
    renderer: Renderer
    pieces: dict[str, list[Piece]]
    scale: float  # mean square of the source's embeddings: the loss is relative to it, whatever the encoder

    @property
    def device(self) -> torch.device:
        return self.seen.result.skin.positions_m.device

    def similarity(self, freedom: DegreesOfFreedom, residual: Array, changed: Mask, on_piece: OnPiece) -> float | None:
        """Mean cosine over the keyframes among the `changed` frames and all views, with a residual `(frames, values)`
        of the whole clip; None where there are none.
        """
        skin, base, values = self.seen.result.skin, self.seen.result.motion, []
        with torch.no_grad():
            for piece in (piece for pieces in self.pieces.values() for piece in pieces):
                frames = self.seen.keyframes[piece.rows]
                wanted = torch.as_tensor(changed[frames], device=self.device)
                if not wanted.any():
                    continue
                on_piece()
                moved = move(freedom, base.rotations[frames], base.positions_m[frames], residual[frames])
                vertices = skin.moved(moved.rotations, moved.positions_m)
                images = self.renderer.render(vertices, skin.faces, piece.camera).clamp(0.0, 1.0)
                values.append(similarity.cosines(piece.source, piece.encoder.embed(images))[wanted])
        return float(torch.cat(values).mean()) if values else None

    def loss(self, freedom: DegreesOfFreedom, frames: Indices, step_s: float) -> Semantics | None:
        """The loss over the keyframes among these `frames`, `step_s` apart, if there are any."""
        keys = np.flatnonzero(np.isin(self.seen.keyframes, frames))
        if not len(keys):
            return None
        posed = np.searchsorted(frames, self.seen.keyframes[keys])
        return Semantics(self, _shares(freedom, self.seen.result.skin), keys, posed, step_s)


def open_eye(seen: ViewedClip, encoder: Encoder, on_piece: OnPiece) -> SemanticObjective:
    """Look at the source once."""
    count = len(seen.keyframes)
    rows = [slice(first, min(first + PICTURES, count)) for first in range(0, count, PICTURES)]
    return look_from(seen, encoder, dict.fromkeys(seen.views, rows), 1.0, on_piece)


def look_from(
    seen: ViewedClip, encoder: Encoder, rows: Mapping[str, Sequence[slice]], zoom: float, on_piece: OnPiece
) -> SemanticObjective:
    """Look at the source from some views, at these `rows` of the keyframes, a piece each; everything `zoom` times as
    large in the picture.
    """
    renderer = choose_renderer(encoder.device)
    pieces: dict[str, list[Piece]] = {}
    squares = []
    for view, parts in rows.items():
        of_source, of_result = (
            body.cameras(seen.facing, SIZE, [view])[view][torch.as_tensor(seen.keyframes)]
            .to(encoder.device)
            .zoomed(zoom)
            for body in (seen.source, seen.result)
        )
        pieces[view] = []
        for part in parts:
            on_piece()
            base, frames = seen.source.motion, seen.keyframes[part]
            with torch.no_grad():
                vertices = seen.source.skin.moved(base.rotations[frames], base.positions_m[frames])
                images = renderer.render(vertices, seen.source.skin.faces, of_source[part]).clamp(0.0, 1.0)
                guided = encoder.guided_by(images)
                source = guided.embed(images)
            squares.append(float((source**2).mean()))
            pieces[view].append(Piece(part, of_result[part], source, guided))
    return SemanticObjective(seen, renderer, pieces, float(np.mean(squares)))


@dataclass(frozen=True, eq=False)
class Semantics:
    """The consistency loss over the keyframes of a window, from one view in each round. `keys` number these keyframes,
    `posed` says where they are among the frames that are posed; `shares` are how much of each vertex moves with each
    part.
    """

    objective: SemanticObjective
    shares: Array
    keys: Indices
    posed: Indices
    step_s: float

    def rows(self, posed: Posed, number: int, on_piece: OnPiece) -> Rows | None:
        objective, freedom = self.objective, posed.freedom
        base, frames = objective.seen.result.motion, objective.seen.keyframes[self.keys]
        moved = move(freedom, base.rotations[frames], base.positions_m[frames], posed.values_rad[self.posed])
        skin = objective.seen.result.skin
        leaf = skin.moved(moved.rotations, moved.positions_m).clone().requires_grad_()
        losses = np.zeros(len(self.keys))
        for piece in objective.pieces[tuple(objective.pieces)[number % len(objective.pieces)]]:
            wanted = [key for key in range(piece.rows.start, piece.rows.stop) if key in self.keys]
            if not wanted:
                continue
            on_piece()
            here = np.searchsorted(self.keys, wanted)
            inside = torch.as_tensor([key - piece.rows.start for key in wanted], device=leaf.device)
            images = objective.renderer.render(
                leaf[torch.as_tensor(here, device=leaf.device)], skin.faces, piece.camera[inside]
            )
            # Guiding texts go by picture: a piece that lies in the window in part is embedded alone.
            encoder = piece.encoder if len(wanted) == piece.rows.stop - piece.rows.start else self._part(piece, inside)
            embedded = encoder.embed(images.clamp(0.0, 1.0)).float()
            each = (embedded - piece.source[inside].float()).square().flatten(1).mean(dim=1) / objective.scale
            each.sum().backward()  # type: ignore[no-untyped-call]
            losses[here] = each.detach().cpu().numpy()
        if leaf.grad is None:
            return None
        slopes = self._slopes(freedom, moved, leaf)
        errors = np.sqrt(2.0 * np.maximum(losses, 1e-12))
        weights = np.full(len(errors), 1.0 / (len(errors) * self.step_s))
        return Rows(self.posed, errors, slopes / errors[:, None], weights)

    def _slopes(self, freedom: DegreesOfFreedom, moved: Moved, leaf: Tensor) -> Array:
        """The gradient by the residual's values `(keys, values)`, from that by the vertices."""
        assert leaf.grad is not None
        pulls, places = leaf.grad.double().cpu().numpy(), leaf.detach().double().cpu().numpy()
        levers, result = Levers(freedom, moved), np.zeros((len(pulls), freedom.values))
        for key in range(len(pulls)):
            seen = np.flatnonzero(pulls[key].any(axis=1))
            frame = np.full(len(seen), key)
            result[key] = levers.along(frame, places[key, seen], self.shares[seen], pulls[key, seen]).sum(axis=0)
        return result

    def _part(self, piece: Piece, inside: Tensor) -> Encoder:
        prompts = piece.encoder.guiding_prompts
        if prompts is None:
            return piece.encoder
        return piece.encoder.guided_with([prompts[int(number)] for number in inside])


def _shares(freedom: DegreesOfFreedom, skin: Skin) -> Array:
    """How much of each vertex of a skin moves with each part (`levers.part_shares`)."""
    held = np.zeros((len(skin.used), len(freedom.parts) + 1))
    held[np.arange(len(held)), freedom.part_of[skin.used.cpu().numpy()]] = 1.0
    shares: Array = skin.weights.double().cpu().numpy() @ held @ freedom.carries
    return shares
