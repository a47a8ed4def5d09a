"""Log lines as JSON, with the ids of what they are about: from a request, over its job, to the worker."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from service.http.access_log import LOG as ACCESS
from service.jobs.store import JobStore
from service.logs import JsonLines, about, named
from tests.service_fixtures import post_job


class Lines(logging.Handler):
    """What was logged, as it would have been written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonLines("tests"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler, root = Lines(), logging.getLogger()
    before = ACCESS.level
    root.addHandler(handler)
    ACCESS.setLevel(logging.INFO)
    yield handler.lines
    ACCESS.setLevel(before)
    root.removeHandler(handler)


def test_a_line_is_one_object_with_all_that_it_is_about(lines: list[str]) -> None:
    with about(job_id="job_1", request_id=None), about(execution_id="e"):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger("retarget").exception("failed: %s", "ü\n")
    logging.getLogger("retarget").error("outside", extra={"fields": {"status": 3}})
    inside, outside = (json.loads(line) for line in lines)
    assert all("\n" not in line for line in lines)
    assert (inside["message"], inside["level"], inside["process"]) == ("failed: ü\n", "ERROR", "tests")
    assert inside["job_id"] == "job_1" and inside["execution_id"] == "e" and "request_id" not in inside
    assert "ValueError: two" in inside["exception"]
    assert "job_id" not in outside and outside["status"] == 3 and named("job_id") is None


def test_a_job_carries_the_id_of_its_request(client: TestClient, store: JobStore, lines: list[str]) -> None:
    client.headers["X-Request-ID"] = "mine-17"
    answer = post_job(client)
    assert store.get(answer.json()["id"]).request_id == "mine-17"
    (told,) = (line for line in map(json.loads, lines) if line["logger"] == ACCESS.name)
    assert told["request_id"] == "mine-17" and told["status"] == 202 and told["path"] == "/v1/jobs"
