"""A folder of motions and characters to evaluate on, and which of its files cannot be asked to work.

What is left out is decided before anything runs, by what a file holds and never by its name, and is listed with its
reason. Files are read once a process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path

import numpy as np

from workers.contract.roles import REQUIRED_ROLES
from workers.formats.load_bundle import bundle_from_path
from workers.formats.read import read_scene
from workers.formats.registry import character_formats, endings, motion_formats
from workers.preparation.prepare import PreparedCharacter, prepare_character
from workers.skeleton.model import Scene

LIMBS = 4


@dataclass(frozen=True)
class MotionFile:
    """A file with clips; `clips` are their names in the file's order."""

    path: Path
    clips: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    path: Path
    reason: str


@dataclass(frozen=True)
class Corpus:
    characters: tuple[Path, ...]
    motions: tuple[MotionFile, ...]
    left_out: tuple[LeftOut, ...]


def find_corpus(folder: Path, character_glob: str, motion_glob: str) -> Corpus:
    """The characters and motions under `folder`; a character that has clips is also a motion.

    Raises what reading raises: a file that cannot be read is a failure, not something to leave out.
    """
    characters, motions, left_out = [], [], []
    character_paths = _matching(folder, character_glob, endings(character_formats()))
    for path in character_paths:
        reason = no_character(load_scene(path))
        if reason is None:
            characters.append(path)
        else:
            left_out.append(LeftOut(path, f"as a character: {reason}"))
    for path in dict.fromkeys((*_matching(folder, motion_glob, endings(motion_formats())), *character_paths)):
        scene = load_scene(path)
        reason = no_motion(scene)
        if reason is None:
            motions.append(MotionFile(path, tuple(clip.name for clip in scene.clips)))
        else:
            left_out.append(LeftOut(path, f"as a motion: {reason}"))
    return Corpus(tuple(characters), tuple(motions), tuple(left_out))


def in_turns(paths: Iterable[Path], shift: int = 0) -> list[Path]:
    """The first of each folder, then the second of each, and so on; each folder begins with its `shift`-th."""
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    turns = zip_longest(*(np.roll(np.array(found), -shift).tolist() for found in folders.values()))
    return [path for turn in turns for path in turn if path is not None]


def no_character(scene: Scene) -> str | None:
    """Why a file is no humanoid character, None where it may be one."""
    if scene.skins == 0:
        return "it has no skin"
    return too_few_joints(scene) or no_limbs(scene)


def no_motion(scene: Scene) -> str | None:
    """Why a file is no motion of a whole body, None where it may be one."""
    if not scene.clips:
        return "it has no clip"
    return too_few_joints(scene) or no_limbs(scene)


def too_few_joints(scene: Scene) -> str | None:
    """A body needs hips and two joints a limb: with fewer joints the answer must be a refusal."""
    joints = scene.skeleton.joint_count
    if joints >= len(REQUIRED_ROLES):
        return None
    return f"its {joints} joints are fewer than the {len(REQUIRED_ROLES)} that a body needs"


def no_limbs(scene: Scene) -> str | None:
    """A body has two arms and two legs of two bones each: a tree with fewer leaves or branches cannot hold them."""
    skeleton = scene.skeleton
    joints = np.flatnonzero(skeleton.deforming)
    parents = set(skeleton.parents[joints].tolist())
    tips = sum(1 for joint in joints if int(joint) not in parents)
    if tips >= LIMBS:
        return None
    return f"its skeleton ends in {tips} chains, fewer than the {LIMBS} limbs of a body"


@lru_cache(maxsize=4)
def load_scene(path: Path) -> Scene:
    return read_scene(bundle_from_path(path))


@lru_cache(maxsize=64)
def load_character(path: Path) -> PreparedCharacter:
    """A character with its roles found and measures taken."""
    return prepare_character(read_scene(bundle_from_path(path)), {})


def _matching(folder: Path, pattern: str, endings: Iterable[str]) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.suffix.lower() in endings and path.is_file())
