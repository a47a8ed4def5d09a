"""`retarget_clip`: one clip onto one character, in memory, and what its scores and its report need beside it.

A body with its feet's contacts and its ground is brought onto the character by one of `methods`, the naive copy is made
beside it, feet are held, twist is spread, the travel is placed. Refinement comes after (`workers.refinement`);
scores, report and files are the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.motion.body_motion import BodyMotion, to_clip
from workers.motion.contacts import FootContacts, find_contacts, sole_heights
from workers.motion.ground import Floor, estimate_floor
from workers.motion.level_feet import level_feet
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.retargeting.alignment import RestAlignment, align, align_rest
from workers.retargeting.analytic import leg_scale
from workers.retargeting.copy_rest import copy_rest
from workers.retargeting.feet.foot_lock import hold_feet
from workers.retargeting.feet.legs import find_legs
from workers.retargeting.methods import Method, choose_method
from workers.retargeting.retargeter import TransferInput
from workers.retargeting.root_motion import place_travel, start_at_origin
from workers.retargeting.twist import spread_twist
from workers.skeleton.body import Body
from workers.skeleton.followers import follower_notices
from workers.skeleton.model import Clip, Notice


@dataclass(frozen=True, eq=False)
class Refinement:
    """What refinement did to a clip: `base` is the motion before, with its travel; `summary` is for the report."""

    base: BodyMotion
    summary: dict[str, Any]


@dataclass(frozen=True, eq=False)
class RetargetedClip:
    """One clip on the character, with all that its report needs. `root` is the joint that carries the travel.

    `method` is the name of the method that ran, `keyed` are the target joints that it turned.
    `scored` is the result with its travel, which `root_motion: in_place` takes away: without it planted feet slide.
    `refinement` tells what was refined of it, None where nothing was asked for.
    """

    method: str
    source: PreparedMotion
    contacts: FootContacts
    floor: Floor
    source_floor_m: float
    result: BodyMotion
    scored: BodyMotion
    naive: BodyMotion
    clip: Clip
    root: int | None
    keyed: tuple[int, ...]
    notices: tuple[Notice, ...]
    refinement: Refinement | None = None


def retarget_clip(
    source: PreparedMotion, target: PreparedCharacter, options: JobOptions, method: Method | None = None
) -> RetargetedClip:
    """One clip onto one character, in memory, by `method`; by default by what `options.method` means."""
    body, method = target.body, method or choose_method(options.method)
    source, contacts = with_foot_contacts(source)
    floor = estimate_floor(source.motion, contacts)
    estimated = floor.base_m if options.ground != "none" else None
    floor_m = claimed_floor(source.motion) if estimated is None else estimated
    alignment = _aligned(source, target, options)
    notices = [*source.notices, *target.scene.notices, *target.rest.notices, *alignment.notices, *_detached(body)]
    notices += follower_notices(body.skeleton, body.followers)
    given = TransferInput(source, target, contacts, alignment, floor_m, options.root_scale)
    transferred = method.open().retarget(given)
    notices += transferred.notices
    result, keyed = transferred.motion, transferred.keyed
    del transferred  # and with it, of a long clip, a motion that nobody asks for again
    naive = copy_rest(source.motion, body, floor_m)
    if options.foot_contact == "auto":
        scale = leg_scale(source.body, body)
        result = hold_feet(result, source.motion, contacts, scale, options.ground, floor_m)
        notices += find_legs(body)[1]
    result = spread_twist(result)
    if options.start == "origin":
        result, naive = start_at_origin(result), start_at_origin(naive)
    placed, root = place_travel(result, options.root_motion)
    if root is not None and root in target.left_alone:
        raise InvalidOptions(
            f"root_motion: joint {body.skeleton.names[root]!r} would carry the travel, but the definition leaves it "
            "alone; take it out of leave_alone or use another root_motion"
        )
    clip = to_clip(placed, root)
    return RetargetedClip(
        method=method.name,
        source=source,
        contacts=contacts,
        floor=floor,
        source_floor_m=floor_m,
        result=placed,
        scored=result if options.root_motion == "in_place" else placed,
        naive=naive,
        clip=clip,
        root=root,
        keyed=(*keyed, *body.followers.leaders),
        notices=tuple(notices),
    )


def _aligned(source: PreparedMotion, target: PreparedCharacter, options: JobOptions) -> RestAlignment:
    """The rest poses' alignment. A rest pose that the user states counts as it is; else a family's common pose does."""
    stated = (file.definition is not None and file.definition.rest_pose is not None for file in (source, target))
    is_stated = options.rest_pose != "auto" or any(stated)
    return align_rest(source.body, target.body) if is_stated else align(source.body, target.body)


def with_foot_contacts(source: PreparedMotion) -> tuple[PreparedMotion, FootContacts]:
    """The motion's foot contacts; a body without a mesh has its feet measured by them first."""
    contacts = find_contacts(source.motion)
    if source.rest.kind == "bind":
        return source, contacts
    motion = level_feet(source.motion, contacts)
    if motion is source.motion:
        return source, contacts
    return replace(source, motion=motion, body=motion.body), find_contacts(motion)


def _detached(body: Body) -> Iterator[Notice]:
    for joint, carrier in body.attachments.items():
        name, leg = body.skeleton.names[joint], body.skeleton.names[carrier]
        text = f"joint {name!r} does not hang below {leg!r}; its translation is keyed, so that it follows its limb"
        yield Notice("detached-joint", text, name)


def claimed_floor(motion: BodyMotion) -> float:
    """Where a motion's ground is when no contact shows it: under its rest pose where that stands, else at height 0.

    Never above the lowest sole: nothing walks below the ground, whatever the file's origin.
    """
    stands = abs(motion.body.floor_m) < 0.5 * motion.body.leg_length_m
    soles = sole_heights(motion)
    lowest = float(np.nanmin(soles)) if np.isfinite(soles).any() else np.inf
    return min(motion.body.floor_m if stands else 0.0, lowest)
