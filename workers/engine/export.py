"""Write the retargeted clips as the file that was asked for: the character's own GLB, its animation alone, FBX or BVH.

A character that is a BVH keeps its own hierarchy and zero pose as BVH, and gets a GLB built for it. An FBX is made of
the GLB, so it holds what that holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.formats.bvh.write import write_bvh
from workers.formats.fbx.write.write import write_fbx
from workers.formats.gltf.skeleton_glb import write_skeleton_glb
from workers.formats.gltf.write import write_animation_glb, write_glb, write_notices
from workers.formats.registry import format_named
from workers.preparation.prepare import PreparedCharacter
from workers.skeleton import quat
from workers.skeleton.model import Clip, Notice, Skeleton

# Node and bind rotation of a joint that differ by more than this are two poses and not rounding.
SAME_POSE_RAD = 1e-4
DEFAULT_RESULT = "glb"  # holds any character and any number of clips


@dataclass(frozen=True, eq=False)
class Exported:
    """A written file, what its writer changed, the metres of its unit, and what it calls the nodes of the character by
    their index in the character's file, where it may call them otherwise.
    """

    format: str
    data: bytes
    notices: tuple[Notice, ...] = ()
    unit_m: float = 1.0
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"result.{self.format}"


def export(target: PreparedCharacter, clips: list[Clip], driven: list[int], options: JobOptions) -> Exported:
    """The result's file. `driven` are the joints whose rotation the clips key, of those that the skeleton has. Raises
    InvalidOptions for several clips in one BVH, and what the writers raise.
    """
    skeleton = target.body.skeleton
    asked = format_named(result_format(target, options, len(clips)))
    if asked.one_clip and len(clips) > 1:
        raise InvalidOptions(
            f"format: a {asked.title} holds one clip, not {len(clips)}; ask for {DEFAULT_RESULT} or name one clip"
        )
    if asked.name == "bvh":  # the writers take different things, so they are no part of the format's row
        own = target.scene.skeleton if target.scene.format == asked.name else skeleton
        return Exported("bvh", write_bvh(own, clips[0]))
    glb = _export_glb(target, clips, written_joints(target, driven), options)
    if asked.name != "fbx":
        return glb
    written = write_fbx(glb.data, glb.unit_m)
    return Exported("fbx", written.data, (*glb.notices, *written.notices), names=written.names)


def written_joints(target: PreparedCharacter, driven: Collection[int]) -> list[int]:
    """The joints whose rotation a file holds, where the clips drive these."""
    return sorted({*driven, *_restored(target.body.skeleton)} - target.left_alone)


def _export_glb(target: PreparedCharacter, clips: list[Clip], keyed: list[int], options: JobOptions) -> Exported:
    if target.scene.document is None:
        return Exported("glb", write_skeleton_glb(target.body.skeleton, clips, keyed))
    notices, unit_m = write_notices(target.scene, clips, keyed), target.scene.units.document_factor
    if options.output == "animation":
        return Exported("glb", write_animation_glb(target.scene, clips, keyed), notices, unit_m)
    data = write_glb(target.scene, clips, keyed, existing_clips=options.existing_clips)
    return Exported("glb", data, notices, unit_m)


def result_format(target: PreparedCharacter, options: JobOptions, clips: int) -> str:
    """What `format: auto` means for this character and number of clips: a bare skeleton keeps its format if it can."""
    if options.format != "auto":
        return options.format
    own = format_named(target.scene.format)
    keeps = own.written and own.character == "skeleton" and (clips == 1 or not own.one_clip)
    return own.name if keeps else DEFAULT_RESULT


def _restored(skeleton: Skeleton) -> list[int]:
    """Joints whose nodes stand in another pose than the bind pose: nothing drives them, so they are keyed to it."""
    turned = quat.angle_between(skeleton.node_rotations, skeleton.rest_rotations) > SAME_POSE_RAD
    return [int(joint) for joint in np.flatnonzero(turned & skeleton.deforming)]
