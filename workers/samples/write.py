"""The sample folder: two characters in T and A pose, each clip as BVH and as GLB on the tall body."""

from __future__ import annotations

from pathlib import Path

from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL


def sample_files() -> dict[str, bytes]:
    """All samples by file name, the same bytes on every call."""
    files: dict[str, bytes] = {}
    for shape in (TALL, STOUT):
        files[f"{shape.name}.glb"] = make_character(shape)
        files[f"{shape.name}_a_pose.glb"] = make_character(
            shape, RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo")
        )
    body = build_body(TALL)
    for motion in make_clips(TALL):
        files[f"{motion.name}.bvh"] = motion_to_bvh(body, motion).encode()
        files[f"{motion.name}.glb"] = make_character(TALL, motions=[motion])
    return files


def write_samples(folder: Path) -> list[Path]:
    """Write all samples into a folder, made where missing; returns the paths in order. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, data in sample_files().items():
        path = folder / name
        path.write_bytes(data)
        paths.append(path)
    return paths
