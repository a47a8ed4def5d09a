"""What viewers may mark on a body of `scene.glb`: the parts that touch one another, and those that are inside the body.

Measured as the report does (`workers.scores.surface_measures`), in at most `FRAMES` frames spread over the clip; what
lies between two of them is for the viewer to hold. A generated body has touches, but no depths: its surface is a guess.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.scores.surface_scores import PACKAGES

FRAMES = 60
DIGITS = 2  # of a depth in cm


def marks(file: PreparedCharacter | PreparedMotion, motion: BodyMotion) -> dict[str, Any]:
    """`{"parts": [of each joint], "touches": [[part, part, start_s, end_s]], "inside": {"times_s", "depth_cm"}}` of a
    motion of the body in `file`. `depth_cm` is the greatest of each part that enters the body, at each of the times.
    Empty where the packages that measure are not installed.
    """
    if any(find_spec(package) is None for package in PACKAGES):
        return {}
    from workers.geometry.parts import PARTS, joint_parts
    from workers.geometry.posing import pose
    from workers.geometry.prepared import surfaces_of
    from workers.geometry.self_contact import find_contact_spans
    from workers.scores.surface_measures import search_stride, spread_frames, thinned

    surfaces = surfaces_of(file)
    thin = thinned(motion, search_stride(motion))
    spans = find_contact_spans(thin, surfaces.light)
    touches = [
        [PARTS[a], PARTS[b], round(start / thin.rate_hz, 3), round(stop / thin.rate_hz, 3)]
        for a, b, start, stop in zip(spans.part_a, spans.part_b, spans.start, spans.stop, strict=True)
    ]
    found: dict[str, Any] = {"parts": [PARTS[part] for part in joint_parts(motion.body)], "touches": touches}
    surface = surfaces.full
    if surface.is_own and len(surface.limb_vertices):
        frames = spread_frames(motion.frames, FRAMES)
        depth_cm = 100.0 * surfaces.penetration.measure(pose(surface, motion, frames)).depth_m
        of_vertex = surface.parts[surface.limb_vertices]
        deepest = {PARTS[part]: depth_cm[:, of_vertex == part].max(axis=1) for part in np.unique(of_vertex)}
        found["inside"] = {
            "times_s": (frames / motion.rate_hz).round(4).tolist(),
            "depth_cm": {part: depth.round(DIGITS).tolist() for part, depth in deepest.items() if depth.max() > 0.0},
        }
    return found
