"""What is kept of a sheet: the result's pictures at their moments in blocks of `BLOCK` pixels, as shades of grey.

Text, scores and the other rows are left out, so that only what is drawn of the result counts. Pillow is imported when a
sheet is looked at.
"""

from __future__ import annotations

import io
import json

import numpy as np
from pydantic import BaseModel, ConfigDict

from workers.gate.motion_signature import packed, unpacked
from workers.skeleton.model import Array

BLOCK = 8
SHADE_STEP = 4  # of 255: what is kept is coarser than the rounding of a palette
MOST_APART = 0.02  # of a picture's blocks
RESULT = "result"  # its row's name


class PackedPictures(BaseModel):
    """`shades` `(pictures, side, side)` packed, in steps of `SHADE_STEP`; `times_s` a moment each."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    times_s: tuple[float, ...]
    side: int
    shades: str


def sign_sheet(sheet: bytes) -> PackedPictures:
    """The signature of a `sheet.png`. Raises KeyError where it does not say where its pictures are."""
    from PIL import Image

    with Image.open(io.BytesIO(sheet)) as image:
        places = json.loads(image.info["places"])
        grey = np.asarray(image.convert("L"), dtype=np.float64)
    size, top = places["size"], places["top"][RESULT]
    side = size // BLOCK
    cut = [grey[top : top + side * BLOCK, left : left + side * BLOCK] for left in places["left"]]
    blocks = np.stack([picture.reshape(side, BLOCK, side, BLOCK).mean(axis=(1, 3)) for picture in cut])
    return PackedPictures(times_s=tuple(places["times_s"]), side=side, shades=packed(blocks / SHADE_STEP, np.uint8))


def unpack_pictures(kept: PackedPictures) -> Array:
    """Shades from 0 to 1, `(pictures, side, side)`. Raises ValueError where they were damaged."""
    shades = unpacked(kept.shades, np.uint8).reshape(len(kept.times_s), kept.side, kept.side)
    return shades * (SHADE_STEP / 255.0)


def difference(first: Array, second: Array) -> float:
    """Of two pictures `(side, side)`: the mean difference of the `MOST_APART` of their blocks that differ most, of 1.

    A limb covers about as many; the ground and the sky around, which stay, do not dilute it.
    """
    apart = np.sort(np.abs(first - second), axis=None)
    return float(apart[-max(1, round(MOST_APART * apart.size)) :].mean())
