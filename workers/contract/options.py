"""Job options: one pydantic model behind the command line, HTTP and OpenAPI.

Unknown fields are an error, every field has a default, and each field has a command-line flag of the same name.
Imports pydantic only. What the options do is left to the engine; `parse_options` is the one way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from workers.contract.errors import InvalidOptions
from workers.contract.option_errors import plain_errors


class JointIndex(BaseModel):
    """A joint named by its file index (glTF node index, BVH order of appearance)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    index: Annotated[int, Field(ge=0)]


JointChoice = str | JointIndex | None
NO_PRESET = "none"  # instead of a preset's id: use none


class MappingOverride(BaseModel):
    """Per side: role -> joint name, `{"index": n}`, or null to leave the role unmapped.

    A stored preset fills in what is not given: by default the one that fits the skeleton's fingerprint.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: dict[str, JointChoice] = Field(default_factory=dict)
    target: dict[str, JointChoice] = Field(default_factory=dict)
    source_preset: str | None = Field(None, max_length=64, description="Id of a preset, or 'none' to use none.")
    target_preset: str | None = Field(None, max_length=64, description="Id of a preset, or 'none' to use none.")


# Published names: a new one is a new value of the API. Each but auto has a row in `workers.retargeting.methods`.
MethodName = Literal["auto", "analytic", "smt"]


# A number is metres along the ground for each metre of the source.
RootScale = Literal["legs", "hips", "none"] | Annotated[float, Field(gt=0, le=1000)]


def _word_list(value: Any) -> Any:
    """A list in one text, as flags have it: separated by commas."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


_VARIANT = "(mirror|loop|additive|additive_rest|in_place|root_joint)"
VariantWords = Annotated[
    tuple[Annotated[str, Field(pattern=rf"^{_VARIANT}(\+{_VARIANT})*$")], ...],
    Field(max_length=16),
    BeforeValidator(_word_list),
]


class JobOptions(BaseModel):
    """What a job may ask for. The defaults are what a newcomer wants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: MethodName = Field("auto", description="Retargeting method; auto takes the best that is installed.")
    refine: Literal["none", "geometry", "semantic"] = Field("none", description="Optional refinement at test time.")
    refine_budget_s: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        None, description="Time budget of the refinement in seconds."
    )
    encoder: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Encoder of the semantic scores, by its model_store name, or 'none'; default: the built-in one.",
    )
    keyframes: Annotated[int, Field(ge=2, le=64)] = Field(
        8, description="Most keyframes that are rendered for the semantic scores."
    )
    root_motion: Literal["keep", "in_place", "root_joint"] = Field(
        "keep", description="Keep travel at the hips, remove it, or move it to the joint above the hips."
    )
    root_scale: RootScale = Field(
        "legs",
        description="How far the character travels for each metre of the source: legs = the ratio of their leg "
        "lengths, so that strides fit the legs; hips = the ratio of their hips heights, about the rigs' roots, as "
        "other tools do; none = exactly as far along the ground; or a number, along the ground too.",
    )
    mirror: bool = Field(False, description="Exchange left and right, by the character's own symmetry.")
    loop: Literal["keep", "close"] = Field(
        "keep", description="close = make a nearly looping clip loop: its last frame becomes its first, at one pace."
    )
    additive: Literal["none", "rest"] | Annotated[int, Field(ge=0)] = Field(
        "none",
        description="Write the clip as its difference from the character's rest pose, or from that frame of itself.",
    )
    additive_form: Literal["delta", "on_rest"] = Field(
        "delta",
        description="delta = the bare difference (nothing moves: identity), as for three.js; on_rest = the difference "
        "on the rest pose, as for engines that subtract that themselves.",
    )
    variants: VariantWords = Field(
        (),
        description="More files of the same clip: words from mirror, loop, additive (against its first frame), "
        "additive_rest, in_place and root_joint, joined by + where one file has several of them.",
    )
    name_tokens: bool = Field(
        False, description="End the clip's name in what was done: _Mirror, _RM (root joint) or _IP, _Loop, _ADD."
    )
    events: bool = Field(
        False, description="Tell when feet are set down and lifted: in events.json and in the extras of the clip."
    )
    tolerance_deg: Annotated[float, Field(gt=0, le=10)] | None = Field(
        None, description="Leave out keys without which no joint is off by more than this; default: a key a frame."
    )
    start: Literal["keep", "origin"] = Field(
        "keep", description="Keep the clip's start position or begin at the origin."
    )
    foot_contact: Literal["auto", "off"] = Field(
        "auto", description="Hold the source's foot contacts by inverse kinematics."
    )
    ground: Literal["auto", "flat", "none"] = Field(
        "auto", description="Ground: estimated per contact, one flat plane, or no correction."
    )
    fps: Literal["source"] | Annotated[float, Field(gt=0, le=1000)] = Field(
        "source", description="Frame rate of the result, exactly: the last frame is the last one within the clip."
    )
    source_fps: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        None, description="True frame rate of the motion, in place of what its file tells; changes its duration."
    )
    clip: str | Annotated[int, Field(ge=0)] | None = Field(
        None, description="Source clip by name or index, or 'all'. Default: the only or first clip."
    )
    start_s: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Start of the part of the clip to use, seconds."
    )
    end_s: Annotated[float, Field(gt=0)] | None = Field(
        None, description="End of the part of the clip to use, seconds."
    )
    clip_name: str | None = Field(
        None, min_length=1, max_length=200, description="Name of the new clip; default: the source clip's name."
    )
    existing_clips: Literal["keep", "drop"] = Field(
        "keep", description="Keep or drop the clips the character already has."
    )
    rest_pose: Literal["auto", "file", "estimate"] | Annotated[int, Field(ge=0)] = Field(
        "auto",
        description="Rest pose of a motion without a skin: auto; file = the file's own zero pose; "
        "estimate = built from the motion; a number = that frame of the clip.",
    )
    mapping: MappingOverride = Field(
        default_factory=MappingOverride, description="Overrides of the automatic joint mapping."
    )
    description: str | None = Field(None, max_length=1000, description="What the motion shows, in words.")
    preview: bool = Field(False, description="Render a preview in motion and a sheet of the keyframes.")
    preview_format: Literal["webp", "webm"] = Field(
        "webp", description="Format of the preview: WebP shows in any page, WebM is smaller and longer."
    )
    sheet: bool = Field(False, description="Render the sheet of the keyframes alone, which a preview brings too.")
    scene: bool = Field(
        False,
        description="Also write scene.glb: source, result and naive copy as light bodies in step, for viewers.",
    )
    output: Literal["full", "animation"] = Field(
        "full", description="The whole character, or skeleton and clip without meshes."
    )
    format: Literal["auto", "glb", "bvh", "fbx"] = Field(
        "auto", description="Format of the result; auto is BVH for one clip on a BVH character, else GLB."
    )
    fail_on: Literal["review", "fail"] | None = Field(
        None, description="Verdict that counts as failure for the caller."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        0, description="Reserved: nothing in a job is random, so this changes nothing yet."
    )

    @model_validator(mode="after")
    def _range_is_forward(self) -> JobOptions:
        if self.start_s is not None and self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError("end_s must be greater than start_s")
        return self

    @model_validator(mode="after")
    def _form_is_of_an_additive_clip(self) -> JobOptions:
        has_one = self.additive != "none" or any("additive" in variant for variant in self.variants)
        if self.additive_form != "delta" and not has_one:
            raise ValueError("additive_form needs additive, or a variant that is additive")
        return self

    @model_validator(mode="after")
    def _variants_are_clear(self) -> JobOptions:
        seen = set()
        for variant in self.variants:
            words = frozenset(variant.split("+"))
            for pair in ({"in_place", "root_joint"}, {"additive", "additive_rest"}):
                if pair <= words:
                    raise ValueError(f"variants: {variant!r} asks for both {' and '.join(sorted(pair))}")
            if words in seen:
                raise ValueError(f"variants: {variant!r} is asked for twice")
            seen.add(words)
        return self

    @model_validator(mode="after")
    def _format_is_of_a_preview(self) -> JobOptions:
        if self.preview_format != "webp" and not self.preview:
            raise ValueError("preview_format needs preview: true")
        return self


def parse_options(data: Mapping[str, Any] | str | bytes | None) -> JobOptions:
    """Options from JSON text or a mapping. Raises InvalidOptions naming each wrong field."""
    try:
        if data is None:
            return JobOptions()
        if isinstance(data, str | bytes):
            return JobOptions.model_validate_json(data)
        return JobOptions.model_validate(data)
    except ValidationError as error:
        problems = plain_errors(error, JobOptions)
        summary = "; ".join(f"{p['pointer']}: {p['message']}" for p in problems[:3])
        raise InvalidOptions(f"options: {summary}; see the JobOptions schema for the fields", errors=problems) from None
