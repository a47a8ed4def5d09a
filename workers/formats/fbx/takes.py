"""Animation stacks ("takes") with all their layers as local transforms, one a frame. Child process only.

ufbx's bake turns layers, pre- and post-rotation, pivots, rotation orders and inherit types into plain translation,
rotation and scale; it is sampled at the file's frame rate. A take runs over the time it names, or over its keys where
it names none or an absurd one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.contract.errors import ParseFailed
from workers.formats.fbx.binding import bake, each, kept, sample_rotations, sample_vectors
from workers.formats.fbx.model import FbxPath, FbxScene, FbxTake
from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Array

DEFAULT_RATE_HZ = 30.0
_RATES_HZ = (1.0, 1000.0)
_MAX_TAKES = 2_000
# Exporters leave noise of this relative size where nothing moves.
_STILL = 1e-5


def frame_rate(stated_hz: float) -> tuple[float, bool]:
    """The rate to sample at, and whether the file's own could be used."""
    usable = _RATES_HZ[0] <= stated_hz <= _RATES_HZ[1]
    return (stated_hz, True) if usable else (DEFAULT_RATE_HZ, False)


def read_takes(
    binding: Any, scene: FbxScene, index_of: dict[int, int], rate_hz: float, name: str, limits: Limits
) -> None:
    """Fill `scene.takes`. Raises TooLarge, or ParseFailed for keys that are not finite."""
    stacks = list(each(binding.anim_stacks))
    check_limit(len(stacks), _MAX_TAKES, "takes", name)
    keys = 0
    for stack in stacks:
        take_name = str(stack.name)
        begin, end = float(stack.time_begin), float(stack.time_end)
        named = _frames(begin, end, rate_hz, limits)
        baked = bake(binding, kept(stack.anim), rate_hz, named or 0)
        nodes = [node for node in each(baked.nodes) if int(node.typed_id) in index_of]
        if named is None:
            begin, end = _key_span(nodes)
            named = _frames(begin, end, rate_hz, limits) or int(min((end - begin) * rate_hz, 1e15)) + 1
            check_limit(named, limits.frames, "frames", f"{name}: take {take_name!r}")
        keys += named * len(nodes)
        check_limit(keys, limits.rotation_keys, "rotation keys", name)
        times = [begin + frame / rate_hz for frame in range(named)]
        paths = {}
        for node in nodes:
            index = index_of[int(node.typed_id)]
            paths[index] = _path(node, scene, index, times)
            _check(paths[index], scene.nodes[index].name, take_name, name)
        if not any(path.translations is not None or path.rotations is not None for path in paths.values()):
            scene.warn("take-empty", f"take {take_name!r} moves nothing; it is left out")
            continue
        scene.takes.append(FbxTake(take_name, named, paths))


def _frames(begin: float, end: float, rate_hz: float, limits: Limits) -> int | None:
    """Frames of a span of time; None for one that is empty, infinite or beyond the limit."""
    if not (np.isfinite(begin) and np.isfinite(end)) or end <= begin or (end - begin) * rate_hz >= limits.frames:
        return None
    return round((end - begin) * rate_hz) + 1


def _key_span(nodes: list[Any]) -> tuple[float, float]:
    """First and last key of what moves, in seconds; (0, 0) where nothing does."""
    times = []
    for node in nodes:
        for still, keys in (
            (node.constant_translation, node.translation_keys),
            (node.constant_rotation, node.rotation_keys),
            (node.constant_scale, node.scale_keys),
        ):
            if not still and len(kept(keys)):
                times += [float(kept(keys[0]).time), float(kept(keys[len(keys) - 1]).time)]
    finite = [time for time in times if np.isfinite(time)]
    return min(finite, default=0.0), max(finite, default=0.0)


def _path(baked: Any, scene: FbxScene, index: int, times: list[float]) -> FbxPath:
    """Constant values take two keys; those that equal the node's own are left out, except for a keyed rotation."""
    node = scene.nodes[index]
    ends = [times[0], times[-1]] if len(times) > 1 else times

    def moments(constant: bool) -> list[float]:
        return ends if constant else times

    keys = kept(baked.translation_keys), kept(baked.rotation_keys), kept(baked.scale_keys)
    translations = sample_vectors(keys[0], moments(baked.constant_translation))
    rotations = sample_rotations(keys[1], moments(baked.constant_rotation))
    scales = sample_vectors(keys[2], moments(baked.constant_scale))
    return FbxPath(
        translations=translations if len(keys[0]) and not _still(translations, node.translation) else None,
        rotations=rotations if len(keys[1]) else None,
        scales=scales if len(keys[2]) and not _still(scales, node.scale) else None,
    )


def _still(values: Array, own: Array) -> bool:
    if not np.all(np.isfinite(values)):
        return False
    return bool(np.max(np.abs(values - own), initial=0.0) <= _STILL * max(float(np.max(np.abs(own))), 1e-3))


def _check(path: FbxPath, node: str, take: str, name: str) -> None:
    for values in (path.translations, path.rotations, path.scales):
        if values is not None and not np.all(np.abs(values) < 1e30):
            raise ParseFailed(
                f"{name}: take {take!r} moves node {node!r} to values that are not finite; bake the animation again"
            )
