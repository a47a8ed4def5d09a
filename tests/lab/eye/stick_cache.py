"""A small render cache of stick figures: four limbs on a trunk, drawn straight into the 112 px picture.

Made as the real one is: moments on several bodies (other lengths and widths of limbs), damaged ones with a limb turned
by a known angle, three views (here: the figure leaning by three different angles), truth beside every picture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 112
LIMBS = 4
SEGMENTS = ("right arm", "left arm", "right leg", "left leg")
CONTACTS = ("left hand to trunk", "right hand to trunk")
LEANS = (0.0, 0.35, -0.35)  # radians, a view each
TEXTS = ("walk forward", "wave arms", "kick ball", "sit down", "jump high", "throw punch")


def write_stick_cache(folder: Path, moments: int = 24, bodies: int = 3, clips: int = 6, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    lengths = random.uniform(16, 26, (bodies, LIMBS))
    widths = random.uniform(2.0, 3.5, bodies)
    clip_pose = random.uniform(-np.pi, np.pi, (clips, LIMBS))
    images: list[np.ndarray] = []
    table: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for moment in range(moments):
        clip = moment % clips
        clean = clip_pose[clip] + random.normal(0, 0.5, LIMBS)
        for variant, damage in enumerate((0, 0, 1, 1)):
            body = len(images) // 3 % bodies
            angles, size = clean.copy(), 0.0
            if damage:
                size = float(random.uniform(10, 60))
                angles[random.integers(LIMBS)] += np.deg2rad(size)
            for view, lean in enumerate(LEANS):
                images.append(_draw(angles + lean, lengths[body], widths[body]))
                row = (
                    moment, variant if damage else 0, body, body % 2, 0, view, damage, size, clip, moment / 10,
                    _directions(angles + lean), np.full(2, np.nan),
                )  # fmt: skip
                for name, value in zip(_COLUMNS, row, strict=True):
                    table[name].append(value)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", np.stack(images))
    arrays: dict[str, Any] = {name: np.array(values) for name, values in table.items()}
    arrays |= {name: arrays[name].astype(np.float16) for name in ("directions", "contacts")}
    np.savez(folder / "table.npz", **arrays)
    texts = [TEXTS[clip % len(TEXTS)] for clip in range(clips)]
    names = {"clip_texts": texts, "damages": ["clean", "limb"], "segments": SEGMENTS, "contacts": CONTACTS}
    (folder / "names.json").write_text(json.dumps(names))
    return folder


_COLUMNS = (
    "moment", "variant", "body", "family", "kind", "view", "damage", "damage_size", "clip", "time_s",
    "directions", "contacts",
)  # fmt: skip


def _directions(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([np.sin(angles), np.cos(angles), np.zeros(LIMBS)], axis=1)


def _draw(angles: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64], width: float) -> npt.NDArray[np.uint8]:
    """Dark limbs from two joints above and two below the middle, over light ground, with soft edges."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    picture = np.ones((SIDE, SIDE))
    starts = np.array([(46, 46), (66, 46), (50, 66), (62, 66)], dtype=float)
    for start, angle, length in zip(starts, angles, lengths, strict=True):
        along = np.array([np.sin(angle), np.cos(angle)])
        share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]).clip(0, length)
        apart = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
        picture = np.minimum(picture, 0.3 + 0.7 * (apart - width).clip(0, 1))
    return (picture * 255).round().astype(np.uint8)
