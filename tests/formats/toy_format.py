"""A throw-away text format, added the way a real one is: a reader and a row. Metres, Y up, quaternions xyzw:

TOY 1
joint NAME PARENT IS_END X Y Z QX QY QZ QW      one line a joint: place and turn in its parent, at rest
clip NAME RATE
frame X Y Z QX QY QZ QW ...                     the root's place, then every joint's turn
"""

from __future__ import annotations

import numpy as np

from workers.contract.errors import ParseFailed
from workers.formats.bundle import FileBundle
from workers.formats.file_format import Content, FileFormat
from workers.formats.limits import DEFAULT_LIMITS, Limits, check_limit
from workers.skeleton.model import Array, Clip, ClipInfo, Scene, Skeleton, Units
from workers.skeleton.resample import resample


def _is_toy(file: Content) -> bool:
    return file.head.startswith(b"TOY ")


TOY = FileFormat("toy", "TOY", ("toy",), _is_toy, "tests.formats.toy_format:read_toy", character="skeleton")


def read_toy(bundle: FileBundle, limits: Limits = DEFAULT_LIMITS) -> Scene:
    """The scene of a toy file. Raises ParseFailed, TooLarge."""
    rows = [line.split() for line in bundle.data.decode().splitlines()]
    joints, frames, heads = ([row[1:] for row in rows if row[0] == kind] for kind in ("joint", "frame", "clip"))
    if not joints or len(heads) != 1:
        raise ParseFailed(f"{bundle.name}: a toy file has joints and one clip; export it again")
    check_limit(len(frames), limits.frames, "frames", bundle.name)
    count = len(joints)
    numbers = np.array([row[3:] for row in joints], dtype=np.float64)
    offsets, turns = numbers[:, :3].copy(), numbers[:, 3:].copy()
    skeleton = Skeleton(
        names=tuple(row[0] for row in joints),
        parents=np.array([row[1] for row in joints], dtype=np.int64),
        file_indices=np.arange(count, dtype=np.int64),
        node_offsets_m=offsets,
        node_rotations=turns,
        rest_offsets_m=offsets,
        rest_rotations=turns,
        deforming=np.ones(count, dtype=np.bool_),
        translation_scale=np.ones(count),
        end_site=np.array([row[2] == "end" for row in joints]),
    )
    values = np.array(frames, dtype=np.float64)
    name, rate_hz = heads[0][0], float(heads[0][1])
    clip = Clip(name, rate_hz, 0.0, values[:, 3:].reshape(-1, count, 4).copy(), {0: values[:, :3].copy()})
    return Scene(
        format="toy",
        skeleton=skeleton,
        rest_kind="zero",
        units=Units(1.0, "m", "Y", guessed=False, reason="a toy file is in metres, Y up"),
        clips=(ClipInfo(name, len(values), rate_hz, (len(values) - 1) / rate_hz),),
        load_clip=lambda _, rate_hz: clip if rate_hz is None else resample(clip, rate_hz),
        load_mesh=lambda: None,
    )


def toy_file(scene: Scene) -> bytes:
    """The first clip of a scene whose root alone is moved."""
    skeleton, clip = scene.skeleton, scene.load_clip(0, None)

    def shown(*values: Array) -> str:
        return " ".join(repr(float(value)) for value in np.concatenate([part.ravel() for part in values]))

    lines = ["TOY 1"]
    for joint, name in enumerate(skeleton.names):
        kind = "end" if skeleton.end_site[joint] else "joint"
        pose = shown(skeleton.rest_offsets_m[joint], skeleton.rest_rotations[joint])
        lines.append(f"joint {name} {skeleton.parents[joint]} {kind} {pose}")
    lines.append(f"clip {clip.name} {clip.rate_hz!r}")
    lines += [
        f"frame {shown(place, turns)}" for place, turns in zip(clip.translations_m[0], clip.rotations, strict=True)
    ]
    return "\n".join(lines).encode()
