"""Figures of a comparison as bars: a panel a column, a bar an opponent, each panel on its own scale."""

from __future__ import annotations

from PIL import Image, ImageDraw

from workers.lab.bench.compare import COLUMNS, Comparison, number
from workers.pictures.lettering import FAINT, INK, LINE, PAPER, font

PANELS_ACROSS, NAME, BAR, GAP = 3, 90, 190, 26
COLOURS = ((66, 133, 90), (42, 96, 150), (150, 150, 156), (206, 140, 60), (190, 88, 70), (120, 90, 160))


def bars_picture(found: Comparison) -> Image.Image:
    """Columns that nobody has a figure in are left out."""
    columns = [name for name in COLUMNS if any(row[name] is not None for row in found.figures.values())]
    names = list(found.figures)
    wide, high = NAME + BAR + 60 + GAP, LINE * (len(names) + 1) + GAP
    rows = -(-len(columns) // PANELS_ACROSS)
    image = Image.new("RGB", (wide * PANELS_ACROSS + GAP, high * rows + GAP + LINE), PAPER)
    draw = ImageDraw.Draw(image)
    for place, column in enumerate(columns):
        x, y = GAP + wide * (place % PANELS_ACROSS), GAP + high * (place // PANELS_ACROSS)
        draw.text((x, y), COLUMNS[column], fill=INK, font=font())
        most = max(abs(row[column] or 0.0) for row in found.figures.values()) or 1.0
        for line, name in enumerate(names):
            top, value = y + LINE * (line + 1), found.figures[name][column]
            draw.text((x, top + LINE // 2), name, fill=FAINT, font=font(), anchor="lm")
            if value is None:
                continue
            stop = x + NAME + int(BAR * abs(value) / most)
            draw.rectangle(
                (x + NAME, top + 4, max(stop, x + NAME + 1), top + LINE - 4), fill=COLOURS[line % len(COLOURS)]
            )
            draw.text((stop + 6, top + LINE // 2), number(value), fill=INK, font=font(), anchor="lm")
    told = f"means over {found.pairs} pairs; each panel has its own scale"
    draw.text((GAP, image.height - LINE // 2 - 4), told, fill=FAINT, font=font(), anchor="lm")
    return image
