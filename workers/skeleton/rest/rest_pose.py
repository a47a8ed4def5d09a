"""Which pose of a motion counts as rest.

A skinned file rests in its bind pose: nothing to choose. For a motion without a skin, in this order: the character
it was made on (`source_character`), the option `rest_pose`, the file's own zero pose where that is a T or A pose, a
T- or A-like frame of the clip, the zero pose where a body could stand so, else an estimate
(`workers.skeleton.rest.rest_estimate`). A zero pose that is a T comes before a T-like frame because it is exact where a
captured T is an actor's attempt at one. What is chosen by judgement and not by the user or the file is reported as
`rest-pose-guessed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.contract.errors import InvalidOptions, SourceMismatch
from workers.skeleton import kinematics, quat
from workers.skeleton.body import heading
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array, Notice, Scene, Skeleton
from workers.skeleton.rest.rest_estimate import MappedMotion, estimate_rest
from workers.skeleton.rest.stance import measure_stance

RestChoice = Literal["auto", "file", "estimate"] | int
# Bones of the motion and of its character must point the same way in their parents' frames, or the frames differ.
MAX_BONE_DIFFERENCE_DEG = 15.0


@dataclass(frozen=True, eq=False)
class Rest:
    """`skeleton` carries the chosen rest pose; `kind` names it for the report."""

    skeleton: Skeleton
    kind: str
    guessed: bool
    notices: tuple[Notice, ...] = ()


def choose_rest(
    scene: Scene,
    mapping: HumanoidMapping,
    rotations: Array,
    positions: Array,
    choice: RestChoice,
    character: Scene | None,
) -> Rest:
    """The rest pose of a motion; `rotations`, `positions` are its clip in world space (see `kinematics.clip_world`).

    Raises SourceMismatch where `character` is not the motion's own, InvalidOptions for a frame that does not exist.
    """
    skeleton = scene.skeleton
    if character is not None:
        return Rest(_from_character(skeleton, mapping, character), "source-character", guessed=False)
    if isinstance(choice, int):
        if choice >= len(rotations):
            raise InvalidOptions(f"rest_pose: frame {choice} does not exist; the clip has {len(rotations)} frames")
        return Rest(
            rest_from_frame(skeleton, mapping, rotations[choice], positions[choice]), f"frame {choice}", guessed=False
        )
    if choice == "file" or (choice == "auto" and scene.rest_kind == "bind"):
        return Rest(skeleton, scene.rest_kind, guessed=False)
    if choice == "auto":
        found = _standing_pose(scene, mapping, rotations, positions)
        if found is not None:
            return found
    world, notices = estimate_rest(MappedMotion(skeleton, mapping, rotations, positions))
    message = "neither zero pose nor a frame is a rest pose; a T pose was built from the motion (bones, hinges, stance)"
    notice = Notice("rest-pose-guessed", message)
    return Rest(_with_world_rest(skeleton, mapping, world), "estimated", True, (notice, *notices))


def _standing_pose(scene: Scene, mapping: HumanoidMapping, rotations: Array, positions: Array) -> Rest | None:
    """Zero pose or frame in which the body stands as for calibration; None where there is none."""
    zero = measure_stance(mapping, kinematics.rest_world(scene.skeleton)[1][None])
    if zero.t_or_a[0]:
        return Rest(scene.skeleton, scene.rest_kind, guessed=False)
    stance = measure_stance(mapping, positions)
    candidates = np.flatnonzero(stance.t_or_a)
    if len(candidates):
        frame = int(candidates[np.argmin(stance.misfit[candidates])])
        notice = Notice(
            "rest-pose-guessed", f"frame {frame} looks like a T or A pose and is taken as rest", frames=(frame, frame)
        )
        skeleton = rest_from_frame(scene.skeleton, mapping, rotations[frame], positions[frame])
        return Rest(skeleton, f"frame {frame}", True, (notice,))
    # A pose that is part bind, part nodes was never meant to be stood in: it counts only where it is a T or an A.
    if zero.plausible[0] and scene.extras.get("mixed_rest") is not True:
        notice = Notice(
            "rest-pose-guessed",
            "the file's zero pose is neither T nor A but a body could stand so; it is taken as rest",
        )
        return Rest(scene.skeleton, scene.rest_kind, True, (notice,))
    return None


def rest_from_frame(skeleton: Skeleton, mapping: HumanoidMapping, rotations: Array, positions: Array) -> Skeleton:
    """One frame as rest, turned to face +Z: a clip may stand its T pose in any direction, the rig still faces its
    own.
    """
    roles = mapping.roles
    lateral = positions[roles["leftUpperLeg"].joint] - positions[roles["rightUpperLeg"].joint]
    neutral = quat.multiply(quat.conjugate(heading(lateral)), rotations)
    return _with_world_rest(skeleton, mapping, neutral)


def _with_world_rest(skeleton: Skeleton, mapping: HumanoidMapping, world: Array) -> Skeleton:
    """A rest pose from world rotations, its hips above the origin. What is above the topmost joint stays as its node
    stands: no result keys it.
    """
    world, standing = world.copy(), kinematics.world_rotations(skeleton, skeleton.node_rotations)
    for group in reversed(skeleton.ancestors(mapping.roles["hips"].joint)):
        if skeleton.deforming[group]:
            break
        world[group] = standing[group]
    offsets = skeleton.node_offsets_m.copy()
    positions = kinematics.world_positions(skeleton, world, offsets)
    hips = mapping.roles["hips"].joint
    shift = -positions[hips] * np.array([1.0, 0.0, 1.0])
    parent = int(skeleton.parents[hips])
    offsets[hips] += shift if parent < 0 else quat.rotate(quat.conjugate(world[parent]), shift)
    return skeleton.with_rest(kinematics.local_rotations(skeleton, world), offsets)


def _from_character(skeleton: Skeleton, mapping: HumanoidMapping, character: Scene) -> Skeleton:
    """Rest of the character's joints of the same names, checked bone by bone."""
    by_name = {name: joint for joint, name in enumerate(character.skeleton.names) if name}
    needed = {role: match.joint for role, match in mapping.roles.items()}
    missing = [skeleton.names[joint] for joint in needed.values() if skeleton.names[joint] not in by_name]
    if missing:
        raise SourceMismatch(
            f"source_character lacks {len(missing)} joints of the motion, such as {missing[0]!r}; "
            "give the character it was made on"
        )
    character_world, character_positions = kinematics.rest_world(character.skeleton)
    world = kinematics.world_rotations(skeleton, skeleton.rest_rotations)
    for joint, name in enumerate(skeleton.names):
        if name in by_name:
            world[joint] = character_world[by_name[name]]
        elif skeleton.parents[joint] >= 0:
            world[joint] = quat.multiply(world[skeleton.parents[joint]], skeleton.rest_rotations[joint])
    rest = _with_world_rest(skeleton, mapping, world)
    positions = kinematics.rest_world(rest)[1]
    for joint in needed.values():
        parent = int(skeleton.parents[joint])
        if parent < 0 or skeleton.names[parent] not in by_name or joint == mapping.roles["hips"].joint:
            continue
        ours = positions[joint] - positions[parent]
        theirs = (
            character_positions[by_name[skeleton.names[joint]]] - character_positions[by_name[skeleton.names[parent]]]
        )
        angle = float(np.degrees(np.arccos(np.clip(quat.unit(ours) @ quat.unit(theirs), -1.0, 1.0))))
        if np.linalg.norm(ours) > 1e-3 and angle > MAX_BONE_DIFFERENCE_DEG:
            raise SourceMismatch(
                f"source_character: bone {skeleton.names[parent]!r} to {skeleton.names[joint]!r} "
                f"points {angle:.0f} degrees away from the motion's; "
                "the joint axes differ, so give the character this motion was exported with"
            )
    return rest
