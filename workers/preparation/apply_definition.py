"""A definition applied to its file: units and axis, the skin to use, the rest pose, joints that are left alone.

`defined_scene` comes before the roles are found, `given_rest` and `leave_alone` after. All else that a definition says
(mapping, limits, height) is taken up where it is used. A definition that contradicts what the file itself declares is
AmbiguousUnits; one that names what the file does not have is InvalidOptions. Both name line and field.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from workers.contract.definitions import CharacterDefinition, ClipPose
from workers.contract.errors import AmbiguousUnits, ClipNotFound
from workers.contract.roles import REQUIRED_ROLES
from workers.formats.registry import format_named
from workers.formats.up_axis import to_y_up
from workers.formats.upright_zero import with_upright_zero
from workers.preparation.change_units import change_units
from workers.skeleton import kinematics, quat
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Indices, Mask, Mesh, Scene, Skeleton
from workers.skeleton.rest.rest_pose import Rest, rest_from_frame

SAME_SCALE = 0.01  # a definition that repeats the file's unit may round it


def defined_scene(scene: Scene, definition: CharacterDefinition | None) -> Scene:
    """The scene in the units, with the up axis and the skin that the definition gives.

    Raises AmbiguousUnits, InvalidOptions.
    """
    if definition is None:
        return scene
    scene = _with_units(scene, definition)
    return scene if definition.skin is None else _with_skin(scene, definition, definition.skin)


def given_rest(scene: Scene, mapping: HumanoidMapping, definition: CharacterDefinition | None) -> Rest | None:
    """The rest pose that the definition gives; None where it gives none. Raises InvalidOptions, ClipNotFound."""
    if definition is None or definition.rest_pose is None:
        return None
    skeleton, wanted = scene.skeleton, definition.rest_pose
    if isinstance(wanted, ClipPose):
        return _rest_of_clip(scene, mapping, definition, wanted)
    if wanted == "node":
        return Rest(skeleton.with_rest(skeleton.node_rotations, skeleton.node_offsets_m), "node", guessed=False)
    if scene.rest_kind != "bind":
        raise definition.refuse(
            "/rest_pose", "the file has no bind pose, as it has no skin; give node or a clip's frame"
        )
    return Rest(skeleton, "bind", guessed=False)


def left_alone_joints(skeleton: Skeleton, definition: CharacterDefinition | None) -> frozenset[int]:
    """Joints that `leave_alone` names. Raises InvalidOptions for an entry that fits none."""
    found: set[int] = set()
    for number, pattern in enumerate(definition.leave_alone if definition is not None else ()):
        exact = [joint for joint, name in enumerate(skeleton.names) if name == pattern]
        plain = pattern.replace("[", "[[]")  # a bracket is a letter here
        fitting = exact or [joint for joint, name in enumerate(skeleton.names) if name and fnmatchcase(name, plain)]
        if not fitting:
            assert definition is not None
            raise definition.refuse(f"/leave_alone/{number}", f"no joint is named {pattern!r}; inspect lists the names")
        found.update(fitting)
    return frozenset(found)


def drop_joints(
    mapping: HumanoidMapping, joints: frozenset[int], definition: CharacterDefinition | None
) -> HumanoidMapping:
    """The mapping without the joints that are left alone. Raises InvalidOptions where a needed role would go."""
    if not joints:
        return mapping
    needed = [role for role in REQUIRED_ROLES if role in mapping.roles and mapping.roles[role].joint in joints]
    if needed:
        assert definition is not None
        raise definition.refuse("/leave_alone", f"it covers {needed[0]}, which every retargeting moves; narrow it")
    return replace(
        mapping,
        roles={role: match for role, match in mapping.roles.items() if match.joint not in joints},
        chains={
            name: kept
            for name, chain in mapping.chains.items()
            if (kept := tuple(joint for joint in chain if joint not in joints))
        },
    )


def rest_as_nodes(rest: Rest, joints: frozenset[int]) -> Rest:
    """The rest pose with these joints as the file's nodes stand: nothing is going to key them."""
    if not joints:
        return rest
    skeleton, chosen = rest.skeleton, sorted(joints)
    rotations, offsets = skeleton.rest_rotations.copy(), skeleton.rest_offsets_m.copy()
    rotations[chosen], offsets[chosen] = skeleton.node_rotations[chosen], skeleton.node_offsets_m[chosen]
    return replace(rest, skeleton=skeleton.with_rest(rotations, offsets))


def _with_units(scene: Scene, definition: CharacterDefinition) -> Scene:
    units = scene.units
    scale = units.factor if definition.scale is None else definition.scale
    up_axis = units.up_axis if definition.up_axis is None else definition.up_axis
    rescaled, turned = abs(scale / units.factor - 1.0) > SAME_SCALE, up_axis != units.up_axis
    if rescaled and not units.guessed:
        what = f"{scale:g} m a unit contradicts the file: {units.factor:g} ({units.reason})"
        raise _ambiguous(definition, "/scale", what)
    # A guess is about the scale alone, unless the format leaves the axis open too.
    axis_is_open = format_named(scene.format).axes_guessed
    if turned and not (units.guessed and axis_is_open):
        raise _ambiguous(definition, "/up_axis", f"{up_axis} contradicts the file, where {units.up_axis} is up")
    if definition.scale is None and definition.up_axis is None:
        return scene
    is_settled = definition.scale is not None and (definition.up_axis is not None or not axis_is_open)
    said = ", ".join(
        text
        for text, value in ((f"{scale:g} m a unit", definition.scale), (f"{up_axis} up", definition.up_axis))
        if value is not None
    )
    given = replace(
        units,
        factor=scale,
        unit=f"{scale:g} m" if rescaled else units.unit,
        up_axis=up_axis,
        guessed=units.guessed and not is_settled,
        reason=f"{said} by the definition" + ("" if is_settled else f"; otherwise {units.reason}"),
    )
    turn = quat.multiply(to_y_up(up_axis), quat.conjugate(to_y_up(units.up_axis)))
    restated = change_units(scene, scale / units.factor, turn, given)
    if scene.extras.get("rest_is_the_bodys"):  # not in the file's axes, so another up axis does not turn it
        restated = replace(restated, skeleton=kinematics.with_roots_turned(restated.skeleton, quat.conjugate(turn)))
    restated = with_upright_zero(restated)
    settled = {"units-guessed"} if is_settled else set()
    settled |= {"up-axis-uncertain", "upside-down-turned"} if definition.up_axis is not None else set()
    return replace(restated, notices=tuple(notice for notice in scene.notices if notice.code not in settled))


def _ambiguous(definition: CharacterDefinition, pointer: str, message: str) -> AmbiguousUnits:
    text = f"{message}; correct the one that is wrong"
    return AmbiguousUnits(
        f"definition: {definition.place(pointer)}: {text}", errors=[{"pointer": pointer, "message": text}]
    )


def _with_skin(scene: Scene, definition: CharacterDefinition, choice: str | int) -> Scene:
    """Only the joints of one skin count as joints, and only the surface that hangs on them."""
    skins: tuple[tuple[str, Indices], ...] = scene.extras.get("skins", ())
    names = [name for name, _ in skins]
    number = names.index(choice) if isinstance(choice, str) and choice in names else choice
    if isinstance(number, str) or not 0 <= number < len(skins):
        listed = ", ".join(f"{index} {name!r}" for index, name in enumerate(names[:20])) or "none that can be chosen"
        raise definition.refuse("/skin", f"no skin {choice!r}; the file has {listed}")
    deforming = np.zeros(len(scene.skeleton), dtype=np.bool_)
    deforming[skins[number][1]] = True
    return only_joints(scene, deforming)


def only_joints(scene: Scene, joints: Mask) -> Scene:
    """The scene in which only these joints `(joints,)` count as such, with the surface that hangs on them."""
    load_mesh = scene.load_mesh

    def load_part() -> Mesh | None:
        mesh = load_mesh()
        return None if mesh is None else _part_on(mesh, joints)

    return replace(scene, skeleton=replace(scene.skeleton, deforming=joints), load_mesh=load_part)


def _part_on(mesh: Mesh, joints: Mask) -> Mesh | None:
    """The surface whose vertices hang mostly on these joints."""
    kept = (mesh.weights * joints[mesh.joints]).sum(axis=1) > 0.5
    if not kept.any():
        return None
    number = np.cumsum(kept) - 1
    faces = mesh.faces[kept[mesh.faces].all(axis=1)]
    return Mesh(mesh.positions_m[kept], number[faces], mesh.joints[kept], mesh.weights[kept])


def _rest_of_clip(scene: Scene, mapping: HumanoidMapping, definition: CharacterDefinition, pose: ClipPose) -> Rest:
    wanted = pose.clip if pose.clip is not None else definition.clip
    pointer = "/clip" if pose.clip is None and definition.clip is not None else "/rest_pose/clip"
    try:
        index = scene.find_clip(wanted)
    except ClipNotFound as error:
        raise definition.refuse(pointer, error.detail) from None
    clip = scene.load_clip(index, None)
    frame = pose.frame if pose.frame is not None else round((pose.time_s or 0.0) * clip.rate_hz)
    if frame >= clip.frames:
        field = "frame" if pose.frame is not None else "time_s"
        last = f"frame {clip.frames - 1} at {clip.duration_s:.3f} s"
        raise definition.refuse(f"/rest_pose/{field}", f"is beyond the clip's end, {last}")
    rotations, positions = kinematics.clip_world(scene.skeleton, clip)
    skeleton = rest_from_frame(scene.skeleton, mapping, rotations[frame], positions[frame])
    return Rest(skeleton, f"frame {frame} of {clip.name}", guessed=False)
