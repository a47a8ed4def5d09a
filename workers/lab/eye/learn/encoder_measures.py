"""What is looked at while the encoder trains: whether it tells poses apart, on training clips kept aside.

These figures guide the training only. What the encoder can do is measured on held-out clips and bodies by
`workers.lab.eye.study.eye`, which training never reads.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from workers.lab.eye.learn.encoder_poses import CLEAN, VIEWS, Floats, Integers, Poses
from workers.semantics.encoders.eye_network import EyeNetwork

Measures = dict[str, float]


@torch.no_grad()
def features_of(network: EyeNetwork, poses: Poses, chosen: Integers, batch: int = 32) -> Tensor:
    """Features `(poses, 3, hidden)`; the network must not be training."""
    parts = [network.features(poses.pictures(chosen[start : start + batch])) for start in range(0, len(chosen), batch)]
    return torch.cat(parts).float().view(len(chosen), VIEWS, -1)


@torch.no_grad()
def pose_cosines(network: EyeNetwork, features: Tensor) -> Tensor:
    """Cosine of each pair of poses, the mean over the views, `(P, P)`."""
    embedded = network.embedding(features.flatten(0, 1)).view(len(features), VIEWS, -1)
    return torch.einsum("ivd,jvd->ij", embedded, embedded) / VIEWS


@torch.no_grad()
def measure(network: EyeNetwork, heads: nn.Module, poses: Poses, chosen: Integers) -> Measures:
    """AUC of the same moment on another body against other moments, and against damaged poses; limbs' mean error."""
    features = features_of(network, poses, chosen)
    cosines = pose_cosines(network, features).numpy()
    part = poses.take(chosen)
    clean = part.damage == CLEAN
    same_moment = part.moment[:, None] == part.moment[None]
    other_body = part.body[:, None] != part.body[None]
    both_clean = clean[:, None] & clean[None]
    one_damaged = clean[:, None] & ~clean[None]
    same = cosines[same_moment & other_body & both_clean]
    other = cosines[~same_moment & other_body & both_clean]
    hard = same_moment & one_damaged
    found = {
        "auc_other": auc(same, other),
        "auc_hard_other_body": auc(same, cosines[hard & other_body]),
        "auc_hard_same_body": auc(same, cosines[hard & ~other_body]),
        "same_median": float(np.median(same)),
        "other_median": float(np.median(other)),
        "limb_error_deg": _limb_error(heads, features, torch.from_numpy(part.directions)),
    }
    for code in np.unique(part.damage[~clean]):
        name = part.damage_names[code] if code < len(part.damage_names) else str(code)
        found[f"auc_{name}"] = auc(same, cosines[hard & (part.damage == code)[None]])
    return found


def auc(positive: Floats, negative: Floats) -> float:
    """Share of pairs in which the positive lies above the negative, ties counted half; NaN where one side is empty."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left") + np.searchsorted(ordered, positive, side="right")
    return float(below.mean() / (2 * len(ordered)))


def _limb_error(heads: nn.Module, features: Tensor, directions: Tensor) -> float:
    predicted, _ = heads(features.flatten(0, 1))
    truth = directions.flatten(0, 1)
    cosine = torch.nn.functional.cosine_similarity(predicted, truth.nan_to_num(), dim=-1).clamp(-1, 1)
    return float(torch.rad2deg(torch.acos(cosine))[~truth.isnan().any(dim=-1)].mean())
