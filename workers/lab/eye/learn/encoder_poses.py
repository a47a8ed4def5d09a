"""The render cache as poses to learn from: groups of one moment on several bodies, each pose seen from every view.

A cache is a folder with `images.npy` (uint8, (N, 112, 112), see `workers.semantics.encoders.eye_picture`), `table.npz`
(one row an image) and `names.json`; `workers.lab.eye.data.cache` writes it. Here it is only read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.contract.errors import InvalidOptions
from workers.lab.eye.learn.mirror import Mirror, make_mirror
from workers.semantics.encoders.eye_picture import SIDE_PX, from_bytes

VIEWS = 3
CLEAN = 0  # the damage code of a pose as it was
ACROSS = ("shoulders", "hips")  # segments from one side of the body to the other

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses `P`, each with one picture a view. Angles and contacts are NaN where a body has no such part."""

    images: npt.NDArray[np.uint8]  # (N, 112, 112), on disk
    rows: Integers  # (P, 3) into images, by view
    moment: Integers
    variant: Integers  # poses of one moment and variant mean the same
    body: Integers
    family: Integers
    clip: Integers
    damage: Integers
    damage_size: Floats
    directions: Floats  # (P, 3 views, S, 3) unit vectors in the frame of each view
    contacts: Floats  # (P, K)
    clip_texts: tuple[str, ...]
    damage_names: tuple[str, ...]
    mirror: Mirror

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: Integers) -> Poses:
        """Some of the poses, over the same pictures."""
        columns = (
            "rows", "moment", "variant", "body", "family", "clip", "damage", "damage_size", "directions", "contacts",
        )  # fmt: skip
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    def pictures(self, chosen: Integers) -> Tensor:
        """`(poses * 3, 112, 112)`, 0 to 1: the views of each pose after one another."""
        rows = self.rows[chosen].reshape(-1)
        order = np.argsort(rows)  # disk order
        pictures = np.empty((len(rows), SIDE_PX, SIDE_PX), dtype=np.uint8)
        pictures[order] = self.images[rows[order]]
        return from_bytes(torch.from_numpy(pictures))


def read_poses(folder: Path) -> Poses:
    """All poses with a picture in each view. Raises InvalidOptions where the folder is no render cache."""
    try:
        images = np.load(folder / "images.npy", mmap_mode="r")
        with np.load(folder / "table.npz") as file:
            table = {name: file[name] for name in file.files}
        names = json.loads((folder / "names.json").read_text())
        texts, damages = tuple(names["clip_texts"]), tuple(names["damages"])
        mirror = make_mirror(names["segments"], names["contacts"], ACROSS)
        identity = np.stack([table[name] for name in ("moment", "variant", "body")], axis=1).astype(np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidOptions(
            f"{folder}: no render cache ({type(error).__name__}: {error}); make one: retarget train data"
        ) from None
    _, pose_of = np.unique(identity, axis=0, return_inverse=True)
    rows = np.full((int(pose_of.max()) + 1, VIEWS), -1, dtype=np.int64)
    rows[pose_of.ravel(), table["view"].astype(np.int64)] = np.arange(len(identity))
    rows = rows[(rows >= 0).all(axis=1)]
    if not len(rows) or images.shape[1:] != (SIDE_PX, SIDE_PX):
        raise InvalidOptions(f"{folder}: no pose has all {VIEWS} views at {SIDE_PX} px; make the render cache again")
    rows = rows[np.argsort(rows[:, 0])]
    first = rows[:, 0]
    moment, variant, body = identity[first].T
    return Poses(
        images=images,
        rows=rows,
        moment=moment,
        variant=variant,
        body=body,
        family=table["family"].astype(np.int64)[first],
        clip=table["clip"].astype(np.int64)[first],
        damage=table["damage"].astype(np.int64)[first],
        damage_size=table["damage_size"].astype(np.float32)[first],
        directions=table["directions"].astype(np.float32)[rows],
        contacts=table["contacts"].astype(np.float32)[first],
        clip_texts=texts,
        damage_names=damages,
        mirror=mirror,
    )


def groups_of(poses: Poses) -> list[Integers]:
    """Poses of each moment that is seen on at least two bodies, by moment."""
    order = np.argsort(poses.moment, kind="stable")
    cuts = np.flatnonzero(np.diff(poses.moment[order])) + 1
    groups = np.split(order, cuts)
    return [group for group in groups if len(set(poses.body[group][poses.damage[group] == CLEAN].tolist())) > 1]


def batches(
    poses: Poses, groups: list[Integers], moments: int, clean: int, damaged: int, random: np.random.Generator
) -> Iterator[Integers]:
    """Endless batches of poses: `moments` groups, of each up to `clean` clean and `damaged` damaged poses.

    Every group comes once before one comes again; the random generator alone decides the order.
    """
    if not groups:
        raise InvalidOptions("the render cache has no moment on two bodies; make a larger one")
    size = min(moments, len(groups))
    while True:
        order = random.permutation(len(groups))
        for start in range(0, len(order) - size + 1, size):
            chosen = []
            for number in order[start : start + size]:
                group = random.permutation(groups[number])
                is_clean = poses.damage[group] == CLEAN
                chosen += [group[is_clean][:clean], group[~is_clean][:damaged]]
            yield np.concatenate(chosen)


def split_by_clip(poses: Poses, share: float, seed: int) -> tuple[Poses, Poses]:
    """Poses to train on, and poses of other clips to watch the training with; bodies differ from moment to moment.

    Both of the training part: what is measured in the end was held out before.
    """
    clips = np.random.default_rng(seed).permutation(np.unique(poses.clip))
    watched = np.isin(poses.clip, clips[: max(1, round(share * len(clips)))])
    return poses.take(np.flatnonzero(~watched)), poses.take(np.flatnonzero(watched))
