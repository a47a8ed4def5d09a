"""Skeleton, Clip, Mesh and Scene: what every reader returns and everything else works on.

All values follow the conventions of `workers.skeleton`. The objects are plain immutable data: reading files is left to
`workers.formats`, forward kinematics to `workers.skeleton.kinematics`, roles to `workers.skeleton.mapping`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workers.contract.axes import UpAxis
from workers.contract.errors import ClipNotFound

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Notice:
    """A warning for the report: a fallback or a guess is never silent.

    One that stands for `count` alike (`workers.skeleton.fold_notices`) names the first joint, and all in `joints`.
    """

    code: str
    message: str
    joint: str | None = None
    frames: tuple[int, int] | None = None
    count: int = 1
    joints: tuple[str, ...] = ()

    @property
    def named_joints(self) -> tuple[str, ...]:
        return self.joints or (() if self.joint is None else (self.joint,))

    def to_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "joint": self.joint,
            "frames": self.frames,
            "count": self.count,
            "joints": list(self.named_joints),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Notice:
        """Inverse of `to_dict`, JSON in between or not."""
        frames = data["frames"]
        return cls(
            data["code"],
            data["message"],
            data["joint"],
            None if frames is None else (frames[0], frames[1]),
            data["count"],
            tuple(data["joints"]) if data["count"] > 1 else (),
        )


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A tree (or forest) of nodes in file order made topological: `parents[j] < j`, -1 for a root.

    Two poses are kept. The *rest* pose is the one the file was bound in (inverse of its inverse bind matrices, or
    the zero pose of a BVH): rotations away from rest mean something. The *node* pose is where the file's nodes
    stand. `node_offsets_m` are what an animation that keys rotations only leaves in place, so forward kinematics of
    a result uses them.
    """

    names: tuple[str, ...]
    parents: Indices  # (joints,)
    file_indices: Indices  # (joints,) glTF node index, BVH order of appearance
    node_offsets_m: Array  # (joints, 3) local translation of the nodes, scale folded in
    node_rotations: Array  # (joints, 4) local
    rest_offsets_m: Array  # (joints, 3) local translation in the rest pose
    rest_rotations: Array  # (joints, 4) local
    deforming: NDArray[np.bool_]  # (joints,) moves a skin or is a joint of the file; False for meshes, cameras, groups
    translation_scale: Array  # (joints,) metres per unit of the file's local translation; > 0
    end_site: NDArray[np.bool_]  # (joints,) a BVH end site: a point without channels

    def __len__(self) -> int:
        return len(self.parents)

    def label(self, joint: int) -> str:
        """A joint's name, or its number in the file where it has none."""
        return self.names[joint] or f"#{int(self.file_indices[joint])}"

    @property
    def real(self) -> Mask:
        """Joints in the sense of the file `(joints,)`: neither end sites nor meshes, cameras and groups."""
        return self.deforming & ~self.end_site

    @property
    def joint_count(self) -> int:
        return int(self.real.sum())

    @cached_property
    def levels(self) -> tuple[Indices, ...]:
        """Joints by depth, roots first: forward kinematics takes one vectorised step a level."""
        depth = np.zeros(len(self), dtype=np.int64)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                depth[joint] = depth[parent] + 1
        return tuple(np.flatnonzero(depth == level) for level in range(int(depth.max(initial=-1)) + 1))

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        result: list[list[int]] = [[] for _ in range(len(self))]
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                result[parent].append(joint)
        return tuple(tuple(items) for items in result)

    def ancestors(self, joint: int) -> list[int]:
        """Parent, grandparent, ... up to a root."""
        result = []
        while (joint := int(self.parents[joint])) >= 0:
            result.append(joint)
        return result

    def with_rest(self, rest_rotations: Array, rest_offsets_m: Array | None = None) -> Skeleton:
        """The same joints with another rest pose."""
        offsets = self.rest_offsets_m if rest_offsets_m is None else rest_offsets_m
        return replace(self, rest_rotations=rest_rotations, rest_offsets_m=offsets)


@dataclass(frozen=True, eq=False)
class Clip:
    """Sampled motion of a skeleton on a uniform time axis: frame f is at `start_s + f / rate_hz`.

    `rotations` is `(frames, joints, 4)`, local, continuous in sign. `translations_m` holds `(frames, 3)` local
    translations for the joints that the file moves; all others keep the skeleton's `node_offsets_m`.

    For writers: `kept_keys` are the frames that need a key, by ("rotation" or "translation", joint), where they are not
    all; the clip then holds what is read back. `extras` are JSON to put beside the clip.
    """

    name: str
    rate_hz: float
    start_s: float
    rotations: Array
    translations_m: Mapping[int, Array]
    kept_keys: Mapping[tuple[str, int], Indices] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return len(self.rotations)

    @property
    def duration_s(self) -> float:
        return (self.frames - 1) / self.rate_hz


@dataclass(frozen=True)
class ClipInfo:
    """What is known about a clip without sampling it."""

    name: str
    frames: int
    rate_hz: float
    duration_s: float


@dataclass(frozen=True, eq=False)
class Mesh:
    """All surfaces of a character in its rest (bind) pose, in world metres.

    Rigid parts hang on one joint with weight 1. `joints`/`weights` are `(vertices, k)`; weights sum to 1.
    """

    positions_m: Array  # (vertices, 3)
    faces: Indices  # (faces, 3)
    joints: Indices  # (vertices, k) indices into the skeleton
    weights: Array  # (vertices, k)

    @property
    def strongest(self) -> Indices:
        """The joint that holds most of each vertex `(vertices,)`."""
        column = np.argmax(self.weights, axis=1)[:, None]
        joints: Indices = np.take_along_axis(self.joints, column, axis=1)[:, 0]
        return joints


@dataclass(frozen=True)
class Units:
    """Scale and axes assumed for a file. `factor` is metres per file unit; a guess says so.

    `converted` is the part of `factor` that `Scene.document` has in it already: an FBX becomes a GLB in metres.
    """

    factor: float
    unit: str
    up_axis: UpAxis
    guessed: bool
    reason: str
    converted: float = 1.0

    @property
    def document_factor(self) -> float:
        """Metres per unit of `Scene.document`, which a writer divides by."""
        return self.factor / self.converted

    def to_dict(self) -> dict[str, Any]:
        """For reports and inspections."""
        keys = ("factor", "unit", "up_axis", "guessed", "reason")
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True, eq=False)
class Scene:
    """One read file. `load_clip(i, rate_hz)` samples clip i, at its own rate where `rate_hz` is None.

    `format` is the name of a format in the table of formats, which this module, at the bottom, knows nothing of.
    """

    format: str
    skeleton: Skeleton
    rest_kind: Literal["bind", "node", "zero"]
    units: Units
    clips: tuple[ClipInfo, ...]
    load_clip: Callable[[int, float | None], Clip]
    load_mesh: Callable[[], Mesh | None]
    skins: int = 0
    meshes: int = 0
    notices: tuple[Notice, ...] = ()
    document: Any = None  # the parsed file, for a writer of the same format
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_surface(self) -> bool:
        """Whether the mesh is the body's own: bound to the skeleton, or parts that hang on its joints. What else lies
        in a file may be a prop.
        """
        return self.rest_kind == "bind" or bool(self.extras.get("rigid_parts"))

    def find_clip(self, choice: str | int | None) -> int:
        """Index of a clip by name or index; None takes the first. Raises ClipNotFound with the names there are."""
        if not self.clips:
            reason = self.extras.get("why_no_clip")
            why = "" if reason is None else f": {reason}"
            raise ClipNotFound(f"the motion file has no clip{why}; export it with its animation")
        if choice is None:
            return 0
        names = [clip.name for clip in self.clips]
        if isinstance(choice, str) and choice in names:
            return names.index(choice)
        if isinstance(choice, str) and choice.isdigit():
            choice = int(choice)
        if isinstance(choice, int) and 0 <= choice < len(names):
            return choice
        listed = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
        raise ClipNotFound(f"no clip {choice!r}; the file has {len(names)}: {listed}", clips=names)
