"""The cache of rendered pictures to train on: `images.npy`, `table.npz`, `names.json`, and `READY` once it is whole.

`images.npy` is uint8 `(N, 112, 112)`. `table.npz` has a row for each picture: `moment` and `variant` (pictures that
agree in both mean the same), `body`, `family`, `kind` (0 skinned, 1 generated), `view`, `damage` (0 clean),
`damage_size` (degrees or centimetres), `clip`, `time_s`, and in float16 `directions` `(N, S, 3)` and `contacts`
`(N, K)`. The views of a pose follow each other, the poses of a moment too. `names.json` lists what the numbers stand
for. Pictures are made in units of a few moments and bodies of one
family, each from a seed of its own, so that the number of processes changes nothing.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.pool import AsyncResult
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.lab.eye.data.bodies import Family, PosableBody
from workers.lab.eye.data.describe import CONTACTS, SEGMENTS
from workers.lab.eye.data.families import load_families, load_makehuman, random_shape, shaped_body
from workers.lab.eye.data.motions import clip_text
from workers.lab.eye.data.poses import MomentBank, draw_moments, sample_moments
from workers.lab.eye.data.proportions import generated, random_scales, stretch
from workers.lab.eye.data.props import dressed
from workers.lab.eye.data.split import load_split
from workers.lab.eye.learn.groups import DAMAGE_NAMES, VIEW_NAMES, make_group, numbers, render, stacked
from workers.semantics.encoders.eye_picture import SIDE_PX

MOMENTS_A_UNIT = 12
# Units by family: how much a family teaches goes with how many bodies it has.
FAMILY_SHARES = {
    "makehuman": 0.34, "quaternius-men": 0.18, "kaykit-manny": 0.14, "samples": 0.1, "quaternius-human": 0.06,
    "quaternius-woman": 0.06, "quaternius-zombie": 0.06, "quaternius-knight": 0.06,
}  # fmt: skip
KINDS = ("skinned", "generated")
READY = "READY"

Progress = Callable[[int, int], None]  # pictures so far, and wanted
Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Unit:
    """A few moments on a few bodies of one family."""

    number: int
    family: str
    seed: int


def build_cache(data: Path, folder: Path, pictures: int, seed: int, processes: int, progress: Progress) -> None:
    """Render at least `pictures` pictures of the training part into `folder`. Raises what reading and writing raise.

    A whole cache is left as it is; a broken one is made again.
    """
    if (folder / READY).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    families = load_split().train_families
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _start_worker, (data, folder)) as pool:
        for _ in pool.imap_unordered(_make_bank, sorted(families, key=lambda name: -FAMILY_SHARES[name])):
            pass
        parts: dict[int, tuple[NDArray[np.uint8], Rows]] = {}
        done = 0
        results: list[AsyncResult[tuple[int, NDArray[np.uint8], Rows]]] = []
        planned = plan(families, seed)
        while done < pictures:
            while len(results) < 2 * processes:
                results.append(pool.apply_async(_render_unit, (next(planned),)))
            number, images, rows = results.pop(0).get()
            parts[number] = (images, rows)
            done += len(images)
            progress(done, pictures)
        pool.terminate()
    _write(folder, [parts[number] for number in sorted(parts)])


def plan(families: tuple[str, ...], seed: int) -> Iterator[Unit]:
    """Units without end, families by their shares."""
    shares = np.array([FAMILY_SHARES[name] for name in families])
    number = 0
    while True:
        random = np.random.default_rng([seed, number])
        yield Unit(number, str(random.choice(families, p=shares / shares.sum())), int(random.integers(2**32)))
        number += 1


_WORK: dict[str, Path] = {}


def _start_worker(data: Path, folder: Path) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    _WORK.update(data=data, folder=folder)


@lru_cache(maxsize=1)
def _families() -> dict[str, Family]:
    return {family.name: family for family in load_families(_WORK["data"], "train")}


def _make_bank(name: str) -> str:
    """Moments of all clips on the family's first body, into a file beside the cache."""
    family, clips = _families()[name], load_split().train_clips
    path = _WORK["folder"] / f"moments-{name}.npz"
    if path.exists():
        return name
    parts = [(*sample_moments(clip), clips.index(clip.id)) for clip in family.clips]
    np.savez(
        path.with_suffix(".part.npz"),
        rotations=np.concatenate([part[0] for part in parts]),
        hips_m=np.concatenate([part[1] for part in parts]),
        times_s=np.concatenate([part[2] for part in parts]),
        clips=np.concatenate([np.full(len(part[0]), part[3]) for part in parts]),
    )
    path.with_suffix(".part.npz").replace(path)
    return name


@lru_cache(maxsize=16)
def _bank(name: str) -> MomentBank:
    with np.load(_WORK["folder"] / f"moments-{name}.npz") as bank:
        body = _families()[name].bodies[0].body
        return MomentBank(body, bank["rotations"], bank["hips_m"], bank["clips"], bank["times_s"])


def _render_unit(unit: Unit) -> tuple[int, NDArray[np.uint8], Rows]:
    random = np.random.default_rng(unit.seed)
    family = _families()[unit.family]
    bodies = _draw_bodies(family, random)
    moments = draw_moments(_bank(unit.family), family.bodies[0], random, MOMENTS_A_UNIT)
    seen = [
        picture
        for row in range(MOMENTS_A_UNIT)
        for picture in make_group(moments, row, unit.number * MOMENTS_A_UNIT + row, family.bodies[0], bodies, random)
    ]
    views = len(VIEW_NAMES)
    images = np.zeros((len(seen), views, SIDE_PX, SIDE_PX), dtype=np.uint8)
    ways = np.zeros((len(seen), views, len(SEGMENTS), 3), dtype=np.float16)
    contacts = np.zeros((len(seen), len(CONTACTS)), dtype=np.float16)
    for number, posable in enumerate(bodies):
        rows = [row for row, one in enumerate(seen) if one.body == number]
        motion = stacked([seen[row] for row in rows], random)
        looks = [seen[row].look for row in rows]
        images[rows] = render(dressed(posable, random), motion, looks)
        ways[rows], contacts[rows] = numbers(posable, motion, looks)
    family_number = load_split().train_families.index(unit.family)
    columns: Rows = {
        "moment": np.array([one.moment for one in seen]),
        "variant": np.array([one.variant for one in seen], dtype=np.int16),
        "body": np.array([unit.number * len(bodies) + one.body for one in seen]),
        "family": np.full(len(seen), family_number, dtype=np.int16),
        "kind": np.array([KINDS.index(bodies[one.body].kind) for one in seen], dtype=np.int8),
        "damage": np.array([DAMAGE_NAMES.index(one.damage) for one in seen], dtype=np.int8),
        "damage_size": np.array([one.damage_size for one in seen], dtype=np.float32),
        "clip": np.array([one.clip for one in seen], dtype=np.int32),
        "time_s": np.array([one.time_s for one in seen], dtype=np.float32),
        "contacts": contacts,
    }  # fmt: skip
    table = {name: np.repeat(column, views, axis=0) for name, column in columns.items()}
    table["view"] = np.tile(np.arange(views, dtype=np.int8), len(seen))
    table["directions"] = ways.reshape(-1, len(SEGMENTS), 3)
    return unit.number, images.reshape(-1, SIDE_PX, SIDE_PX), table


def _draw_bodies(family: Family, random: np.random.Generator) -> list[PosableBody]:
    """Four bodies: one as it is, another or a stretched one, a stretched one, and a generated one."""
    first = _draw_body(family, random)
    second = _draw_body(family, random)
    if second is first or random.random() < 0.5:
        second = stretch(second, random_scales(random, second), f"{second.name} stretched")
    third = _draw_body(family, random)
    third = stretch(third, random_scales(random, third), f"{third.name} stretched")
    bones = [first, second, third][int(random.integers(3))]
    return [first, second, third, generated(bones)]


def _draw_body(family: Family, random: np.random.Generator) -> PosableBody:
    if family.name == "makehuman":
        base, prepared = load_makehuman(_WORK["data"])
        return shaped_body(base, prepared.body, "shape", family.name, random_shape(random))
    return family.bodies[int(random.integers(len(family.bodies)))]


def _write(folder: Path, parts: list[tuple[NDArray[np.uint8], Rows]]) -> None:
    """Bodies and moments keep their numbers; whatever was written before is replaced only when all is there."""
    np.save(folder / "images.npy", np.concatenate([images for images, _ in parts]))
    table: dict[str, Any] = {name: np.concatenate([rows[name] for _, rows in parts]) for name in parts[0][1]}
    np.savez(folder / "table.npz", **table)
    split = load_split()
    meaning = {
        "families": split.train_families, "kinds": KINDS, "views": VIEW_NAMES, "damages": DAMAGE_NAMES,
        "segments": SEGMENTS, "contacts": CONTACTS, "clips": split.train_clips,
        "clip_texts": [clip_text(clip) for clip in split.train_clips],
    }  # fmt: skip
    (folder / "names.json").write_text(json.dumps(meaning, indent=1))
    (folder / READY).write_text(f"{sum(len(images) for images, _ in parts)}\n")
