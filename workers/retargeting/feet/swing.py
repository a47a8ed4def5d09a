"""Swinging feet kept above the ground that they come from and go to.

Only for a foot whose source stays above it: lifting the ankle and, where only the toes dip, the toes.
"""

from __future__ import annotations

import numpy as np

from workers.motion.intervals import frames_to_edge
from workers.motion.smoothing import smooth_above, smoothstep
from workers.retargeting.feet.foot_path import pitch_turn
from workers.skeleton.model import Array, Mask

CLEARANCE_S = 0.1
MAX_TOE_LIFT_RAD = np.radians(30.0)


def ankle_lift(height: Array, least: Array, planted: Mask, rate_hz: float) -> Array:
    """Rise `(frames,)` of an ankle at `height` that `least` asks for, none while `planted`."""
    return _while_swinging(np.maximum(least - height, 0.0), planted, rate_hz)


def toe_lift(arm: Array, ankle_height: Array, least: Array, planted: Mask, rate_hz: float) -> Array:
    """Turn of the foot `(frames, 4)` about its ankle that brings the toes, at `arm` `(frames, 3)`, up to `least`."""
    length = np.linalg.norm(arm, axis=-1)
    safe = np.where(length > 1e-9, length, 1.0)
    rise = np.maximum(least - ankle_height - arm[:, 1], 0.0)
    angle = np.arcsin(np.clip((arm[:, 1] + rise) / safe, -1.0, 1.0)) - np.arcsin(np.clip(arm[:, 1] / safe, -1.0, 1.0))
    return pitch_turn(arm, _while_swinging(np.minimum(angle, MAX_TOE_LIFT_RAD), planted, rate_hz))


def _while_swinging(values: Array, planted: Mask, rate_hz: float) -> Array:
    """A smooth curve above `values` that fades to 0 where a planted stretch begins."""
    width = round(CLEARANCE_S * rate_hz)
    return smooth_above(values, width) * smoothstep(frames_to_edge(~planted) / max(1.0, width))
