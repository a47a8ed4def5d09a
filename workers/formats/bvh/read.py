"""BVH in: `read_bvh` turns a BVH file into a Scene in metres, Y up.

A BVH names neither unit nor up axis: both are guessed and reported (`formats.units`, `formats.up_axis`), as is the
meaning of position channels (`bvh.motion`). The guessed turn to Y up is applied at the roots only. The rest pose is the
zero pose: bones along their OFFSETs, no rotation but that turn, or one that sets it on its feet
(`formats.upright_zero`); it need not be a T pose. Text is left to `bvh.syntax`, finding the roles
and a better rest pose to `workers.skeleton`, writing to `bvh.write`.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np

from workers.formats.body_plan import BodyPlan, body_plan
from workers.formats.bundle import FileBundle
from workers.formats.bvh.motion import (
    adds_below_root,
    clip_rotations,
    local_rotations,
    local_translations,
    moving_nodes,
    position_columns,
    root_adds,
    sample_frames,
)
from workers.formats.bvh.syntax import BvhText, parse_bvh
from workers.formats.limits import DEFAULT_LIMITS, Limits, check_limit
from workers.formats.units import guess_unit, make_units
from workers.formats.up_axis import gather_evidence, guess_up_axis, to_y_up, up_direction
from workers.formats.upright_zero import with_upright_zero
from workers.skeleton import kinematics, quat
from workers.skeleton.model import Array, Clip, ClipInfo, Notice, Scene, Skeleton, Units
from workers.skeleton.resample import resample, resampled_frames

SAME_PLACE = 1e-5  # of stature: a position track this close to its OFFSET in all frames moves nothing


def read_bvh(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of a BVH file: one skeleton, one clip named after the file, no mesh.

    Raises ParseFailed (with the line), NoSkeleton or TooLarge. What was guessed or left out is in `notices`.
    """
    text = parse_bvh(bundle.data, bundle.name, limits)
    plan = body_plan(text.parents, text.offsets)
    raw = _skeleton_in_file_units(text)
    units, adds, notices = _guess(text, raw, plan, bundle.name)
    turn = to_y_up(units.up_axis)
    skeleton = _to_conventions(raw, units.factor, turn)
    moving = moving_nodes(text, adds, SAME_PLACE * plan.stature)
    name = bundle.name  # what loads a clip must not hold the text of the file
    stem = PurePosixPath(name.replace("\\", "/")).stem
    duration_s = (len(text.rows) - 1) / text.rate_hz

    def load_clip(index: int, rate_hz: float | None) -> Clip:
        if index != 0:
            raise IndexError(f"a BVH has one clip, not {index + 1}")
        if rate_hz is not None:
            frames = resampled_frames(len(text.rows), text.rate_hz, rate_hz)
            check_limit(frames, limits.frames, f"frames at {rate_hz:g} Hz", name)
            check_limit(frames * len(skeleton), limits.rotation_keys, f"rotation keys at {rate_hz:g} Hz", name)
        moved = {
            joint: _placed(track, units.factor, turn, is_root=text.parents[joint] < 0)
            for joint, track in local_translations(text, text.rows, adds, moving).items()
        }
        clip = Clip(stem, text.rate_hz, 0.0, clip_rotations(text, turn), moved)
        return clip if rate_hz is None else resample(clip, rate_hz)

    scene = Scene(
        format="bvh",
        skeleton=skeleton,
        rest_kind="zero",
        units=units,
        clips=(ClipInfo(stem, len(text.rows), text.rate_hz, duration_s),),
        load_clip=load_clip,
        load_mesh=lambda: None,
        notices=(*text.notices, *notices),
    )
    return with_upright_zero(scene)


def _skeleton_in_file_units(text: BvhText) -> Skeleton:
    count = len(text.parents)
    end_site = np.arange(count) >= text.joints
    return Skeleton(
        names=text.names,
        parents=np.array(text.parents, dtype=np.int64),
        file_indices=np.arange(count, dtype=np.int64),
        node_offsets_m=text.offsets,
        node_rotations=quat.identity(count),
        rest_offsets_m=text.offsets,
        rest_rotations=quat.identity(count),
        deforming=np.ones(count, dtype=np.bool_),
        translation_scale=np.ones(count),
        end_site=end_site,
    )


def _to_conventions(raw: Skeleton, factor: float, turn: Array) -> Skeleton:
    """Metres and Y up: offsets scaled, roots turned in rotation and place."""
    roots = raw.parents < 0
    rotations = raw.rest_rotations.copy()
    rotations[roots] = turn
    offsets = raw.rest_offsets_m * factor
    offsets[roots] = quat.rotate(turn, offsets[roots])
    return Skeleton(
        names=raw.names,
        parents=raw.parents,
        file_indices=raw.file_indices,
        node_offsets_m=offsets,
        node_rotations=rotations,
        rest_offsets_m=offsets,
        rest_rotations=rotations,
        deforming=raw.deforming,
        translation_scale=np.full(len(raw), factor),
        end_site=raw.end_site,
    )


def _guess(text: BvhText, raw: Skeleton, plan: BodyPlan, name: str) -> tuple[Units, frozenset[int], list[Notice]]:
    """Units, the joints whose positions are added to their OFFSET, and the notices that tell."""
    below = (
        frozenset(node for node in position_columns(text) if text.parents[node] >= 0)
        if adds_below_root(text)
        else frozenset()
    )
    rows = text.rows[sample_frames(text)]
    world = kinematics.world_rotations(raw, local_rotations(text, rows))
    roots = [node for node in range(text.joints) if text.parents[node] < 0]

    def posed(adds: frozenset[int]) -> Array:
        return kinematics.world_positions(raw, world, text.offsets, local_translations(text, rows, adds))

    replaced, added = posed(below), posed(below.union(roots))
    carrying = list(plan.carrying)
    lowest, highest = (
        np.stack([extreme(positions[:, carrying], axis=(0, 1)) for positions in (replaced, added)])
        for extreme in (np.min, np.max)
    )
    zero = kinematics.rest_world(raw)[1]
    evidence = gather_evidence(plan, replaced, zero, np.abs(lowest).min(axis=0), np.abs(highest).min(axis=0))
    guess = guess_up_axis(evidence)
    unit, factor, unit_reason = guess_unit(plan)
    up = up_direction(guess.axis)
    directions = (up, -up) if guess.either_way else (up,)  # a definition may turn over what was guessed

    def heights(root: int) -> list[tuple[Array, Array]]:
        over_root = replaced[:, carrying] - replaced[:, [root]]
        return [(direction, (over_root @ direction).min(axis=1)) for direction in directions]

    adding_roots = [root for root in roots if root_adds(text, root, heights(root), plan.stature)]
    units = make_units(unit, factor, guess.axis, (f"1 unit = {factor:.6g} m, {unit_reason}", guess.reason))
    notices = [Notice("units-guessed", f"{name}: a BVH names no unit or up axis; {units.reason}")]
    if guess.axis.startswith("-"):
        axis = guess.axis[-1]
        message = (
            f"{name}: legs and trunk stand head down along {axis}, so -{axis} is taken as up, the motion turned over; "
            f"where somebody does hang or stand on his hands, give up_axis {axis} in a definition"
        )
        notices.append(Notice("upside-down-turned", message))
    if guess.is_close:
        notices.append(Notice("up-axis-uncertain", f"{name}: the evidence for the up axis is weak; {guess.reason}"))
    adds = below.union(adding_roots)
    if adds:
        message = (
            f"{name}: position channels of {len(adds)} joints are added to OFFSET, as bone lengths or ground suggest"
        )
        notices.append(Notice("positions-added-to-offset", message, joint=text.names[min(adds)]))
    return units, adds, notices


def _placed(track: Array, factor: float, turn: Array, is_root: bool) -> Array:
    metres = track * factor
    return quat.rotate(turn, metres) if is_root else metres
