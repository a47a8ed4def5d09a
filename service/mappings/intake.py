"""From a request to a preset. A skeleton that comes as a file is inspected first, like any upload, by a worker.

A preset serves every file of one fingerprint, in which the order of nodes may differ: a joint is kept by its name, and
by its index only where it has no name of its own, which the fingerprint then contains.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from service.files.form import Form
from service.http.context import Context
from service.http.json_body import invalid_body
from service.jobs.schemas import JobRecord
from service.mappings.schemas import MappingRequest, PresetRecord
from service.mappings.store import MappingStore
from service.records import new_id, utc_now
from workers.contract.errors import InternalError, InvalidOptions, InvalidRequest, NotReady, RetargetError
from workers.contract.options import NO_PRESET, JobOptions, JointChoice, JointIndex, MappingOverride


def read_request(body: bytes, pointer: str = "") -> MappingRequest:
    """The request of a JSON body or part. Raises InvalidRequest."""
    try:
        return MappingRequest.model_validate_json(body)
    except ValidationError as error:
        invalid = invalid_body(error)  # its text names the fields as the preset has them
        items = [{**item, "pointer": pointer + item["pointer"]} for item in invalid.extra["errors"]]
        raise InvalidRequest(invalid.detail, errors=items) from None


def check_origin(request: MappingRequest, *, has_file: bool) -> None:
    """Exactly one of file, asset and fingerprint says which skeleton is meant. Raises InvalidRequest."""
    if has_file + (request.asset is not None) + (request.fingerprint is not None) != 1:
        message = "give one of fingerprint, asset and file"
        raise InvalidRequest(message, errors=[{"pointer": "/fingerprint", "message": message}])
    if request.fingerprint is not None and request.mapping is None:
        message = "a mapping is needed with a fingerprint; only a file or an asset has one to take over"
        raise InvalidRequest(message, errors=[{"pointer": "/mapping", "message": message}])


def inspection_form(request: MappingRequest, form: Form | None = None) -> Form:
    """The form of the inspect job that looks at the skeleton, with the wanted mapping on it."""
    form = form or Form(texts={"file": str(request.asset).encode()})
    override = MappingOverride(target=request.mapping or {}, target_preset=NO_PRESET)
    options = JobOptions(mapping=override).model_dump_json(exclude_defaults=True).encode()
    texts = {"options": options} | ({"file": form.texts["file"]} if "file" in form.texts else {})
    return Form(files={"file": form.files["file"]} if "file" in form.files else {}, texts=texts)


def preset_from(
    context: Context, request: MappingRequest, inspected: JobRecord | None, owner: str = ""
) -> PresetRecord:
    """Store the preset; `inspected` is the ended inspect job, None where the fingerprint was given.

    Raises what the inspection raised, InvalidOptions for joints that do not exist, NotReady where it has not ended.
    """
    if inspected is None:
        fingerprint, mapping = str(request.fingerprint), dict(request.mapping or {})
    else:
        found = _inspection(inspected)
        fingerprint, mapping = found["skeleton_fingerprint"], _kept(request, found)
    record = PresetRecord(
        id=new_id("map_"),
        name=request.name,
        kind=request.kind,
        fingerprint=fingerprint,
        mapping=mapping,
        created_at=utc_now(),
    )
    MappingStore(context.redis, owner).put(record)
    return record


def _inspection(record: JobRecord) -> dict[str, Any]:
    if record.status == "failed":
        raise RetargetError.from_dict(record.error or {})
    if not record.is_final or record.status != "succeeded":
        raise NotReady("looking at the file takes longer than this request may; send it again", retry_after=5)
    if record.result is None or record.result.inspection is None:
        raise InternalError(f"job {record.id} succeeded without an inspection")
    found: dict[str, Any] = record.result.inspection
    return found


def _kept(request: MappingRequest, found: dict[str, Any]) -> dict[str, JointChoice]:
    """The mapping to keep: the roles that were asked for, or all that were found."""
    roles = found["mapping"]["roles"]
    if request.mapping is None and found["problem"] is not None:
        raise RetargetError.from_dict(found["problem"])
    kept: dict[str, JointChoice] = {}
    for role in roles if request.mapping is None else request.mapping:
        if request.mapping is not None and request.mapping[role] is None:
            kept[role] = None
        elif role in roles:
            kept[role] = _choice(roles[role], found["shared_names"])
        else:
            message = f"the file's skeleton cannot take {role} as given; inspect it with this mapping to see why"
            raise InvalidOptions(message, errors=[{"pointer": f"/mapping/{role}", "message": message}])
    return kept


def _choice(match: dict[str, Any], shared_names: list[str]) -> JointChoice:
    index = int(match["index"])
    name = str(match["joint"])
    return JointIndex(index=index) if name == f"#{index}" or name in shared_names else name
