"""A clip on another uniform time axis: rotations by slerp along the shorter arc, translations linearly.

The new axis ends exactly where the old one does: the duration is kept, the rate may differ a little from the one asked.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.skeleton import quat
from workers.skeleton.model import Clip


def resampled_frames(frames: int, from_hz: float, to_hz: float) -> int:
    """Frames after resampling from one rate to another: round(duration * rate) + 1, at least two for a motion."""
    if frames < 2:
        return frames
    return max(round((frames - 1) / from_hz * to_hz), 1) + 1


def resample(clip: Clip, rate_hz: float) -> Clip:
    """The clip at about `rate_hz`: exactly (frames - 1) / duration, so that the last frame is the clip's last.

    A clip that already has that many frames is returned as it is; a single frame only gets the new rate.
    """
    frames = resampled_frames(clip.frames, clip.rate_hz, rate_hz)
    if clip.frames < 2:
        return replace(clip, rate_hz=rate_hz)
    if frames == clip.frames:
        return clip
    at = np.linspace(0.0, clip.frames - 1, frames)
    before = np.minimum(at.astype(np.int64), clip.frames - 2)
    t = at - before
    rotations = quat.slerp(clip.rotations[before], clip.rotations[before + 1], t[:, None])
    translations = {
        joint: track[before] + (track[before + 1] - track[before]) * t[:, None]
        for joint, track in clip.translations_m.items()
    }
    return replace(
        clip,
        rate_hz=(frames - 1) / clip.duration_s,
        rotations=quat.make_continuous(rotations),
        translations_m=translations,
    )
