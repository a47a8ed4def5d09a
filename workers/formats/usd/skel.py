"""Skeleton and animations of a USD stage as plain nodes and takes. In the child only: `pxr` is native code.

UsdSkel names joints by paths ("hips/spine"), gives their local transforms at rest and where they stood when skins were
bound; its matrices act on rows. A SkelAnimation moves the joints that it lists, by translations, rotations and scales
over time codes; the others stay at rest. The prims above the skeleton place it in the world, maybe over time, and the
stage says its unit and up axis: two nodes above the joints stand for these. Of several skeletons the one with the most
joints is read, with every animation that moves one of its joints; the one that is bound to it comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdSkel

from workers.contract.errors import NoSkeleton, ParseFailed
from workers.formats.fbx.model import FbxNode, FbxPath, FbxScene, FbxTake
from workers.formats.fbx.skins import local_matrices, world_matrices
from workers.formats.limits import Limits, check_limit
from workers.skeleton import quat
from workers.skeleton.model import Array

MAX_HZ = 1000.0
_STAGE, _PLACE, _FIRST_JOINT = 0, 1, 2  # the nodes
_TINY = 1e-9
_Z_TO_Y = quat.from_axis_angle(np.array([1.0, 0.0, 0.0]), -np.pi / 2.0)


@dataclass(frozen=True, eq=False)
class UsdMotion:
    """`scene` has nodes and takes; `facts` are `unit_m`, `up_axis` and `rate_hz`."""

    scene: FbxScene
    facts: dict[str, Any]


def read_skel(stage: Any, name: str, limits: Limits) -> UsdMotion:
    """Raises NoSkeleton, ParseFailed, TooLarge."""
    prims = list(Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()))
    skeletons = [prim for prim in prims if prim.IsA(UsdSkel.Skeleton)]
    if not skeletons:
        raise NoSkeleton(f"{name}: the USD has no Skeleton (UsdSkel); export the animation with its skeleton")
    chosen = max(skeletons, key=lambda prim: len(_joints(prim)))
    joints = _joints(chosen)
    check_limit(len(joints), limits.joints, "joints", name)
    unit_m, up_axis = float(UsdGeom.GetStageMetersPerUnit(stage)), str(UsdGeom.GetStageUpAxis(stage))
    if not joints or len(set(joints)) != len(joints) or not 0.0 < unit_m < 1e6:
        raise ParseFailed(f"{name}: its skeleton lists no joint, or one twice, or it states no unit; export it again")
    scene, place = _nodes(UsdSkel.Skeleton(chosen), joints, name)
    scene.nodes[_STAGE].scale = np.full(3, unit_m)
    if up_axis == "Z":
        scene.nodes[_STAGE].rotation = _Z_TO_Y
    _set(scene.nodes[_PLACE], _in_world(chosen, Usd.TimeCode.EarliestTime()), name)
    _put_bind_pose_into_world(scene)
    if len(skeletons) > 1:
        text = f"{name}: it has {len(skeletons)} skeletons; {chosen.GetPath()}, which has the most joints, is read"
        scene.warn("other-skeletons-left-out", text)
    rate_hz = _read_takes(chosen, place, _animations(chosen, prims, place), scene, name, limits)
    return UsdMotion(scene, {"unit_m": unit_m, "up_axis": up_axis, "rate_hz": rate_hz})


def _joints(prim: Any) -> list[str]:
    return [str(joint) for joint in UsdSkel.Skeleton(prim).GetJointsAttr().Get() or ()]


def _nodes(skeleton: Any, joints: list[str], name: str) -> tuple[FbxScene, dict[str, int]]:
    """Nodes at rest, parents first, and the node of each joint; bind poses still in the skeleton's own space."""
    bind = _matrices(skeleton.GetBindTransformsAttr().Get(), len(joints))
    rest = _matrices(skeleton.GetRestTransformsAttr().Get(), len(joints))
    number = {joint: index for index, joint in enumerate(joints)}
    parents = [_parent(joint, number) for joint in joints]
    if rest is None and bind is not None:
        rest = np.array([
            matrix if parent < 0 else np.linalg.pinv(bind[parent]) @ matrix
            for matrix, parent in zip(bind, parents, strict=True)
        ])  # fmt: skip
    if rest is None:
        raise ParseFailed(f"{name}: its skeleton has neither rest nor bind transforms; export it again")
    told = [str(text) for text in skeleton.GetJointNamesAttr().Get() or ()]
    names = told if len(told) == len(joints) else [joint.rsplit("/", 1)[-1] for joint in joints]
    order = sorted(range(len(joints)), key=lambda index: joints[index].count("/"))
    place = {joints[index]: _FIRST_JOINT + position for position, index in enumerate(order)}
    nodes = [_node("stage", -1, bone=False), _node(str(skeleton.GetPrim().GetName()), _STAGE, bone=False)]
    for index in order:
        parent = _PLACE if parents[index] < 0 else place[joints[parents[index]]]
        nodes.append(_node(names[index], parent, bone=True))
        _set(nodes[-1], rest[index], name)
    poses = {} if bind is None else {place[joint]: bind[index] for index, joint in enumerate(joints)}
    return FbxScene(nodes, {}, [], [], poses), place


def _parent(joint: str, number: dict[str, int]) -> int:
    """The nearest joint above, by path; -1 where there is none."""
    while "/" in joint:
        joint = joint.rsplit("/", 1)[0]
        if joint in number:
            return number[joint]
    return -1


def _node(name: str, parent: int, *, bone: bool) -> FbxNode:
    return FbxNode(name, parent, np.zeros(3), quat.IDENTITY.copy(), np.ones(3), bone=bone, scale_helper=False)


def _put_bind_pose_into_world(scene: FbxScene) -> None:
    place = world_matrices(scene, local_matrices(scene))[_PLACE]
    scene.bind_poses = {node: place @ matrix for node, matrix in scene.bind_poses.items()}


def _matrices(values: Any, count: int) -> Array | None:
    """USD's matrices, which act on rows, as `(count, 4, 4)` that act on columns; None where there is not one each."""
    if values is None or len(values) != count or count == 0:
        return None
    result: Array = np.array(values, dtype=np.float64).reshape(count, 4, 4).transpose(0, 2, 1)
    return result if np.isfinite(result).all() else None


def _in_world(prim: Any, time: Any) -> Array:
    matrix = UsdGeom.XformCache(time).GetLocalToWorldTransform(prim)
    return np.array(matrix, dtype=np.float64).reshape(4, 4).T


def _set(node: FbxNode, matrix: Array, name: str) -> None:
    """Translation, rotation and scale of a matrix `(4, 4)`; shear is left out. Raises ParseFailed for a flat one."""
    axes = matrix[:3, :3]
    scale = np.linalg.norm(axes, axis=0)
    if not np.isfinite(matrix).all() or scale.min() <= _TINY:
        raise ParseFailed(f"{name}: joint {node.name[:80]!r} rests with a transform of no size; export it again")
    if np.linalg.det(axes) < 0.0:
        scale = -scale
    node.translation, node.scale = matrix[:3, 3].copy(), scale
    node.rotation = quat.from_matrix(quat.closest_rotation(axes / scale))


def _animations(skeleton: Any, prims: list[Any], place: dict[str, int]) -> list[Any]:
    """Those that move a joint of the skeleton; the one bound to it first."""
    bound = UsdSkel.BindingAPI(skeleton).GetInheritedAnimationSource()
    found = [UsdSkel.Animation(prim) for prim in prims if prim.IsA(UsdSkel.Animation)]
    found = [item for item in found if any(str(joint) in place for joint in item.GetJointsAttr().Get() or ())]
    return sorted(found, key=lambda item: not bound or item.GetPrim() != bound)


def _read_takes(
    skeleton: Any, place: dict[str, int], animations: list[Any], scene: FbxScene, name: str, limits: Limits
) -> float:
    """Adds a take for each; returns the rate of all, frames a second."""
    stage = skeleton.GetStage()
    codes_a_second = float(stage.GetTimeCodesPerSecond())
    if not 0.0 < codes_a_second <= MAX_HZ:
        raise ParseFailed(f"{name}: it states {codes_a_second:g} time codes a second; export it again")
    times = [_times(skeleton, animation) for animation in animations]
    # Keys lie on whole time codes or denser; of sparse ones the values in between are USD's own.
    gaps = [np.median(np.diff(own)) for own in times if len(own) > 1]
    step = max(min([1.0, *gaps]), codes_a_second / MAX_HZ)
    names: set[str] = set()
    for animation, own in zip(animations, times, strict=True):
        frames = round((own[-1] - own[0]) / step) + 1 if len(own) else 1
        check_limit(frames, limits.frames, "frames", name)
        check_limit(frames * len(scene.nodes), limits.rotation_keys, "rotation keys (frames x joints)", name)
        codes = (own[0] if len(own) else 0.0) + step * np.arange(frames)
        title = unique = str(animation.GetPrim().GetName())
        while unique in names:
            unique = f"{title}.{len(names)}"
        names.add(unique)
        scene.takes.append(FbxTake(unique, frames, _paths(skeleton, animation, codes, place, name)))
    return codes_a_second / step


def _times(skeleton: Any, animation: Any) -> Array:
    """The time codes of its keys, and of what moves the skeleton whole, in order."""
    attributes = [animation.GetTranslationsAttr(), animation.GetRotationsAttr(), animation.GetScalesAttr()]
    prim = skeleton
    while prim and not prim.IsPseudoRoot():
        if prim.IsA(UsdGeom.Xformable):
            attributes += [operation.GetAttr() for operation in UsdGeom.Xformable(prim).GetOrderedXformOps()]
        prim = prim.GetParent()
    return np.unique([time for attribute in attributes for time in attribute.GetTimeSamples()])


def _paths(skeleton: Any, animation: Any, codes: Array, place: dict[str, int], name: str) -> dict[int, FbxPath]:
    listed = [str(joint) for joint in animation.GetJointsAttr().Get()]
    columns = [column for column, joint in enumerate(listed) if joint in place]
    tracks = [
        _track(attribute, codes, len(listed), width)
        for attribute, width in (
            (animation.GetTranslationsAttr(), 3),
            (animation.GetRotationsAttr(), 4),
            (animation.GetScalesAttr(), 3),
        )
    ]
    if all(track is None for track in tracks):
        raise ParseFailed(f"{name}: animation {animation.GetPrim().GetName()!r} lists joints and moves none")
    paths = {
        place[listed[column]]: FbxPath(*(None if track is None else track[:, column] for track in tracks))
        for column in columns
    }
    wholes = np.stack([_in_world(skeleton, Usd.TimeCode(float(code))) for code in codes])
    if np.abs(wholes - wholes[0]).max() > _TINY * max(1.0, float(np.abs(wholes).max())):
        moved = [_node("", -1, bone=False) for _ in codes]
        for node, matrix in zip(moved, wholes, strict=True):
            _set(node, matrix, name)
        paths[_PLACE] = FbxPath(
            np.stack([node.translation for node in moved]), np.stack([node.rotation for node in moved]), None
        )
    return paths


def _track(attribute: Any, codes: Array, count: int, width: int) -> Array | None:
    """`(frames, joints, width)`, quaternions as xyzw; None where the attribute says nothing for these joints."""
    values = [attribute.Get(Usd.TimeCode(float(code))) for code in codes]
    if any(value is None or len(value) != count for value in values):
        return None
    # The memory of a quaternion in USD: the imaginary part, then the real one.
    return np.array([np.array(value, dtype=np.float64).reshape(count, width) for value in values])
