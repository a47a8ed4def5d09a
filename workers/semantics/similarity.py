"""From embeddings to scores: how alike source and result look to an encoder. Pure functions; definitions in one place.

Rows of an embedding are frames (of one view, or of several one after the other): `(frames, d)`, source and result in
the same order. `cosines` and `consistency_loss` are differentiable; what is reported is a plain number.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from model_store.manifest import Anchors
from workers.contract.errors import OutputInvalid


def cosines(source: Tensor, result: Tensor) -> Tensor:
    """Cosine of each frame's two embeddings, `(frames,)`, -1 to 1."""
    _check_pair(source, result)
    return functional.cosine_similarity(source.float(), result.float(), dim=-1).clamp(-1.0, 1.0)


def raw_similarity(source: Tensor, result: Tensor) -> float:
    """`semantic_similarity.raw`: mean cosine over frames and views."""
    return _number(cosines(source, result).mean(), "semantic similarity")


def consistency_loss(source: Tensor, result: Tensor) -> Tensor:
    """Semantics consistency loss of SMT (arXiv 2312.01964): mean squared difference of the embeddings, a scalar."""
    _check_pair(source, result)
    return functional.mse_loss(result.float(), source.float())


def scl(source: Tensor, result: Tensor) -> float:
    """`scl`: the consistency loss as a number to report."""
    return _number(consistency_loss(source, result), "semantic consistency loss")


def calibrated_similarity(raw: float, anchors: Anchors) -> float:
    """`semantic_similarity.calibrated`, 0 to 1.

    0 is the median of other moments on another body, 1 the median of the same moment on another body, both measured on
    held-out clips and characters, for the same views and kind of source body; clipped beyond them.
    """
    share = (raw - anchors.other_median) / (anchors.same_median - anchors.other_median)
    return min(1.0, max(0.0, share))


def mean_match(matches: Tensor) -> float:
    """`itm`: mean image-text match over the frames, on the encoder's `match_scale`."""
    if matches.ndim != 1 or not len(matches):
        raise ValueError(f"matches have shape {tuple(matches.shape)}, expected (frames,)")
    return _number(matches.float().mean(), "image-text match")


def by_view(rows: Tensor, views: int) -> Tensor:
    """Rows of several views, one view after the other, `(views * frames, ...)` -> `(views, frames, ...)`."""
    if views < 1 or len(rows) % views:
        raise ValueError(f"{len(rows)} rows cannot be {views} views of the same frames")
    return rows.view(views, -1, *rows.shape[1:])


def _check_pair(source: Tensor, result: Tensor) -> None:
    if source.shape != result.shape or source.ndim != 2 or not len(source):
        raise ValueError(
            f"embeddings have shapes {tuple(source.shape)} and {tuple(result.shape)}, expected both (frames, d)"
        )


def _number(value: Tensor, what: str) -> float:
    """Raises OutputInvalid for what is no number: a score is never NaN."""
    if not torch.isfinite(value):
        raise OutputInvalid(f"the {what} is not finite; choose another encoder or run it in float32")
    return float(value)
