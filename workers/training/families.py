"""Bodies and clips of one part of the split, and motions copied between bodies of one family.

Sameness must not come from our own retargeter, or the eye learns that its results are perfect: within a family the same
local rotations are played on every body, exactly. Where a pack has no clips for a rig, the retargeter brings poses onto
the family's first body, once; what those poses mean on the other bodies is then copied like any other.
"""

from __future__ import annotations

from pathlib import Path

from workers.retargeting.motion import BodyMotion
from workers.skeleton.body import Body
from workers.training.bodies import Family
from workers.training.split import Part


def load_families(data: Path, part: Part) -> list[Family]:
    """All families of one part of the split; clips load when asked for. `data` holds `motions` and `characters`."""
    raise NotImplementedError


def copy_onto(motion: BodyMotion, body: Body) -> BodyMotion:
    """The motion on another body of the same family: the same local rotations, the path of the root scaled by the
    length of the legs, standing on the new body's floor.

    Raises ValueError where the skeletons do not share their joint names.
    """
    raise NotImplementedError
