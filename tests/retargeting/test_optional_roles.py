"""Jaw, eyes and toes: moved where both rigs have them, at rest where the source lacks them, missed by nobody."""

from __future__ import annotations

import numpy as np
import pytest

from tests.retargeting.made_bodies import FIVE, curled, make_body, retargeted
from workers.contract.roles import FACE
from workers.retargeting.analytic import driven_joints
from workers.samples.shape import STOUT, TALL
from workers.skeleton import quat

OPTIONAL = (*FACE, "leftToes", "rightToes")
PARENT = {"jaw": "head", "leftEye": "head", "rightEye": "head", "leftToes": "leftFoot", "rightToes": "rightFoot"}
BELOW = quat.from_axis_angle([1.0, 0.0, 0.0], 0.4)
OWN = quat.from_axis_angle([0.6, 0.8, 0.0], -0.5)


@pytest.mark.parametrize("role", OPTIONAL)
@pytest.mark.parametrize("lacks", ["nobody", "source", "target"])
def test_optional_joints(role: str, lacks: str) -> None:
    source = make_body(TALL, FIVE, without=(role,) if lacks == "source" else ())
    target = make_body(STOUT, FIVE, without=(role,) if lacks == "target" else ())
    motion = curled(source, {})
    motion.rotations[:, source.mapping.roles[PARENT[role]].joint] = BELOW
    if (joint := source.joint(role)) is not None:
        motion.rotations[:, joint] = OWN
    result = retargeted(motion, target)
    above = target.mapping.roles[PARENT[role]].joint
    assert np.degrees(quat.angle_between(result.rotations[:, above], BELOW)).max() < 0.1
    moved = target.joint(role)
    if lacks == "target":
        assert moved is None
        return
    assert moved is not None
    # What the source lacks follows its parent and is not keyed.
    wanted = OWN if lacks == "nobody" else BELOW
    assert np.degrees(quat.angle_between(result.rotations[:, moved], wanted)).max() < 0.1
    assert (moved in driven_joints(source, target)) == (lacks == "nobody")
    assert np.isfinite(result.positions_m).all()
