"""The sheet: moments of a clip in a row with their times, a row for each body, a score below each picture.

One PNG that a person takes in at a glance. Which moments, what they score and which is the worst is the caller's to
say; a score is a number from 0 to 1, None where there is none. Programs find the pictures by the PNG's text `PLACES`:
JSON of `{size, times_s, left, top}`, pixels, `left` for each moment and `top` by the row's name.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from workers.pictures.framing import framed_cameras
from workers.pictures.lettering import ALARM, FAINT, GAP, INK, LINE, PAPER, Colour, below, beside, font, shortened
from workers.rendering.moving_body import MovingBody, Picture
from workers.rendering.renderer import Renderer
from workers.skeleton.model import Array

SIZE = 224  # of one picture in pixels
VIEW = "three_quarter"
MARGIN = 76  # left of the rows, for their names
FRAME = 3  # thickness of the mark around the worst moment
# A score's colour: from the first at 0 over the second at 0.5 to the third at 1.
LOW, MIDDLE, HIGH = (202, 62, 40), (226, 168, 44), (70, 148, 88)
STEPS = 10
PLACES = "places"  # the PNG's text that says where its pictures are
EMPTY: Colour = (232, 234, 237)  # the rest of a score's bar
COLOURS = 256  # of the palette


@dataclass(frozen=True)
class SheetRow:
    """A body under its name, with a score for each moment; None where the row has none."""

    name: str
    body: MovingBody
    scores: Sequence[float | None] | None = None


def sheet_png(
    renderer: Renderer,
    rows: Sequence[SheetRow],
    frames: Sequence[int],
    facing: Array,
    title: str = "",
    worst: tuple[int, int] | None = None,
    size: int = SIZE,
    view: str = VIEW,
    most_zoom: float = 1.0,
) -> bytes:
    """`frames` count in every body's motion alike; `worst` is row and column of the moment to mark; `most_zoom` is how
    far bodies that leave room may be zoomed in. Raises ValueError where a row's scores are not as many as the frames.
    """
    for row in rows:
        if row.scores is not None and len(row.scores) != len(frames):
            raise ValueError(f"{len(frames)} frames need as many scores, not {len(row.scores)}")
    lines = [_times(rows[0].body, frames, size)]
    cameras = framed_cameras([row.body for row in rows], facing, size, [view], most_zoom)
    for number, (row, own) in enumerate(zip(rows, cameras, strict=True)):
        chosen = [min(frame, row.body.motion.frames - 1) for frame in frames]
        pictures = row.body.render(renderer, chosen, own[view])
        if worst is not None and worst[0] == number:
            pictures[worst[1]] = _marked(pictures[worst[1]])
        if row.scores is not None:
            pairs = zip(pictures, row.scores, strict=True)
            pictures = [np.concatenate([picture, _score_line(score, size)]) for picture, score in pairs]
        lines.append(np.concatenate([_name(row.name, len(pictures[0])), beside(pictures)], axis=1))
    if title:
        lines.insert(0, _title(title, lines[0].shape[1]))
    places = PngInfo()
    places.add_text(PLACES, json.dumps(_places(rows, lines, frames, size)))
    out = io.BytesIO()
    _with_palette(Image.fromarray(below(lines))).save(out, "PNG", optimize=True, pnginfo=places)
    return out.getvalue()


def _places(
    rows: Sequence[SheetRow], lines: Sequence[Picture], frames: Sequence[int], size: int
) -> dict[str, int | list[float] | list[int] | dict[str, int]]:
    """Where the pictures are; the rows are the last of the lines."""
    starts = [sum(len(line) + GAP for line in lines[:number]) for number in range(len(lines))]
    names = [row.name for row in rows]
    return {
        "size": size,
        "times_s": [round(frame / rows[0].body.motion.rate_hz, 4) for frame in frames],
        "left": [MARGIN + column * (size + GAP) for column in range(len(frames))],
        "top": dict(zip(names, starts[-len(rows) :], strict=True)),
    }


def _with_palette(image: Image.Image) -> Image.Image:
    """A third of the bytes: shades that leave no pixel far off, and the few colours of text and marks as they are."""
    marks = sorted({INK, FAINT, PAPER, ALARM, EMPTY, *(score_colour(step / STEPS) for step in range(STEPS + 1))})
    small = image.quantize(COLOURS - len(marks), Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    shades = small.getpalette() or []
    pixels, indices = np.asarray(image), np.array(small)
    for number, colour in enumerate(marks, len(shades) // 3):
        indices[(pixels == colour).all(axis=2)] = number
    result = Image.fromarray(indices)
    result.putpalette([*shades, *(channel for colour in marks for channel in colour)])
    return result


def score_colour(score: float) -> Colour:
    """From red at 0 over amber to green at 1, in `STEPS` steps."""
    position = 2.0 * round(min(max(score, 0.0), 1.0) * STEPS) / STEPS
    first, last = (LOW, MIDDLE) if position < 1.0 else (MIDDLE, HIGH)
    share = position if position < 1.0 else position - 1.0
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(first, last, strict=True))
    return red, green, blue


def _title(text: str, width: int) -> Picture:
    image = Image.new("RGB", (width, LINE + 4), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((8, image.height // 2), shortened(text, width - 16), fill=INK, font=font(), anchor="lm")
    return np.asarray(image)


def _times(body: MovingBody, frames: Sequence[int], size: int) -> Picture:
    image = Image.new("RGB", (MARGIN + len(frames) * size + (len(frames) - 1) * GAP, LINE), PAPER)
    draw = ImageDraw.Draw(image)
    for column, frame in enumerate(frames):
        place = (MARGIN + column * (size + GAP) + size // 2, LINE // 2)
        draw.text(place, f"{frame / body.motion.rate_hz:.2f} s", fill=INK, font=font(), anchor="mm")
    return np.asarray(image)


def _name(name: str, height: int) -> Picture:
    image = Image.new("RGB", (MARGIN, height), PAPER)
    text = shortened(name, MARGIN - 12)
    ImageDraw.Draw(image).text((8, height // 2), text, fill=INK, font=font(), anchor="lm")
    return np.asarray(image)


def _score_line(score: float | None, size: int) -> Picture:
    """The line below a picture: the score as a number and as a bar of its colour."""
    image = Image.new("RGB", (size, LINE), PAPER)
    draw, middle = ImageDraw.Draw(image), LINE // 2
    if score is None:
        draw.text((8, middle), "no score", fill=FAINT, font=font(), anchor="lm")
    else:
        left, right = 46, size - 8
        end = left + round((right - left) * min(max(score, 0.0), 1.0))
        draw.text((8, middle), f"{score:.2f}", fill=INK, font=font(), anchor="lm")
        draw.rectangle((left, middle - 3, right, middle + 2), fill=EMPTY)
        draw.rectangle((left, middle - 3, max(end, left + 2), middle + 2), fill=score_colour(score))
    return np.asarray(image)


def _marked(picture: Picture) -> Picture:
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=ALARM, width=FRAME)
    draw.text((image.width - 10, 8), "worst", fill=ALARM, font=font(), anchor="ra")
    return np.asarray(image)
