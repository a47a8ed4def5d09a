"""`save_scene`, `load_scene`: a Scene as one memory-mappable file, the internal form behind the ingest sandbox.

It holds the skeleton, units, notices and extras; every clip sampled at its own rate; the mesh; and of a glTF what a
writer splices into (`workers.ingest.stored.stored_gltf`). Loading runs no reader of anything uploaded. What sampling
one clip or building the mesh raised is stored in its place, and raised again when that clip or the mesh is asked for.

Differences from a scene that was read: a rate other than a clip's own is interpolated between its samples, and the
document of a glTF can be written into, but not sampled.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, get_args, get_type_hints

from workers.contract.errors import InputError, RetargetError
from workers.formats.limits import DEFAULT_LIMITS, Limits, check_limit
from workers.formats.registry import scene_formats
from workers.ingest.stored.scene_checks import check_clip, check_mesh, check_skeleton
from workers.ingest.stored.scene_codec import FIELDS, decode, encode
from workers.ingest.stored.scene_file import Buffer, SceneFileReader, SceneFileWriter, decoded, open_scene_file
from workers.ingest.stored.stored_gltf import SOURCE_FIELDS, pack_gltf, unpack_gltf
from workers.skeleton.model import Clip, ClipInfo, Mesh, Notice, Scene, Units
from workers.skeleton.resample import resample

FORM = f"scene 1, {zlib.crc32((FIELDS + SOURCE_FIELDS).encode()):08x}"
CLIP_NOTICES = "clip_notices"
_REST_KINDS = frozenset(get_args(get_type_hints(Scene)["rest_kind"]))


def save_scene(scene: Scene, file: IO[bytes], limits: Limits = DEFAULT_LIMITS) -> int:
    """Write a scene to a binary file opened at its start; returns the length in bytes.

    Raises TooLarge where all clips together exceed the rotation keys of `limits`, and OSError.
    """
    joints = len(scene.skeleton)
    check_limit(sum(clip.frames for clip in scene.clips) * joints, limits.rotation_keys, "rotation keys", "all clips")
    writer = SceneFileWriter(file, FORM)

    def attempt(work: Callable[[], Any]) -> Any:
        try:
            return {"value": encode(work(), writer)}
        except InputError as error:
            return {"error": error.to_dict()}

    told = scene.extras.get(CLIP_NOTICES)
    extras = {name: value for name, value in scene.extras.items() if name != CLIP_NOTICES}
    content: dict[str, Any] = {
        name: encode(getattr(scene, name), writer)
        for name in ("format", "skeleton", "rest_kind", "units", "clips", "skins", "meshes", "notices")
    }
    content["extras"] = encode(extras, writer)
    content["clip_data"] = [attempt(partial(scene.load_clip, n, None)) for n in range(len(scene.clips))]
    content["clip_notices"] = [attempt(partial(told, n)) for n in range(len(scene.clips))] if told else None
    content["mesh"] = attempt(scene.load_mesh)
    content["gltf"] = encode(pack_gltf(scene.document), writer) if scene.document is not None else None
    return writer.finish(content)


def load_scene(source: str | os.PathLike[str] | Buffer, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene in a file, mapped into memory, or in its bytes. Raises SceneFileUnusable for damage and other versions.

    Clips and mesh are views into the mapping, read only, and checked when they are asked for.
    """
    reader = open_scene_file(source, FORM)
    scene: Scene = decoded(lambda: _load(reader, limits))
    return scene


@dataclass(frozen=True, eq=False)
class StoredParts:
    """What a loaded scene reads on demand."""

    reader: SceneFileReader
    joints: int

    def _value(self, part: Mapping[str, Any]) -> Any:
        if "error" in part:
            raise RetargetError.from_dict(part["error"])
        return decode(part["value"], self.reader)

    def load_clip(self, number: int, rate_hz: float | None = None) -> Clip:
        def load() -> Clip:
            clip = self._value(self.reader.content["clip_data"][number])
            _expect(clip, Clip)
            check_clip(clip, self.joints)
            result: Clip = clip
            return result

        clip: Clip = decoded(load)
        return clip if rate_hz is None else resample(clip, rate_hz)

    def load_mesh(self) -> Mesh | None:
        def load() -> Mesh | None:
            mesh = self._value(self.reader.content["mesh"])
            if mesh is None:
                return None
            _expect(mesh, Mesh)
            check_mesh(mesh, self.joints)
            result: Mesh = mesh
            return result

        mesh: Mesh | None = decoded(load)
        return mesh

    def clip_notices(self, number: int) -> tuple[Notice, ...]:
        notices: tuple[Notice, ...] = decoded(
            lambda: _each(self._value(self.reader.content["clip_notices"][number]), Notice)
        )
        return notices


def _load(reader: SceneFileReader, limits: Limits) -> Scene:
    content = reader.content
    skeleton, units = (decode(content[name], reader) for name in ("skeleton", "units"))
    check_skeleton(skeleton)
    _expect(units, Units)
    clips = _each(decode(content["clips"], reader), ClipInfo)
    if len(content["clip_data"]) != len(clips) or len(skeleton) > limits.nodes + limits.joints:
        raise ValueError("counts")
    if content["format"] not in {row.name for row in scene_formats()}:
        raise ValueError("format")
    if content["rest_kind"] not in _REST_KINDS:
        raise ValueError("rest_kind")
    for name in ("skins", "meshes"):
        _expect(content[name], int)
    parts = StoredParts(reader, len(skeleton))
    extras = decode(content["extras"], reader)
    if content["clip_notices"] is not None:
        extras[CLIP_NOTICES] = parts.clip_notices
    packed = content["gltf"]
    return Scene(
        format=content["format"],
        skeleton=skeleton,
        rest_kind=content["rest_kind"],
        units=units,
        clips=clips,
        load_clip=parts.load_clip,
        load_mesh=parts.load_mesh,
        skins=content["skins"],
        meshes=content["meshes"],
        notices=_each(decode(content["notices"], reader), Notice),
        document=None if packed is None else unpack_gltf(decode(packed, reader), skeleton, units, limits),
        extras=extras,
    )


def _expect(value: Any, kind: type[Any]) -> None:
    if type(value) is not kind:
        raise TypeError(kind.__name__)


def _each(values: Any, kind: type[Any]) -> tuple[Any, ...]:
    _expect(values, tuple)
    for value in values:
        _expect(value, kind)
    result: tuple[Any, ...] = values
    return result
