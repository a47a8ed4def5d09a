"""A shaped clip as it is written: as a difference if asked for, with fewer keys, its events and its name.

What is scored is the motion itself; here it only takes another form, and says which.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from workers.contract.options import JobOptions
from workers.motion.body_motion import BodyMotion, from_clip
from workers.motion.foot_events import FootEvents, foot_events
from workers.retargeting.clip import RetargetedClip
from workers.skeleton.additive import frame_pose, rest_pose, subtract
from workers.skeleton.model import Clip, Notice, Skeleton
from workers.skeleton.reduce_keys import reduce_keys
from workers.variants.names import clip_name


@dataclass(frozen=True, eq=False)
class Delivered:
    """The clip to write, the motion that a reader gets of it, and what was done for the report."""

    clip: Clip
    motion: BodyMotion
    facts: dict[str, Any]
    events: FootEvents | None = None
    notices: tuple[Notice, ...] = field(default=())


def deliver(item: RetargetedClip, options: JobOptions, keyed: Collection[int], file_format: str) -> Delivered:
    """`keyed` are the joints whose rotation is written, into a file of `file_format`. Raises InvalidOptions for a frame
    that the clip does not have.
    """
    body, clip, motion = item.result.body, item.clip, item.result
    facts: dict[str, Any] = {"mirrored": options.mirror, "additive": None, "keys": None}
    notices: list[Notice] = []
    extras: dict[str, Any] = {}
    if options.additive != "none":
        clip = _difference(clip, body.skeleton, options, keyed)
        facts["additive"] = extras["additive"] = {"base": options.additive, "form": options.additive_form}
    if options.tolerance_deg is not None:
        reduction = reduce_keys(clip, keyed, options.tolerance_deg, body.leg_length_m)
        clip = replace(reduction.clip, kept_keys=reduction.kept)
        facts["keys"] = reduction.to_dict()
        if file_format != "glb":
            text = (
                f"tolerance_deg: {file_format.upper()} files have a key in every frame; the motion is the reduced one"
            )
            notices.append(Notice("keys-not-left-out", text))
    if clip is not item.clip:
        motion = from_clip(body, clip)
    events = None
    if options.events:
        events = foot_events(item.result, item.contacts)
        extras["events"] = events.to_dict()["events"]
    named = replace(clip, name=clip_name(clip.name, options), extras=extras)
    return Delivered(named, motion, facts, events, tuple(notices))


def _difference(clip: Clip, skeleton: Skeleton, options: JobOptions, keyed: Collection[int]) -> Clip:
    standing = rest_pose(skeleton, clip)
    base = standing if not isinstance(options.additive, int) else frame_pose(clip, options.additive)
    return subtract(clip, base, skeleton, keyed, onto=standing if options.additive_form == "on_rest" else None)
