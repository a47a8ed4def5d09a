"""Which way a rig faces when its bind pose and its own clips disagree.

Some exporters bind a mesh turned by a quarter or half turn against the way all of its animations face. The rig then
faces as its clips do, since a new clip will play beside them: the rest pose is turned about the vertical, whole,
before anything is measured from it. Only a right angle that the file's clips agree on counts; a clip or two that
look aside do not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.skeleton import kinematics, quat
from workers.skeleton.body import UP, find_attachments, heading, rest_facing
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Notice, Scene, Skeleton
from workers.skeleton.rest.rest_pose import Rest

MIN_CLIPS = 3
CLIPS_LOOKED_AT = 6
FRAMES_LOOKED_AT = 5
AGREEING_SHARE = 0.6
AGREEMENT_DEG = 30.0


def face_as_clips(scene: Scene, rest: Rest, mapping: HumanoidMapping) -> Rest:
    """The rest pose turned to where the file's own clips face; unchanged where they face as it does, or disagree."""
    if rest.kind != "bind" or len(scene.clips) < MIN_CLIPS:
        return rest
    numbers = np.unique(np.linspace(0, len(scene.clips) - 1, CLIPS_LOOKED_AT).astype(np.int64))
    away = np.array([_heading_from_rest(scene, rest, mapping, int(number)) for number in numbers])
    quarter = np.round(np.median(np.abs(away)) / 90.0) * 90.0
    if quarter == 0.0:
        return rest
    turn_deg = quarter if np.median(np.sign(away)) >= 0.0 else -quarter
    apart = np.abs((away - turn_deg + 180.0) % 360.0 - 180.0)
    if np.mean(apart < AGREEMENT_DEG) < AGREEING_SHARE:
        return rest
    text = f"the bind pose is {turn_deg:.0f} degrees from where the file's own clips face; the rig faces as they do"
    turned = _turned(rest.skeleton, mapping, quat.from_axis_angle(UP, np.radians(turn_deg)))
    return replace(rest, skeleton=turned, notices=(*rest.notices, Notice("facing-from-clips", text)))


def _heading_from_rest(scene: Scene, rest: Rest, mapping: HumanoidMapping, number: int) -> float:
    """Mean heading of a clip away from the rest pose's, degrees in (-180, 180]."""
    clip = scene.load_clip(number, None)
    frames = np.unique(np.linspace(0, clip.frames - 1, FRAMES_LOOKED_AT).astype(np.int64))
    skeleton = scene.skeleton
    world = kinematics.world_rotations(skeleton, clip.rotations[frames])
    moved = {joint: path[frames] for joint, path in clip.translations_m.items()}
    positions = kinematics.world_positions(skeleton, world, skeleton.node_offsets_m, moved)
    legs = [mapping.roles[f"{side}UpperLeg"].joint for side in ("left", "right")]
    facing = rest_facing(mapping, kinematics.rest_world(rest.skeleton)[1])
    turned = quat.multiply(heading(positions[:, legs[0]] - positions[:, legs[1]]), quat.conjugate(facing))
    mean = quat.mean(turned)
    return float((np.degrees(2.0 * np.arctan2(mean[1], mean[3])) + 180.0) % 360.0 - 180.0)


def _turned(skeleton: Skeleton, mapping: HumanoidMapping, turn: Array) -> Skeleton:
    """The rest pose with the body turned about the vertical through its hips; what is above the hips stays."""
    world, positions = kinematics.rest_world(skeleton)
    hips = mapping.roles["hips"].joint
    roots = (hips, *find_attachments(skeleton, mapping))
    body = np.unique(np.concatenate([kinematics.subtree(skeleton, joint) for joint in roots]))
    pivot = positions[hips]
    world[body] = quat.multiply(turn, world[body])
    positions[body] = quat.rotate(turn, positions[body] - pivot) + pivot
    offsets = skeleton.rest_offsets_m.copy()
    for joint in roots:
        parent = int(skeleton.parents[joint])
        if parent >= 0:
            offsets[joint] = quat.rotate(quat.conjugate(world[parent]), positions[joint] - positions[parent])
        else:
            offsets[joint] = positions[joint]
    return skeleton.with_rest(kinematics.local_rotations(skeleton, world), offsets)
