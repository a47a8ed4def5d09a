"""The files of a job that hold clips: its result, the variants beside it, and the events of both.

A variant is what a job with its options would give, without scores of its own. It shares the retargeted clip where it
can; one that loops, of a job that does not, has its source closed and retargeted again, unless the clip was refined:
then the refined clip is closed as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.contract.options import JobOptions
from workers.engine.export import Exported, export, result_format, written_joints
from workers.engine.learned import retarget_by
from workers.engine.postconditions import check_file
from workers.motion.close_loop import ClosedLoop, close_loop
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.methods import Method
from workers.retargeting.twist import twist_joints
from workers.scores.report import json_ready
from workers.skeleton.model import Notice
from workers.variants.deliver import Delivered, deliver
from workers.variants.events_file import NAME, events_file
from workers.variants.names import file_stem, variant_options
from workers.variants.shape import closed_source, reshape_clip


@dataclass(frozen=True, eq=False)
class Base:
    """A clip as it was retargeted and refined, before it was shaped; `loop` is how its source was closed."""

    source: PreparedMotion
    made: RetargetedClip
    loop: ClosedLoop | None


@dataclass(frozen=True, eq=False)
class WrittenClips:
    """A file and the clips in it."""

    exported: Exported
    clips: tuple[Delivered, ...]

    @property
    def notices(self) -> tuple[Notice, ...]:
        return tuple(notice for clip in self.clips for notice in clip.notices)


@dataclass(frozen=True, eq=False)
class Variants:
    """File name -> what was written, and per variant its words and how its sources were closed."""

    files: dict[str, WrittenClips]
    facts: tuple[dict[str, Any], ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def artifacts(self) -> dict[str, bytes]:
        return {name: file.exported.data for name, file in self.files.items()}


def write_clips(target: PreparedCharacter, clips: Sequence[RetargetedClip], options: JobOptions) -> WrittenClips:
    """One file of all clips. Raises OutputInvalid, InvalidOptions and what the writers raise."""
    driven = _driven(clips, target)
    file_format = result_format(target, options, len(clips))
    delivered = tuple(deliver(clip, options, written_joints(target, driven), file_format) for clip in clips)
    exported = export(target, [item.clip for item in delivered], driven, options)
    check_file(exported, delivered[-1].clip, delivered[-1].motion)
    return WrittenClips(exported, delivered)


def write_variants(
    target: PreparedCharacter, bases: Sequence[Base], options: JobOptions, method: Method, result: WrittenClips
) -> Variants:
    """The files of `options.variants`, beside the job's `result`. Raises as `write_clips`, and InvalidOptions for ends
    too far apart to close.
    """
    files, facts, notices = {}, [], []
    for variant in options.variants:
        asked = variant_options(options, variant)
        again = [_again(base, target, asked, method) for base in bases]
        shaped = [reshape_clip(base.made, base.loop, asked) for base in again]
        written = write_clips(target, shaped, asked)
        name = f"{file_stem(variant)}.{written.exported.format}"
        files[name] = written
        facts.append({"variant": variant, "file": name, "clips": _clip_facts(again, written)})
        notices += [*written.notices, *written.exported.notices]
        notices += [notice for item in shaped for notice in item.notices]
    known = {*result.notices, *result.exported.notices, *(notice for base in bases for notice in base.made.notices)}
    return Variants(files, tuple(facts), tuple(notice for notice in dict.fromkeys(notices) if notice not in known))


def _again(base: Base, target: PreparedCharacter, options: JobOptions, method: Method) -> Base:
    if options.loop == "keep" or base.loop is not None:
        return base
    if base.made.refinement is not None:
        return Base(base.source, base.made, close_loop(base.source.motion))
    source, loop = closed_source(base.source, options)
    return Base(base.source, retarget_by(method, source, target, options), loop)


def what_was_shaped(bases: Sequence[Base], written: WrittenClips, variants: Variants) -> dict[str, Any]:
    """Keys of the report: `shaping`, a row a clip of the result, and `variants`."""
    found = json_ready({"shaping": _clip_facts(bases, written), "variants": list(variants.facts)})
    assert isinstance(found, dict)
    return found


def events_artifact(name: str, written: WrittenClips, variants: Variants) -> dict[str, bytes]:
    """events.json, where events were asked for; `name` is the result's file."""
    files = [(name, clip) for clip in written.clips]
    files += [(file, clip) for file, made in variants.files.items() for clip in made.clips]
    return {NAME: events_file(files)} if any(clip.events is not None for _, clip in files) else {}


def _clip_facts(bases: Sequence[Base], written: WrittenClips) -> list[dict[str, Any]]:
    return [
        {"clip": item.clip.name, **item.facts, "loop": None if base.loop is None else base.loop.to_dict()}
        for base, item in zip(bases, written.clips, strict=True)
    ]


def _driven(clips: Sequence[RetargetedClip], target: PreparedCharacter) -> list[int]:
    """Joints whose rotation the result keys: those driven in any clip, and the one that carries the travel."""
    joints = {joint for item in clips for joint in item.keyed}
    joints.update(twist_joints(target.body))
    return sorted(joints | {item.root for item in clips if item.root is not None})
