"""FBX figures of rigid parts: meshes on or below the nodes that move them, no skin."""

from __future__ import annotations

import numpy as np
import pytest

from tests.formats.fbx.fbx_text import Body, Node, fbx_text
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.formats.fbx.read import read_fbx
from workers.formats.gltf.read import read_gltf
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL
from workers.skeleton import kinematics

BOX = [(x, y, z) for x in (-2.0, 2.0) for y in (-2.0, 2.0) for z in (-2.0, 2.0)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")


def robot(kind: str) -> FileBundle:
    """A box for each bone, of nodes of this kind: on the nodes themselves where they are meshes, else below."""
    skeleton = read_gltf(FileBundle("c.glb", make_character(STOUT))).skeleton
    kept = [j for j in np.flatnonzero(skeleton.deforming) if not any(f in skeleton.names[j] for f in FINGERS)]
    place = {int(joint): number for number, joint in enumerate(kept)}
    nodes = [
        Node(
            skeleton.names[joint], place.get(int(skeleton.parents[joint]), -1), kind,
            translation=(100.0 * skeleton.node_offsets_m[joint]).tolist(),
        )
        for joint in kept
    ]  # fmt: skip
    holders = list(range(len(nodes)))
    if kind != "Mesh":
        holders = [number + len(nodes) for number in holders]
        nodes += [Node(f"{node.name}_box", number, "Mesh") for number, node in enumerate(list(nodes))]
    text = fbx_text(nodes, body=Body(holders[0], BOX, SIDES)).decode()
    first = f'C: "OO",3000,{1000 + holders[0]}'
    shared = "\n".join(f'C: "OO",3000,{1000 + holder}' for holder in holders)
    assert text.count(first) == 1
    return FileBundle("robot.fbx", text.replace(first, shared).encode())


@pytest.mark.parametrize("kind", ["Mesh", "Null", "LimbNode"])
def test_it_moves_as_the_skinned_character(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETARGET_SURFACE_SCORES", "off")
    scene = read_fbx(robot(kind))
    mesh = scene.load_mesh()
    assert scene.has_surface and scene.skeleton.joint_count == 22
    assert mesh is not None and len(np.unique(mesh.joints)) == 22
    walk = FileBundle("walk.glb", make_character(TALL, None, make_clips(TALL)[:1]))
    options = JobOptions(encoder="none", foot_contact="off")  # the soles of boxes are not those of the body
    paths = []
    for character in (robot(kind), FileBundle("c.glb", make_character(STOUT))):
        glb = retarget(walk, character, options).artifacts["result.glb"]
        made = read_gltf(FileBundle("result.glb", glb))
        positions = kinematics.clip_world(made.skeleton, made.load_clip(0, None))[1]
        paths.append(positions[:, [made.skeleton.names.index(name) for name in ("leftHand", "rightFoot", "head")]])
    assert np.linalg.norm(paths[0] - paths[1], axis=-1).max() < 0.05
