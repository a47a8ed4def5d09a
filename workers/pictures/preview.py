"""The frames of a preview: moving bodies side by side at the same times, a row for each view, captions above.

Frames are rendered in batches and handed out as they come, so that whoever encodes them (`animation_files`) may stop
and need not keep them. What the captions say is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workers.pictures.framing import framed_cameras
from workers.pictures.lettering import FAINT, INK, PAPER, below, beside, captions, lettered
from workers.rendering.moving_body import MovingBody, Picture
from workers.rendering.renderer import Renderer
from workers.skeleton.model import Array, Indices

VIEWS = ("front", "three_quarter")
SIZE = 320  # of one body's picture in pixels
RATE_HZ = 15.0
BATCH = 8  # frames of every body between two steps of the iteration
BAR = 4  # height of the bar that shows how far the clip is


@dataclass(frozen=True)
class Shown:
    """A body of the preview with what stands above it, left and right."""

    label: str
    note: str
    body: MovingBody


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """When the frames of a preview are taken, seconds from the clip's first frame, `rate_hz` apart."""

    times_s: Array
    rate_hz: float

    def __len__(self) -> int:
        return len(self.times_s)

    def frames_of(self, body: MovingBody) -> Indices:
        """The body's frames nearest to these times."""
        return np.minimum(np.round(self.times_s * body.motion.rate_hz), body.motion.frames - 1).astype(np.int64)


def choose_times(bodies: Sequence[MovingBody], most_frames: int, rate_hz: float = RATE_HZ) -> FrameTimes:
    """As many frames a second as `rate_hz`, the slowest body and `most_frames` allow; the shortest body ends it."""
    seconds = min((body.motion.frames - 1) / body.motion.rate_hz for body in bodies)
    rate_hz = min(rate_hz, *(body.motion.rate_hz for body in bodies))
    if seconds * rate_hz + 1.0 > most_frames:
        rate_hz = (most_frames - 1) / seconds
    return FrameTimes(np.arange(int(seconds * rate_hz + 1e-6) + 1) / rate_hz, rate_hz)


def preview_frames(
    renderer: Renderer,
    shown: Sequence[Shown],
    facing: Array,
    times: FrameTimes,
    size: int = SIZE,
    views: Sequence[str] = VIEWS,
) -> Iterator[Picture]:
    """One picture a time: a column for each body, a row for each view, all seen from where `facing` `(4,)` says."""
    cameras = framed_cameras([item.body for item in shown], facing, size, views)
    frames = [times.frames_of(item.body) for item in shown]
    head = captions([(item.label, item.note) for item in shown], size)
    for start in range(0, len(times), BATCH):
        part = slice(start, min(start + BATCH, len(times)))
        rows = []
        for view in views:
            columns = [
                item.body.render(renderer, own[part].tolist(), camera[view])
                for item, own, camera in zip(shown, frames, cameras, strict=True)
            ]
            columns[0] = [lettered(picture, view.replace("_", "-")) for picture in columns[0]]
            rows.append([beside(pictures) for pictures in zip(*columns, strict=True)])
        for number, pictures in enumerate(zip(*rows, strict=True), start):
            grid = below(pictures)
            yield np.concatenate([head, grid, _bar((number + 1) / len(times), grid.shape[1])])


def _bar(share: float, width: int) -> Picture:
    """How much of the clip has been shown."""
    bar = np.full((BAR, width, 3), PAPER, dtype=np.uint8)
    bar[:] = np.uint8(0.25 * np.array(FAINT) + 0.75 * np.array(PAPER))
    bar[:, : max(1, round(share * width))] = INK
    return bar
