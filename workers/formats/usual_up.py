"""The up axis of a format that names none but has a usual one, judged by the joints' places in the motion alone.

The zero pose of such formats (SMPL's T) is the body's own and says nothing of the file's axes. Where the motion is no
clear evidence, because somebody lies, tumbles or bends, the usual axis holds.
"""

from __future__ import annotations

import numpy as np

from workers.contract.axes import UpAxis
from workers.formats.body_plan import BodyPlan
from workers.formats.up_axis import gather_evidence, guess_up_axis
from workers.skeleton.model import Array, Notice

MAX_SAMPLES = 64


def sampled(values: Array) -> Array:
    """At most MAX_SAMPLES rows of `(frames, ...)`, evenly spread."""
    count = min(len(values), MAX_SAMPLES)
    chosen: Array = values[np.unique(np.linspace(0, len(values) - 1, count).round().astype(np.int64))]
    return chosen


def find_up_axis(plan: BodyPlan, positions: Array, usual: UpAxis, whose: str) -> tuple[UpAxis, str, list[Notice]]:
    """The axis, the reason, and notices that tell of an unusual one; the caller puts the file's name before the text.

    `positions` `(frames, joints, 3)` are in the file's axes and units; `whose` names the kind of file.
    """
    frames = sampled(positions)
    carrying = frames[:, list(plan.carrying)]
    lowest, highest = np.abs(carrying.min(axis=(0, 1))), np.abs(carrying.max(axis=(0, 1)))
    guess = guess_up_axis(gather_evidence(plan, frames, np.zeros(frames.shape[1:]), lowest, highest))
    if guess.is_close or guess.axis == usual:
        doubt = "" if guess.axis == usual else f"; the motion is no clear evidence ({guess.reason})"
        return usual, f"{usual} up as {whose} usually have{doubt}", []
    notices = []
    if guess.axis.startswith("-"):
        text = (
            f"the body stands head down along {guess.axis[-1]}, so {guess.axis} is taken as up, the motion turned "
            f"over; where somebody does hang or stand on his hands, give up_axis {guess.axis[-1]} in a definition"
        )
        notices.append(Notice("upside-down-turned", text))
    return guess.axis, f"{guess.reason}, where {whose} usually have {usual}", notices
