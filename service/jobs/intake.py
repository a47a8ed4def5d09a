"""From an accepted form to a job: check the parts, look at the first bytes, keep the uploads, submit.

A part is a file or the id of a stored asset; a JSON body is a form of ids alone.

Blocking; the endpoints run it in a thread. If anything fails on the way, the uploads taken so far are released.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast, get_args

from pydantic import ValidationError
from redis.client import Pipeline

from service.assets.intake import lend_asset
from service.assets.schemas import ASSET_ID_PATTERN, AssetRecord
from service.files.definition_part import definition_text
from service.files.first_look import look_at
from service.files.form import Form, UploadedFile
from service.files.input_file import InputFile
from service.files.references import BlobReferences
from service.http.json_body import invalid_body
from service.jobs.context import JobContext
from service.jobs.door import check_at_the_door, check_rest_frame
from service.jobs.idempotency import Answer, IdempotencyKey, fingerprint_of
from service.jobs.job_request import JobRequest
from service.jobs.own_job import JOB_NAMES
from service.jobs.queue import submit
from service.jobs.results import ANSWERED, known_answer, taken_over
from service.jobs.schemas import DEADLINE_MAX_S, JobInput, JobRecord, Priority
from service.jobs.views import job_view
from service.keys.schemas import Caller
from service.records import utc_now
from service.settings import Settings
from service.webhooks.intake import read_hook
from workers.contract.engine_version import ENGINE_VERSION
from workers.contract.errors import Expired, InvalidOptions, InvalidRequest, NotReady, QueueFull, Unavailable
from workers.contract.options import NO_PRESET, JobOptions, parse_options

METADATA_MAX_BYTES = 16 * 1024
ASSET_PARTS = ("motion", "character", "source_character", "file")
DEFINITIONS = ("definition", "source_definition")
Also = Callable[[Pipeline, str], None]  # what is written in the transaction that makes the job of this id


def check_queue(context: JobContext, caller: Caller) -> None:
    """Raise QueueFull where too many jobs wait, of all or of the caller; asked before a body is read."""
    depth, limit = context.store.queue_depth(), context.settings.queue_depth_max
    if depth >= limit:
        raise QueueFull(f"{depth} jobs are waiting, the limit is {limit}; try again later")
    if caller.id:
        own, most = context.store.waiting_of(caller.id), caller.waiting_max or context.settings.waiting_max_per_key
        if own >= most:
            raise QueueFull(f"{own} of your jobs are waiting, the limit of your key is {most}; try again later")


def submit_once(
    context: JobContext, form: Form, owner: str, key: IdempotencyKey | None, name: str | None = None
) -> JobRecord | Answer:
    """A queued retarget job, or what was answered to an earlier request with the same key. `name` is what its caller
    calls it.

    Raises IdempotencyConflict, IdempotencyMismatch, and as `submit_retarget`.
    """
    if key is None:
        return submit_retarget(context, form, owner)
    fingerprint = fingerprint_of(form)
    known = key.claim(fingerprint)
    if known is not None:
        return known

    def also(pipeline: Pipeline, job_id: str) -> None:
        key.bind(pipeline, fingerprint, job_id)
        if name is not None:
            JOB_NAMES.keep(pipeline, owner, name, job_id, context.settings.record_ttl_s)

    try:
        record = submit_retarget(context, form, owner, also)
    except BaseException:
        key.give_up()
        raise
    key.keep(fingerprint, record.id, job_view(context.store, record).model_dump_json())
    return record


def submit_retarget(
    context: JobContext, form: Form, owner: str = "", also: Also = lambda pipeline, job_id: None
) -> JobRecord:
    """A queued retarget job. Raises InvalidRequest, InvalidOptions, UnsupportedFormat, NotFound (an asset)."""
    _require(form, ["motion", "character"])
    options = read_options(form.texts.get("options"))
    check_presets(context, options, owner)
    check_at_the_door(options)
    sent = form.files.get("motion", [])
    if len(sent) == 1:
        check_rest_frame(options.rest_pose, sent[0].name, sent[0].writer.read)
    record = JobRecord(
        kind="retarget",
        owner=owner,
        options=options.model_dump(mode="json"),
        metadata=_metadata(form.texts.get("metadata")),
        deadline_at=_deadline(form.texts.get("deadline_s")),
        priority=_priority(form.texts.get("priority")),
        webhook=read_hook(context.settings, form.texts.get("webhook")),
        fresh=form.fresh,
    )
    return _submit(context, form, record, also)


def submit_inspect(context: JobContext, form: Form, owner: str = "") -> JobRecord:
    """A queued inspect job. Raises InvalidRequest, InvalidOptions, UnsupportedFormat, NotFound (an asset)."""
    _require(form, ["file"])
    options = read_options(form.texts["options"]).model_dump(mode="json") if "options" in form.texts else {}
    return _submit(context, form, JobRecord(kind="inspect", owner=owner, options=options))


def form_of_json(body: bytes) -> Form:
    """The form that a JSON body stands for: ids of stored assets, options, metadata, definitions.

    Raises InvalidRequest naming each wrong field.
    """
    try:
        request = JobRequest.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from None
    form = Form()
    for part, value in request.model_dump(mode="json", exclude_unset=True).items():
        if value is not None:
            form.texts[part] = value.encode() if part in ASSET_PARTS else json.dumps(value).encode()
    return form


def _submit(
    context: JobContext, form: Form, record: JobRecord, also: Also = lambda pipeline, job_id: None
) -> JobRecord:
    definitions = {part: definition_text(form.texts.get(part), part) for part in DEFINITIONS}
    for files in form.files.values():
        look_at(files)
    references = BlobReferences(context.redis, context.blobs)
    adopted: list[InputFile] = []
    try:
        inputs: dict[str, Any] = {
            part: _adopt(references, files, record.id, adopted) for part, files in form.files.items()
        }
        assets = {part: _borrow(context, form, part, record, adopted) for part in ASSET_PARTS if part in form.texts}
        inputs |= {part: asset.files for part, asset in assets.items()}
        if "motion" in assets and len(assets["motion"].files) == 1:
            (stored,) = assets["motion"].files
            head = partial(_head, context, stored.blob)
            check_rest_frame(record.options.get("rest_pose"), stored.name, head)
        for part, owner in (("definition", "character"), ("definition", "file"), ("source_definition", "motion")):
            if definitions[part] is None and owner in assets:
                definitions[part] = assets[owner].definition
        held = JobInput(**inputs, **definitions, assets={part: asset.id for part, asset in assets.items()})
        submitted = _queue(context, record, held, also)
    except BaseException:
        for entry in adopted:
            references.release(entry.blob, record.id)
        raise
    return submitted


def _queue(context: JobContext, record: JobRecord, given: JobInput, also: Also) -> JobRecord:
    """Hand a job in, whose uploads are held for it; one whose result is known ends in the same step."""
    submitted = ready_to_submit(record, given, context.settings)
    if context.settings.result_cache and _answer_at_once(context, submitted, also):
        return context.store.get(record.id)
    submit(context.store, submitted, context.settings, lambda pipeline: also(pipeline, record.id))
    return submitted


def _answer_at_once(context: JobContext, record: JobRecord, also: Also) -> bool:
    """Whether the job is written with the result of an earlier one, so that it need not wait for its turn."""
    before = known_answer(context.store, record, context.presets(record.owner).ids())
    if before is None:
        return False
    try:
        result = taken_over(context.blobs, before, record.id, ANSWERED)
    except Unavailable:  # the job waits for the store in its queue
        return False
    if result is None:
        return False
    with context.redis.pipeline(transaction=True) as pipeline:
        also(pipeline, record.id)
        context.store.create_answered(record, result, pipeline)
        pipeline.execute()
    return True


def ready_to_submit(record: JobRecord, given: JobInput, settings: Settings) -> JobRecord:
    """The record as it is handed in now."""
    now = utc_now()
    return record.model_copy(
        update={
            "input": given,
            "engine": {"version": ENGINE_VERSION, "method": None},
            "created_at": now,
            "input_expires_at": now + timedelta(seconds=settings.input_ttl_s),
            "output_ttl_s": settings.output_ttl_s,
            "record_ttl_s": settings.record_ttl_s,
        }
    )


def submit_again(context: JobContext, before: JobRecord) -> JobRecord:
    """A new job that does an ended one again, on the same files. Raises NotReady, Expired."""
    if not before.is_final:
        raise NotReady(f"job {before.id} is {before.status}; it can be done again once it has ended", retry_after=2)
    references = BlobReferences(context.redis, context.blobs)
    record = JobRecord(
        kind=before.kind,
        owner=before.owner,
        options=before.options,
        metadata=before.metadata,
        retry_of=before.id,
        fresh=True,
    )
    held: list[str] = []
    try:
        for key in sorted(before.input.blobs()):
            if not references.hold(key, record.id):
                raise Expired(f"the uploads of job {before.id} are not kept any more; send them again in a new job")
            held.append(key)
        return _queue(context, record, before.input, lambda pipeline, job_id: None)
    except BaseException:
        for key in held:
            references.release(key, record.id)
        raise


def _head(context: JobContext, blob: str, most: int) -> bytes:
    return b"".join(context.blobs.read_range(blob, 0, most))


def _priority(text: bytes | None) -> Priority:
    name = "normal" if text is None else text.decode("utf-8", "replace").strip().strip('"')
    if name not in get_args(Priority):
        message = f"must be one of {', '.join(get_args(Priority))}"
        raise InvalidRequest(f"priority {message}", errors=[{"pointer": "/priority", "message": message}])
    return cast(Priority, name)


def _deadline(text: bytes | None) -> datetime | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= DEADLINE_MAX_S:  # NaN is neither
        message = f"must be a number of seconds above 0 up to {DEADLINE_MAX_S:,}"
        raise InvalidRequest(f"deadline_s {message}", errors=[{"pointer": "/deadline_s", "message": message}])
    return utc_now() + timedelta(seconds=seconds)


def _borrow(context: JobContext, form: Form, part: str, job: JobRecord, adopted: list[InputFile]) -> AssetRecord:
    """The stored asset that a part names, its files held for the job."""
    name = form.texts[part].decode("utf-8", "replace").strip()
    if re.fullmatch(ASSET_ID_PATTERN, name) is None:
        message = f"{name[:60]!r} is neither a file nor the id of a stored asset (mot_..., chr_...)"
        raise InvalidRequest(
            f"part {part!r}: {message}; send a file as with curl -F {part}=@path",
            errors=[{"pointer": f"/{part}", "message": message}],
        )
    record = lend_asset(context, name, job.id, f"/{part}", job.owner)
    adopted.extend(record.files)
    return record


def check_presets(context: JobContext, options: JobOptions, owner: str) -> None:
    """Raise InvalidOptions for a preset that is not there, rather than let the job find out."""
    for side, name in (("source", options.mapping.source_preset), ("target", options.mapping.target_preset)):
        if name not in (None, NO_PRESET) and context.presets(owner).find(str(name)) is None:
            message = f"there is no mapping preset {str(name)[:64]!r}; GET /v1/mappings lists them"
            raise InvalidOptions(message, errors=[{"pointer": f"/options/mapping/{side}_preset", "message": message}])


def _adopt(
    references: BlobReferences, files: Iterable[UploadedFile], job_id: str, adopted: list[InputFile]
) -> list[InputFile]:
    kept = []
    for entry in files:
        blob = references.adopt(entry.writer, job_id)
        kept.append(InputFile(name=entry.name, sha256=blob.sha256, bytes=blob.bytes, blob=blob.key))
        adopted.append(kept[-1])
    return kept


def _require(form: Form, parts: Iterable[str]) -> None:
    missing = [part for part in parts if part not in form.files and part not in form.texts]
    if missing:
        raise InvalidRequest(
            f"missing file part: {', '.join(missing)}; send it as with curl -F {missing[0]}=@path, or its id",
            errors=[{"pointer": f"/{part}", "message": "this file part is required"} for part in missing],
        )


def read_options(text: bytes | None) -> JobOptions:
    """The options of a part. Raises InvalidOptions with pointers into the request."""
    try:
        return parse_options(text)
    except InvalidOptions as error:
        items = [{**item, "pointer": f"/options{item['pointer']}".rstrip("/")} for item in error.extra["errors"]]
        raise InvalidOptions(error.detail, errors=items) from None


def _metadata(text: bytes | None) -> dict[str, Any]:
    """A JSON object of the caller's, kept as it is."""
    if text is None:
        return {}
    if len(text) > METADATA_MAX_BYTES:
        raise _bad_metadata(f"is longer than {METADATA_MAX_BYTES:,} bytes")
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # no NaN, no half characters
    except (ValueError, RecursionError):
        raise _bad_metadata("is not valid JSON in UTF-8") from None
    if not isinstance(value, Mapping):
        raise _bad_metadata("must be a JSON object")
    return dict(value)


def _bad_metadata(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"metadata {what}; send an object such as {{}}", errors=[{"pointer": "/metadata", "message": what}]
    )
