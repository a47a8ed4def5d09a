"""What a job's result depends on in this worker, for results of the same request that are found again.

What is kept, and for whom, is `service.jobs.results`; here is what only a worker knows: its engine, its settings and
its encoders. It tells them to the gateway in short when it registers.
"""

from __future__ import annotations

from redis import Redis

from service.jobs.results import NO_ENCODER, digest_of, request_digest
from service.jobs.schemas import JobRecord
from service.mappings.store import MappingStore
from workers.contract.errors import RetargetError
from workers.engine.circumstances import circumstances, encoder_identity


def request_of(record: JobRecord, redis: Redis) -> str | None:
    """`request_digest` of a job, with the presets that its owner has."""
    return request_digest(record, MappingStore(redis, record.owner).ids())


def digest_here(encoder: str | None) -> str:
    """Of what results with this option `encoder` depend on here."""
    return digest_of([circumstances(), _encoder(encoder)])


def digests_here(encoders: list[str]) -> dict[str, str]:
    """The same for each that can be asked for, by the option; under an empty name where none is."""
    return {name or "": digest_here(name) for name in (None, NO_ENCODER, *encoders)}


def _encoder(wanted: str | None) -> str:
    """Which encoder the scores are of; of one that cannot be had the error's code: the job itself tells it."""
    try:
        return encoder_identity(wanted)
    except RetargetError as error:
        return error.code
