"""What the built-in encoder is taught: the cosine of two renders is to fall steadily with how far the poses are apart.

The distance of poses comes from the motions themselves, never from another network: angles between the limbs'
directions, and changes of contacts. All losses take one batch; poses `P`, views `V`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Pose distance (radians, over all limbs) at which the cosine is to be one half: about one arm turned by 15 degrees.
HALF_DISTANCE_RAD = 0.5
TOUCH_REACH = 0.03  # body heights, 5 cm on a grown-up: farther apart is no contact any more
TOUCH_RAD = 0.6  # a touch lost counts as much as this angle


def pose_distances(directions: Tensor, contacts: Tensor) -> Tensor:
    """How far poses are apart, `(P, P)`: root of the summed squares of the limbs' angles and of the changes of touch.

    `directions (P, S, 3)` unit, `contacts (P, K)` distances of surfaces in body heights; what one of the two poses
    lacks (NaN) does not count.
    """
    known = ~directions.isnan().any(dim=-1)
    filled, touch = directions.nan_to_num(), touch_level(contacts)
    chord = torch.linalg.vector_norm(filled[:, None] - filled[None], dim=-1)
    angles = 2 * torch.asin((chord / 2).clamp(max=1.0)) * (known[:, None] & known[None])
    change = (touch[:, None] - touch[None]).nan_to_num() * TOUCH_RAD
    return torch.sqrt(angles.square().sum(dim=-1) + change.square().sum(dim=-1))


def touch_level(contacts: Tensor) -> Tensor:
    """How much two surfaces touch: 0 far apart, 1 where they meet, more inside. Smooth; same shape."""
    return torch.where(contacts > 0, torch.exp(-contacts.clamp_min(0) / TOUCH_REACH), 1 - contacts / TOUCH_REACH)


def target_cosines(distances: Tensor) -> Tensor:
    """1 for the same pose, one half at `HALF_DISTANCE_RAD`, towards 0 for far ones; strictly falling."""
    return 1.0 / (1.0 + (distances / HALF_DISTANCE_RAD).square())


def regression_loss(cosines: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean squared error of cosines `(V, P, P)` to `targets (P, P)`, weighted by pair."""
    return ((cosines - targets).square() * weights).sum() / (weights.sum() * len(cosines))


def telling_loss(cosines: Tensor, same: Tensor, other: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Logistic loss of telling `same` pairs from `other` ones (masks or weights, `(P, P)`) by one threshold for all.

    As in SigLIP (arXiv 2303.15343), but both sides weigh the same. `cosines (P, P)`.
    """
    logits = scale * (cosines - bias)
    missed = (functional.softplus(-logits) * same).sum() / same.sum().clamp_min(1e-6)
    fooled = (functional.softplus(logits) * other).sum() / other.sum().clamp_min(1e-6)
    return missed + fooled


def ranking_loss(cosines: Tensor, same: Tensor, hard: Tensor, temperature: float) -> Tensor:
    """Each pose's same moment on other bodies against the damaged ones (multi-positive InfoNCE, arXiv 2004.11362).

    `cosines (P, P)`, masks `(P, P)`; a pose without a positive does not count.
    """
    logits = cosines / temperature
    against = torch.where(hard, logits, -torch.inf).logsumexp(dim=1, keepdim=True)
    each = torch.nn.functional.softplus(against - logits) * same
    return each.sum() / same.sum().clamp_min(1)


def direction_loss(predicted: Tensor, directions: Tensor) -> Tensor:
    """Mean squared error over the coordinates that are known (not NaN)."""
    known = ~directions.isnan()
    return ((predicted - directions.nan_to_num()).square() * known).sum() / known.sum().clamp_min(1)
