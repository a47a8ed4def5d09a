"""The blind sheets of `choices`: source, first and second, from the front and from between front and side.

`NUMBER.png` beside `key.json`, which says which was which and what both scored, and is not to be opened before all
answers are given.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from workers.lab.studies.choices import Choice
from workers.pictures.sheet import SheetRow, sheet_png
from workers.rendering.renderer import choose_renderer
from workers.semantics.viewed_clip import from_origin, view_clip

VIEWS = ("front", "three_quarter")
KEY = "key.json"
SIZE, ZOOM = 250, 2.4  # pictures in which hands can be seen, on a sheet that a screen shows whole


def draw_sheets(choices: Iterator[Choice], folder: Path, seed: int, labels: tuple[str, str]) -> Iterator[Path]:
    """Draws each choice as it comes, and keeps the key whole after each. `labels` name the two sets of options."""
    folder.mkdir(parents=True, exist_ok=True)
    random, key = Random(seed), {}
    for number, choice in enumerate(choices, 1):
        order = (0, 1) if random.random() < 0.5 else (1, 0)
        path = folder / f"{number:03d}.png"
        path.write_bytes(_sheet(choice, order, f"sheet {number}"))
        key[path.stem] = _facts(choice, order, labels)
        (folder / KEY).write_text(json.dumps({"labels": labels, "sheets": key}, indent=1))
        yield path


def _sheet(choice: Choice, order: tuple[int, int], title: str) -> bytes:
    seen = view_clip(choice.results[0], choice.target)
    renderer = choose_renderer(seen.source.skin.positions_m.device)
    rows = [SheetRow("source", seen.source)]
    for name, index in zip(("first", "second"), order, strict=True):
        rows.append(SheetRow(name, replace(seen.result, motion=from_origin(choice.results[index].scored))))
    pictures = []
    for view in VIEWS:
        png = sheet_png(
            renderer, rows, choice.frames, seen.facing, f"{title}  ·  {view}", size=SIZE, view=view, most_zoom=ZOOM
        )
        with Image.open(io.BytesIO(png)) as image:
            pictures.append(np.asarray(image.convert("RGB")))
    out = io.BytesIO()
    Image.fromarray(np.concatenate(pictures)).save(out, "PNG", optimize=True)
    return out.getvalue()


def _facts(choice: Choice, order: tuple[int, int], labels: tuple[str, str]) -> dict[str, Any]:
    clips = choice.results[0].source.scene.clips
    return {
        "first": labels[order[0]],
        "second": labels[order[1]],
        "motion": choice.drawn.motion.name,
        "clip": clips[choice.drawn.clip].name,
        "character": choice.drawn.character.name,
        "moved_heights": round(choice.moved, 4),
        "scores": dict(zip(labels, choice.reports, strict=True)),
    }
