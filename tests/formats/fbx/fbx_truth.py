"""Run as a program: `fbx_truth.py FILE FRACTION OUT.npz` plays every take of an FBX file with ufbx's own evaluation.

At a fraction of each take it writes the world matrices of all nodes and the skinned vertices of all meshes in world
space, evaluated from the curves, not from baked keys: `take{t}_nodes` `(nodes, 4, 4)`, `take{t}_vertices`
`(vertices, 3)`, `take{t}_name`, `take{t}_frame`, `take{t}_blended` (how many vertices its blend shapes move), and
`names` of the nodes. Nothing of the GLB is involved. A process of its own, as the binding wants it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import ufbx

from workers.formats.fbx.binding import each, kept, load, matrix, vectors


def main() -> None:
    data, fraction, out = Path(sys.argv[1]).read_bytes(), float(sys.argv[2]), sys.argv[3]
    scene = load(data, "truth")
    rate = float(kept(scene.settings).frames_per_second)
    found: dict[str, Any] = {}
    meshes = list(each(scene.meshes))
    for number, stack in enumerate(each(scene.anim_stacks)):
        frame = round(fraction * (stack.time_end - stack.time_begin) * rate)
        moment = stack.time_begin + frame / rate
        posed = kept(ufbx.evaluate_scene(scene, kept(stack.anim), moment, evaluate_skinning=True))
        nodes = list(each(posed.nodes))
        found["names"] = np.array([str(node.name) for node in nodes])
        found[f"take{number}_name"] = np.array(str(stack.name))
        found[f"take{number}_frame"] = np.array(frame)
        found[f"take{number}_nodes"] = np.array([matrix(node.node_to_world) for node in nodes])
        placed, blended = [], 0
        for node in nodes:
            mesh = kept(node.mesh)
            if mesh is None or not len(kept(mesh.skin_deformers)):
                continue
            positions = vectors(kept(mesh.skinned_position).values, 3)
            if mesh.skinned_is_local:
                world = matrix(node.geometry_to_world)
                positions = positions @ world[:3, :3].T + world[:3, 3]
            placed.append(positions)
            blended += int(np.any(_blend_offsets(mesh) != _blend_offsets(meshes[int(mesh.typed_id)]), axis=1).sum())
        found[f"take{number}_blended"] = np.array(blended)
        found[f"take{number}_vertices"] = np.concatenate(placed) if placed else np.zeros((0, 3))
    with Path(out).open("wb") as stream:
        np.savez(stream, **found)
    os._exit(0)


def _blend_offsets(mesh: Any) -> np.ndarray:
    """What the blend shapes add to each vertex, `(vertices, 3)`."""
    result = np.zeros((int(mesh.num_vertices), 3))
    for deformer in each(mesh.blend_deformers):
        result += np.array([deformer.get_vertex_offset(vertex) for vertex in range(len(result))])
    return result


if __name__ == "__main__":
    main()
