"""Files prepared before, for a process that runs one job after another: a character for each of its motions, a motion
for each of its characters.

Only for scenes that are the same objects again, prepared by the same options and definitions. Presets may change
between two jobs: what preparing a file asked of them is asked again, and where the answer is another one the file is
prepared anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from workers.contract.definitions import CharacterDefinition
from workers.contract.options import JobOptions, MappingOverride
from workers.platform.content_key import content_key
from workers.preparation.mapping_choice import MappingPreset, PresetLookup, Side
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.skeleton.model import Scene

FILES_KEPT = 16

Prepared = TypeVar("Prepared", PreparedCharacter, PreparedMotion)


class Preparation:
    """How the engine prepares files: anew. As `workers.preparation.prepare` has it."""

    def character(
        self,
        scene: Scene,
        override: MappingOverride,
        definition: CharacterDefinition | None = None,
        find_preset: PresetLookup | None = None,
    ) -> PreparedCharacter:
        return prepare_character(scene, override, definition, find_preset)

    def motion(
        self,
        scene: Scene,
        clip_index: int,
        options: JobOptions,
        source_character: Scene | None = None,
        sibling: PreparedMotion | None = None,
        definition: CharacterDefinition | None = None,
        find_preset: PresetLookup | None = None,
    ) -> PreparedMotion:
        return prepare_motion(scene, clip_index, options, source_character, sibling, definition, find_preset)


@dataclass(frozen=True, eq=False)
class _Entry:
    """`scenes` are held, so that their identities stay theirs; `asked` are the questions for presets, with answers."""

    prepared: Any
    scenes: tuple[Scene | None, ...]
    asked: list[tuple[tuple[Side, str, str | None], MappingPreset | None]]

    def holds(self, find_preset: PresetLookup | None) -> bool:
        return find_preset is None or all(find_preset(*question) == answer for question, answer in self.asked)


class PreparedFiles(Preparation):
    """`Preparation` that keeps what was prepared last. Not for several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Entry] = OrderedDict()

    def character(
        self,
        scene: Scene,
        override: MappingOverride,
        definition: CharacterDefinition | None = None,
        find_preset: PresetLookup | None = None,
    ) -> PreparedCharacter:
        def prepare(ask: PresetLookup | None) -> PreparedCharacter:
            return super(PreparedFiles, self).character(scene, override, definition, ask)

        key = content_key("character", id(scene), override.model_dump_json(), _json(definition), find_preset is None)
        return self._get(key, (scene,), find_preset, prepare)

    def motion(
        self,
        scene: Scene,
        clip_index: int,
        options: JobOptions,
        source_character: Scene | None = None,
        sibling: PreparedMotion | None = None,
        definition: CharacterDefinition | None = None,
        find_preset: PresetLookup | None = None,
    ) -> PreparedMotion:
        def prepare(ask: PresetLookup | None) -> PreparedMotion:
            return super(PreparedFiles, self).motion(
                scene, clip_index, options, source_character, sibling, definition, ask
            )

        if sibling is not None:  # it lends a part of its own preparation
            return prepare(find_preset)
        given = (clip_index, options.model_dump_json(), _json(definition), find_preset is None)
        key = content_key("motion", id(scene), id(source_character), given)
        return self._get(key, (scene, source_character), find_preset, prepare)

    def _get(
        self,
        key: str,
        scenes: tuple[Scene | None, ...],
        find_preset: PresetLookup | None,
        prepare: Callable[[PresetLookup | None], Prepared],
    ) -> Prepared:
        entry = self._kept.pop(key, None)
        if entry is None or not entry.holds(find_preset):
            asked: list[tuple[tuple[Side, str, str | None], MappingPreset | None]] = []

            def ask(side: Side, fingerprint: str, preset_id: str | None) -> MappingPreset | None:
                assert find_preset is not None
                answer = find_preset(side, fingerprint, preset_id)
                asked.append(((side, fingerprint, preset_id), answer))
                return answer

            entry = _Entry(prepare(None if find_preset is None else ask), scenes, asked)
        self._kept[key] = entry
        while len(self._kept) > FILES_KEPT:
            self._kept.popitem(last=False)
        return cast(Prepared, entry.prepared)


def _json(definition: CharacterDefinition | None) -> str | None:
    return None if definition is None else definition.model_dump_json()
