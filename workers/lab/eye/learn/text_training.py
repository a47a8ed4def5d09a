"""Teaching the built-in encoder words, once its picture network is trained and frozen.

The words of a clip and the features of some of its frames, averaged over frames and views, are to become like vectors
(symmetric contrastive loss over clips, arXiv 2103.00020; clips with the same words are all right answers). There are
only about a hundred texts, so features and words are dropped at random and weights decay strongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.lab.eye.learn.encoder_measures import Measures, features_of
from workers.lab.eye.learn.encoder_poses import CLEAN, Integers, Poses
from workers.semantics.encoders.eye_network import EyeNetwork
from workers.semantics.encoders.eye_text import words_of

MAX_FRAMES = 16  # of a clip, averaged; one of them is enough for a value by frame


@dataclass(frozen=True)
class TextRecipe:
    steps: int = 1500
    poses_a_clip: int = 80
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    feature_dropout: float = 0.3
    word_dropout: float = 0.25
    temperature: float = 0.1


def train_words(network: EyeNetwork, train: Poses, watched: Poses, recipe: TextRecipe, seed: int) -> Measures:
    """Trains the motion head and the text tower in place; the rest stays. Returns retrieval by words."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network.eval().requires_grad_(False)
    learned, unseen = (_clip_features(network, poses, recipe.poses_a_clip, random) for poses in (train, watched))
    words = {clip: words_of(train.clip_texts[clip]) for clip in (*learned, *unseen)}
    _start_heads(network, torch.cat(list(learned.values())))
    modules = nn.ModuleList([network.motion_head, network.text_tower]).requires_grad_(True).train()
    optimiser = torch.optim.AdamW(modules.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    clips = [clip for clip in learned if words[clip]]
    right = _same_words([words[clip] for clip in clips])
    for _ in range(recipe.steps):
        chosen = [_some_frames(learned[clip], random) for clip in clips]
        motions = network.motion(functional.dropout(torch.stack(chosen), recipe.feature_dropout))
        texts = network.text_tower([_drop_words(words[clip], recipe.word_dropout, random) for clip in clips])
        loss = contrastive_loss(motions @ texts.T, right, recipe.temperature)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    network.eval().requires_grad_(False)
    found = {"loss": float(loss.detach())}
    for name, features in (("trained", learned), ("unseen", unseen)):
        found |= {f"{name}_{key}": value for key, value in retrieval(network, features, words).items()}
    return found


def contrastive_loss(cosines: Tensor, right: Tensor, temperature: float) -> Tensor:
    """`cosines (motions, texts)`; `right`: which belong together, at least one in each row and column."""
    logits, share = cosines / temperature, right.float()
    by_motion = -(logits.log_softmax(dim=1) * share / share.sum(dim=1, keepdim=True)).sum(dim=1)
    by_text = -(logits.log_softmax(dim=0) * share / share.sum(dim=0, keepdim=True)).sum(dim=0)
    return (by_motion.mean() + by_text.mean()) / 2


@torch.no_grad()
def retrieval(network: EyeNetwork, features: dict[int, Tensor], words: dict[int, list[str]]) -> Measures:
    """From a text to its clip: share of texts whose clip comes first; the mean rank as a share (guess: 0.5)."""
    clips = [clip for clip in features if words[clip]]
    if len(clips) < 2:
        return {}
    motions = network.motion(torch.stack([features[clip].mean(dim=0) for clip in clips]))
    cosines = (network.text_tower([words[clip] for clip in clips]) @ motions.T).numpy()
    right = _same_words([words[clip] for clip in clips]).numpy()
    best = np.where(right, cosines, -np.inf).max(axis=1, keepdims=True)
    ahead = ((cosines > best) & ~right).sum(axis=1)
    wrong = (~right).sum(axis=1).clip(1)
    return {"clips": len(clips), "recall_1": float((ahead == 0).mean()), "mean_rank": float((ahead / wrong).mean())}


def _clip_features(network: EyeNetwork, poses: Poses, most: int, random: np.random.Generator) -> dict[int, Tensor]:
    """Features of clean poses by clip, the mean over the views: `(poses, hidden)` each."""
    chosen: dict[int, Integers] = {}
    for clip in np.unique(poses.clip).tolist():
        clean = np.flatnonzero((poses.clip == clip) & (poses.damage == CLEAN))
        if len(clean):
            chosen[clip] = np.sort(random.permutation(clean)[:most])
    features = features_of(network, poses, np.concatenate(list(chosen.values()))).mean(dim=1)
    return dict(zip(chosen, torch.split(features, [len(rows) for rows in chosen.values()]), strict=True))


def _start_heads(network: EyeNetwork, features: Tensor) -> None:
    """The motion head begins with centred features of like size, so that it need not learn what all clips share."""
    with torch.no_grad():
        scale = features.std(dim=0).clamp_min(1e-3)
        nn.init.normal_(network.motion_head.weight, std=len(scale) ** -0.5)
        network.motion_head.weight /= scale
        network.motion_head.bias.copy_(-network.motion_head.weight @ features.mean(dim=0))


def _some_frames(features: Tensor, random: np.random.Generator) -> Tensor:
    count = min(len(features), int(random.integers(1, MAX_FRAMES + 1)))
    return features[random.permutation(len(features))[:count]].mean(dim=0)


def _drop_words(words: list[str], share: float, random: np.random.Generator) -> list[str]:
    kept = [word for word in words if random.random() >= share]
    return kept or [words[int(random.integers(len(words)))]]


def _same_words(texts: Sequence[list[str]]) -> Tensor:
    return torch.tensor([[set(first) == set(second) for second in texts] for first in texts])
