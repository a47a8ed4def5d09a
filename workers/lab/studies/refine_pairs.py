"""Which clips on which characters refinement is measured on: chosen by what is wrong with the naive copy.

Characters take turns by folder, the first of each, then the second of each. Each is offered some clips, spread evenly
over all clips of the corpus and different ones for each character, and takes the one that has the most to correct: the
share of frames in which the source touches itself and that in which the naive copy is deep in itself, added up. A clip
with nothing to correct is not taken, nor one of less than `MIN_DURATION_S`, nor a second one from the same file; nor is
a character without a surface. The project's own gestures go onto its stout body. No analytic or refined result takes
part in the choice.

Another `draw` begins elsewhere in every folder and offers other clips. Draws 0 to 2 are those that refinement was
developed on: weights, guards and steps were settled while looking at them. What is reported is measured on others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.near_body import near_body
from workers.geometry.posing import pose
from workers.geometry.prepared import surfaces_of
from workers.geometry.self_contact import find_self_contacts
from workers.lab.corpus import Corpus, in_turns, load_character, load_scene
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.samples.write import sample_files
from workers.scores.surface_measures import thinned

OWN_CLIPS = ("hands_on_hips", "clap")
SECONDS = 4.0  # of each clip, its beginning
MIN_DURATION_S = 0.5
OFFERED = 10  # clips to each character
LOOKED_HZ = 15.0
DEEP = 0.25  # arm radii: half a centimetre to one of an adult


@dataclass(frozen=True)
class RefinePair:
    """A clip, by its index, and a character; without a file, a sample clip by its name and the stout sample."""

    motion: Path | None
    clip: int | str
    character: Path | None

    @property
    def name(self) -> str:
        if self.motion is None:
            return f"{self.clip} -> stout"
        assert isinstance(self.clip, int)
        assert self.character is not None
        clips = load_scene(self.motion).clips
        clip = f":{clips[self.clip].name}" if len(clips) > 1 else ""
        return f"{self.motion.stem}{clip} -> {self.character.stem}"


def choose_pairs(corpus: Corpus, count: int, draw: int = 0) -> Iterator[tuple[RefinePair, float]]:
    """Pairs with what there is to correct, 0 to 2."""
    for clip in OWN_CLIPS[:count]:
        pair = RefinePair(None, clip, None)
        yield pair, to_correct(*retargeted(pair))
    clips = [(motion.path, clip) for motion in corpus.motions for clip in range(len(motion.clips))]
    taken: set[Path] = set()
    found = min(count, len(OWN_CLIPS))
    for number, character in enumerate(in_turns(corpus.characters, draw)):
        if found == count:
            return
        free = [entry for entry in clips if entry[0] not in taken and entry[0] != character]
        offered = [free[k] for k in _spread(len(free), number, draw)]
        if not surfaces_of(load_character(character)).full.is_own:
            continue
        pairs = [RefinePair(path, clip, character) for path, clip in offered if _lasts(path, clip)]
        shares = [to_correct(*retargeted(pair)) for pair in pairs]
        if shares and max(shares) > 0.0:
            best = pairs[int(np.argmax(shares))]
            assert best.motion is not None
            taken.add(best.motion)
            found += 1
            yield best, max(shares)


def mixed_pairs(corpus: Corpus, count: int, draw: int = 0) -> Iterator[tuple[RefinePair, float]]:
    """Other pairs, as users send them: characters in turns again and again, none of the project's own samples, each
    pair once; of every two the first has the most to correct of the offered clips, the second is the first offered
    that lasts, whether anything is wrong with it or not.
    """
    clips = [(motion.path, clip) for motion in corpus.motions for clip in range(len(motion.clips))]
    characters = [path for path in in_turns(corpus.characters, draw) if surfaces_of(load_character(path)).full.is_own]
    taken: set[tuple[Path, int, Path]] = set()
    for number in range(count if characters else 0):
        character = characters[number % len(characters)]
        free = [entry for entry in clips if entry[0] != character and (*entry, character) not in taken]
        offered = [free[k] for k in _spread(len(free), number, draw)]
        pairs = [RefinePair(path, clip, character) for path, clip in offered if _lasts(path, clip)]
        if number % 2:
            pairs = pairs[:1]
        shares = [to_correct(*retargeted(pair)) for pair in pairs]
        if not shares:
            continue
        best = pairs[int(np.argmax(shares))]
        assert best.motion is not None and isinstance(best.clip, int)
        taken.add((best.motion, best.clip, character))
        yield best, max(shares)


def _lasts(path: Path, clip: int) -> bool:
    return load_scene(path).clips[clip].duration_s >= MIN_DURATION_S


def _spread(count: int, number: int, draw: int) -> list[int]:
    """Up to `OFFERED` of `count` places, evenly, others for another `number` or `draw`: by two irrational steps."""
    first = (number * 0.618034 + draw * 0.414214) % 1.0
    return sorted({int((k + first) * count / OFFERED) for k in range(OFFERED)}) if count else []


def retargeted(pair: RefinePair) -> tuple[PreparedCharacter, RetargetedClip]:
    """The pair's analytic result."""
    if pair.motion is None:
        files, name = _samples(), f"{pair.clip}.glb"
        source = prepare_motion(read_scene(FileBundle(name, files[name])), 0, JobOptions())
        target = _stout()
    else:
        assert isinstance(pair.clip, int)
        assert pair.character is not None
        target = load_character(pair.character)
        source = _beginning(pair.motion, pair.clip)
    return target, retarget_clip(source, target, JobOptions())


def to_correct(target: PreparedCharacter, retargeted: RetargetedClip) -> float:
    """Share of frames in which the source touches itself, plus the share in which the naive copy is deep in itself."""
    stride = max(1, round(retargeted.naive.rate_hz / LOOKED_HZ))
    source, naive = thinned(retargeted.source.motion, stride), thinned(retargeted.naive, stride)
    touching, penetrating = (np.zeros(naive.frames, dtype=np.bool_) for _ in range(2))
    seen, moving = surfaces_of(retargeted.source).light, surfaces_of(target).light
    for contact in find_self_contacts(source, seen).contacts:
        touching[contact.start : contact.stop] = True
    near, allowed = near_body(moving, pose(moving, naive), moving.limb_vertices, 0.0)
    penetrating[near.frame[-near.distance_m - allowed > DEEP * moving.arm_radius_m]] = True
    return float(touching.mean() + penetrating.mean())


@lru_cache(maxsize=1)
def _samples() -> dict[str, bytes]:
    return sample_files()


@lru_cache(maxsize=1)
def _stout() -> PreparedCharacter:
    return prepare_character(read_scene(FileBundle("stout.glb", _samples()["stout.glb"])), {})


@lru_cache(maxsize=4)
def _beginning(path: Path, clip: int) -> PreparedMotion:
    scene = load_scene(path)
    longer = scene.clips[clip].duration_s > SECONDS
    return prepare_motion(scene, clip, JobOptions(end_s=SECONDS if longer else None))
