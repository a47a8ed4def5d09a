"""Text and margins of pictures: labels in one font and one set of colours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from workers.rendering.moving_body import Picture

Colour = tuple[int, int, int]

INK: Colour = (40, 44, 52)
FAINT: Colour = (122, 128, 138)
PAPER: Colour = (255, 255, 255)
ALARM: Colour = (208, 74, 38)
TEXT_SIZE = 13
LINE = 22  # height of a line of text
GAP = 2  # between pictures


@cache
def font(size: int = TEXT_SIZE) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow."""
    return ImageFont.load_default(size)


def shortened(text: str, width: float) -> str:
    """The text, cut with an ellipsis where it is wider than `width` pixels."""
    if font().getlength(text) <= width:
        return text
    while len(text) > 1 and font().getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def beside(pictures: Sequence[Picture]) -> Picture:
    """A row of pictures of one height with gaps between them."""
    gap = np.full((pictures[0].shape[0], GAP, 3), PAPER, dtype=np.uint8)
    parts: list[Picture] = [pictures[0]]
    for picture in pictures[1:]:
        parts += [gap, picture]
    return np.concatenate(parts, axis=1)


def below(rows: Sequence[Picture]) -> Picture:
    """Pictures of one width under one another with gaps between them."""
    gap = np.full((GAP, rows[0].shape[1], 3), PAPER, dtype=np.uint8)
    parts: list[Picture] = [rows[0]]
    for row in rows[1:]:
        parts += [gap, row]
    return np.concatenate(parts)


def captions(texts: Sequence[tuple[str, str]], size: int) -> Picture:
    """A line of text over a row of pictures of width `size`: for each what stands left (cut where needed) and right."""
    image = Image.new("RGB", (len(texts) * size + (len(texts) - 1) * GAP, LINE), PAPER)
    draw = ImageDraw.Draw(image)
    for column, (left, right) in enumerate(texts):
        start = column * (size + GAP)
        room = size - 12 - font().getlength(right)
        draw.text((start + 5, LINE // 2), shortened(left, room), fill=INK, font=font(), anchor="lm")
        draw.text((start + size - 5, LINE // 2), right, fill=FAINT, font=font(), anchor="rm")
    return np.asarray(image)


def lettered(picture: Picture, text: str, colour: Colour = FAINT) -> Picture:
    """The picture with a word in its lower left corner."""
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((6, image.height - 6), text, fill=colour, font=font(), anchor="ls")
    return np.asarray(image)
