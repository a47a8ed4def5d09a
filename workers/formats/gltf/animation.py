"""Animations: which there are, and sampling one on a uniform time axis.

A clip is one animation that moves a node of the tree by translation, rotation or scale. Some exporters write one
animation per joint: animations are one clip together if there are several, each moves few nodes (at most two), no node
is moved by two of them, and all begin and end at the same times (within a millisecond).

`list_clips` reads key times only, `sample_poses` takes some frames of a clip without the others. Sampling works on
stacks: all channels that share key times and interpolation are one numpy operation. Times outside a channel's keys hold
its first or last value (glTF 2.0, 3.11 "Animations").
The rate is left to `key_rate`. Morph weights are left out; animated scale is not followed, see `clip_notices`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import ParseFailed
from workers.formats.gltf.accessors import Accessors
from workers.formats.gltf.animation_pointer import POINTER_PATH, pointed_node
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.fields import Json, bad_field, child, index_column, objects, text
from workers.formats.gltf.key_rate import clip_rate, stated_rate
from workers.formats.gltf.nodes import NodeTree, fold_rotations, fold_translations
from workers.formats.limits import check_limit
from workers.skeleton import quat
from workers.skeleton.fold_notices import fold_notices
from workers.skeleton.model import Array, Clip, ClipInfo, Indices, Notice
from workers.skeleton.resample import HAIR

_ON_KEY = 1e-4  # of a key distance: nearer than this to a key, the key's value is taken
_TRANSLATION_TOLERANCE = 1e-6  # of the body's size
_SPLIT_NODES = 2
_STILL = 1e-4  # of the values' size
_VALUES_PER_KEY = {"LINEAR": 1, "STEP": 1, "CUBICSPLINE": 3}
_OUTPUT_KIND = {"translation": "VEC3", "rotation": "VEC4", "scale": "VEC3"}


class Channel(NamedTuple):
    """`entry` indexes the node tree; `times` and `values` are accessors."""

    entry: int
    path: str
    times: int
    values: int
    interpolation: str


@dataclass(frozen=True, eq=False)
class FileClip:
    """One clip as it lies in the file: a name, its channels, its extent in time and its own rate."""

    name: str
    channels: tuple[Channel, ...]
    animations: tuple[int, ...]
    start_s: float
    end_s: float
    rate_hz: float

    def frames_at(self, rate_hz: float) -> int:
        return round((self.end_s - self.start_s) * rate_hz) + 1

    def info(self) -> ClipInfo:
        duration = self.end_s - self.start_s
        frames = self.frames_at(self.rate_hz)
        return ClipInfo(self.name, frames, (frames - 1) / duration if frames > 1 else self.rate_hz, duration)


def list_clips(document: GltfDocument, tree: NodeTree) -> list[FileClip]:
    """All clips in file order. Raises ParseFailed for channels, samplers or key times that are not valid."""
    clips = []
    for number, animation in enumerate(document.animations):
        name = text(animation, "name", f"/animations/{number}") or ""
        channels = _channels(document, tree, animation, f"/animations/{number}")
        if channels:
            start, end, rate = _timing(document.accessors, channels, stated_rate(animation))
            clips.append(FileClip(name, channels, (number,), start, end, rate))
    if _is_split(clips):
        clips = [_join(clips)]
    return [
        c if c.name else FileClip(f"clip {n}", c.channels, c.animations, c.start_s, c.end_s, c.rate_hz)
        for n, c in enumerate(clips)
    ]


def sample_clip(
    document: GltfDocument, tree: NodeTree, clip: FileClip, rate_hz: float | None, factor: float, body_size_m: float
) -> Clip:
    """The clip on a uniform time axis, in our conventions; `factor` is metres per file unit. At its own rate (None) it
    ends where the file's does, at another with the last frame within it (`workers.skeleton.resample`).

    Raises TooLarge, or ParseFailed for NaN.
    """
    limits = document.limits
    wanted = clip.rate_hz if rate_hz is None else rate_hz
    duration = clip.end_s - clip.start_s
    check_limit(int(min(duration * wanted, 1e15)) + 1, limits.frames, "frames", f"clip {clip.name!r}")
    frames = clip.frames_at(wanted) if rate_hz is None else int(duration * rate_hz + HAIR) + 1
    check_limit(frames * len(tree), limits.rotation_keys, "rotation keys", f"clip {clip.name!r}")
    rate = (frames - 1) / duration if frames > 1 and rate_hz is None else wanted
    times = clip.start_s + np.arange(frames) / rate
    rotations = np.empty((frames, len(tree), 4))
    rotations[:] = tree.rotations
    translations: dict[int, Array] = {}
    for (path, key_times, _), channels in channel_groups(clip.channels).items():
        if path == "scale":
            continue
        entries = np.array([channel.entry for channel in channels])
        keys = read_times(document.accessors, key_times)
        check_limit(len(keys) * len(channels), limits.rotation_keys, "keys", f"clip {clip.name!r}")
        values = sample_channels(document.accessors, channels, keys, times)
        if path == "rotation":
            rotations[:, entries] = fold_rotations(tree, entries, values)
            continue
        for column, entry in enumerate(entries.tolist()):
            moved = fold_translations(tree, entry, values[:, column]) * factor
            if np.max(np.abs(moved - tree.offsets[entry] * factor)) > _TRANSLATION_TOLERANCE * (body_size_m or 1.0):
                translations[entry] = moved
    return Clip(clip.name, rate, clip.start_s, quat.make_continuous(rotations), translations)


def sample_poses(
    document: GltfDocument, tree: NodeTree, clip: FileClip, frames: Indices, factor: float
) -> tuple[Array, dict[int, Array]]:
    """Some frames of a clip as `sample_clip` gives it at its own rate: local rotations `(frames, nodes, 4)`, and
    translations `(frames, 3)` of all nodes that it moves.

    Every key of every channel is read and must be finite, one channel at a time, so nothing grows with nodes x frames.
    Raises ParseFailed.
    """
    info = clip.info()
    times = clip.start_s + frames / info.rate_hz
    rotations = np.empty((len(frames), len(tree), 4))
    rotations[:] = tree.rotations
    translations: dict[int, Array] = {}
    for (path, key_times, interpolation), channels in channel_groups(clip.channels).items():
        if path == "scale":
            continue
        keys = read_times(document.accessors, key_times)
        before = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, max(len(keys) - 2, 0))
        used = np.unique(np.concatenate([before, np.minimum(before + 1, len(keys) - 1)]))
        per_key = _VALUES_PER_KEY[interpolation]
        rows = (used[:, None] * per_key + np.arange(per_key)).ravel()
        values = np.concatenate([_stack(document.accessors, [one], path)[rows] for one in channels], axis=1)
        sampled = sample_keys(values, keys[used], times, path, interpolation)
        entries = np.array([channel.entry for channel in channels])
        if path == "rotation":
            rotations[:, entries] = fold_rotations(tree, entries, sampled)
            continue
        for column, entry in enumerate(entries.tolist()):
            translations[entry] = fold_translations(tree, entry, sampled[:, column]) * factor
    return rotations, translations


def clip_notices(document: GltfDocument, tree: NodeTree, clip: FileClip) -> tuple[Notice, ...]:
    """What sampling this clip leaves out or repairs: animated scale and quaternions that are not unit."""
    notices: list[Notice] = []
    for (path, key_times, interpolation), channels in channel_groups(clip.channels).items():
        if path == "translation":
            continue
        check_limit(
            len(channels) * document.accessors.count(key_times), document.limits.rotation_keys, "keys", clip.name
        )
        values = _stack(document.accessors, channels, path)
        if interpolation == "CUBICSPLINE":
            values = values[1::3]
        for column, channel in enumerate(channels):
            joint = tree.names[channel.entry] or f"#{int(tree.file_indices[channel.entry])}"
            if path == "scale":
                still = tree.node_scales[channel.entry]
                if np.max(np.abs(values[:, column] - still)) > 0.01 * max(float(np.max(np.abs(still))), 1e-6):
                    message = f"clip {clip.name!r}: scale animation is not followed on {joint!r}"
                    notices.append(Notice("scale-animation-ignored", message, joint))
            elif np.max(np.abs(np.linalg.norm(values[:, column], axis=-1) - 1.0)) > 0.02:
                message = f"clip {clip.name!r}: rotations that are not unit quaternions were normalised on {joint!r}"
                notices.append(Notice("non-unit-rotation", message, joint))
    return fold_notices(notices)


def moves(document: GltfDocument, channel: Channel) -> bool:
    """Whether a channel's values change over time, beyond rounding."""
    values = document.accessors.floats(channel.values)
    if channel.interpolation == "CUBICSPLINE":
        values = values[1::3]
    return bool(np.max(np.ptp(values, axis=0)) > _STILL * max(float(np.max(np.abs(values))), 1e-12))


def read_times(accessors: Accessors, accessor: int) -> Array:
    """Key times in seconds, `(keys,)`. Raises ParseFailed unless they are finite and rise."""
    if accessors.kind(accessor)[:2] != ("SCALAR", 5126):
        raise bad_field(f"/accessors/{accessor}", "key times must be scalar floats")
    times = accessors.floats(accessor)[:, 0]
    if not (np.all(np.abs(times) < 1e9) and np.all(np.diff(times) > 0.0)):
        raise ParseFailed(
            f"/accessors/{accessor}: key times must be finite and rise; bake or export the animation again"
        )
    return times


def _channels(document: GltfDocument, tree: NodeTree, animation: Json, where: str) -> tuple[Channel, ...]:
    """The channels that move a node of the tree. Files hold thousands: the common case takes few steps."""
    accessors = document.accessors
    samplers = objects(animation, "samplers", where)
    inputs = index_column(samplers, "input", len(accessors), f"{where}/samplers")
    outputs = index_column(samplers, "output", len(accessors), f"{where}/samplers")
    has_data = {times: accessors.has_data(times) for times in set(inputs)}
    for times in has_data:
        check_limit(accessors.count(times), document.limits.frames, "key times", where)
    channels, seen = [], set()
    for sampler, node, path in _targets(document, animation, where, len(samplers)):
        entry, kind = tree.position_of.get(node), _OUTPUT_KIND.get(path)
        if entry is None or kind is None:
            continue
        if (entry, path) in seen:
            raise bad_field(f"{where}/channels", f"two channels move the {path} of node {node}")
        seen.add((entry, path))
        times, values = inputs[sampler], outputs[sampler]
        if not has_data[times]:
            continue  # a placeholder: there is nothing to play
        interpolation = samplers[sampler].get("interpolation", "LINEAR")
        if type(interpolation) is not str or interpolation not in _VALUES_PER_KEY:
            raise bad_field(f"{where}/samplers/{sampler}", f"interpolation {interpolation!r:.40} does not exist")
        given, component, normalized = accessors.kind(values)
        if given != kind or not (component == 5126 or normalized) or component == 5125:
            raise bad_field(f"/accessors/{values}", f"a {path} must be {kind} of floats or normalised integers")
        if accessors.count(values) != accessors.count(times) * _VALUES_PER_KEY[interpolation]:
            counts = f"{accessors.count(values)} values for {accessors.count(times)} key times"
            raise bad_field(f"{where}/samplers/{sampler}", f"has {counts}")
        channels.append(Channel(entry, path, times, values, interpolation))
    return tuple(channels)


def _targets(document: GltfDocument, animation: Json, where: str, samplers: int) -> list[tuple[int, int, str]]:
    """Sampler, node and path of the channels that move a node, by its index or by a pointer."""
    channels = objects(animation, "channels", where)
    used = index_column(channels, "sampler", samplers, f"{where}/channels")
    targets = [child(channel, "target", where) for channel in channels]
    paths: list[Any] = [target.get("path") for target in targets]
    if not set(map(type, paths)) <= {str}:
        raise bad_field(f"{where}/channels", "a target's path must be a string")
    named = [n for n, target in enumerate(targets) if "node" in target and paths[n] != POINTER_PATH]
    nodes = index_column([targets[number] for number in named], "node", len(document.nodes), f"{where}/channels")
    found = [(used[number], node, paths[number]) for number, node in zip(named, nodes, strict=True)]
    for number, target in enumerate(targets):
        if paths[number] == POINTER_PATH:
            pointed = pointed_node(target, len(document.nodes), f"{where}/channels/{number}/target")
            found += [] if pointed is None else [(used[number], *pointed)]
    return found


def _timing(accessors: Accessors, channels: Sequence[Channel], stated_hz: float | None) -> tuple[float, float, float]:
    """First and last key time of all channels, and the rate."""
    every = [read_times(accessors, accessor) for accessor in dict.fromkeys(channel.times for channel in channels)]
    start = min(float(times[0]) for times in every)
    end = max(float(times[-1]) for times in every)
    return start, end, clip_rate(every, stated_hz)


def _is_split(clips: Sequence[FileClip]) -> bool:
    if len(clips) < 2:
        return False
    nodes = [{channel.entry for channel in clip.channels} for clip in clips]
    disjoint = sum(map(len, nodes)) == len(set().union(*nodes))
    together = all(abs(c.start_s - clips[0].start_s) < 1e-3 and abs(c.end_s - clips[0].end_s) < 1e-3 for c in clips)
    return disjoint and together and all(len(moved) <= _SPLIT_NODES for moved in nodes)


def _join(clips: Sequence[FileClip]) -> FileClip:
    names = {clip.name for clip in clips}
    return FileClip(
        name=names.pop() if len(names) == 1 else "",
        channels=tuple(channel for clip in clips for channel in clip.channels),
        animations=tuple(number for clip in clips for number in clip.animations),
        start_s=min(clip.start_s for clip in clips),
        end_s=max(clip.end_s for clip in clips),
        rate_hz=max(clip.rate_hz for clip in clips),
    )


def channel_groups(channels: Sequence[Channel]) -> dict[tuple[str, int, str], list[Channel]]:
    """Channels that share path, key times and interpolation, so that they are sampled at once."""
    groups: dict[tuple[str, int, str], list[Channel]] = defaultdict(list)
    for channel in channels:
        groups[channel.path, channel.times, channel.interpolation].append(channel)
    return groups


def _stack(accessors: Accessors, channels: Sequence[Channel], path: str) -> Array:
    """`(keys, channels, 3 or 4)`; for CUBICSPLINE three rows a key: in-tangent, value, out-tangent."""
    values = np.stack([accessors.floats(channel.values) for channel in channels], axis=1)
    if not np.all(np.abs(values) < 1e30):
        worst = next(c.values for c in channels if not np.all(np.abs(accessors.floats(c.values)) < 1e30))
        raise ParseFailed(f"/accessors/{worst}: a key {path} is NaN or infinite; bake or export the animation again")
    return values


def sample_channels(accessors: Accessors, channels: Sequence[Channel], keys: Array, times: Array) -> Array:
    """Values `(times, channels, 3 or 4)` of channels of one group, whose key times are `keys`."""
    path, interpolation = channels[0].path, channels[0].interpolation
    return sample_keys(_stack(accessors, channels, path), keys, times, path, interpolation)


def sample_keys(values: Array, keys: Array, times: Array, path: str, interpolation: str) -> Array:
    """Keys `(keys, channels, width)` at `times`; of a CUBICSPLINE three rows a key: in-tangent, value, out-tangent."""
    if len(keys) == 1:
        only = values[1:2] if interpolation == "CUBICSPLINE" else values
        sampled = np.broadcast_to(only, (len(times), *only.shape[1:]))
        return quat.normalize(sampled) if path == "rotation" else sampled
    left = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    span = keys[left + 1] - keys[left]
    part = np.clip((times - keys[left]) / span, 0.0, 1.0)
    part = np.where(part < _ON_KEY, 0.0, np.where(part > 1.0 - _ON_KEY, 1.0, part))
    if interpolation == "CUBICSPLINE":
        sampled = _hermite(values, left, part, span)
        return quat.normalize(sampled) if path == "rotation" else sampled
    if path == "rotation":
        values = quat.normalize(values)
    if interpolation == "STEP" or np.all((part == 0.0) | (part == 1.0)):
        held: Array = values[left + (part == 1.0)]
        return held
    return _interpolate(values, left, part, path)


def _interpolate(values: Array, left: NDArray[np.int64], part: Array, path: str) -> Array:
    weight = part[:, None]
    if path == "rotation":
        return quat.slerp(values[left], values[left + 1], weight)
    blended: Array = values[left] * (1.0 - weight[..., None]) + values[left + 1] * weight[..., None]
    return blended


def _hermite(values: Array, left: NDArray[np.int64], part: Array, span: Array) -> Array:
    """Cubic spline of glTF 2.0, appendix C.5: value and tangents scaled by the key distance."""
    t, d = part[:, None, None], span[:, None, None]
    start, leave = values[1::3][left], values[2::3][left]
    end, arrive = values[1::3][left + 1], values[0::3][left + 1]
    t2, t3 = t * t, t * t * t
    result: Array = (
        (2 * t3 - 3 * t2 + 1) * start + d * (t3 - 2 * t2 + t) * leave + (3 * t2 - 2 * t3) * end + d * (t3 - t2) * arrive
    )
    return result
