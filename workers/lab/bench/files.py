"""Files to measure speed on: a walk of any length on 65 joints, and a character with a surface of 20,000 vertices.

Made from the project's own sample body, so a benchmark needs no other data: its 52 joints, with tips on head, toes and
fingers as most rigs have them, and its surface with triangles cut into four.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workers.formats.bundle import FileBundle
from workers.formats.bvh.write import write_bvh
from workers.formats.read import read_scene
from workers.samples.body import SampleBody, build_body
from workers.samples.clips import walk
from workers.samples.glb import rig_to_glb
from workers.samples.poses import SampleMotion
from workers.samples.rig import Rig, RigStyle, build_rig
from workers.samples.shape import PARENT_INDICES, ROLES, STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices

VERTICES = 20_000
TIP_SHARE = 0.6  # of its parent bone's length


@dataclass(frozen=True)
class BenchFiles:
    """The walk as BVH and as GLB on the tall body, and the stout character that receives it."""

    bvh: FileBundle
    glb: FileBundle
    character: FileBundle
    joints: int
    frames: int


def make_bench_files(frames: int) -> BenchFiles:
    """Deterministic; a walk of `frames` frames at the samples' own rate."""
    body = build_body(TALL)
    glb = FileBundle("walk.glb", rig_to_glb(with_tips(build_rig(body, RigStyle())), [lengthened(walk(body), frames)]))
    scene = read_scene(glb)
    bvh = FileBundle("walk.bvh", write_bvh(scene.skeleton, scene.load_clip(0, None)))
    return BenchFiles(bvh, glb, fine_character(), len(scene.skeleton), frames)


def fine_character() -> FileBundle:
    """The stout body with `VERTICES` vertices."""
    fine = subdivided(build_body(STOUT), VERTICES)
    rig = with_tips(build_rig(fine, RigStyle(rest_pose="A", bone_axes="bone_y", names="mixamo")))
    return FileBundle("stout.glb", rig_to_glb(rig))


def lengthened(motion: SampleMotion, frames: int) -> SampleMotion:
    """The motion repeated, each lap going on from where the one before ended, cut to `frames`."""
    lap, index = np.divmod(np.arange(frames), len(motion.turns) - 1)
    travel = (motion.hips_m[-1] - motion.hips_m[0]) * np.array([1.0, 0.0, 1.0])
    return replace(motion, turns=motion.turns[index], hips_m=motion.hips_m[index] + lap[:, None] * travel)


def with_tips(rig: Rig) -> Rig:
    """The rig with a joint at the end of each bone that has none; tips move no vertex."""
    leaves = [joint for joint in range(len(ROLES)) if joint not in PARENT_INDICES]
    onward = [rig.joints_m[leaf] - rig.joints_m[rig.parents[leaf]] for leaf in leaves]
    tips = rig.joints_m[leaves] + TIP_SHARE * np.array(onward)
    return replace(
        rig,
        names=(*rig.names, *(f"{rig.names[leaf]}_end" for leaf in leaves)),
        parents=(*rig.parents, *leaves),
        takes=(*rig.takes, *(rig.takes[leaf] for leaf in leaves)),
        frames=np.concatenate([rig.frames, rig.frames[leaves]]),
        turns=np.concatenate([rig.turns, rig.turns[leaves]]),
        joints_m=np.concatenate([rig.joints_m, tips]),
        weights=np.concatenate([rig.weights, np.zeros((len(rig.weights), len(leaves)))], axis=1),
    )


def subdivided(body: SampleBody, vertices: int) -> SampleBody:
    """The same surface with about that many vertices: a vertex in the middle of each edge of the first triangles.

    A closed surface has three edges for two triangles. Triangles beside cut ones keep their uncut edges.
    """
    cut = min(max(0, 2 * (vertices - len(body.positions_m)) // 3), len(body.faces))
    edges, middles = _edges(body.faces[:cut])

    def halved(values: Array) -> Array:
        return np.concatenate([values, 0.5 * (values[edges[:, 0]] + values[edges[:, 1]])])

    a, b, c = body.faces[:cut].T
    ab, bc, ca = middles.T + len(body.positions_m)
    corners = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
    finer = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1).reshape(-1, 3)
    return replace(
        body,
        positions_m=halved(body.positions_m),
        normals=quat.unit(halved(body.normals)),
        faces=np.concatenate([finer, body.faces[cut:]]),
        materials=np.concatenate([np.repeat(body.materials[:cut], 4), body.materials[cut:]]),
        weights=halved(body.weights),
    )


def _edges(faces: Indices) -> tuple[Indices, Indices]:
    """Edges `(n, 2)`, each once, and which of them are the sides ab, bc, ca of each face `(faces, 3)`."""
    sides = np.sort(np.stack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]], axis=1), axis=-1)
    edges, inverse = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    return edges, inverse.reshape(-1, 3)
