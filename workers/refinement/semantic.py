"""What an encoder asks for: the result should look to it as the source does (SMT, arXiv 2312.01964).

Every few steps the keyframes of a window are rendered from one view, the views taking turns, and embedded; the loss
between source and result goes back through encoder and renderer to the vertices once, and from there to the knots.
Work is cut into pieces of a few pictures, between which a job may be stopped. The source is looked at once a clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.geometry.parts import LEG_GROUPS
from workers.refinement.activity import value_groups
from workers.refinement.losses import Curve, OnPiece, curve_at
from workers.refinement.residual import Base, DegreesOfFreedom, base_of, move
from workers.refinement.spline import Spline
from workers.rendering.cameras import Camera
from workers.rendering.renderer import Renderer, choose_renderer
from workers.semantics import similarity
from workers.semantics.encoders.base import Encoder
from workers.semantics.scoring import SIZE
from workers.semantics.viewed_clip import ViewedClip
from workers.skeleton.model import Array, Indices, Mask

EVERY = 2  # steps: pictures cost more than geometry and change more slowly
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
        skin, values = self.seen.result.skin, []
        with torch.no_grad():
            for piece in (piece for pieces in self.pieces.values() for piece in pieces):
                frames = self.seen.keyframes[piece.rows]
                wanted = torch.as_tensor(changed[frames], device=self.device)
                if not wanted.any():
                    continue
                on_piece()
                base = base_of(self.seen.result.motion, frames, device=str(self.device))
                turned = torch.as_tensor(residual[frames], dtype=torch.float32, device=self.device)
                vertices = skin.deform(*move(freedom, base, turned))
                images = self.renderer.render(vertices, skin.faces, piece.camera).clamp(0.0, 1.0)
                values.append(similarity.cosines(piece.source, piece.encoder.embed(images))[wanted])
        return float(torch.cat(values).mean()) if values else None

    def losses(
        self, freedom: DegreesOfFreedom, spline: Spline, scales: Tensor, changed: Mask, weight: float
    ) -> Sequence[Semantics]:
        """The loss over the keyframes among the `changed` frames `(frames,)`, if there are any."""
        rows = np.flatnonzero(changed[self.seen.keyframes])
        if not len(rows):
            return ()
        frames = self.seen.keyframes[rows]
        base = base_of(self.seen.result.motion, frames, device=str(self.device))
        return (Semantics(self, freedom, base, curve_at(spline, frames, scales.to(self.device)), rows, weight),)

    def free_knots(self, spline: Spline, freedom: DegreesOfFreedom) -> Mask:
        """Values that may change for what is seen `(knots, values)`: those of trunk, head and arms at the keyframes."""
        frames = np.zeros(spline.frames, dtype=np.bool_)
        frames[self.seen.keyframes] = True
        return np.asarray(spline.knots_of(frames)[:, None] & ~np.isin(value_groups(freedom), LEG_GROUPS))


def open_eye(seen: ViewedClip, encoder: Encoder, on_piece: OnPiece) -> SemanticObjective:
    """Look at the source once."""
    renderer = choose_renderer(encoder.device)
    pieces: dict[str, list[Piece]] = {}
    squares = []
    for view in seen.views:
        of_source, of_result = (
            body.cameras(seen.facing, SIZE, [view])[view][torch.as_tensor(seen.keyframes)].to(encoder.device)
            for body in (seen.source, seen.result)
        )
        pieces[view] = []
        for first in range(0, len(seen.keyframes), PICTURES):
            on_piece()
            rows = slice(first, min(first + PICTURES, len(seen.keyframes)))
            base = base_of(seen.source.motion, seen.keyframes[rows], device=str(encoder.device))
            with torch.no_grad():
                vertices = seen.source.skin.deform(base.rotations, base.positions_m)
                images = renderer.render(vertices, seen.source.skin.faces, of_source[rows]).clamp(0.0, 1.0)
                guided = encoder.guided_by(images)
                source = guided.embed(images)
            squares.append(float((source**2).mean()))
            pieces[view].append(Piece(rows, of_result[rows], source, guided))
    return SemanticObjective(seen, renderer, pieces, float(np.mean(squares)))


@dataclass(frozen=True, eq=False)
class Semantics:
    """The consistency loss over the keyframes of a window; `rows` are theirs, `curve` and `base` follow `rows`."""

    objective: SemanticObjective
    freedom: DegreesOfFreedom
    base: Base
    curve: Curve
    rows: Indices
    weight: float

    def backward(self, knots: Tensor, step: int, on_piece: OnPiece) -> float:
        if step % EVERY:
            return 0.0
        objective = self.objective
        views = tuple(objective.pieces)
        vertices = objective.seen.result.skin.deform(*move(self.freedom, self.base, self.curve.values(knots)))
        leaf = vertices.detach().requires_grad_()
        total = 0.0
        for piece in objective.pieces[views[step // EVERY % len(views)]]:
            wanted = [number for number in range(piece.rows.start, piece.rows.stop) if number in self.rows]
            if not wanted:
                continue
            on_piece()
            here = torch.as_tensor(np.searchsorted(self.rows, wanted), device=leaf.device)
            inside = torch.as_tensor([number - piece.rows.start for number in wanted], device=leaf.device)
            images = objective.renderer.render(leaf[here], objective.seen.result.skin.faces, piece.camera[inside])
            # Guiding texts go by picture: a piece that lies in the window in part is embedded alone.
            encoder = piece.encoder if len(wanted) == piece.rows.stop - piece.rows.start else self._part(piece, inside)
            loss = similarity.consistency_loss(piece.source[inside], encoder.embed(images.clamp(0.0, 1.0)))
            loss = EVERY * self.weight * loss / objective.scale * (len(wanted) / len(self.rows))
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if leaf.grad is not None:
            vertices.backward(leaf.grad)  # type: ignore[no-untyped-call]
        return total

    def _part(self, piece: Piece, inside: Tensor) -> Encoder:
        prompts = piece.encoder.guiding_prompts
        if prompts is None:
            return piece.encoder
        return piece.encoder.guided_with([prompts[int(number)] for number in inside])
