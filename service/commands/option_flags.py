"""Command-line flags for JobOptions: one flag a field, of the same name (`--root-motion in_place`).

Values are handed to pydantic as they are, so the command line and HTTP refuse the same things with the same words.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from workers.contract.errors import InvalidOptions, SourceFileNotFound
from workers.contract.options import JobOptions, MappingOverride, parse_options

# Fields that have a flag of their own kind.
SWITCHES = {
    "preview": "render a preview and a sheet of keyframes",
    "sheet": "render the sheet of keyframes alone",
    "scene": "write the bodies side by side as a GLB",
    "mirror": "exchange left and right",
    "name_tokens": "end the clip's name in what was done: _Mirror, _RM, _IP, _Loop, _ADD",
    "events": "tell when feet are set down and lifted, in OUT.events.json and in the clip's extras",
}
OWN_FLAG = ("mapping", *SWITCHES)


def add_option_flags(parser: argparse.ArgumentParser) -> None:
    """`--options FILE`, `--mapping FILE` and one flag a field."""
    group = parser.add_argument_group("job options", "each is also a field of --options and of the HTTP API")
    group.add_argument("--options", metavar="FILE", help="JSON file of options; flags win over it")
    group.add_argument("--mapping", metavar="FILE", help="JSON file {source: {role: joint}, target: {role: joint}}")
    for name, text in SWITCHES.items():
        flags = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
        group.add_argument(*flags, dest=name, action="store_const", const=True, help=text)
    for name, field in JobOptions.model_fields.items():
        if name in OWN_FLAG:
            continue
        words = sorted({str(word) for word in _words(field.annotation)})
        metavar = "|".join(words) if words else "V"
        group.add_argument(
            f"--{name.replace('_', '-')}", f"--{name}", dest=f"option_{name}", metavar=metavar, help=field.description
        )


def read_options(arguments: argparse.Namespace) -> JobOptions:
    """Options from file and flags. Raises InvalidOptions."""
    data: dict[str, Any] = dict(read_json(arguments.options, "--options")) if arguments.options else {}
    for name in JobOptions.model_fields:
        if name in OWN_FLAG:
            continue
        value = getattr(arguments, f"option_{name}")
        if value is not None:
            data[name] = _number(value) if name not in ("clip", "clip_name", "description") else value
    if arguments.mapping:
        data["mapping"] = read_json(arguments.mapping, "--mapping")
    data |= {name: True for name in SWITCHES if getattr(arguments, name)}
    return parse_options(data)


def read_mapping(path: str) -> MappingOverride:
    """The mapping override in a file. Raises InvalidOptions, SourceFileNotFound."""
    return parse_options({"mapping": read_json(path, "--mapping")}).mapping


def read_json(path: str, flag: str) -> dict[str, Any]:
    """The JSON object in the file that a flag names. Raises InvalidOptions, SourceFileNotFound."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceFileNotFound(f"{flag}: no file {path!r}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidOptions(f"{flag}: {path!r} is not a readable JSON file: {error}") from None
    if not isinstance(data, dict):
        raise InvalidOptions(f"{flag}: {path!r} must hold a JSON object")
    return data


def _number(text: str) -> str | int | float:
    """A number where the text is one: options are typed, the command line is not."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _words(annotation: Any) -> list[Any]:
    """The literal values inside an annotation."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for part in get_args(annotation) for word in _words(part)]
