"""The rate of a clip, from its key times: what a glTF does not say.

Key times are stored as float32 and often rounded, and exporters leave out keys that change nothing. So a rate is
believed where it explains all key times of the densest channel: each lies near a whole number of frames, `ON_GRID` of
one at most. Equal distances are measured over the whole clip, which no rounding of a single time can bend. Keys with
gaps are tried against the rates in common use, then against the median distance. Times that no rate explains keep that
of the median distance. Sparse keys (under 10 a second) are poses that somebody set and not samples: they are sampled at
30, unless the animation states the rate it was sampled at (`STATED`, which our writers set where keys cannot tell).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workers.skeleton.model import Array, Clip

COMMON_RATES_HZ = (
    24.0, 25.0, 30.0, 50.0, 60.0, 100.0, 120.0,
    24000 / 1001, 30000 / 1001, 60000 / 1001, 120000 / 1001,
    15.0, 48.0, 72.0, 90.0, 144.0, 240.0,
)  # fmt: skip
DEFAULT_RATE_HZ = 30.0
SPARSE_RATE_HZ = 10.0
MAX_RATE_HZ = 1000.0
STATED = "samplesPerSecond"  # in `extras` of an animation
ON_GRID = 0.05  # of a frame
_NEAR = 0.02  # a common rate is tried where the median distance is this near to its own
_FLOAT32 = 2.0**-23  # relative rounding of a stored time; a rate of 10 Hz must not look slower than 10 Hz


def clip_rate(key_times: Sequence[Array], stated: float | None = None) -> float:
    """Samples a second of a clip whose channels have these key times, each `(keys,)`, rising, in seconds."""
    densest = max(key_times, key=len)
    if stated is not None and explains(stated, densest):
        return stated
    if len(densest) < 2:
        return DEFAULT_RATE_HZ
    span = float(densest[-1] - densest[0])
    whole = max(float(times[-1]) for times in key_times) - min(float(times[0]) for times in key_times)
    distance = float(np.median(np.diff(densest)))
    slowest = (1.0 + 1e-3) / SPARSE_RATE_HZ
    if distance > slowest or len(densest) / whole < SPARSE_RATE_HZ:
        return DEFAULT_RATE_HZ
    even = (len(densest) - 1) / span
    if even <= MAX_RATE_HZ and _is_even(densest, even):
        return even
    median = min(1.0 / distance, MAX_RATE_HZ)
    tried = [rate for rate in COMMON_RATES_HZ if abs(rate - median) <= _NEAR * rate]
    fits = [(_off_grid(rate, densest), rate) for rate in tried if explains(rate, densest)]
    return min(fits)[1] if fits else median


def explains(rate_hz: float, times: Array) -> bool:
    """Whether all times lie near a whole number of frames after the first."""
    return _off_grid(rate_hz, times) <= ON_GRID


def stated_rate(animation: Mapping[str, Any]) -> float | None:
    """The rate that an animation's `extras` state, where that is a plausible one."""
    extras = animation.get("extras")
    value = extras.get(STATED) if isinstance(extras, Mapping) else None
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0.0 < value <= MAX_RATE_HZ
    return float(value) if usable and isinstance(value, int | float) else None


def statement(clip: Clip) -> dict[str, Any]:
    """`extras` for a clip that is written: its own, and its rate where a reader would take its samples for poses that
    were set, or where keys are left out.
    """
    unclear = clip.rate_hz < SPARSE_RATE_HZ * (1.0 + 1e-3) or clip.kept_keys
    extras = {**clip.extras, **({STATED: clip.rate_hz} if clip.frames > 1 and unclear else {})}
    return {"extras": extras} if extras else {}


def _off_grid(rate_hz: float, times: Array) -> float:
    """The most by which a time misses a whole number of frames, in frames, rounding of its storage left out."""
    frames = (times - times[0]) * rate_hz
    missed = np.abs(frames - np.round(frames)) - _FLOAT32 * np.abs(times) * rate_hz
    return float(np.max(missed, initial=0.0))


def _is_even(times: Array, rate_hz: float) -> bool:
    missed = np.abs((times - times[0]) * rate_hz - np.arange(len(times)))
    return bool(np.all(missed <= ON_GRID + _FLOAT32 * np.abs(times) * rate_hz))
