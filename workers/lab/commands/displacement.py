"""`retarget evaluate displacement`: what refinement moved and need not (`workers.lab.studies.displacement`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from workers.contract.options import parse_options
from workers.lab.commands.asked import find_asked, number, write_json
from workers.lab.studies.choices import Drawn, draw

FIGURES = ("mean", "p95", "p99", "worst", "beyond_bound_pct", "worst_over_bound", "head_deg", "quiet_worst")


def run_displacement(arguments: argparse.Namespace) -> int:
    """A line a pair, then a line a character and one for all; exit code 0 where every pair could be measured."""
    from workers.lab.studies import displacement

    options = parse_options({"refine": arguments.refine, "encoder": arguments.encoder})
    pairs = draw(find_asked(arguments), arguments.seed)
    found: list[displacement.Displacement] = []
    failed = 0
    for item in displacement.measure_all(pairs, options, arguments.pairs):
        if isinstance(item, displacement.Displacement):
            found.append(item)
            print(f"{_pair(item.drawn)}: {_line(displacement.summary([item]))}", flush=True)
        else:
            failed += 1
            print(f"{_pair(item[0])}: {item[1].code}: {item[1].detail}", flush=True)
    tables = {
        character.name: displacement.summary(item for item in found if item.drawn.character == character)
        for character in sorted({item.drawn.character for item in found})
    }
    tables["all"] = displacement.summary(found)
    for name, table in tables.items():
        print(f"{name:<28} {table['clips']:>3} clips  {_line(table)}")
    write_json(arguments.json, {"refine": arguments.refine, "failed": failed, "tables": tables})
    return 0 if failed == 0 else 1


def _pair(drawn: Drawn) -> str:
    return f"{drawn.motion.name} [{drawn.clip}] -> {drawn.character.name}"


def _line(table: dict[str, Any]) -> str:
    return "  ".join(f"{name} {number(table[name])}" for name in FIGURES)


STUDIES: Mapping[str, Callable[[argparse.Namespace], int]] = {"displacement": run_displacement}
