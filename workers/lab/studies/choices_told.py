"""What people chose, told with intervals, and how far each score agrees with them.

Answers are lines `sheet,choice` (a comment may follow after another comma): `first` or `second` is better, `equal`, and
`first!` or `second!` where the other is clearly worse. A score agrees with a choice that is no tie where the one chosen
has the better value; where both have the same value it says nothing. Intervals are Wilson's for a binomial share, 95 %
(E. B. Wilson, 1927).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from workers.contract.errors import InvalidOptions

WORDS = ("first", "second", "equal", "first!", "second!")
# Which value of a score is the better one.
LESS_IS_BETTER = (
    "penetration_pct", "contact_error", "limb_direction_error_deg", "arm_error_deg", "jerk_ratio", "foot_skate_ratio",
    "joint_limit_pct", "relation_error",
)  # fmt: skip
MORE_IS_BETTER = ("contact_recall", "contact_precision", "semantic_similarity")
# A result enters the body, or loses a contact.
ENTERS_PCT, LOSES_RECALL = 1.0, 0.9


@dataclass(frozen=True)
class Told:
    """One sheet's answer: `better` is the label that was chosen, None for a tie; `clearly` says so."""

    better: str | None
    clearly: bool
    facts: Mapping[str, Any]


def read_answers(path: Path, key: Mapping[str, Any]) -> list[Told]:
    """Raises InvalidOptions for a sheet that the key lacks or a word that is none of `WORDS`."""
    told = []
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if not row or row[0].strip().startswith("#") or row[0].strip() == "sheet":
                continue
            sheet, word = row[0].strip().zfill(3), row[1].strip().lower() if len(row) > 1 else ""
            if sheet not in key["sheets"] or word not in WORDS:
                raise InvalidOptions(
                    f"--answers: line {number} of {path.name} says {','.join(row)!r}; write a sheet's number and one "
                    f"of {', '.join(WORDS)}"
                )
            facts = key["sheets"][sheet]
            place = word.rstrip("!")
            told.append(Told(None if place == "equal" else facts[place], word.endswith("!"), facts))
    return told


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a share; 0 and 1 where nothing was asked."""
    if of == 0:
        return 0.0, 1.0
    interval = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def preferences(told: Sequence[Told], labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How often the second label was chosen over the first, by name of the share; `{hits, of, low, high}`."""
    first, second = labels
    needed = [answer for answer in told if _needs_help(answer.facts["scores"][first])]
    shares: dict[str, tuple[Callable[[Told], bool], Sequence[Told]]] = {
        f"{second} better": (lambda answer: answer.better == second, told),
        "equal": (lambda answer: answer.better is None, told),
        f"{second} better or equal": (lambda answer: answer.better != first, told),
        f"{second} clearly worse": (lambda answer: answer.better == first and answer.clearly, told),
        f"{second} better where {first} enters the body or loses a contact": (
            lambda answer: answer.better == second, needed,
        ),
    }  # fmt: skip
    return {name: _share([hit(answer) for answer in of]) for name, (hit, of) in shares.items()}


def agreements(told: Sequence[Told], labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How often each score prefers what people preferred, over the choices that are no ties."""
    found = {}
    for names, sign in ((LESS_IS_BETTER, -1.0), (MORE_IS_BETTER, 1.0)):
        for name in names:
            hits = []
            for answer in told:
                values = [answer.facts["scores"][label].get(name) for label in labels]
                if answer.better is None or None in values or values[0] == values[1]:
                    continue
                hits.append(labels[int(sign * values[1] > sign * values[0])] == answer.better)
            if hits:
                found[name] = _share(hits)
    return found


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(hits), len(hits))
    return {"hits": sum(hits), "of": len(hits), "low": round(low, 4), "high": round(high, 4)}


def _needs_help(scores: Mapping[str, Any]) -> bool:
    entering, recall = scores.get("penetration_pct"), scores.get("contact_recall")
    return (entering is not None and entering >= ENTERS_PCT) or (recall is not None and recall < LOSES_RECALL)
