"""The clips of a document as takes: a stack with one layer each, keyed at every frame of the clip.

Times are those of the GLB, a clip that starts late too. Rotations become angles; which values are keyed, `driven` says,
and weights of morph targets where a clip keys them. Clips of different rates keep their own key times.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from workers.formats.fbx.write.blend_shapes import PERCENT
from workers.formats.fbx.write.curves import KeyTimes, add_curves, ticks
from workers.formats.fbx.write.driven import PATHS, driven_values
from workers.formats.fbx.write.euler import turning_keys
from workers.formats.fbx.write.models import Names, plain_scale
from workers.formats.fbx.write.objects import Objects, properties, time
from workers.formats.fbx.write.records import Record, record
from workers.formats.fbx.write.space import Space
from workers.formats.gltf.animation import FileClip, channel_groups, read_times, sample_channels, sample_keys
from workers.formats.gltf.fields import Json, index
from workers.formats.gltf.fields import objects as listed
from workers.formats.limits import check_limit
from workers.skeleton import quat
from workers.skeleton.model import Array

_PROPERTIES = {"translation": "Lcl Translation", "rotation": "Lcl Rotation", "scale": "Lcl Scaling"}


def add_takes(
    objects: Objects, space: Space, models: Mapping[int, int], channels: Mapping[int, Sequence[Sequence[int]]]
) -> list[Record]:
    """Add all clips; returns the `Take` records that list them.

    `models` are the objects of the entries, `channels` the blend shape channels by glTF node, for each mesh object of
    the node. Raises TooLarge.
    """
    names, takes, driven = Names(), [], driven_values(space)
    for clip in space.source.clips:
        name = names.own(clip.name)
        info = clip.info()
        limits = space.source.document.limits
        check_limit(info.frames, limits.frames, "frames", f"clip {name!r}")
        check_limit(info.frames * len(models), limits.rotation_keys, "rotation keys", f"clip {name!r}")
        seconds = clip.start_s + np.arange(info.frames) / info.rate_hz
        span = ticks(float(seconds[0])), ticks(float(seconds[-1]))
        layer = _add_stack(objects, name, span)
        times = KeyTimes(seconds)
        _add_nodes(objects, space, clip, layer, models, driven, seconds, times)
        _add_weights(objects, space, clip, layer, channels, seconds, times)
        start, end = (np.int64(tick) for tick in span)
        takes.append(
            record(
                "Take",
                name,
                children=[
                    record("FileName", f"{name}.tak"),
                    record("LocalTime", start, end),
                    record("ReferenceTime", start, end),
                ],
            )
        )
    return takes


def _add_stack(objects: Objects, name: str, span: tuple[int, int]) -> int:
    """The stack of a take; returns its layer."""
    keys = ("LocalStart", "LocalStop", "ReferenceStart", "ReferenceStop")
    stack = objects.add(
        "AnimationStack", name, "", [properties(*(time(key, tick) for key, tick in zip(keys, span * 2, strict=True)))]
    )
    layer = objects.add("AnimationLayer", "BaseLayer", "", [])
    objects.connect(layer, stack)
    return layer


def _add_nodes(
    objects: Objects,
    space: Space,
    clip: FileClip,
    layer: int,
    models: Mapping[int, int],
    driven: Sequence[tuple[int, str]],
    seconds: Array,
    times: KeyTimes,
) -> None:
    moved = _moved(space, clip, set(driven), seconds)
    for key in driven:
        if key not in moved:
            standing = dict(zip(PATHS, space.local(key[0]), strict=True))[key[1]]
            moved[key] = np.broadcast_to(standing, (len(seconds), len(standing)))
    turning = [key for key in driven if key[1] == "rotation"]
    turns = np.stack([moved[key] for key in turning], axis=1) if turning else np.empty((len(seconds), 0, 4))
    turned = dict(zip(turning, turning_keys(seconds, turns), strict=True))
    for entry, path in driven:
        if entry not in models:
            continue
        keyed, values = turned.get((entry, path), (seconds, moved[entry, path]))
        at = times if keyed is seconds else KeyTimes(keyed)
        add_curves(objects, layer, models[entry], _PROPERTIES[path], "XYZ", values, at)


def _moved(
    space: Space, clip: FileClip, driven: Collection[tuple[int, str]], seconds: Array
) -> dict[tuple[int, str], Array]:
    """Translations in cm, rotations as quaternions and scales `(frames, 3 or 4)` of what the clip drives."""
    accessors, result = space.source.document.accessors, {}
    for (path, key_times, _), group in channel_groups(clip.channels).items():
        own = [channel for channel in group if (channel.entry, path) in driven]
        if not own:
            continue
        entries = np.array([channel.entry for channel in own])
        values = sample_channels(accessors, own, read_times(accessors, key_times), seconds)
        if path == "rotation":
            values = quat.normalize(space.rotations(entries, values))
        for column, entry in enumerate(entries.tolist()):
            each = values[:, column]
            if path == "translation":
                each = space.translations(entry, each)
            elif path == "scale":
                each = plain_scale(space.scales(entry, each))
            result[entry, path] = each
    return result


def _add_weights(
    objects: Objects,
    space: Space,
    clip: FileClip,
    layer: int,
    channels: Mapping[int, Sequence[Sequence[int]]],
    seconds: Array,
    times: KeyTimes,
) -> None:
    for node, values in _weights(space, clip, seconds, {node: len(own[0]) for node, own in channels.items() if own}):
        for own in channels[node]:
            for target, channel in enumerate(own):
                percent = PERCENT * values[:, target : target + 1]
                add_curves(objects, layer, channel, "DeformPercent", ["DeformPercent"], percent, times)


def _weights(space: Space, clip: FileClip, seconds: Array, counts: Mapping[int, int]) -> list[tuple[int, Array]]:
    """Node and weights `(frames, targets)` of the nodes in `counts` whose weights the clip moves."""
    document, result = space.source.document, []
    for number in clip.animations:
        animation, where = document.animations[number], f"/animations/{number}"
        samplers = listed(animation, "samplers", where)
        for channel in listed(animation, "channels", where):
            target: Json = channel.get("target", {})
            count = counts.get(target.get("node", -1))
            if target.get("path") != "weights" or count is None:
                continue
            sampler = samplers[index(channel, "sampler", len(samplers), where)]
            interpolation = sampler.get("interpolation", "LINEAR")
            keys = read_times(document.accessors, index(sampler, "input", len(document.accessors), where))
            values = document.accessors.floats(index(sampler, "output", len(document.accessors), where))
            rows = len(keys) * (3 if interpolation == "CUBICSPLINE" else 1)
            if values.size == rows * count:
                shaped = np.nan_to_num(values.reshape(rows, 1, count))
                result.append((target["node"], sample_keys(shaped, keys, seconds, "weights", interpolation)[:, 0]))
    return result
