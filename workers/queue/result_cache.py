"""Results of the same request, found again: same files under the same names, options, definitions, presets and engine.

A job whose request was answered before takes that result instead of making it anew: its files are copied, so both jobs
end, expire and are removed each for itself. Only the owner's own jobs count, and only while their results are kept. Who
wants a result made anew asks for it (`JobRecord.fresh`); `RETARGET_RESULT_CACHE` switches it off.

:results:<owner>:<digest>   id of the job that was last answered so

A hit is a job like any other: it waits for its turn, and a worker ends it, within milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

from redis import Redis

from service.files.blobs import BlobStore
from service.files.input_file import InputFile
from service.jobs.schemas import Artifact, JobRecord
from service.jobs.store import JobStore
from service.mappings.store import MappingStore
from service.records import PREFIX, utc_now
from workers.contract.errors import RetargetError
from workers.engine.circumstances import circumstances, encoder_identity

LOG = logging.getLogger("retarget.tasks")
WITHOUT_EFFECT = ("fail_on", "refine_budget_s")  # of the options: on the result itself, while nothing is refined


def fingerprint(record: JobRecord, redis: Redis) -> str | None:
    """A digest of all that a job's result depends on; None where the same request may give another result."""
    if record.options.get("refine", "none") != "none" and record.options.get("refine_budget_s") is not None:
        return None  # how far refinement comes in a time depends on the machine
    options = {name: value for name, value in record.options.items() if name not in WITHOUT_EFFECT}
    given = record.input
    files = [_told(part) for part in (given.motion, given.character, given.source_character)]
    told = [
        circumstances(), _encoder(options.get("encoder")), options, files,
        given.definition, given.source_definition, MappingStore(redis, record.owner).ids(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def find(store: JobStore, digest: str, record: JobRecord) -> JobRecord | None:
    """The owner's job that was answered so, while its result is kept."""
    raw: Any = store.redis.get(_key(record.owner, digest))
    found = store.get_many([raw.decode()]) if raw is not None else []
    for job in found:
        kept = job.expires_at is not None and job.expires_at > utc_now()
        if job.status == "succeeded" and job.result is not None and job.owner == record.owner and kept:
            return job
    return None


def remember(store: JobStore, digest: str, record: JobRecord) -> None:
    """From now on the job answers its request."""
    store.redis.set(_key(record.owner, digest), record.id, ex=record.output_ttl_s)


def copied(blobs: BlobStore, artifacts: list[Artifact], key_of: Callable[[str], str]) -> list[Artifact] | None:
    """Copies of a job's files under `key_of(name)`; None where one of them is gone."""
    made = []
    try:
        for artifact in artifacts:
            blob = blobs.put(key_of(artifact.name), blobs.read_range(artifact.blob))
            made.append(artifact.model_copy(update={"blob": blob.key}))
    except FileNotFoundError as error:
        LOG.info("a kept result is gone: %s", error)
        return None
    return made


def _told(files: list[InputFile]) -> list[tuple[str, str]]:
    return [(file.name, file.sha256) for file in files]  # reports call files by their names


def _encoder(wanted: str | None) -> str:
    """Which encoder the scores are of; of one that cannot be had the error's code: the job itself tells it."""
    try:
        return encoder_identity(wanted)
    except RetargetError as error:
        return error.code


def _key(owner: str, digest: str) -> str:
    return f"{PREFIX}:results:{owner}:{digest}"
