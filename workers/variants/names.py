"""What a variant is called: the options its words mean, its file, and the tokens at the end of its clip's name."""

from __future__ import annotations

from typing import Any

from workers.contract.options import JobOptions

WORDS: dict[str, dict[str, Any]] = {
    "mirror": {"mirror": True},
    "loop": {"loop": "close"},
    "additive": {"additive": 0},
    "additive_rest": {"additive": "rest"},
    "in_place": {"root_motion": "in_place"},
    "root_joint": {"root_motion": "root_joint"},
}


def variant_options(options: JobOptions, variant: str) -> JobOptions:
    """The job's options with those that a variant's words change; only it is made, so it has no variants of its own."""
    changed = {name: value for word in variant.split("+") for name, value in WORDS[word].items()}
    return options.model_copy(update={**changed, "variants": (), "name_tokens": True})


def file_stem(variant: str) -> str:
    """Its file's name without the ending."""
    return variant.replace("+", "-")


def tokens(options: JobOptions) -> str:
    """What was done to a clip, as engines' naming rules have it."""
    parts = {
        "_Mirror": options.mirror,
        "_RM": options.root_motion == "root_joint",
        "_IP": options.root_motion == "in_place",
        "_Loop": options.loop == "close",
        "_ADD": options.additive != "none",
    }
    return "".join(token for token, is_so in parts.items() if is_so)


def clip_name(name: str, options: JobOptions) -> str:
    """The name of the written clip; `name` is the source clip's."""
    return (options.clip_name or name) + (tokens(options) if options.name_tokens else "")
