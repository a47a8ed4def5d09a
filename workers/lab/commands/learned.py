"""`retarget evaluate learned`: networks beside copy, analytic and refined results (`workers.lab.studies.learned`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from workers.contract.errors import InvalidOptions
from workers.lab.commands.asked import find_asked, write_json


def run_learned(arguments: argparse.Namespace) -> int:
    from workers.lab.studies.learned import LearnedStudy, held_out, network_methods
    from workers.lab.studies.refine_pairs import mixed_pairs
    from workers.lab.studies.refine_study import make_judges
    from workers.retargeting.methods import choose_method

    folders = dict(_named(text) for text in arguments.network)
    methods = network_methods(folders) if folders else {"smt": choose_method("smt")}
    pairs = mixed_pairs(held_out(find_asked(arguments)), arguments.pairs, arguments.draw)
    judges = make_judges(arguments.data, arguments.encoder)[1]
    study = LearnedStudy(pairs, methods, judges, refine=arguments.refine == "geometry")
    for line in study.table():
        print(line, flush=True)
    write_json(arguments.json, study.found)
    return 0


def _named(text: str) -> tuple[str, Path]:
    name, found, folder = text.partition("=")
    if not found or not (Path(folder) / "weights.safetensors").is_file():
        raise InvalidOptions(f"--network {text[:100]!r}: say NAME=FOLDER of a folder with weights.safetensors")
    return name, Path(folder)


STUDIES: dict[str, Callable[[argparse.Namespace], int]] = {"learned": run_learned}
