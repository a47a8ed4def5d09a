"""SMPL in: `read_smpl` turns an AMASS-like `.npz` into a Scene in metres, Y up.

The rest pose is the model's own T. The file's up axis (Z in AMASS) is judged by the motion and turned at the root
alone, so that at rest the body stands up along Y, facing +Z, whatever the axes of its travel. Limbs are the average
body's (`workers.formats.smpl.joints`), or the person's own where the user's model file lies beside the motion.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from workers.formats.body_plan import body_plan
from workers.formats.bundle import FileBundle
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.formats.numpy_arrays import NpzFile
from workers.formats.sampled_clip import sampled_scene
from workers.formats.smpl.body_model import model_offsets
from workers.formats.smpl.joints import DECLARED_BY
from workers.formats.smpl.poses import SmplPoses, read_poses
from workers.formats.up_axis import to_y_up
from workers.formats.usual_up import find_up_axis, sampled
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Clip, Notice, Scene, Skeleton, Units


def read_smpl(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of an `.npz` of the SMPL family: its skeleton, one clip named after the file, no mesh.

    Raises ParseFailed, UnsupportedFeature (pickles) or TooLarge. What was guessed or left out is in `notices`. Extras:
    `declared_roles`, who declares them, and that the rest pose is the body's, whatever axis of the file is up.
    """
    poses = read_poses(NpzFile(bundle.data, bundle.name, limits), limits)
    offsets = model_offsets(bundle, poses.joints, poses.betas, limits)
    notices = [*poses.notices]
    if offsets is None:
        offsets = poses.joints.offsets_m
        notices.append(_average_body(poses, bundle.name))
    skeleton = poses.joints.skeleton(offsets)
    rotations = quat.from_rotation_vector(poses.rotations)
    places = poses.trans_m + offsets[0]
    units, told = _axes(skeleton, rotations, places, bundle.name)
    turn = to_y_up(units.up_axis)
    rotations[:, 0] = quat.multiply(turn, rotations[:, 0])
    stem = PurePosixPath(bundle.name.replace("\\", "/")).stem
    clip = Clip(stem, poses.rate_hz, 0.0, quat.make_continuous(rotations), {0: quat.rotate(turn, places)})
    scene = sampled_scene("npz", skeleton, clip, units, (*notices, *told), limits, bundle.name)
    return replace(
        scene, extras={"declared_roles": poses.joints.roles, "declared_by": DECLARED_BY, "rest_is_the_bodys": True}
    )


def _average_body(poses: SmplPoses, name: str) -> Notice:
    shaped = poses.betas is not None and bool(np.abs(poses.betas).max() > 0.0)
    why = "the file's betas are not used" if shaped else "the file has no betas"
    text = (
        f"{name}: {poses.joints.title} rotations on an average body; {why}, as shape takes the model file: "
        "give your own as the body model to have this person's limbs"
    )
    return Notice("average-body", text)


def _axes(skeleton: Skeleton, rotations: Array, places: Array, name: str) -> tuple[Units, list[Notice]]:
    plan = body_plan(tuple(int(parent) for parent in skeleton.parents), skeleton.rest_offsets_m)
    world = kinematics.world_rotations(skeleton, sampled(rotations))
    positions = kinematics.world_positions(skeleton, world, skeleton.rest_offsets_m, {0: sampled(places)})
    axis, reason, told = find_up_axis(plan, positions, "Z", "SMPL files")
    notices = [Notice("units-guessed", f"{name}: it names no up axis; metres as SMPL has them, {reason}"), *told]
    return Units(1.0, "m", axis, guessed=True, reason=f"metres as SMPL has them, {reason}"), notices
