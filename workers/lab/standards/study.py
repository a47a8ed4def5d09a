"""Every standard's clips onto every other standard's character, and how far limbs then point from where they should.

Where they should is known from how the rigs were made; neither our role finder nor our scores have a say. Default
options: feet are held, so legs of other proportions may bend a little otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workers.contract.errors import RetargetError
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.lab.standards.rigs import Standard
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.retargeting.clip import retarget_clip
from workers.skeleton.model import Array

OPTIONS = parse_options({"encoder": "none"})
LIMBS = (
    ("hips", "neck"),
    *(
        (f"{side}{start}", f"{side}{stop}")
        for side in ("left", "right")
        for start, stop in (
            ("UpperArm", "LowerArm"), ("LowerArm", "Hand"), ("UpperLeg", "LowerLeg"), ("LowerLeg", "Foot"),
            ("Foot", "Toes"), ("Hand", "MiddleProximal"),
        )
    ),
)  # fmt: skip


@dataclass(frozen=True)
class StandardPair:
    """Mean angle in degrees over limbs, frames and clips, beside the naive copy's; the limb that is farthest off; or
    what went wrong.
    """

    source: str
    target: str
    error_deg: float | None
    naive_deg: float | None = None
    worst_limb: str = ""
    worst_deg: float = 0.0
    failure: str = ""


@dataclass(frozen=True)
class Mapped:
    """How many of a standard's roles were found on its joints, and those that were not, in words."""

    standard: str
    right: int
    present: int
    misses: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Prepared:
    standard: Standard
    character: PreparedCharacter
    motions: tuple[PreparedMotion, ...]


def study_standards(standards: Sequence[Standard], on_pair: Callable[[StandardPair], None]) -> list[Mapped]:
    """All ordered pairs of unlike standards, told as they are done; and how each was mapped."""
    prepared = [_prepare(standard) for standard in standards]
    for pair in _pairs(prepared):
        on_pair(pair)
    return [_mapped(item) for item in prepared]


def _prepare(standard: Standard) -> _Prepared:
    scene = read_scene(FileBundle(f"{standard.name}.glb", standard.glb))
    character = prepare_character(scene, OPTIONS.mapping)
    motions = tuple(prepare_motion(scene, number, OPTIONS) for number in range(len(scene.clips)))
    return _Prepared(standard, character, motions)


def _pairs(prepared: Sequence[_Prepared]) -> Iterator[StandardPair]:
    for source in prepared:
        for target in prepared:
            if source is not target:
                yield _pair(source, target)


def _pair(source: _Prepared, target: _Prepared) -> StandardPair:
    names = source.standard.name, target.standard.name
    ours, naive = _Angles(), _Angles()
    try:
        for motion, true in zip(source.motions, source.standard.motions, strict=True):
            made = retarget_clip(motion, target.character, OPTIONS)
            wanted = _directions(source.standard, source.standard.convention.joints, source.standard.positions(true))
            for angles, result in ((ours, made.result), (naive, made.naive)):
                angles.add(wanted, _directions(target.standard, result.body.skeleton.names, result.positions_m))
    except RetargetError as error:
        return StandardPair(*names, None, failure=str(error).split("\n")[0][:200])
    means = ours.means()
    worst = max(means, key=lambda limb: means[limb])
    whole, copied = (float(np.mean(list(angles.means().values()))) for angles in (ours, naive))
    return StandardPair(*names, whole, copied, worst, means[worst])


class _Angles:
    """Angles in degrees between directions, by limb."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}

    def add(self, wanted: dict[str, Array], found: dict[str, Array]) -> None:
        for limb in wanted.keys() & found.keys():
            frames = min(len(wanted[limb]), len(found[limb]))
            cosine = np.sum(wanted[limb][:frames] * found[limb][:frames], axis=1)
            self._parts.setdefault(limb, []).append(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))

    def means(self) -> dict[str, float]:
        return {limb: float(np.concatenate(parts).mean()) for limb, parts in sorted(self._parts.items())}


def _directions(standard: Standard, joints: Sequence[str], positions_m: Array) -> dict[str, Array]:
    """Unit vectors `(frames, 3)` along the limbs of LIMBS that the standard has, by the joints' true names."""
    place = {name: number for number, name in enumerate(joints)}
    roles = standard.convention.roles
    found = {}
    for start, stop in LIMBS:
        if start in roles and stop in roles:
            way = positions_m[:, place[roles[stop]]] - positions_m[:, place[roles[start]]]
            found[f"{start}-{stop}"] = way / np.linalg.norm(way, axis=1, keepdims=True)
    return found


def _mapped(item: _Prepared) -> Mapped:
    convention, body = item.standard.convention, item.character.body
    names, misses = body.skeleton.names, []
    for role, name in convention.roles.items():
        match = body.mapping.roles.get(role)
        found = None if match is None else names[match.joint]
        if found != name and found not in convention.either.get(role, ()):
            misses.append(f"{role}: {found or 'nothing'} instead of {name}")
    present = len(convention.roles)
    return Mapped(convention.name, present - len(misses), present, tuple(misses))
