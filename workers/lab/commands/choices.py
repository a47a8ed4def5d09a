"""`retarget evaluate choices`: sheets to choose from, and what was chosen (`workers.lab.studies.choices`)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workers.contract.errors import InvalidOptions, RetargetError
from workers.contract.options import parse_options
from workers.lab.commands.asked import find_asked, write_json
from workers.lab.corpus import Corpus
from workers.lab.studies import choices, choices_told


def draw_choices(corpus: Corpus, arguments: argparse.Namespace) -> None:
    """One line a sheet; raises InvalidOptions for options that are none."""
    from workers.lab.studies.choices_sheet import KEY, draw_sheets

    options = parse_options(_object(arguments.a, "--a")), parse_options(_object(arguments.b, "--b"))
    labels = ("a", "b")
    pairs = choices.draw(corpus, arguments.seed)
    found = choices.find_choices(pairs, options, arguments.sheets, arguments.moved)
    drawn = 0
    for path in draw_sheets(_told(found), arguments.folder, arguments.seed, labels):
        drawn += 1
        print(path, flush=True)
    if drawn < arguments.sheets:
        print(f"{drawn} sheets, not {arguments.sheets}: no more pairs differ so much")
    print(f"write one line a sheet, such as 001,second, into a file; leave {KEY} closed until all are judged")


def tell_choices(folder: Path, answers: Path) -> dict[str, Any]:
    """Print and return preferences and agreements."""
    from workers.lab.studies.choices_sheet import KEY

    key = json.loads((folder / KEY).read_text())
    told = choices_told.read_answers(answers, key)
    shares = {
        "preferences": choices_told.preferences(told, key["labels"]),
        "agreements": choices_told.agreements(told, key["labels"]),
    }
    print(f"{len(told)} of {len(key['sheets'])} sheets answered")
    for title, found in shares.items():
        print(f"{title}:")
        for name, share in found.items():
            percent = 100.0 * share["hits"] / share["of"] if share["of"] else 0.0
            low, high = 100.0 * share["low"], 100.0 * share["high"]
            print(f"  {name:<60} {share['hits']:>3} / {share['of']:<3} {percent:5.1f} % ({low:.0f} to {high:.0f})")
    for answer in told:
        if answer.clearly and answer.better == key["labels"][0]:
            facts = answer.facts
            print(f"clearly worse: {facts['motion']} [{facts['clip']}] -> {facts['character']}")
    return {"answers": len(told), **shares}


def _told(found: Iterator[choices.Choice | RetargetError]) -> Iterator[choices.Choice]:
    for item in found:
        if isinstance(item, RetargetError):
            print(f"left out: {item.code}: {item.detail}", flush=True)
        else:
            yield item


def _object(text: str, flag: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidOptions(f"{flag}: {text!r} is no JSON ({error}); write an object of options") from None
    if not isinstance(value, dict):
        raise InvalidOptions(f"{flag}: {text!r} is no JSON object of options")
    return value


def run_choices(arguments: argparse.Namespace) -> int:
    """Draws the sheets, or tells what was chosen."""
    if arguments.answers is not None:
        write_json(arguments.json, tell_choices(arguments.folder, arguments.answers))
    else:
        draw_choices(find_asked(arguments), arguments)
    return 0


STUDIES: Mapping[str, Callable[[argparse.Namespace], int]] = {"choices": run_choices}
