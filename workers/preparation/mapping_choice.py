"""Whose word counts on a mapping: the job's override, then the file's definition, then a stored preset.

The three are resolved to joints one by one, so that an error names the one that is wrong, and joined role by role:
where two give one joint to different roles, the stronger keeps it. A preset is found by the skeleton's fingerprint, or
by its id where the job names one. Where presets are stored is the caller's business (`PresetLookup`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workers.contract.definitions import CharacterDefinition
from workers.contract.errors import InvalidOptions
from workers.contract.options import NO_PRESET, JointChoice, JointIndex, MappingOverride
from workers.skeleton.find_roles.overrides import resolve_overrides
from workers.skeleton.fingerprint import skeleton_fingerprint
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Skeleton

Side = Literal["source", "target"]


@dataclass(frozen=True)
class MappingPreset:
    """A stored mapping: role -> joint, as in an override."""

    id: str
    name: str
    mapping: Mapping[str, JointChoice]

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}


# (side, fingerprint, id or None) -> the preset of that id, else the newest for the fingerprint. Raises InvalidOptions
# for an id that does not exist or belongs to another skeleton.
PresetLookup = Callable[[Side, str, str | None], MappingPreset | None]


@dataclass(frozen=True)
class MappingChoice:
    """What is given of a mapping: `override` for `find_roles`, who said it by role, and the preset that was used."""

    override: Mapping[str, JointChoice] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    preset: MappingPreset | None = None

    def explain(self, mapping: HumanoidMapping) -> HumanoidMapping:
        """The mapping with the true giver in its reasons."""
        roles = {
            role: replace(match, reason=self.reasons[role]) if role in self.reasons else match
            for role, match in mapping.roles.items()
        }
        return replace(mapping, roles=roles)


def choose_mapping(
    skeleton: Skeleton,
    side: Side,
    options: MappingOverride,
    definition: CharacterDefinition | None = None,
    find_preset: PresetLookup | None = None,
) -> MappingChoice:
    """Raises InvalidOptions for a role, joint or preset that does not exist."""
    override, wanted = (
        (options.source, options.source_preset) if side == "source" else (options.target, options.target_preset)
    )
    given = [("given by the mapping override", resolve_overrides(skeleton, override))]
    if definition is not None and definition.mapping:
        given.append(("given by the definition", _of_definition(skeleton, definition)))
    preset = _find_preset(skeleton, side, wanted, find_preset)
    if preset is not None:
        given.append((f"given by the mapping preset {preset.name!r}", _of_preset(skeleton, preset)))
    joints: dict[str, int | None] = {}
    reasons: dict[str, str] = {}
    for reason, level in given:
        taken = {joint for joint in joints.values() if joint is not None}
        for role, joint in level.items():
            if role not in joints and joint not in taken:
                joints[role], reasons[role] = joint, reason
    chosen: dict[str, JointChoice] = {
        role: None if joint is None else JointIndex(index=int(skeleton.file_indices[joint]))
        for role, joint in joints.items()
    }
    return MappingChoice(chosen, reasons, preset)


def _find_preset(
    skeleton: Skeleton, side: Side, wanted: str | None, find_preset: PresetLookup | None
) -> MappingPreset | None:
    if wanted == NO_PRESET:
        return None
    if find_preset is not None:
        return find_preset(side, skeleton_fingerprint(skeleton), wanted)
    if wanted is not None:
        message = f"preset {wanted!r}: presets are kept by the service; on the command line give --mapping FILE"
        raise InvalidOptions(f"mapping: {message}", errors=[{"pointer": f"/mapping/{side}_preset", "message": message}])
    return None


def _of_definition(skeleton: Skeleton, definition: CharacterDefinition) -> dict[str, int | None]:
    try:
        return resolve_overrides(skeleton, definition.mapping)
    except InvalidOptions as error:
        (item,) = error.extra["errors"]
        raise definition.refuse(item["pointer"], item["message"]) from None


def _of_preset(skeleton: Skeleton, preset: MappingPreset) -> dict[str, int | None]:
    """A preset's joints. An index of a joint that has a name of its own may mean another joint in the next file."""
    try:
        joints = resolve_overrides(skeleton, preset.mapping)
        for role, joint in joints.items():
            name = "" if joint is None else skeleton.names[joint]
            if name and isinstance(preset.mapping[role], JointIndex) and skeleton.names.count(name) == 1:
                message = f"{role} is given by index, which differs between files; name the joint, {name!r}"
                raise InvalidOptions(message, errors=[{"pointer": f"/mapping/{role}", "message": message}])
    except InvalidOptions as error:
        message = f"mapping preset {preset.name!r} ({preset.id}): {error.extra['errors'][0]['message']}"
        raise InvalidOptions(f"{message}; make it anew and delete this one", errors=error.extra["errors"]) from None
    return joints
