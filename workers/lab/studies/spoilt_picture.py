"""What each kind of damage looks like: source, good result and spoilt one at the moment in which they differ most, and
what the verdict says of it. One body, drawn by seed, that walks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from workers.contract.errors import InvalidOptions
from workers.lab.corpus import Corpus
from workers.lab.studies.spoilt import draw_goods, judged
from workers.lab.studies.spoilt_results import KINDS, Good
from workers.motion.body_motion import BodyMotion
from workers.pictures.framing import framed_cameras
from workers.pictures.lettering import below, beside, captions
from workers.rendering.moving_body import Picture
from workers.rendering.renderer import choose_renderer
from workers.semantics.viewed_clip import from_origin, view_clip

SIZE, VIEW, ACROSS, ZOOM = 150, "three_quarter", 2, 1.6
MOST_WORDS = 3  # rows of a verdict told above a picture


def draw_spoilt(corpus: Corpus, seed: int) -> Image.Image:
    """Raises InvalidOptions where the corpus has no clip that shows every damage."""
    found = next(draw_goods(corpus, 1, seed), None)
    if found is None:
        raise InvalidOptions("--data: no body has a clip that walks on flat ground and moves every limb; give others")
    good, names = found
    cells = []
    for kind, damage in KINDS.items():
        spoilt = damage(good, 1.0)
        row = judged(good, spoilt, kind, 1.0, names)
        said = ", ".join(name.replace("_", " ") for name in row.decided_by[:MOST_WORDS])
        cells.append(_cell(good, spoilt, kind.replace("_", " "), f"{row.verdict}: {said}"))
    rows = [beside(cells[start : start + ACROSS]) for start in range(0, len(cells), ACROSS)]
    return Image.fromarray(below(rows)).quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _cell(good: Good, spoilt: BodyMotion, kind: str, verdict: str) -> Picture:
    seen = view_clip(good.done, good.target)
    moved = np.linalg.norm(spoilt.positions_m - good.motion.positions_m, axis=2).mean(axis=1)
    # Early: a wrong way along the ground is only seen where the body is still in the picture.
    frame = int(moved[: max(len(moved) // 2, 1)].argmax())
    result, damaged = seen.result, replace(seen.result, motion=from_origin(spoilt))
    source, own = framed_cameras([seen.source, result], seen.facing, SIZE, [VIEW], ZOOM)
    renderer = choose_renderer(seen.source.skin.positions_m.device)
    # The spoilt body before the good one's camera: one that moved away is seen to have.
    shots = ((seen.source, source), (result, own), (damaged, own))
    pictures = beside([body.render(renderer, [frame], camera[VIEW])[0] for body, camera in shots])
    return below([captions([(kind, verdict)], pictures.shape[1]), pictures])
