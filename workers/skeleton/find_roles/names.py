"""Reading joint names: side, body part, helper marks and numbers, from the word lists in `role_names.json`.

A name is cut into words at separators, digits and capitals, and inside lower-case runs by the known words ("lshldr" is
l + shldr). Namespaces end at the last ":" or "|". Words that most joints of a rig share ("CC_Base_", "Bip01") say
nothing and are dropped by counting. No language or convention is special here: all words are data. What a reading is
worth against the shape of the tree is left to `limbs` and `whole_body`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Literal

Side = Literal["left", "right"]
COUNTING = frozenset("abcd")  # letters that number joints: "spinea", "spineb"
FINGER_PARTS = ("Thumb", "Index", "Middle", "Ring", "Little", "Finger")
MIDDLE_PARTS = frozenset({"hips", "spine", "chest", "neck", "head", "jaw"})


@dataclass(frozen=True)
class NameReading:
    """What one name says: `parts` maps a part to 0-1, `auxiliary` 0-1 marks helpers and `twist` those that share a
    limb's roll, `stem` is the name less sides.
    """

    side: Side | None = None
    parts: dict[str, float] = field(default_factory=dict)
    auxiliary: float = 0.0
    twist: bool = False
    metacarpal: bool = False
    numbers: tuple[int, ...] = ()
    stem: str = ""

    def score(self, part: str) -> float:
        return self.parts.get(part, 0.0)


@dataclass(frozen=True)
class Lexicon:
    """The data file, indexed for look-up."""

    sides: dict[str, Side]
    side_letter_pairs: tuple[tuple[str, str], ...]
    phrases: dict[frozenset[str], dict[str, float]]
    phrases_by_word: dict[str, tuple[frozenset[str], ...]]
    auxiliary: dict[str, float]
    twist: frozenset[str]
    metacarpal: frozenset[str]
    noise: frozenset[str]
    vocabulary: frozenset[str]


def build_lexicon(data: dict[str, object]) -> Lexicon:
    """Index the parsed data file; the shape of the file is documented in its own "about" lines."""
    raw: dict[str, dict[str, object]] = data  # type: ignore[assignment]
    sides: dict[str, Side] = {}
    sides |= {_plain(word): "left" for word in raw["sides"]["left"]}  # type: ignore[attr-defined]
    sides |= {_plain(word): "right" for word in raw["sides"]["right"]}  # type: ignore[attr-defined]
    phrases: dict[frozenset[str], dict[str, float]] = {}
    for part, weights in raw["parts"].items():
        for weight, names in weights.items():  # type: ignore[attr-defined]
            for name in names:
                scores = phrases.setdefault(frozenset(_plain(name).split()), {})
                scores[part] = max(scores.get(part, 0.0), float(weight))
    by_word: dict[str, list[frozenset[str]]] = {}
    for phrase in phrases:
        for word in phrase:
            by_word.setdefault(word, []).append(phrase)
    auxiliary = {
        _plain(word): float(weight)
        for weight, words in raw["auxiliary"].items()
        if weight != "about"
        for word in words  # type: ignore[attr-defined]
    }
    metacarpal = frozenset(word for name in data["metacarpal"] for word in _plain(name).split())  # type: ignore[attr-defined]
    twist = frozenset(_plain(word) for word in raw["twist"]["words"])  # type: ignore[attr-defined]
    noise = frozenset(_plain(word) for word in raw["noise"]["words"])  # type: ignore[attr-defined]
    return Lexicon(
        sides=sides,
        side_letter_pairs=tuple((left, right) for left, right in raw["side_letters"]["pairs"]),  # type: ignore[attr-defined]
        phrases=phrases,
        phrases_by_word={word: tuple(found) for word, found in by_word.items()},
        auxiliary=auxiliary,
        twist=twist,
        metacarpal=metacarpal,
        noise=noise,
        vocabulary=frozenset(sides) | frozenset(by_word) | frozenset(auxiliary) | metacarpal | noise,
    )


@lru_cache(maxsize=1)
def default_lexicon() -> Lexicon:
    text = resources.files("workers.skeleton.find_roles").joinpath("role_names.json").read_text(encoding="utf-8")
    return build_lexicon(json.loads(text))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


_RUN = re.compile(r"[^\W_]+", re.UNICODE)
_PIECE = re.compile(r"\d+|[^\W\d_]+", re.UNICODE)
_CAPITAL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][a-zß-ÿ])")


def split_name(name: str, lexicon: Lexicon) -> list[str]:
    """Words and numbers of a name, lower case, in order. Namespaces are left out."""
    text = unicodedata.normalize("NFKC", name)
    tail = re.split(r"[:|]", text)[-1]
    words: list[str] = []
    for run in _RUN.findall(tail if tail.strip() else text):
        if run.lower() in lexicon.vocabulary:
            words.append(run.lower())
            continue
        for piece in _PIECE.findall(run):
            words.extend([piece] if piece.isdigit() else _segment(piece, lexicon))
    return words


def _segment(piece: str, lexicon: Lexicon) -> list[str]:
    """Cheapest cut of a letter run: known words cost 1, unknown ones more, cuts that no capital marks a little."""
    lower = piece.lower()
    size = len(lower)
    if len(piece) != size or size > 40:  # a rare letter changes length in lower case; nobody names joints that long
        return [lower]
    borders = {0, size} | {match.start() for match in _CAPITAL.finditer(piece)}
    borders |= {cut for cut in range(1, size) if lower[cut - 1].isascii() != lower[cut].isascii()}
    best: list[tuple[float, int]] = [(0.0, 0)] + [(float("inf"), 0)] * size
    for stop in range(1, size + 1):
        for start in range(stop):
            word = lower[start:stop]
            known = word in lexicon.vocabulary and _may_stand(lower, start, stop, borders, lexicon)
            counts = stop == size and start == size - 1 and word in COUNTING
            # Unknown words cost enough to keep "bend" from becoming b + end.
            cost = 1.0 if known or counts else 3.0 + 0.4 * (stop - start)
            total = best[start][0] + cost + (0.0 if start in borders else 0.4)
            if total < best[stop][0]:
                best[stop] = (total, start)
    words: list[str] = []
    while size:
        start = best[size][1]
        words.append(lower[start:size])
        size = start
    return words[::-1]


def _may_stand(run: str, start: int, stop: int, borders: set[int], lexicon: Lexicon) -> bool:
    """Short Latin words are words only where capitals or ends mark them.

    A side letter may stick to either end of the run, or follow a prefix that says nothing ("jntLclav").
    """
    word = run[start:stop]
    if len(word) > 2 or not word.isascii() or (start in borders and stop in borders):
        return True
    at_end = start == 0 or stop == len(run) or run[:start] in lexicon.noise
    return len(word) == 1 and word in lexicon.sides and at_end


class NameReader:
    """Reads all names of one rig together, so that shared prefixes and side letters are seen."""

    def __init__(self, names: Sequence[str], lexicon: Lexicon | None = None) -> None:
        self.lexicon = lexicon or default_lexicon()
        split = {name: split_name(name, self.lexicon) for name in set(names)}
        words = [split[name] for name in names]
        shared = self._shared_words(words)
        words = self._without_shared(words, shared)
        self.letters = self._side_letters(words)
        self.has_sides = sum(self._side(item) is not None for item in words) >= 4
        self.readings = tuple(self._read(item) for item in words)

    def _shared_words(self, words: list[list[str]]) -> frozenset[str]:
        """Words in more than 60 % of the named joints; words for a body part only when nearly all names bear them."""
        named = [set(item) for item in words if item]
        sides = self.lexicon.sides
        counts = Counter(word for item in named for word in item if word not in sides and not word.isdigit())
        return frozenset(
            word
            for word, count in counts.items()
            if len(named) >= 5 and count > (0.9 if word in self.lexicon.phrases_by_word else 0.6) * len(named)
        )

    def _without_shared(self, words: list[list[str]], shared: frozenset[str]) -> list[list[str]]:
        """Drop shared words, but where they are all that a few names say ("LeftHand" among fingers) keep them there."""
        kept = [_drop(item, shared) for item in words]
        bare = {
            index
            for index, item in enumerate(kept)
            if all(word.isdigit() or word in self.lexicon.sides for word in item)
        }
        if len(bare) > 0.2 * len(words):
            return kept
        return [words[index] if index in bare else item for index, item in enumerate(kept)]

    def _side_letters(self, words: list[list[str]]) -> dict[str, Side]:
        """Rare side letters such as French g and d, where three stems occur with both and usual side words do not."""
        if sum(any(word in self.lexicon.sides for word in item) for item in words) >= 4:
            return {}
        for left, right in self.lexicon.side_letter_pairs:
            stems = (
                {tuple(word for word in item if word != letter) for item in words if letter in item}
                for letter in (left, right)
            )
            if len(set.intersection(*stems)) >= 3:
                return {left: "left", right: "right"}
        return {}

    def _side(self, words: list[str]) -> Side | None:
        found: dict[Side, int] = {}
        for word in words:
            side: Side | None = self.letters.get(word) or self.lexicon.sides.get(word)
            if side is not None:
                found[side] = max(found.get(side, 0), len(word.encode()))
        if len(found) == 2 and found["left"] == found["right"]:
            return None
        return max(found.items(), key=lambda item: item[1])[0] if found else None

    def _read(self, words: list[str]) -> NameReading:
        lexicon = self.lexicon
        numbers = tuple(int(word[:6]) for word in words if word.isdigit())
        side = self._side(words)
        sideless = [word for word in words if word not in self.letters and word not in lexicon.sides]
        content = [word for word in sideless if not word.isdigit()]
        parts, used = self._match(frozenset(content))
        rest = [word for word in content if word not in used]
        auxiliary = max((lexicon.auxiliary.get(word, 0.0) for word in rest), default=0.0)
        known = lexicon.auxiliary.keys() | lexicon.noise | lexicon.metacarpal
        unknown = sum(word not in known and not (len(word) == 1 and word.isascii()) for word in rest)
        doubt = max(0.5, 0.8**unknown)
        parts = {part: score * doubt * self._side_factor(part, side) for part, score in parts.items()}
        twist = any(word in lexicon.twist for word in rest)
        metacarpal = any(word in lexicon.metacarpal for word in content)
        return NameReading(side, parts, auxiliary, twist, metacarpal, numbers, " ".join(sideless))

    def _side_factor(self, part: str, side: Side | None) -> float:
        """Middle parts have no side; limbs have one wherever the rig marks sides at all."""
        if part in MIDDLE_PARTS:
            return 1.0 if side is None else 0.1
        return 0.5 if side is None and self.has_sides else 1.0

    def _match(self, words: frozenset[str]) -> tuple[dict[str, float], set[str]]:
        """Scores of the longest phrases in the name, and the words they use."""
        lexicon = self.lexicon
        found = {phrase for word in words for phrase in lexicon.phrases_by_word.get(word, ()) if phrase <= words}
        used: set[str] = set()
        groups: list[dict[str, float]] = []
        for phrase in sorted(found, key=lambda item: (-len(item), sorted(item))):
            if not phrase & used:
                used |= phrase
                groups.append(lexicon.phrases[phrase])
        parts: dict[str, float] = {}
        for group in groups:
            for part, score in group.items():
                parts[part] = max(parts.get(part, 0.0), score * (1.0 if len(groups) == 1 else 0.7))
        alone = 1.0 if len(groups) == 1 else 0.7  # "hand thumb" is a thumb, not half of each
        fingers = {part: min(1.0, score / alone) for part, score in parts.items() if part in FINGER_PARTS}
        if fingers and "Toes" not in parts:
            named = {part: score for part, score in fingers.items() if part != "Finger"}
            return named or fingers, used
        if fingers:
            return {"Toes": 0.3}, used
        return parts, used


def _drop(words: list[str], shared: frozenset[str]) -> list[str]:
    """Words without the shared ones and without a number that follows one ("Bip" "01")."""
    kept: list[str] = []
    after_shared = False
    for word in words:
        if word not in shared and not (after_shared and word.isdigit()):
            kept.append(word)
        after_shared = word in shared
    return kept
