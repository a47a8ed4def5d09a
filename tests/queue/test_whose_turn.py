"""An entry of RQ stands for any job that waits: which one it is, the fair order in our records says."""

from __future__ import annotations

from redis import Redis

from service.jobs import queue
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from workers.queue.execution import ExecutionRunner
from workers.queue.settings import WorkerSettings

SETTINGS = WorkerSettings(blob_url="memory://turns")


def test_a_worker_takes_the_job_whose_turn_it_is_with_whatever_entry_it_was_called(connection: Redis) -> None:
    store, runner = JobStore(connection), ExecutionRunner(SETTINGS, connection, connection)
    many = [JobRecord(owner="many") for _ in range(6)]
    for record in many:
        queue.submit(store, record, SETTINGS)
    few = JobRecord(owner="few")
    queue.submit(store, few, SETTINGS)
    entries = [name.decode().rsplit("-", 1)[0] for name in connection.lrange("rq:queue:ingest", 0, -1)]  # type: ignore[union-attr]
    assert entries == [record.id for record in (*many, few)], "RQ's own order is that of arrival"
    claimed = [runner._claim(entry, f"e{number}") for number, entry in enumerate(entries)]
    taken = [record.id for record in claimed if record is not None]
    assert sorted(taken) == sorted(entries), "each is taken once"
    assert taken.index(few.id) <= 1
    assert [name for name in taken if name != few.id] == [record.id for record in many]
    assert runner._claim(entries[0], "late") is None


def test_an_entry_for_a_deleted_job_is_passed_over_and_a_parked_job_is_taken_itself(connection: Redis) -> None:
    store, runner = JobStore(connection), ExecutionRunner(SETTINGS, connection, connection)
    deleted, waiting, parked = JobRecord(), JobRecord(), JobRecord()
    for record in (parked, deleted, waiting):
        queue.submit(store, record, SETTINGS)
    assert (
        store.claim(parked.id, "reads", 30) and store.hand_over(parked.id, "reads", {"motion": "scenes/00/0"}) == "yes"
    )
    store.delete(deleted.id)
    taken = runner._claim(parked.id, "e1")
    assert taken is not None and taken.id == parked.id
    assert runner._claim(deleted.id, "e2") is None  # nothing says of which kind it was
    taken = runner._claim(waiting.id, "e3")
    assert taken is not None and taken.id == waiting.id
