"""A clip on another uniform time axis: rotations by slerp along the shorter arc, translations linearly.

The rate that is asked for is kept exactly: keys lie at 0, 1 / rate, 2 / rate, ... seconds, the last one at the last
such time within the clip. What lies behind it, less than one period, is cut off (`resample`), or, for a loop, which
would no longer close, its time is drawn together so that the last key is the clip's end (`resample_loop`): every pose
is still met at an even pace, a little faster. Which clips are loops is left to `workers.motion.timeline`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.skeleton import quat
from workers.skeleton.model import Array, Clip

HAIR = 1e-3  # of a period: times this near to the clip's end are its end, as file times are rounded


def resampled_frames(frames: int, from_hz: float, to_hz: float) -> int:
    """Frames after resampling from one rate to another: one more than whole periods fit into the clip; at least one."""
    return int((max(frames, 1) - 1) / from_hz * to_hz + HAIR) + 1


def end_cut_s(clip: Clip, rate_hz: float) -> float:
    """Seconds of the clip behind the last key at `rate_hz`; 0 where that key is the clip's end but for a hair."""
    periods = resampled_frames(clip.frames, clip.rate_hz, rate_hz) - 1
    cut = clip.duration_s - periods / rate_hz
    return cut if cut * rate_hz > HAIR else 0.0


def resample(clip: Clip, rate_hz: float) -> Clip:
    """The clip at exactly `rate_hz`, from its start to the last key within it.

    A clip of that rate is returned as it is; one that has it but for rounding keeps its frames, and so does a pose.
    """
    if rate_hz == clip.rate_hz:
        return clip
    frames = resampled_frames(clip.frames, clip.rate_hz, rate_hz)
    at = np.minimum(np.arange(frames) * (clip.rate_hz / rate_hz), clip.frames - 1.0)
    return _at(clip, at, rate_hz)


def resample_loop(clip: Clip, rate_hz: float) -> Clip:
    """As `resample`, the last key being the clip's last frame; a clip shorter than one period is its first pose."""
    if rate_hz == clip.rate_hz:
        return clip
    frames = resampled_frames(clip.frames, clip.rate_hz, rate_hz)
    return _at(clip, np.linspace(0.0, clip.frames - 1.0, frames), rate_hz)


def _at(clip: Clip, at: Array, rate_hz: float) -> Clip:
    """The clip's poses at these places between its frames, `(frames,)`, as a clip of `rate_hz`."""
    if len(at) == clip.frames and np.max(np.abs(at - np.arange(clip.frames))) <= HAIR:
        return replace(clip, rate_hz=rate_hz)
    before = np.minimum(at.astype(np.int64), max(clip.frames - 2, 0))
    after = np.minimum(before + 1, clip.frames - 1)
    t = at - before
    rotations = quat.slerp(clip.rotations[before], clip.rotations[after], t[:, None])
    translations = {
        joint: track[before] + (track[after] - track[before]) * t[:, None]
        for joint, track in clip.translations_m.items()
    }
    return replace(clip, rate_hz=rate_hz, rotations=quat.make_continuous(rotations), translations_m=translations)
