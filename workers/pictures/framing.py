"""Cameras of pictures for people: those of `cameras.follow`, zoomed out where a clip would leave the picture.

All bodies of a picture share one zoom, so that they can be compared. What an encoder is shown is never zoomed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from workers.rendering.cameras import Camera
from workers.rendering.moving_body import MovingBody
from workers.skeleton.model import Array

MOMENTS = 24  # of a clip that are looked at
FILLED = 0.94  # share of the half picture that a body may fill
MIN_ZOOM = 0.6  # what still sticks out then is a long prop or a fall from height


def framed_cameras(
    bodies: Sequence[MovingBody], facing: Array, size: int, views: Sequence[str], most_zoom: float = 1.0
) -> list[dict[str, Camera]]:
    """For each body one camera a frame for each view (`MovingBody.cameras`), zoomed alike: out as far as it takes, in
    by `most_zoom` at most.
    """
    cameras = [body.cameras(facing, size, views) for body in bodies]
    reach = max(_reach(body, own) for body, own in zip(bodies, cameras, strict=True))
    zoom = float(np.clip(FILLED / max(reach, 1e-6), MIN_ZOOM, most_zoom))
    return [{view: camera.zoomed(zoom) for view, camera in own.items()} for own in cameras]


def _reach(body: MovingBody, cameras: dict[str, Camera]) -> float:
    """How far from the middle of the picture the surface gets, in half pictures."""
    frames = np.unique(np.linspace(0, body.motion.frames - 1, MOMENTS).round().astype(np.int64))
    farthest = 0.0
    for frame in frames:
        chosen = slice(int(frame), int(frame) + 1)
        vertices = body.vertices(chosen)
        for camera in cameras.values():
            camera = camera[chosen].to(vertices.device, vertices.dtype)
            pixels, depths = camera.project(vertices)
            offsets = (pixels[depths > 0.0] / (0.5 * camera.size) - 1.0).abs()
            farthest = max(farthest, float(torch.nan_to_num(offsets).max()) if len(offsets) else 0.0)
    return farthest
