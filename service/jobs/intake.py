"""From an accepted form to a job: check the parts, look at the first bytes, keep the uploads, submit.

Blocking; the endpoints run it in a thread. If anything fails on the way, the uploads taken so far are released.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from service.context import VERSION, Context
from service.jobs.queue import submit
from service.jobs.references import BlobReferences
from service.jobs.schemas import InputFile, JobInput, JobRecord, utc_now
from service.uploads import Form, UploadedFile
from workers.errors import InvalidOptions, InvalidRequest, QueueFull
from workers.formats.sniff import sniff
from workers.options import JobOptions, parse_options

METADATA_MAX_BYTES = 16 * 1024


def check_queue(context: Context) -> None:
    """Raise QueueFull where too many jobs wait; asked before a body is read."""
    depth, limit = context.store.queue_depth(), context.settings.queue_depth_max
    if depth >= limit:
        raise QueueFull(f"{depth} jobs are waiting, the limit is {limit}; try again later")


def submit_retarget(context: Context, form: Form) -> JobRecord:
    """A queued retarget job. Raises InvalidRequest, InvalidOptions, UnsupportedFormat."""
    _require(form, ["motion", "character"])
    record = JobRecord(
        kind="retarget",
        options=_options(form.texts.get("options")).model_dump(mode="json"),
        metadata=_metadata(form.texts.get("metadata")),
    )
    return _submit(context, form, record)


def submit_inspect(context: Context, form: Form) -> JobRecord:
    """A queued inspect job. Raises InvalidRequest, InvalidOptions, UnsupportedFormat."""
    _require(form, ["file"])
    return _submit(context, form, JobRecord(kind="inspect"))


def _submit(context: Context, form: Form, record: JobRecord) -> JobRecord:
    for part, files in form.files.items():
        _sniff(part, files)
    settings = context.settings
    references = BlobReferences(context.store, context.blobs)
    adopted: list[InputFile] = []
    try:
        inputs = {part: _adopt(references, files, record.id, adopted) for part, files in form.files.items()}
        now = utc_now()
        submitted = record.model_copy(
            update={
                "input": JobInput(**inputs),
                "engine": {"version": VERSION, "method": None},
                "created_at": now,
                "input_expires_at": now + timedelta(seconds=settings.input_ttl_s),
                "output_ttl_s": settings.output_ttl_s,
                "record_ttl_s": settings.record_ttl_s,
            }
        )
        submit(context.store, submitted, settings)
    except BaseException:
        for entry in adopted:
            references.release(entry.blob, record.id)
        raise
    return submitted


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
    missing = [part for part in parts if part not in form.files]
    if missing:
        raise InvalidRequest(
            f"missing file part: {', '.join(missing)}; send it as with curl -F {missing[0]}=@path",
            errors=[{"pointer": f"/{part}", "message": "this file part is required"} for part in missing],
        )


def _sniff(part: str, files: list[UploadedFile]) -> None:
    """Refuse at once what one look shows to be no scene. Of several files the worker finds the main one.

    JSON longer than the head is left to the worker too: the mark of a glTF may come later.
    """
    entry = files[0]
    is_cut_json = entry.writer.bytes > len(entry.head) and entry.head.lstrip().startswith(b"{")
    if len(files) == 1 and not is_cut_json:
        sniff(entry.head, entry.name)


def _options(text: bytes | None) -> JobOptions:
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
