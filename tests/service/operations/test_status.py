"""`retarget status`, as a table and as JSON."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from service.cli import main
from service.jobs.registry import Abilities, WorkerNow, register
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import make_record

ABILITIES = Abilities(
    queues=["ingest", "retarget"], methods=["analytic"], refine=["geometry"], encoders=[], preview=[], device="cpu"
)


def test_workers_and_queues_are_told(
    settings: Settings, redis: Redis, store: JobStore, capsys: pytest.CaptureFixture[str]
) -> None:
    make_record(store)
    now = WorkerNow(holding_back="1 MiB of memory are free, fewer than 256", free_memory_bytes=2**30)
    register(redis, "host-1", ABILITIES, 30, now)
    assert main(["status", "--redis-url", settings.redis_url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["queues"]["ingest"]["depth"] == 1 and told["queues"]["retarget"]["depth"] == 0
    assert told["workers"]["host-1"] == {
        "busy": False,
        "abilities": ABILITIES.model_dump(),
        "now": now.model_dump(),
    }
    assert main(["status", "--redis-url", settings.redis_url]) == 0
    table = capsys.readouterr().out
    assert "host-1  held  ingest,retarget  cpu  analytic refine:geometry  1.0 GiB free" in table
    assert "takes no job: 1 MiB of memory are free" in table


def test_without_redis_it_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--redis-url", "redis://127.0.0.1:1/0"]) != 0
    assert capsys.readouterr().err.startswith("error: unavailable: Redis does not answer")
