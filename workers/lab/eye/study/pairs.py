"""Pairs for the eye study: the same moments of a clip on two bodies of one family, the source and the other one.

Their sameness is a copy of local rotations (`workers.lab.eye.data.families`), never our own retargeting between the
two. Of each family the two bodies of the most different shape make the pairs. A further group has the first of them
drawn as a generated body, as a motion without a surface is. Long clips of families with few clips are cut into pieces.

With a data folder everything is from the held-out part of the split; without one the project's own samples stand in:
enough to see that the study runs, but the built-in encoder knows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.contract.roles import SIDES
from workers.geometry.body_proxy import build_proxy
from workers.lab.eye.data.bodies import Family, LabelledClip, PosableBody
from workers.lab.eye.data.families import FILES, MAKEHUMAN, OWN_CLIPS, copy_onto, load_families, load_family
from workers.lab.eye.data.motions import CLIP_FILES, SAMPLE_CLIPS, SAMPLES
from workers.lab.eye.data.split import load_split
from workers.lab.eye.study.views import RenderedBody, RenderedMoments, frames_of, make_body, make_moments
from workers.motion.body_motion import BodyMotion
from workers.rendering.moving_body import motion_facing
from workers.semantics.viewed_clip import from_origin
from workers.skeleton.model import Array

MOMENTS = 8
MIN_CLIPS = 10  # of a family: with fewer, clips are cut
MIN_PIECE_S = 2.0
MIN_CLIP_S = 0.5


@dataclass(frozen=True, eq=False)
class MomentPair:
    """`source` and `other` show the same moments, at `times_s` of a clip with the words `text`."""

    group: str
    clip: str
    text: str
    times_s: Array
    source: RenderedMoments
    other: RenderedMoments


@dataclass(frozen=True, eq=False)
class Group:
    """One source body, one other body, and the clips that both play."""

    name: str
    source: PosableBody
    other: PosableBody
    clips: Sequence[LabelledClip]


def plan_groups(data: Path | None, clips: int, few: int) -> list[Group]:
    """What is measured: `clips` at most of the main family, which is the one with the most clips and the most different
    bodies, and at most `few` for every other group; 2 or more of each.

    Raises InvalidOptions for a folder without bodies or clips to measure on, and what reading raises.
    """
    if min(clips, few) < 2:
        raise InvalidOptions(f"--clips {min(clips, few)}: at least 2, to tell one from another")
    families = _families(data)
    main = max(
        families, key=lambda family: (len(_own_or_all(family)), shape_difference(*most_different(family.bodies)))
    )
    groups = _main_groups(main, clips, few)
    for family in families:
        if family is not main:
            groups.append(_group(family.name, *most_different(family.bodies), pieces(usable_clips(family, few))))
    return groups


def _main_groups(family: Family, clips: int, few: int) -> list[Group]:
    """All clips between the two bodies furthest apart; a few of them from a third body, and from a generated one."""
    source, other = most_different(family.bodies)
    chosen = usable_clips(family, clips)
    fewer = [chosen[index] for index in spread(len(chosen), few)]
    groups = [_group(family.name, source, other, pieces(chosen))]
    third = [body for body in skinned(family.bodies) if body not in (source, other)]
    groups += [_group(family.name, body, source, fewer) for body in third[:1]]
    drawn = replace(source, name=f"generated {source.name}", kind="generated", surface=build_proxy(source.body))
    return [*groups, _group(family.name, drawn, other, fewer)]


def _group(family: str, source: PosableBody, other: PosableBody, clips: Sequence[LabelledClip]) -> Group:
    return Group(f"{family}: {source.name} -> {other.name}", source, other, clips)


def usable_clips(family: Family, most: int) -> list[LabelledClip]:
    """At most `most` clips, evenly from the family's own, or where it has none from all that were brought onto it;
    stills and the shortest clips, whose moments are all one, are left out.
    """
    long = [clip for clip in (family.clips[number] for number in _own_or_all(family)) if _seconds(clip) >= MIN_CLIP_S]
    return [long[number] for number in spread(len(long), most)]


def _seconds(clip: LabelledClip) -> float:
    return (clip.motion.frames - 1) / clip.motion.rate_hz


def _own_or_all(family: Family) -> list[int]:
    """Places of the clips that were made on the family's own rig; of all of them where there are none."""
    own = OWN_CLIPS.get(family.name)
    mine = [number for number, clip in enumerate(family.clips.ids) if own is not None and clip.startswith(own)]
    return mine or list(range(len(family.clips.ids)))


def _families(data: Path | None) -> list[Family]:
    if data is None:
        return [_sample_family()]
    split = load_split()
    places = [FILES[name] for name in split.held_out_families if name in FILES]
    places += [f"{MAKEHUMAN}/base.obj", *_clip_files(split.held_out_clips)]
    missing = [place for place in dict.fromkeys(places) if not any(data.glob(place))]
    if missing:
        raise InvalidOptions(
            f"--data: {str(data)!r} lacks {missing[0]} and {len(missing) - 1} more of the held-out files; name the "
            "folder that the split was made of, or leave --data out to run on the project's own samples"
        )
    return load_families(data, "held_out")


@lru_cache(maxsize=1)
def _sample_family() -> Family:
    return load_family(Path(), SAMPLES, tuple(f"{SAMPLES}/{clip}" for clip in SAMPLE_CLIPS))


def _clip_files(clips: Sequence[str]) -> list[str]:
    """Where the clips' files lie below the data; the project's own samples lie nowhere."""
    parts = [clip.split("/") for clip in clips]
    return [f"{CLIP_FILES[folder][0]}/{file}" for folder, file, *_ in parts if folder != SAMPLES]


def make_pairs(group: Group) -> Iterator[MomentPair]:
    """A pair for each clip, with `MOMENTS` moments at equal shares of its length."""
    source, other = make_body(group.source), make_body(group.other)
    for clip in group.clips:
        yield make_pair(group, clip, source, other)


def make_pair(group: Group, clip: LabelledClip, source: RenderedBody, other: RenderedBody) -> MomentPair:
    first = from_origin(copy_onto(clip.motion, group.source.body))
    second = from_origin(copy_onto(clip.motion, group.other.body))
    moments = moments_of(first.frames, MOMENTS)
    facing = motion_facing(first)
    return MomentPair(
        group.name, clip.id, clip.text, np.asarray(moments) / first.rate_hz,
        make_moments(source, first, moments, facing), make_moments(other, second, moments, facing),
    )  # fmt: skip


def moments_of(frames: int, count: int) -> list[int]:
    """The middles of `count` equal parts of the clip."""
    return [int(frame) for frame in np.round((np.arange(count) + 0.5) / count * (frames - 1))]


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, evenly."""
    if count <= most:
        return list(range(count))
    return [int(place) for place in np.floor(np.arange(most) * count / most)]


def pieces(clips: Sequence[LabelledClip]) -> list[LabelledClip]:
    """Clips cut evenly until there are about `MIN_CLIPS`, none shorter than `MIN_PIECE_S`."""
    wanted = -(-MIN_CLIPS // max(len(clips), 1))
    result = []
    for clip in clips:
        count = max(1, min(wanted, int(_seconds(clip) / MIN_PIECE_S)))
        for number, part in enumerate(np.array_split(np.arange(clip.motion.frames), count)):
            name = clip.id if count == 1 else f"{clip.id} {number + 1}/{count}"
            result.append(replace(clip, id=name, motion=frames_of(clip.motion, part.tolist())))
    return result


def skinned(bodies: Sequence[PosableBody]) -> list[PosableBody]:
    return [body for body in bodies if body.kind == "skinned"]


def most_different(bodies: Sequence[PosableBody]) -> tuple[PosableBody, PosableBody]:
    """The two skinned bodies whose proportions are furthest apart, the earlier one first."""
    return max(combinations(skinned(bodies), 2), key=lambda two: shape_difference(*two))


def shape_difference(first: PosableBody, second: PosableBody) -> float:
    """RMS difference of the logarithms of their proportions."""
    return float(np.sqrt(np.mean((proportions(first) - proportions(second)) ** 2)))


def proportions(body: PosableBody) -> Array:
    """Logarithms of limb lengths, breadths and girth, each divided by the height."""
    measured, height = body.body, body.body.height_m
    lines = [("leftUpperArm", "rightUpperArm"), ("leftUpperLeg", "rightUpperLeg"), ("hips", "head")]
    for side in SIDES:
        lines += [(f"{side}UpperArm", f"{side}LowerArm"), (f"{side}LowerArm", f"{side}Hand")]
        lines += [(f"{side}UpperLeg", f"{side}LowerLeg"), (f"{side}LowerLeg", f"{side}Foot")]
    lengths = []
    for start, end in lines:
        ends = [measured.rest_positions_m[measured.mapping.roles[role].joint] for role in (start, end)]
        lengths.append(float(np.linalg.norm(ends[0] - ends[1])))
    a, b, c = (body.surface.positions_m[body.surface.faces[:, corner]] for corner in range(3))
    area = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
    return np.log(np.maximum([*lengths, np.sqrt(area)], 1e-6) / height)


def pose_points(motion: BodyMotion, roles: Sequence[str]) -> Array:
    """Places of the roles' joints relative to the hips, in heights `(frames, roles, 3)`; a missing role at the hips."""
    hips = motion.positions_m[:, motion.body.hips]
    places = np.zeros((motion.frames, len(roles), 3))
    for number, role in enumerate(roles):
        path = motion.role_positions(role)
        if path is not None:
            places[:, number] = path - hips
    return places / motion.body.height_m
