"""What a job knows beyond its files, as arguments of the engine: definitions, and presets that the service keeps."""

from __future__ import annotations

from typing import Any

from redis import Redis

from service.jobs.schemas import JobInput
from service.mappings.store import MappingStore
from workers.contract.definitions import parse_definition
from workers.preparation.mapping_choice import MappingPreset, PresetLookup, Side


def given_definitions(given: JobInput) -> dict[str, Any]:
    """`definition` and `source_definition`, where the job has them."""
    texts = {"definition": given.definition, "source_definition": given.source_definition}
    return {part: parse_definition(text, part) for part, text in texts.items() if text is not None}


def preset_lookup(connection: Redis, owner: str = "") -> PresetLookup:
    """An owner's presets as the engine asks for them. What it calls raises redis.RedisError and InvalidOptions."""
    store = MappingStore(connection, owner)

    def find_preset(side: Side, fingerprint: str, preset_id: str | None) -> MappingPreset | None:
        found = store.find_for(side, fingerprint, preset_id)
        return None if found is None else MappingPreset(found.id, found.name, found.mapping)

    return find_preset
