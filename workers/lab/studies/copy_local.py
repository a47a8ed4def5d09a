"""The other naive copy: local rotations by joint name, the hips scaled by their height, as tools do between rigs of one
family (`copy_rest` is the one that scores stand beside). Nothing is aligned, no foot is held.
"""

from __future__ import annotations

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.retargeting.copy_rest import about_roots, hips_scale, pelvis_path, relate
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body


def copy_local(source: BodyMotion, target: Body, source_floor_m: float) -> BodyMotion:
    """The source's local rotations on the target's joints of the same names below the hips; others as their nodes."""
    ours, theirs = source.body.skeleton, target.skeleton
    named = {ours.names[joint]: joint for joint in kinematics.subtree(ours, source.body.hips) if ours.names[joint]}
    below = [int(joint) for joint in kinematics.subtree(theirs, target.hips) if theirs.names[joint] in named]
    local = np.tile(theirs.node_rotations, (source.frames, 1, 1))
    given = kinematics.local_rotations(ours, source.rotations)
    local[:, below] = given[:, [named[theirs.names[joint]] for joint in below]]
    relation = relate(source.body, target, hips_scale(source.body, target), source_floor_m)
    above = int(theirs.parents[target.hips])
    hips = quat.multiply(relation.turn, source.rotations[:, source.body.hips])
    if above >= 0:
        standing = kinematics.world_rotations(theirs, theirs.node_rotations)[above]
        hips = quat.multiply(quat.conjugate(standing), hips)
    local[:, target.hips] = hips
    rotations = kinematics.world_rotations(theirs, local)
    positions = kinematics.world_positions(theirs, rotations, theirs.node_offsets_m)
    path = pelvis_path(source, about_roots(source.body, target, relation), target, rotations)
    positions += (path - positions[:, target.hips])[:, None]
    return BodyMotion(target, source.name, source.rate_hz, source.start_s, rotations, positions)
