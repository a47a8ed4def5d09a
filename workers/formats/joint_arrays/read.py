"""Joint places in: `read_joint_array` turns an `.npy` of `(frames, joints, 3)` or `(frames, 263)` into a Scene.

Joints are SMPL's, in its order: HumanML3D's 22, or 24, 52 and 55 as the models give them. The array names neither
unit, up axis nor rate: the unit is guessed as a BVH's is, Y is up as HumanML3D has it unless the motion shows
otherwise, and 20 frames a second are assumed. The rest pose is a T with the bones' own lengths.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from workers.contract.errors import ParseFailed
from workers.formats.body_plan import BodyPlan, body_plan
from workers.formats.bundle import FileBundle
from workers.formats.joint_arrays.features import FEATURES, joint_places
from workers.formats.joint_arrays.pose_fit import bone_lengths, fit_poses
from workers.formats.limits import DEFAULT_LIMITS, Limits, check_limit
from workers.formats.numpy_arrays import finite, parse_npy
from workers.formats.sampled_clip import sampled_scene
from workers.formats.smpl.joints import DECLARED_BY, JOINT_COUNTS, SmplJoints, smpl_joints
from workers.formats.units import guess_unit
from workers.formats.up_axis import to_y_up
from workers.formats.usual_up import find_up_axis
from workers.skeleton import quat
from workers.skeleton.model import Array, Clip, Notice, Scene, Units

ASSUMED_HZ = 20.0  # HumanML3D's
MAX_LENGTH_CHANGE = 0.2  # of the bones' lengths, standard deviation over the motion
MAX_UNLIKE = 0.3  # of the bones may be of another length than those of a body
UNLIKE = 2.0  # times as long or as short
MAX_PLACE = 1e7
_HUMANML, _KIT_FEATURES, _KIT_JOINTS = 22, 251, 21
_WANTED = "save joint places as (frames, 22, 3) or HumanML3D's features as (frames, 263)"


def read_joint_array(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of an `.npy` of joint places: one clip named after the file, no mesh.

    Raises ParseFailed, UnsupportedFeature (pickles) or TooLarge. What was guessed is in `notices`.
    """
    name = bundle.name
    values = finite(parse_npy(bundle.data, name, limits), name)
    places, what = _places(values, name)
    joints = smpl_joints(places.shape[1])
    check_limit(len(places), limits.frames, "frames", name)
    check_limit(len(places) * len(joints), limits.rotation_keys, "rotation keys (frames x joints)", name)
    _check_body(joints, places, what, name)
    fit = fit_poses(joints, places)
    plan = body_plan(joints.parents, fit.offsets)
    units, told = _units(plan, places, name)
    turn = to_y_up(units.up_axis)
    rotations = fit.rotations
    rotations[:, 0] = quat.multiply(turn, rotations[:, 0])
    moved = {joint: path * units.factor for joint, path in fit.moved.items()}
    moved[0] = quat.rotate(turn, moved[0])
    stem = PurePosixPath(name.replace("\\", "/")).stem
    clip = Clip(stem, ASSUMED_HZ, 0.0, quat.make_continuous(rotations), moved)
    notices = (*told, *_always(name))
    scene = sampled_scene("npy", joints.skeleton(fit.offsets * units.factor), clip, units, notices, limits, name)
    scale = np.full(len(joints), units.factor)
    return replace(
        scene,
        skeleton=replace(scene.skeleton, translation_scale=scale),
        extras={"declared_roles": joints.roles, "declared_by": DECLARED_BY, "rest_is_the_bodys": True},
    )


def _places(values: Array, name: str) -> tuple[Array, str]:
    """Joint places `(frames, joints, 3)` and what the array is. Raises ParseFailed with what its shape may mean."""
    shape = values.shape
    if values.ndim in (3, 4) and shape[0] == 1 and shape[1:] != (_HUMANML, 3):
        values = values[0]
    if values.size == 0:
        raise ParseFailed(f"{name}: the array of shape {shape} is empty; {_WANTED}")
    if values.ndim == 2 and values.shape[1] == FEATURES:
        return joint_places(values), "features"
    if values.ndim == 3 and values.shape[2] == 3 and values.shape[1] in JOINT_COUNTS:
        return values, "places"
    raise ParseFailed(f"{name}: {_shape_trouble(values, shape)}")


def _shape_trouble(values: Array, shape: tuple[int, ...]) -> str:
    counts = ", ".join(str(count) for count in JOINT_COUNTS)
    if values.ndim == 4 and values.shape[-1] == 3:
        return f"the array of shape {shape} is a batch of {len(values)} motions; save one at a time"
    if values.ndim >= 3 and values.shape[-2] == 3:
        return f"the array of shape {shape} has its frames last; turn it with numpy.moveaxis(array, -1, 0)"
    if values.ndim == 3 and values.shape[2] == 3:
        whose = " (KIT-ML's)" if values.shape[1] == _KIT_JOINTS else ""
        return f"{values.shape[1]} joints{whose} are not known; save SMPL's in their order: {counts} joints"
    if values.ndim == 2 and values.shape[1] == _KIT_FEATURES:
        return f"251 numbers a frame are KIT-ML's features, which are not read; {_WANTED}"
    if values.ndim == 2 and values.shape[1] % 3 == 0 and values.shape[1] // 3 in JOINT_COUNTS:
        count = values.shape[1] // 3
        return (
            f"the array of shape {shape} may be places or rotations; save places as (frames, {count}, 3), "
            "rotations as 'poses' in an npz"
        )
    return f"an array of shape {shape} is no motion that is known; {_WANTED}"


def _check_body(joints: SmplJoints, places: Array, what: str, name: str) -> None:
    """Raises ParseFailed where the joints are no body's: normalised numbers, another order, another data set."""
    if np.abs(places).max() > MAX_PLACE:
        raise ParseFailed(f"{name}: joints lie {np.abs(places).max():.3g} units away; save places in metres")
    lengths = bone_lengths(joints, places)[:, 1:]
    usual = lengths.mean(axis=0)
    if usual.max() <= 1e-9:
        raise ParseFailed(f"{name}: all joints lie in one place; {_WANTED}")
    change = float(np.median(lengths.std(axis=0) / np.maximum(usual, 1e-9)))
    if change > MAX_LENGTH_CHANGE:
        remedy = (
            "multiply the features with the set's Std and add its Mean first"
            if what == "features"
            else "save joint places, not rotations or normalised numbers"
        )
        percent = f"{100.0 * change:.0f} %"
        raise ParseFailed(f"{name}: bones change their length by {percent}, so these are no places; {remedy}")
    expected = np.linalg.norm(joints.offsets_m[1:], axis=-1)
    ratio = np.log(np.maximum(usual, 1e-9) / expected)
    unlike = float(np.mean(np.abs(ratio - np.median(ratio)) > np.log(UNLIKE)))
    if unlike > MAX_UNLIKE:
        raise ParseFailed(
            f"{name}: {100.0 * unlike:.0f} % of the bones have no body's lengths, so the {len(joints)} joints are not "
            "SMPL's in its order; reorder them"
        )


def _units(plan: BodyPlan, places: Array, name: str) -> tuple[Units, list[Notice]]:
    unit, factor, unit_reason = guess_unit(plan)
    axis, reason, told = find_up_axis(plan, places, "Y", "arrays of joints")
    text = f"1 unit = {factor:.6g} m, {unit_reason}; {reason}"
    notices = [Notice("units-guessed", f"{name}: an array names no unit or up axis; {text}"), *told]
    return Units(factor, unit, axis, guessed=True, reason=text), notices


def _always(name: str) -> tuple[Notice, ...]:
    twist = (
        f"{name}: joint places hold no twist: forearms, hands, feet and head roll by the least turn, upper arms and "
        "thighs as elbows and knees bend"
    )
    rate = f"{name}: an array tells no frame rate; {ASSUMED_HZ:g} a second are assumed, source_fps tells the true"
    return Notice("no-twist", twist), Notice("frame-time-assumed", rate)
