"""Results of the same request, found again: same files under the same names, options, definitions, presets and engine.

A job whose request was answered before takes that result instead of making it anew: it gets files of its own, so both
jobs end, expire and are removed each for itself. Only the owner's own jobs count, and only while their results are
kept. Who wants a result made anew asks for it (`JobRecord.fresh`); `RETARGET_RESULT_CACHE` switches it off.

:results:<owner>:<digest of the request>   hash: circumstances -> id of the job that was last answered so there

Circumstances are a digest of what the engine depends on where it runs, which a worker tells when it registers
(`service.jobs.registry`). Where all that live tell the same, the gateway answers at once (`known_answer`), and nothing
waits in a queue; elsewhere the worker whose turn it is finds the result.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from redis import Redis

from model_store.catalogue import find_manifest
from service.files.blobs import BlobStore, output_key
from service.files.input_file import InputFile
from service.jobs.queue import RETARGET
from service.jobs.registry import registered
from service.jobs.schemas import Artifact, JobRecord
from service.jobs.store import JobStore
from service.records import PREFIX, utc_now
from workers.contract.errors import RetargetError

LOG = logging.getLogger("retarget.jobs")
ANSWERED = "answered"  # in the place of an execution, in the path of the files of a job that none ran
NO_ENCODER = "none"
WITHOUT_EFFECT = ("fail_on", "refine_budget_s")  # of the options: on the result itself, while nothing is refined


def request_digest(record: JobRecord, presets: Sequence[str]) -> str | None:
    """A digest of all that a job's result depends on but for where it is made; None where the same request may give
    another result. `presets` are the ids of all that its owner has.
    """
    if record.options.get("refine", "none") != "none" and record.options.get("refine_budget_s") is not None:
        return None  # how far refinement comes in a time depends on the machine
    options = {name: value for name, value in record.options.items() if name not in WITHOUT_EFFECT}
    given = record.input
    files = [_told(part) for part in (given.motion, given.character, given.source_character)]
    return digest_of([options, files, given.definition, given.source_definition, list(presets)])


def digest_of(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def find(store: JobStore, request: str, circumstances: str, record: JobRecord) -> JobRecord | None:
    """The owner's job that was answered so, while its result is kept."""
    raw: Any = store.redis.hget(_key(record.owner, request), circumstances)
    found = store.get_many([raw.decode()]) if raw is not None else []
    for job in found:
        kept = job.expires_at is not None and job.expires_at > utc_now()
        if job.status == "succeeded" and job.result is not None and job.owner == record.owner and kept:
            return job
    return None


def remember(store: JobStore, request: str, circumstances: str, record: JobRecord) -> None:
    """From now on the job answers its request."""
    with store.redis.pipeline(transaction=True) as pipeline:
        pipeline.hset(_key(record.owner, request), circumstances, record.id)
        pipeline.expire(_key(record.owner, request), record.output_ttl_s)
        pipeline.execute()


def taken_over(blobs: BlobStore, before: JobRecord, job_id: str, execution_id: str) -> dict[str, Any] | None:
    """An earlier job's result as another's own, to publish (`JobStore.publish`); None where a file of it is gone."""
    assert before.result is not None
    artifacts = _copied(blobs, before.result.artifacts, partial(output_key, job_id, execution_id))
    if artifacts is None:
        return None
    LOG.info("%s: the result of %s is taken", job_id, before.id)
    return {
        **before.result.model_dump(exclude={"artifacts", "inspection", "cached_from"}),
        "engine": before.engine,
        "artifacts": [artifact.model_dump() for artifact in artifacts],
        "cached_from": before.result.cached_from or before.id,
    }


def known_answer(store: JobStore, record: JobRecord, presets: Sequence[str]) -> JobRecord | None:
    """The job whose result any worker that lives would give this one too; None where that cannot be told from here."""
    request = None if record.fresh or record.kind != "retarget" else request_digest(record, presets)
    if request is None or not store.redis.exists(_key(record.owner, request)):
        return None
    told = _circumstances(store.redis, record.options.get("encoder"))
    return None if told is None else find(store, request, told, record)


def _circumstances(redis: Redis, encoder: str | None) -> str | None:
    """What all workers that retarget tell for this option; None where there is none, or they tell different things."""
    try:
        name = encoder if encoder in (None, NO_ENCODER) else find_manifest(str(encoder)).reference
    except RetargetError:
        return None
    found = {
        abilities.circumstances.get(name or "")
        for abilities in registered(redis).values()
        if RETARGET in abilities.queues
    }
    return found.pop() if len(found) == 1 else None


def _copied(blobs: BlobStore, artifacts: Sequence[Artifact], key_of: Callable[[str], str]) -> list[Artifact] | None:
    """A job's files under `key_of(name)` too; None where one of them is gone."""
    made = []
    try:
        for artifact in artifacts:
            key = key_of(artifact.name)
            blobs.copy(artifact.blob, key)
            made.append(artifact.model_copy(update={"blob": key}))
    except FileNotFoundError as error:
        LOG.info("a kept result is gone: %s", error)
        return None
    return made


def _told(files: Sequence[InputFile]) -> list[tuple[str, str]]:
    return [(file.name, file.sha256) for file in files]  # reports call files by their names


def _key(owner: str, digest: str) -> str:
    return f"{PREFIX}:results:{owner}:{digest}"
