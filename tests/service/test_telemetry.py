"""One trace from the caller's request over the job to the execution's stages; nothing at all where it is off."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.jobs.store import JobStore
from service.telemetry import past_span, set_up_telemetry, span, traceparent
from tests.service_fixtures import post_job
from workers.contract.errors import InvalidOptions

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    set_up_telemetry("tests", "on", SimpleSpanProcessor(exporter))
    yield exporter
    set_up_telemetry("tests", "off")


def test_a_job_is_one_trace_with_its_request(client: TestClient, store: JobStore, spans: InMemorySpanExporter) -> None:
    client.headers["traceparent"] = CALLER
    record = store.get(post_job(client).json()["id"])
    assert record.trace is not None and record.trace.split("-")[1] == CALLER.split("-")[1]
    with span("execution", record.trace, job_id=record.id):  # as a job process has it
        past_span("loading", 1)
    stage, execution = spans.get_finished_spans()[-2:]
    request = next(each for each in spans.get_finished_spans() if each.name == "POST /v1/jobs")
    assert stage.name == "loading" and execution.attributes == {"job_id": record.id}
    assert {f"{each.context.trace_id:032x}" for each in (stage, execution, request)} == {CALLER.split("-")[1]}
    assert execution.parent is not None and execution.parent.span_id == request.context.span_id


def test_off_there_is_none(client: TestClient, store: JobStore) -> None:
    client.headers["traceparent"] = CALLER
    assert store.get(post_job(client).json()["id"]).trace is None
    with span("any"):
        assert traceparent() is None


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(InvalidOptions, match="extra 'telemetry'"):
        set_up_telemetry("tests", "on")
