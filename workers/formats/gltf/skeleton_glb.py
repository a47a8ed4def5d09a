"""A GLB for a rig that has no glTF document, such as a BVH: nodes, a skin without mesh, and clips. Metres, Y up.

Node k is joint k of the skeleton, end sites included, standing as the skeleton's nodes do. The skin lists the joints
and holds the rest pose as inverse bind matrices, so that a reader knows joints and rest pose although there is no mesh.
Channels are those of `gltf.write`: rotation for `keyed_rotations`, translation for the joints that the clip moves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import OutputInvalid
from workers.formats.gltf.container import join_container
from workers.formats.gltf.embed import BinaryBuilder, float_bytes
from workers.formats.gltf.fields import Json
from workers.formats.gltf.key_rate import statement
from workers.skeleton import quat
from workers.skeleton.kinematics import rest_world
from workers.skeleton.model import Array, Clip, Skeleton

GENERATOR = "motion-retargeting-service"


def write_skeleton_glb(skeleton: Skeleton, clips: Sequence[Clip], keyed_rotations: Collection[int]) -> bytes:
    """GLB bytes; `keyed_rotations` index the skeleton. Raises OutputInvalid for a clip not finite or too fast."""
    document: Json = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": [int(joint) for joint in np.flatnonzero(skeleton.parents < 0)]}],
        "nodes": [_node(skeleton, joint) for joint in range(len(skeleton))],
        "bufferViews": [],
        "accessors": [],
    }
    builder = BinaryBuilder(document)
    document["skins"] = [_skin(skeleton, builder)]
    document["animations"] = [_animation(clip, sorted(set(keyed_rotations)), builder) for clip in clips]
    return join_container(document, builder.finish())


def _node(skeleton: Skeleton, joint: int) -> Json:
    node: Json = {"name": skeleton.names[joint]} if skeleton.names[joint] else {}
    node["translation"] = skeleton.node_offsets_m[joint].tolist()
    # Rounding may leave a component a hair above 1, which a strict reader refuses.
    node["rotation"] = np.clip(quat.normalize(skeleton.node_rotations[joint]), -1.0, 1.0).tolist()
    if skeleton.children[joint]:
        node["children"] = list(skeleton.children[joint])
    return node


def _skin(skeleton: Skeleton, builder: BinaryBuilder) -> Json:
    joints = np.flatnonzero(skeleton.real)
    rotations, positions = rest_world(skeleton)
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, :3, :3] = quat.to_matrix(quat.conjugate(rotations[joints]))
    inverse[:, :3, 3] = -quat.rotate(quat.conjugate(rotations[joints]), positions[joints])
    view = builder.add_view(float_bytes(inverse.transpose(0, 2, 1)))  # glTF stores matrices by columns
    matrices = builder.add_floats(view, 0, len(joints), "MAT4")
    return {"inverseBindMatrices": matrices, "joints": [int(joint) for joint in joints]}


def _animation(clip: Clip, keyed: list[int], builder: BinaryBuilder) -> Json:
    times = _times(clip)
    given = builder.add_floats(
        builder.add_view(float_bytes(times)), 0, clip.frames, "SCALAR", (float(times[0]), float(times[-1]))
    )
    tracks: list[tuple[int, str, Array, str]] = [
        (joint, "rotation", quat.normalize(clip.rotations[:, joint]), "VEC4") for joint in keyed
    ]
    tracks += [(joint, "translation", path, "VEC3") for joint, path in clip.translations_m.items()]
    channels, samplers = [], []
    for number, (joint, path, values, kind) in enumerate(tracks):
        if not np.all(np.isfinite(values)):
            raise OutputInvalid(f"clip {clip.name!r} holds NaN or infinity; report this with both files")
        frames = clip.kept_keys.get((path, joint))
        at = given
        if frames is not None:
            view, bounds = builder.add_view(float_bytes(times[frames])), times[frames[[0, -1]]]
            at = builder.add_floats(view, 0, len(frames), "SCALAR", (float(bounds[0]), float(bounds[1])))
            values = values[frames]
        output = builder.add_floats(builder.add_view(float_bytes(values)), 0, len(values), kind)
        samplers.append({"input": at, "interpolation": "LINEAR", "output": output})
        channels.append({"sampler": number, "target": {"node": joint, "path": path}})
    return {"name": clip.name, "channels": channels, "samplers": samplers, **statement(clip)}


def _times(clip: Clip) -> NDArray[np.float32]:
    times = (max(clip.start_s, 0.0) + np.arange(clip.frames) / clip.rate_hz).astype(np.float32)
    if np.any(np.diff(times) <= 0.0):
        raise OutputInvalid(f"clip {clip.name!r}: {clip.rate_hz:g} Hz is too fast for its length; ask for a lower fps")
    return times
