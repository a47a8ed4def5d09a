"""Write the retargeted clips as the file that was asked for: the character's own GLB, its animation alone, or BVH.

A character that is a BVH keeps its own hierarchy and zero pose as BVH, and gets a GLB built for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.formats.bvh.write import write_bvh
from workers.formats.gltf.skeleton_glb import write_skeleton_glb
from workers.formats.gltf.write import write_animation_glb, write_glb, write_notices
from workers.preparation.prepare import PreparedCharacter
from workers.skeleton import quat
from workers.skeleton.model import Clip, Notice, Skeleton

# Node and bind rotation of a joint that differ by more than this are two poses and not rounding.
SAME_POSE_RAD = 1e-4


def export(
    target: PreparedCharacter, clips: list[Clip], driven: list[int], options: JobOptions
) -> tuple[str, bytes, tuple[Notice, ...]]:
    """File name, bytes, and what the writer changed. `driven` are the joints whose rotation the clips key, of those
    that the skeleton has. Raises InvalidOptions for several clips in one BVH, and what the writers raise.
    """
    if options.clip_name is not None:
        clips = [replace(clip, name=options.clip_name) for clip in clips]
    skeleton = target.body.skeleton
    if result_format(target, options, len(clips)) == "bvh":
        if len(clips) > 1:
            raise InvalidOptions(f"format: a BVH holds one clip, not {len(clips)}; ask for glb or name one clip")
        return (
            "result.bvh",
            write_bvh(target.scene.skeleton if target.scene.format == "bvh" else skeleton, clips[0]),
            (),
        )
    keyed = sorted({*driven, *_restored(skeleton)} - target.left_alone)
    if target.scene.document is None:
        return "result.glb", write_skeleton_glb(skeleton, clips, keyed), ()
    notices = write_notices(target.scene, clips, keyed)
    if options.output == "animation":
        return "result.glb", write_animation_glb(target.scene, clips, keyed), notices
    return "result.glb", write_glb(target.scene, clips, keyed, existing_clips=options.existing_clips), notices


def result_format(target: PreparedCharacter, options: JobOptions, clips: int) -> Literal["glb", "bvh"]:
    """What `format: auto` means for this character and number of clips."""
    if options.format != "auto":
        return options.format
    return "bvh" if target.scene.format == "bvh" and clips == 1 else "glb"


def _restored(skeleton: Skeleton) -> list[int]:
    """Joints whose nodes stand in another pose than the bind pose: nothing drives them, so they are keyed to it."""
    turned = quat.angle_between(skeleton.node_rotations, skeleton.rest_rotations) > SAME_POSE_RAD
    return [int(joint) for joint in np.flatnonzero(turned & skeleton.deforming)]
