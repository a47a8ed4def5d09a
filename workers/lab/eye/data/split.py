"""The split: which clips and which families of bodies are trained on, and which only measure. Made before any training.

`split.json` is committed; `make_split` is the rule that made it, so nobody picks by hand:

- A clip's id is `folder/file/clip`, or `folder/file` for a file that is one clip. Clips whose names differ only by
  variant letter, by the words of their pack or by word form make one group, on whichever rig they are. Groups are taken
  in the order of the SHA-256 of their key and held out until `HELD_OUT_CLIPS` clips are.
- Whole families of bodies are held out (`HELD_OUT_FAMILIES`). A clip of a held-out family is held out if its group is,
  and not used at all otherwise: the eye may have learned the same motion on another rig.
- Clips of packs whose licence forbids shipping weights learned from them are held out, always.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

Part = Literal["train", "held_out"]

HELD_OUT_CLIPS = 60
TRAIN_FAMILIES = (
    "makehuman", "kaykit-manny", "quaternius-men", "quaternius-knight", "quaternius-human", "quaternius-woman",
    "quaternius-zombie", "samples",
)  # fmt: skip
HELD_OUT_FAMILIES = ("mixamo-xy", "kaykit-adventurers", "quaternius-women", "makehuman-held-out")
# Folder of the data -> pack: clips of one pack may be the same motion on two rigs.
PACKS = {
    "kaykit-medium": "kaykit", "kaykit-adventurers": "kaykit", "cmu-cc": "cmu", "cmu-cgspeed": "cmu",
    "makehuman": "makehuman", "quaternius-fbx": "quaternius", "samples": "samples", "mixamo-xy-pair": "mixamo",
}  # fmt: skip
EVALUATION_ONLY = ("mixamo",)
HELD_OUT_FOLDERS = ("kaykit-adventurers", "mixamo-xy-pair")  # clips that belong to held-out families
# Words that one rig of a pack puts before a name and the other does not.
PACK_WORDS = {"melee", "ranged", "magic", "unarmed", "spellcast", "pose", "a", "b", "c"}
SPLIT_FILE = Path(__file__).with_name("split.json")


@dataclass(frozen=True)
class Split:
    """Clip ids and family names of both parts, sorted."""

    train_clips: tuple[str, ...]
    held_out_clips: tuple[str, ...]
    train_families: tuple[str, ...]
    held_out_families: tuple[str, ...]

    def clips(self, part: Part) -> tuple[str, ...]:
        return self.train_clips if part == "train" else self.held_out_clips

    def families(self, part: Part) -> tuple[str, ...]:
        return self.train_families if part == "train" else self.held_out_families


def group_key(clip_id: str) -> str:
    """What clips that may be the same motion have in common: pack, and the words of the name in alphabetical order."""
    folder, _, rest = clip_id.partition("/")
    pack = PACKS[folder]
    name = rest.rpartition("/")[2].removesuffix(".bvh")
    if pack == "cmu":
        subject, take = (int(number) for number in re.findall(r"\d+", name)[:2])
        return f"cmu {subject} {take}"
    words = {re.sub(r"(?<=\w{3})ing$", "", word) for word in re.findall(r"[a-z0-9]+", name.lower())}
    return " ".join([pack, *sorted(words - PACK_WORDS)])


def make_split(clip_ids: Iterable[str]) -> Split:
    """The rule (module docstring) applied to all clips there are."""
    ids = sorted(set(clip_ids))
    folders = {clip: clip.partition("/")[0] for clip in ids}
    groups: dict[str, list[str]] = {}
    for clip in ids:
        groups.setdefault(group_key(clip), []).append(clip)
    held_out: set[str] = {clip for clip in ids if PACKS[folders[clip]] in EVALUATION_ONLY}
    counted = 0
    for key in sorted(groups, key=lambda key: hashlib.sha256(key.encode()).hexdigest()):
        if counted >= HELD_OUT_CLIPS:
            break
        held_out.update(groups[key])
        counted += sum(folders[clip] not in HELD_OUT_FOLDERS for clip in groups[key])
    train = [clip for clip in ids if clip not in held_out and folders[clip] not in HELD_OUT_FOLDERS]
    return Split(tuple(train), tuple(sorted(held_out)), tuple(sorted(TRAIN_FAMILIES)), tuple(sorted(HELD_OUT_FAMILIES)))


@lru_cache(maxsize=1)
def load_split() -> Split:
    """The committed split."""
    content = json.loads(SPLIT_FILE.read_text())
    return Split(**{name: tuple(values) for name, values in content.items()})
