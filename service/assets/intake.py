"""From an accepted form to a stored asset, and from there to a job. Blocking; the endpoints run it in a thread.

An asset holds its uploads like a job does (`service.files.references`): a blob goes with the last that needs it. A job
that uses an asset holds the uploads itself, so deleting the asset does not take the files from under the job.
"""

from __future__ import annotations

from datetime import timedelta

from service.assets.schemas import AssetKind, AssetRecord, asset_id
from service.assets.store import AssetStore
from service.files.definition_part import definition_text
from service.files.first_look import look_at
from service.files.form import Form
from service.files.input_file import InputFile
from service.files.references import BlobReferences
from service.http.context import Context
from service.records import utc_now
from workers.contract.errors import InvalidRequest, NotFound


def store_asset(context: Context, kind: AssetKind, form: Form, owner: str = "") -> tuple[AssetRecord, bool]:
    """The asset of a form, and whether it is new. Raises InvalidRequest, InvalidOptions, UnsupportedFormat."""
    files = form.files.get("file", [])
    if not files:
        raise InvalidRequest(
            "missing file part: file; send it as with curl -F file=@path",
            errors=[{"pointer": "/file", "message": "this file part is required"}],
        )
    look_at(files)
    definition = definition_text(form.texts.get("definition"), "definition")
    name = asset_id(kind, [(entry.name, entry.writer.sha256) for entry in files], definition, owner)
    store, references = AssetStore(context.redis), BlobReferences(context.redis, context.blobs)
    now = utc_now()
    expires_at = now + timedelta(seconds=context.settings.asset_ttl_s)
    with store.lock(name):
        known = store.find(name)
        if known is not None and all(references.hold(entry.blob, name) for entry in known.files):
            renewed = known.model_copy(update={"expires_at": expires_at})
            store.put(renewed)
            return renewed, False
        adopted: list[InputFile] = []
        try:
            for entry in files:
                blob = references.adopt(entry.writer, name)
                adopted.append(InputFile(name=entry.name, sha256=blob.sha256, bytes=blob.bytes, blob=blob.key))
            created_at = now if known is None else known.created_at
            record = AssetRecord(
                id=name,
                kind=kind,
                owner=owner,
                files=adopted,
                definition=definition,
                created_at=created_at,
                expires_at=expires_at,
            )
            store.put(record)
        except BaseException:
            for taken in adopted:
                references.release(taken.blob, name)
            raise
    return record, known is None


def lend_asset(context: Context, name: str, holder: str, pointer: str, owner: str = "") -> AssetRecord:
    """An asset of the owner whose uploads the job `holder` now holds too; its expiry is put off. Raises NotFound."""
    store, references = AssetStore(context.redis), BlobReferences(context.redis, context.blobs)
    with store.lock(name):
        record = store.find(name)
        if record is not None and record.owner != owner:
            record = None
        held: list[InputFile] = []
        for entry in record.files if record is not None else ():
            if not references.hold(entry.blob, holder):
                break
            held.append(entry)
        if record is None or len(held) < len(record.files):
            for entry in held:
                references.release(entry.blob, holder)
            message = f"there is no asset {name}; it was deleted or has expired: upload the file again"
            raise NotFound(message, errors=[{"pointer": pointer, "message": message}])
        lent = record.model_copy(update={"expires_at": utc_now() + timedelta(seconds=context.settings.asset_ttl_s)})
        store.put(lent)
    return lent
