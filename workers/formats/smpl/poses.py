"""The poses in an `.npz` of the SMPL family, as AMASS and motion generators write it: arrays by name to rotations.

    poses                           (frames, 66 | 72 | 156 | 165): 22, 24, 52 or 55 joints, axis times angle in radians
    root_orient, pose_body, ...     the same in parts, as SMPL-X and pose estimators store it; taken before `poses`,
                                    whose parts SMPL-X orders in more than one way
    trans                           (frames, 3) metres; the pelvis stands at its place in the body plus this
    betas                           the person's shape
    mocap_framerate, fps, ...       frames a second

Each has further names in use (`_NAMES`). Which joint is which is `workers.formats.smpl.joints`; what shape does to the
joints, `workers.formats.smpl.body_model`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workers.contract.errors import ParseFailed, TooLarge
from workers.formats.limits import Limits, check_limit
from workers.formats.numpy_arrays import NpzFile
from workers.formats.smpl.joints import BODY_JOINTS, JOINT_COUNTS, SmplJoints, smpl_joints
from workers.skeleton.model import Array, Notice

ASSUMED_HZ = 30.0
MAX_HZ = 10_000.0
MAX_ANGLE_RAD = 8.0 * np.pi  # of one rotation vector: solvers wind up a turn or two, degrees are far beyond
MAX_PLACE_M = 100_000.0
_WIDTHS = tuple(3 * count for count in JOINT_COUNTS)
_NAMES = {
    "poses": ("poses", "fullpose", "full_pose", "smpl_poses", "smplx_poses", "pose"),
    "root": ("root_orient", "global_orient", "smpl_global_orient"),
    "body": ("pose_body", "body_pose", "smpl_body_pose"),
    "hands": ("pose_hand",),
    "left hand": ("left_hand_pose",),
    "right hand": ("right_hand_pose",),
    "jaw": ("pose_jaw", "jaw_pose"),
    "eyes": ("pose_eye",),
    "left eye": ("leye_pose",),
    "right eye": ("reye_pose",),
    "trans": ("trans", "transl", "translation", "smpl_trans", "root_trans"),
    "betas": ("betas", "smpl_betas", "shape"),
    "rate": ("mocap_framerate", "mocap_frame_rate", "framerate", "frame_rate", "fps"),
}
_HAND = 45  # numbers of a hand of fifteen joints


@dataclass(frozen=True, eq=False)
class SmplPoses:
    """`rotations` `(frames, joints, 3)` rotation vectors, local; `trans_m` `(frames, 3)` in the file's axes."""

    joints: SmplJoints
    rotations: Array
    trans_m: Array
    rate_hz: float
    betas: Array | None
    gender: str
    notices: tuple[Notice, ...]


def read_poses(file: NpzFile, limits: Limits) -> SmplPoses:
    """Raises ParseFailed for arrays that are missing, of other shapes or not finite, UnsupportedFeature, TooLarge."""
    notices: list[Notice] = []
    rotations = _rotations(file, notices)
    frames, joints = rotations.shape[:2]
    if frames == 0:
        raise ParseFailed(f"{file.where}: holds no frame; export it with its motion")
    check_limit(frames, limits.frames, "frames", file.where)
    check_limit(frames * joints, limits.rotation_keys, "rotation keys (frames x joints)", file.where)
    if np.linalg.norm(rotations, axis=-1).max() > MAX_ANGLE_RAD:
        raise ParseFailed(
            f"{file.where}: rotation vectors turn by {np.linalg.norm(rotations, axis=-1).max():.3g} radians; "
            "poses are axis times angle in radians: convert degrees, matrices or normalised features first"
        )
    return SmplPoses(
        joints=smpl_joints(joints),
        rotations=rotations,
        trans_m=_trans(file, frames, notices),
        rate_hz=_rate(file, notices),
        betas=_betas(file),
        gender=file.text("gender").strip("b'\"").lower()[:20],
        notices=tuple(notices),
    )


def _find(file: NpzFile, kind: str) -> str | None:
    return next((name for name in _NAMES[kind] if name in file), None)


def _rotations(file: NpzFile, notices: list[Notice]) -> Array:
    """`(frames, joints, 3)`, of parts where the file has a body in parts."""
    if _find(file, "body") is not None and _find(file, "root") is not None:
        return _from_parts(file, notices)
    name = _find(file, "poses")
    if name is None:
        listed = ", ".join(repr(found[:40]) for found in file.names[:8]) or "none"
        raise ParseFailed(
            f"{file.where}: no array 'poses' (or 'root_orient' with 'pose_body'), so no SMPL motion; it has {listed}: "
            "save poses (frames, joints x 3), trans (frames, 3) and mocap_framerate"
        )
    values = file.numbers(name)
    rows = _rows(values, _WIDTHS)
    if rows is None:
        raise ParseFailed(
            f"{file.where}: {name!r} has shape {values.shape}; rotation vectors of 22, 24, 52 or 55 joints are "
            "(frames, 66), (frames, 72), (frames, 156) or (frames, 165): save them so"
        )
    return rows.reshape(len(rows), rows.shape[1] // 3, 3)


def _rows(values: Array, widths: tuple[int, ...]) -> Array | None:
    """As `(frames, width)`: joints side by side, a batch of one opened. None where it is no such array."""
    for rows in (values, values[0] if values.ndim > 2 and len(values) == 1 else values):
        width = math.prod(rows.shape[1:])
        if rows.ndim > 1 and width in widths:
            return rows.reshape(len(rows), width)
    return None


def _from_parts(file: NpzFile, notices: list[Notice]) -> Array:
    body = _part(file, "body", (63, 69))
    root = _part(file, "root", (3,))
    assert body is not None and root is not None
    frames = len(body)
    left, right = _hand(file, "left hand", notices), _hand(file, "right hand", notices)
    both = _hand(file, "hands", notices, 2 * _HAND)
    if both is not None:
        left, right = both[:, :_HAND], both[:, _HAND:]
    face = [_part(file, "jaw", (3,)), _part(file, "left eye", (3,)), _part(file, "right eye", (3,))]
    eyes = _part(file, "eyes", (6,))
    if eyes is not None:
        face[1:] = [eyes[:, :3], eyes[:, 3:]]
    columns = [root, body[:, : 3 * (BODY_JOINTS - 1)]]
    has_hands, has_face = left is not None or right is not None, any(part is not None for part in face)
    if has_face:
        columns += [np.zeros((frames, 3)) if part is None else part for part in face]
    if has_hands or has_face:
        columns += [np.zeros((frames, _HAND)) if part is None else part for part in (left, right)]
    elif body.shape[1] == 69:
        columns.append(body[:, 63:])
    if any(len(part) != frames for part in columns):
        counts = sorted({len(part) for part in columns})
        raise ParseFailed(
            f"{file.where}: the parts of the pose have {counts[0]} to {counts[-1]} frames; save all alike"
        )
    numbers = np.concatenate(columns, axis=1)
    return numbers.reshape(frames, numbers.shape[1] // 3, 3)


def _part(file: NpzFile, kind: str, widths: tuple[int, ...]) -> Array | None:
    name = _find(file, kind)
    if name is None:
        return None
    values = file.numbers(name)
    rows = _rows(values, widths)
    if rows is None:
        wanted = " or ".join(f"(frames, {width})" for width in widths)
        raise ParseFailed(f"{file.where}: {name!r} has shape {values.shape}, not {wanted}; save rotation vectors so")
    return rows


def _hand(file: NpzFile, kind: str, notices: list[Notice], width: int = _HAND) -> Array | None:
    """A hand's rotation vectors; None with a notice where the file holds components of the model's own hand space."""
    name = _find(file, kind)
    if name is None:
        return None
    values = file.numbers(name)
    rows = _rows(values, (width,))
    if rows is not None:
        return rows
    text = f"{file.where}: {name!r} of shape {values.shape} holds no rotation of each finger joint; they stay at rest"
    notices.append(Notice("hands-left-out", text))
    return None


def _trans(file: NpzFile, frames: int, notices: list[Notice]) -> Array:
    name = _find(file, "trans")
    if name is None:
        text = f"{file.where}: no 'trans', so the body does not travel; its pelvis stays in place"
        notices.append(Notice("root-not-moving", text))
        return np.zeros((frames, 3))
    values = file.numbers(name)
    rows = values.reshape(-1, 3) if values.size == 3 * frames and values.shape[-1:] == (3,) else None
    if rows is None:
        raise ParseFailed(
            f"{file.where}: {name!r} has shape {values.shape}, not ({frames}, 3) as the poses; save one place a frame"
        )
    if rows.size and np.abs(rows).max() > MAX_PLACE_M:
        raise TooLarge(f"{file.where}: {name!r} leads {np.abs(rows).max():.3g} m away; save it in metres")
    return rows


def _rate(file: NpzFile, notices: list[Notice]) -> float:
    name = _find(file, "rate")
    if name is not None:
        values = file.numbers(name)
        if values.size != 1 or not 0.0 < float(values.reshape(-1)[0]) <= MAX_HZ:
            raise ParseFailed(f"{file.where}: {name!r} is no usable frame rate; save frames a second, such as 120.0")
        return float(values.reshape(-1)[0])
    text = f"{file.where}: no 'mocap_framerate'; {ASSUMED_HZ:g} frames a second are assumed, source_fps tells the true"
    notices.append(Notice("frame-time-assumed", text))
    return ASSUMED_HZ


def _betas(file: NpzFile) -> Array | None:
    """The shape, of the first frame where it is given for each."""
    name = _find(file, "betas")
    if name is None:
        return None
    values = file.numbers(name)
    if values.ndim == 0 or values.shape[-1] == 0 or values.size == 0:
        return None
    first: Array = values.reshape(-1, values.shape[-1])[0]
    return first
