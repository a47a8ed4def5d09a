"""Made pairs of one family as files: `python -m tests.retargeting.write_family_pairs FOLDER`, then
`retarget evaluate truth FOLDER/NAME_a.glb FOLDER/NAME_b.glb`, whose clips are the same local rotations on both, and
whose hips travel and stand by their height over the floor, as an author would scale them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tests.retargeting.family_pairs import BIND_A, BIND_B, T_POSE, family_member, shared_frames
from workers.samples.clips import make_clips
from workers.samples.rig import RigStyle
from workers.samples.shape import INDEX, STOUT, TALL, BodyShape, rest_joints


def main(folder: Path) -> None:
    """Two pairs: skins in two A poses with nodes in one T, and skins in one T with nodes in two dances."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = {motion.name: motion for motion in make_clips(TALL)}
    dances = clips["reach_overhead"].turns[40], clips["hands_on_hips"].turns[30]
    pairs = {
        "nodes_t": ((BIND_A, T_POSE), (BIND_B, T_POSE)),
        "nodes_dance": ((T_POSE, dances[0]), (T_POSE, dances[1])),
    }
    for name, poses in pairs.items():
        for shape, letter, (bind, nodes) in zip((TALL, STOUT), "ab", poses, strict=True):
            size = hips_height_m(shape) / hips_height_m(TALL)
            own = [replace(clip, hips_m=clip.hips_m * size) for clip in clips.values()]
            data = family_member(shape, bind, nodes, own, RigStyle(names="mixamo"), shared_frames(TALL))
            (folder / f"{name}_{letter}.glb").write_bytes(data)


def hips_height_m(shape: BodyShape) -> float:
    """In T pose, over the floor at 0."""
    return float(rest_joints(shape)[INDEX["hips"], 1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
