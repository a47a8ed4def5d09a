"""The witness: the same encoder in front of views that it was never optimised for.

An encoder that is optimised is an adversary: small changes of a picture please it that nobody would see, and what it
gains in the views that were worked on proves nothing. So a change must also show from cameras that stand elsewhere, in
another crop (held-out views, as one holds out data). They take turns over the keyframes, which is a third of the
pictures that the optimised views take. What a window must gain there is `accept`'s.
"""

from __future__ import annotations

from workers.refinement.rows import OnPiece
from workers.refinement.semantic import PICTURES, SemanticObjective, look_from
from workers.rendering.cameras import HELD_OUT
from workers.semantics.encoders.base import Encoder
from workers.semantics.viewed_clip import ViewedClip

ZOOM = 1.2  # what is above the head is cut off: another crop, raised hands still inside


def open_witness(seen: ViewedClip, encoder: Encoder, on_piece: OnPiece) -> SemanticObjective:
    """Look at the source once, each keyframe from one of the held-out cameras, in turns."""
    views = [view for view in HELD_OUT if view not in seen.views]
    count, every = len(seen.keyframes), len(views)
    rows = {
        view: [
            slice(first, min(first + PICTURES * every, count), every) for first in range(turn, count, PICTURES * every)
        ]
        for turn, view in enumerate(views)
    }
    return look_from(seen, encoder, {view: parts for view, parts in rows.items() if parts}, ZOOM, on_piece)
