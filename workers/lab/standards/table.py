"""The study of standards in words, as CSV and as a picture: sources down, targets across, degrees in the cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from workers.lab.standards.study import Mapped, StandardPair
from workers.pictures.lettering import INK, PAPER, font

CELL, LABEL = 44, 170
FULL_DEG = 10.0  # as red as it gets
GOOD, BAD = np.array([222.0, 240.0, 226.0]), np.array([214.0, 64.0, 52.0])


def summary(pairs: Sequence[StandardPair], mapped: Sequence[Mapped]) -> str:
    """Means beside the naive copy's, the pairs that are farthest off, and every role that was not found."""
    done = [pair for pair in pairs if pair.error_deg is not None]
    lines = [
        f"{len(done)} of {len(pairs)} pairs; roles found {sum(m.right for m in mapped)} of "
        f"{sum(m.present for m in mapped)}"
    ]
    for item in mapped:
        lines += [f"  {item.standard}: {miss}" for miss in item.misses]
    lines += [f"  {pair.source} on {pair.target}: {pair.failure}" for pair in pairs if pair.error_deg is None]
    if done:
        ours, naive = (np.array([getattr(p, key) for p in done], dtype=float) for key in ("error_deg", "naive_deg"))
        lines.append(f"limbs off, mean of pairs: {ours.mean():.2f} degrees, worst pair {ours.max():.2f}")
        lines.append(f"naive copy: {naive.mean():.2f} degrees, worst pair {naive.max():.2f}")
        for pair in sorted(done, key=lambda pair: -(pair.error_deg or 0.0))[:3]:
            lines.append(
                f"  {pair.source} on {pair.target}: {pair.error_deg:.2f}, {pair.worst_limb} {pair.worst_deg:.2f}"
            )
    return "\n".join(lines)


def as_csv(pairs: Sequence[StandardPair]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["source", "target", "error_deg", "naive_deg", "worst_limb", "worst_deg", "failure"])
    for pair in pairs:
        writer.writerow(
            [pair.source, pair.target, pair.error_deg, pair.naive_deg, pair.worst_limb, pair.worst_deg, pair.failure]
        )
    return text.getvalue()


def matrix_picture(pairs: Sequence[StandardPair]) -> Image.Image:
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.source, pair.target)))
    side = LABEL + CELL * len(names) + 8
    image = Image.new("RGB", (side, side + CELL), PAPER)
    draw = ImageDraw.Draw(image)
    for number, name in enumerate(names):
        place = LABEL + CELL * number
        draw.text((LABEL - 8, place + CELL // 2), name, fill=INK, font=font(), anchor="rm")
        label = Image.new("RGB", (LABEL - 8, CELL), PAPER)
        ImageDraw.Draw(label).text((0, CELL // 2), name, fill=INK, font=font(), anchor="lm")
        image.paste(label.rotate(90, expand=True), (place, 0))
    for pair in pairs:
        x, y = LABEL + CELL * names.index(pair.target), LABEL + CELL * names.index(pair.source)
        share = 1.0 if pair.error_deg is None else min(pair.error_deg / FULL_DEG, 1.0)
        colour = tuple(int(value) for value in GOOD + share * (BAD - GOOD))
        draw.rectangle((x + 1, y + 1, x + CELL - 2, y + CELL - 2), fill=colour)
        told = "-" if pair.error_deg is None else f"{pair.error_deg:.2f}"
        draw.text((x + CELL // 2, y + CELL // 2), told, fill=INK, font=font(), anchor="mm")
    words = (
        "degrees between limbs as they should point and as they do; motion of the row on the character of the column"
    )
    draw.text((8, side + CELL // 2), words, fill=INK, font=font(), anchor="lm")
    return image
