"""A zero pose that stands on its head, put on its feet: nobody struck it, so it need not follow the motion's axes.

Camera-space files often keep a body that stands up along +Y and turn its root in every frame. Once the motion is
upright, their zero pose is upside down. It is turned over here, roots only; what the clips do stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.formats.body_plan import body_plan
from workers.formats.up_axis import UPRIGHT_ZERO, to_y_up, zero_pose_evidence
from workers.skeleton import kinematics
from workers.skeleton.model import Clip, Scene


def with_upright_zero(scene: Scene) -> Scene:
    """The scene itself, unless it rests in a zero pose in which legs and trunk both point down."""
    if scene.rest_kind != "zero":
        return scene
    skeleton, load_clip = scene.skeleton, scene.load_clip
    plan = body_plan(tuple(int(parent) for parent in skeleton.parents), skeleton.rest_offsets_m)
    if zero_pose_evidence(plan, kinematics.rest_world(skeleton)[1])[1] > -UPRIGHT_ZERO:
        return scene
    roots = np.flatnonzero(skeleton.parents < 0)

    def clip(index: int, rate_hz: float | None) -> Clip:
        loaded = load_clip(index, rate_hz)
        # A root that the file does not move stays where it was, not where the zero pose now has it.
        still = {int(root): np.tile(skeleton.node_offsets_m[root], (loaded.frames, 1)) for root in roots}
        return replace(loaded, translations_m={**still, **loaded.translations_m})

    return replace(scene, skeleton=kinematics.with_roots_turned(skeleton, to_y_up("-Y")), load_clip=clip)
