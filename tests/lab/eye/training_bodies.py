"""Bodies for the tests of training data: the project's own two samples, which need no file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from workers.lab.eye.data.bodies import Family
from workers.lab.eye.data.families import load_family
from workers.motion.body_motion import BodyMotion

CLIPS = ("samples/clap.bvh", "samples/hands_on_hips.bvh", "samples/walk.bvh", "samples/wave.bvh")


@lru_cache(maxsize=1)
def samples() -> Family:
    """Tall and stout, with four of the sample clips on the tall one."""
    return load_family(Path(), "samples", CLIPS)


def frames_of(motion: BodyMotion, chosen: slice) -> BodyMotion:
    return BodyMotion(
        motion.body, motion.name, motion.rate_hz, 0.0, motion.rotations[chosen], motion.positions_m[chosen]
    )


def clip(name: str, chosen: slice = slice(None, None, 10)) -> BodyMotion:
    """Every tenth frame of a sample clip on the tall body."""
    motion = next(clip.motion for clip in samples().clips if name in clip.id)
    return frames_of(motion, chosen)


def limb_directions(motion: BodyMotion) -> np.typing.NDArray[np.float64]:
    from workers.lab.eye.data.describe import directions
    from workers.skeleton import quat

    return directions(motion, quat.IDENTITY)
