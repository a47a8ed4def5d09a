"""Character definitions: what the user knows of a character (or of a motion's rig) and the file does not say.

A definition is a small JSON object beside the file; every field is optional. `parse_definition` is the one way in: its
errors name the line and the field. What needs the file to be judged (joints that must exist, units that contradict) is
checked where the file is prepared (`workers.preparation.apply_definition`), with the same places named. Imports no
numpy: the gateway validates definitions too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from workers.contract.axes import UpAxis
from workers.contract.errors import InvalidOptions
from workers.contract.json_lines import escape, nearest, parse_lines
from workers.contract.options import JointChoice
from workers.contract.roles import ALL_ROLES

Degrees = Annotated[float, Field(ge=-360.0, le=360.0)]


class ClipPose(BaseModel):
    """One frame of a clip of the same file: by `frame` or by `time_s`; `clip` by name or index, default the first."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    clip: str | Annotated[int, Field(ge=0)] | None = None
    frame: Annotated[int, Field(ge=0)] | None = None
    time_s: Annotated[float, Field(ge=0.0)] | None = None

    @model_validator(mode="after")
    def _one_moment(self) -> ClipPose:
        if (self.frame is None) == (self.time_s is None):
            raise ValueError("give either frame or time_s")
        return self


class JointLimits(BaseModel):
    """How far a joint may turn away from its rest pose, in degrees.

    `twist` about the bone and `swing` away from it, or the components of the rotation vector about the joint's own
    axes. Ranges are [least, most].
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    twist: tuple[Degrees, Degrees] | None = None
    swing: Annotated[float, Field(ge=0.0, le=180.0)] | None = None
    x: tuple[Degrees, Degrees] | None = None
    y: tuple[Degrees, Degrees] | None = None
    z: tuple[Degrees, Degrees] | None = None

    @model_validator(mode="after")
    def _ranges(self) -> JointLimits:
        ranges = {name: getattr(self, name) for name in ("twist", "x", "y", "z") if getattr(self, name) is not None}
        for name, (least, most) in ranges.items():
            if least > most:
                raise ValueError(f"{name}: the least angle {least:g} is above the most {most:g}")
        if not ranges and self.swing is None:
            raise ValueError("give twist, swing, x, y or z")
        return self


class CharacterDefinition(BaseModel):
    """What a file does not say, or says otherwise, about its rig."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mapping: dict[str, JointChoice] = Field(
        default_factory=dict, description='Role -> joint name, {"index": n}, or null to leave the role unmapped.'
    )
    rest_pose: Literal["bind", "node"] | ClipPose | None = Field(
        None, description="Pose that counts as rest: the bind pose, the pose of the nodes, or a frame of a clip."
    )
    scale: Annotated[float, Field(gt=0.0, le=1e6)] | None = Field(None, description="Metres per unit of the file.")
    up_axis: UpAxis | None = Field(None, description="The file's up axis; -Y is camera space, where Y points down.")
    leave_alone: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=500)] = Field(
        default_factory=list, description="Joints that are never keyed: names, or patterns with * and ?."
    )
    joint_limits: dict[str, JointLimits] = Field(
        default_factory=dict, description="Role -> limits; the joint_limit score counts what goes beyond."
    )
    clip: str | Annotated[int, Field(ge=0)] | None = Field(
        None, description="Clip of this file to use, by name or index: the default clip of a motion, and the one that "
        "shows how a rig without a bind pose stands."
    )  # fmt: skip
    skin: str | Annotated[int, Field(ge=0)] | None = Field(
        None, description="Skin to use where the file has several, by name or index."
    )
    height_m: Annotated[float, Field(gt=0.0, le=1e4)] | None = Field(
        None, description="Body height without hat, horns or hair; default: measured."
    )
    _lines: Mapping[str, int] = PrivateAttr(default_factory=dict)
    _what: str = PrivateAttr(default="definition")

    @field_validator("mapping", "joint_limits")
    @classmethod
    def _roles_exist(cls, value: dict[str, Any]) -> dict[str, Any]:
        unknown = next((role for role in value if role not in ALL_ROLES), None)
        if unknown is not None:
            raise ValueError(f"unknown role {unknown[:60]!r}; roles are VRM 1.0 humanoid bone names")
        return value

    def refuse(self, pointer: str, message: str) -> InvalidOptions:
        """The error for a field that does not fit its file, with the line it stands on where that is known."""
        return InvalidOptions(
            f"{self._what}: {self.place(pointer)}: {message}", errors=[{"pointer": pointer, "message": message}]
        )

    def place(self, pointer: str) -> str:
        """`line 3, /mapping/hips`."""
        line = self._lines.get(nearest(pointer, self._lines))
        return f"line {line}, {pointer}" if line else pointer


def parse_definition(text: str | bytes, what: str = "definition") -> CharacterDefinition:
    """A definition from JSON text; `what` names it in errors. Raises InvalidOptions with line and field."""
    value, lines = parse_lines(text, what)
    try:
        definition = CharacterDefinition.model_validate(value)
    except ValidationError as error:
        problems = _problems(error, lines)
        summary = "; ".join(f"{p['place']}: {p['message']}" for p in problems[:3])
        items = [{"pointer": p["pointer"], "message": f"line {p['line']}: {p['message']}"} for p in problems]
        raise InvalidOptions(f"{what}: {summary}; see the CharacterDefinition schema", errors=items) from None
    definition._lines, definition._what = lines, what
    return definition


def _problems(error: ValidationError, lines: Mapping[str, int]) -> list[dict[str, Any]]:
    """One entry a field: pydantic tells one for each way a union could have been meant."""
    found: dict[str, dict[str, Any]] = {}
    for item in error.errors(include_url=False, include_input=False):
        pointer = nearest("".join(f"/{escape(part)}" for part in item["loc"]), lines)
        if item["type"] == "missing":
            pointer = f"{pointer}/{escape(item['loc'][-1])}"
        message = str(item["msg"]).removeprefix("Value error, ")
        if pointer in found:
            if message not in found[pointer]["message"]:
                found[pointer]["message"] += f", or: {message}"
            continue
        line = lines.get(nearest(pointer, lines), 1)
        found[pointer] = {"pointer": pointer, "line": line, "message": message}
        found[pointer]["place"] = f"line {line}, {pointer or 'the whole'}"
    return list(found.values())
