"""Write clips into the uploaded glTF document, or beside a bare skeleton, as one GLB.

`write_glb` hands back what was uploaded: same nodes, meshes, skins, materials, extensions, names, order; the old buffer
is a byte prefix of the new BIN chunk; clips come last among the animations. The only change to a node: glTF forbids
animating one that has `matrix`, so such a joint is written as translation, rotation, scale (`write_notices` lists
them).

Channels: rotation for `keyed_rotations`, translation for the joints in `Clip.translations_m`, never scale; float32 on
one shared time axis; a rotation that stays still keeps two keys, first and last. A clip that names the keys to keep has
those, each joint at its own times. Values go back into the file's own space: mirroring and half turns undone,
translation divided by `translation_scale`.
What the clips hold and which joints to key is the caller's business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import InternalError, OutputInvalid, UnsupportedFeature
from workers.formats.gltf.container import join_container
from workers.formats.gltf.embed import BinaryBuilder, float_bytes, gather, missing_images
from workers.formats.gltf.fields import Json, objects
from workers.formats.gltf.key_rate import statement
from workers.formats.gltf.nodes import MIRROR, decompose, unfold_rotations, unfold_translations
from workers.formats.gltf.read import GltfSource
from workers.skeleton import quat
from workers.skeleton.kinematics import rest_world
from workers.skeleton.model import Array, Clip, Indices, Notice, Scene

Track = tuple[int, str, int, int]  # skeleton index, path, input, output
_CONSTANT = 1e-7
_ANIMATION_NODE_KEYS = ("name", "children", "matrix", "translation", "rotation", "scale", "extras")


def write_glb(
    scene: Scene,
    clips: Sequence[Clip],
    keyed_rotations: Collection[int],
    *,
    existing_clips: Literal["keep", "drop"] = "keep",
) -> bytes:
    """The uploaded document with `clips` appended, as GLB bytes.

    `keyed_rotations` index the skeleton. Raises UnsupportedFeature for a sheared joint or a number that cannot be
    written, OutputInvalid for a clip that cannot be stored (no channel, not finite, times too close).
    """
    source = _source(scene)
    builder = gather(source.document)
    document = builder.document
    document["nodes"] = _nodes_as_trs(source, clips, keyed_rotations)
    kept = list(objects(source.document.json, "animations")) if existing_clips == "keep" else []
    document["animations"] = kept + _animations(source, builder, clips, keyed_rotations, kept)
    if not document["animations"]:
        del document["animations"]
    return join_container(document, builder.finish(), source.document.further_chunks)


def write_animation_glb(scene: Scene, clips: Sequence[Clip], keyed_rotations: Collection[int]) -> bytes:
    """Skeleton and `clips` without meshes, materials and images, as GLB bytes; node indices and names stay.

    Skins keep their joints; their matrices are rewritten to hold the bind pose in world space, as there is no mesh left
    to say in which space it was. Raises as `write_glb`.
    """
    source = _source(scene)
    nodes = [
        {k: v for k, v in node.items() if k in _ANIMATION_NODE_KEYS}
        for node in _nodes_as_trs(source, clips, keyed_rotations)
    ]
    uploaded = source.document.json
    document: Json = {"asset": uploaded["asset"]}
    if "scene" in uploaded:
        document["scene"] = uploaded["scene"]
    scenes = [{k: v for k, v in s.items() if k in ("name", "nodes", "extras")} for s in objects(uploaded, "scenes")]
    if scenes:
        document["scenes"] = scenes
    document |= {"nodes": nodes, "bufferViews": [], "accessors": []}
    builder = BinaryBuilder(document)
    skins = _bare_skins(scene, source, builder)
    if skins:
        document["skins"] = skins
    document["animations"] = _animations(source, builder, clips, keyed_rotations, [])
    return join_container(document, builder.finish())


def write_notices(scene: Scene, clips: Sequence[Clip], keyed_rotations: Collection[int]) -> tuple[Notice, ...]:
    """What `write_glb` changes or leaves out: joints rewritten from `matrix`, images that were not sent."""
    source = _source(scene)
    notices = []
    for joint in _animated(clips, keyed_rotations):
        if source.tree.has_matrix[joint]:
            name = _name(source, joint)
            notices.append(
                Notice(
                    "matrix-rewritten",
                    f"joint {name!r} was given as a matrix; it is written as TRS to be animated",
                    name,
                )
            )
    return (*notices, *missing_images(source.document))


def _source(scene: Scene) -> GltfSource:
    if not isinstance(scene.document, GltfSource):
        raise InternalError(f"a {scene.format} scene has no glTF document to write into")
    return scene.document


def _name(source: GltfSource, joint: int) -> str:
    return source.tree.names[joint] or f"#{int(source.tree.file_indices[joint])}"


def _animated(clips: Sequence[Clip], keyed_rotations: Collection[int]) -> list[int]:
    return sorted({*keyed_rotations, *(joint for clip in clips for joint in clip.translations_m)})


def _nodes_as_trs(source: GltfSource, clips: Sequence[Clip], keyed_rotations: Collection[int]) -> list[Json]:
    """The uploaded nodes, those that will be animated without `matrix`."""
    tree = source.tree
    nodes = list(source.document.nodes)
    for joint in _animated(clips, keyed_rotations):
        if not tree.has_matrix[joint]:
            continue
        if tree.sheared[joint]:
            name = _name(source, joint)
            raise UnsupportedFeature(
                f"joint {name!r}: a sheared matrix cannot be animated; apply transforms and export again"
            )
        translation, rotation, scale, _ = decompose(tree.local[joint : joint + 1])
        number = int(tree.file_indices[joint])
        values = {"translation": translation[0].tolist(), "rotation": rotation[0].tolist(), "scale": scale[0].tolist()}
        rewritten: Json = {}
        for key, value in nodes[number].items():
            if key == "matrix":
                rewritten |= values
            elif key not in values:
                rewritten[key] = value
        nodes[number] = rewritten
    return nodes


def _animations(
    source: GltfSource,
    builder: BinaryBuilder,
    clips: Sequence[Clip],
    keyed: Collection[int],
    kept: list[Json],
) -> list[Json]:
    taken = {animation.get("name") for animation in kept}
    result = []
    for clip in clips:
        name = clip.name
        suffix = 0
        while name in taken:
            suffix += 1
            name = f"{clip.name}_{suffix}"
        taken.add(name)
        result.append(_animation(source, builder, clip, name, np.array(sorted(set(keyed)), dtype=np.int64)))
    return result


def _animation(source: GltfSource, builder: BinaryBuilder, clip: Clip, name: str, keyed: Indices) -> Json:
    times = _key_times(clip, name)
    rotations = unfold_rotations(source.tree, keyed, clip.rotations[:, keyed]).transpose(1, 0, 2)
    moved = clip.translations_m
    if not len(keyed) and not moved:
        raise OutputInvalid(f"clip {name!r} moves no joint; check the mapping")
    if not np.all(np.isfinite(rotations)) or not all(np.all(np.isfinite(path)) for path in moved.values()):
        raise OutputInvalid(f"clip {name!r} holds NaN or infinity; report this with both files")
    if clip.kept_keys:
        return _written(source, clip, name, list(_reduced_tracks(source, builder, clip, keyed, rotations, times)))
    still = np.max(np.abs(rotations - rotations[:, :1]), axis=(1, 2), initial=0.0) <= _CONSTANT
    every_frame = _time_accessor(builder, times) if moved or not np.all(still) else -1
    tracks: list[Track] = []
    if not np.all(still):
        outputs = _rotation_accessors(builder, rotations[~still])
        tracks += [
            (joint, "rotation", every_frame, output) for joint, output in zip(keyed[~still], outputs, strict=True)
        ]
    if np.any(still):
        ends = np.unique(times[[0, -1]])
        first_and_last = _time_accessor(builder, ends)
        outputs = _rotation_accessors(builder, rotations[still, : len(ends)])
        tracks += [(joint, "rotation", first_and_last, out) for joint, out in zip(keyed[still], outputs, strict=True)]
    for joint, path in moved.items():
        output = builder.add_floats(builder.add_view(float_bytes(_local(source, joint, path))), 0, clip.frames, "VEC3")
        tracks.append((joint, "translation", every_frame, output))
    return _written(source, clip, name, tracks)


def _local(source: GltfSource, joint: int, path: Array) -> Array:
    """A joint's translation in the file's own space and unit."""
    return np.asarray(unfold_translations(source.tree, joint, path) / source.units.document_factor)


def _reduced_tracks(
    source: GltfSource,
    builder: BinaryBuilder,
    clip: Clip,
    keyed: Indices,
    rotations: Array,
    times: NDArray[np.float32],
) -> Iterator[Track]:
    """Tracks with the keys that are kept; `rotations` is `(joints, frames, 4)`. Equal key times are stored once."""
    inputs: dict[bytes, int] = {}
    curves = [(joint, "rotation", rotations[row], "VEC4") for row, joint in enumerate(keyed.tolist())]
    curves += [(joint, "translation", _local(source, joint, p), "VEC3") for joint, p in clip.translations_m.items()]
    for joint, path, values, kind in curves:
        frames = clip.kept_keys.get((path, joint), np.arange(clip.frames))
        if frames.tobytes() not in inputs:
            inputs[frames.tobytes()] = _time_accessor(builder, times[frames])
        output = builder.add_floats(builder.add_view(float_bytes(values[frames])), 0, len(frames), kind)
        yield joint, path, inputs[frames.tobytes()], output


def _written(source: GltfSource, clip: Clip, name: str, tracks: Sequence[Track]) -> Json:
    return {
        "name": name,
        "channels": [
            {"sampler": number, "target": {"node": int(source.tree.file_indices[joint]), "path": path}}
            for number, (joint, path, _, _) in enumerate(tracks)
        ],
        "samplers": [{"input": given, "interpolation": "LINEAR", "output": output} for _, _, given, output in tracks],
        **statement(clip),
    }


def _key_times(clip: Clip, name: str) -> NDArray[np.float32]:
    """Seconds, `(frames,)`, not negative, as glTF stores them."""
    times = (max(clip.start_s, 0.0) + np.arange(clip.frames) / clip.rate_hz).astype(np.float32)
    if np.any(np.diff(times) <= 0.0):
        end = f"{clip.duration_s:g} s"
        raise OutputInvalid(f"clip {name!r}: {clip.rate_hz:g} Hz cannot be told apart after {end}; ask for a lower fps")
    return times


def _time_accessor(builder: BinaryBuilder, times: NDArray[np.float32]) -> int:
    bounds = (float(times[0]), float(times[-1]))
    return builder.add_floats(builder.add_view(float_bytes(times)), 0, len(times), "SCALAR", bounds)


def _rotation_accessors(builder: BinaryBuilder, rotations: Array) -> list[int]:
    """One accessor a joint, one after the other in one bufferView; `rotations` is `(joints, keys, 4)`."""
    joints, keys, _ = rotations.shape
    view = builder.add_view(float_bytes(rotations))
    return [builder.add_floats(view, joint * keys * 16, keys, "VEC4") for joint in range(joints)]


def _bare_skins(scene: Scene, source: GltfSource, builder: BinaryBuilder) -> list[Json]:
    """One skin for each different set of joints, bound in world space: `IBM_j` inverts the bind world matrix of j."""
    rotations, positions_m = rest_world(scene.skeleton)
    tree = source.tree
    matrices = np.tile(np.eye(4), (len(tree), 1, 1))
    mirrors = np.where(tree.mirrored[:, None], MIRROR, 1.0)
    matrices[:, :3, :3] = quat.to_matrix(rotations) * (mirrors * tree.scales[:, None])[:, None, :]
    matrices[:, :3, 3] = positions_m / source.units.document_factor
    inverse = np.linalg.inv(matrices).transpose(0, 2, 1)
    inverse[:, :3, 3] = 0.0  # column-major: the last row of each matrix, which must be exactly 0, 0, 0, 1
    inverse[:, 3, 3] = 1.0
    result: dict[tuple[int, ...], Json] = {}
    for skin in source.skins:
        joints = tuple(skin.joints.tolist())
        if joints in result:
            continue
        name = source.document.skins[skin.number].get("name")
        written: Json = {} if name is None else {"name": name}
        if source.bind.bound:
            view = builder.add_view(float_bytes(inverse[[tree.position_of[node] for node in joints]]))
            written["inverseBindMatrices"] = builder.add_floats(view, 0, len(joints), "MAT4")
        result[joints] = written | {"joints": list(joints)}
    return list(result.values())
