"""Death of whole workers and of Redis: jobs end, once."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from service.jobs.queue import queue
from tests.fault.fault_kit import Station, gone, wait_until

pytestmark = pytest.mark.timeout(60)
Worker = subprocess.Popen[bytes]


def test_a_killed_worker_takes_its_job_process_along_and_the_job_is_retried(
    station: Station, worker: Worker, tmp_path: Path
) -> None:
    marker = tmp_path / "running"
    job = station.post(f"signal-then-hold {marker}")
    wait_until(lambda: marker.exists() and marker.read_text(), 10, "the engine runs")
    job_process = int(marker.read_text())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_until(lambda: gone(job_process), 2, "the job process, though it holds the interpreter's lock")
    station.start_worker()  # its sweeper finds the job once the lease is over
    record = station.wait_final(job, 20)
    assert (record.status, record.attempt) == ("succeeded", 2)


def test_a_job_whose_workers_all_die_fails_with_a_retryable_error(station: Station) -> None:
    for worker in station.workers:
        worker.kill()
        worker.wait()
    job = station.post()
    for attempt in range(1, station.settings.max_attempts + 1):
        assert station.store.claim(job, f"dead-{attempt}", 0.001) is not None
        wait_until(lambda: job in station.store.expired_leases(), 2, "the lease is over")
        station.sweeper().sweep()
    record = station.store.get(job)
    assert record.status == "failed" and record.error is not None and record.error["code"] == "unavailable"


def test_a_canceling_job_of_a_dead_worker_is_canceled(station: Station) -> None:
    job = station.post()
    assert station.store.claim(job, "dead", 0.001) is not None
    station.store.request_cancel(job)
    wait_until(lambda: job in station.store.expired_leases(), 2, "the lease is over")
    station.sweeper().sweep()
    assert station.store.get(job).status == "canceled"


def test_the_sweeper_leaves_a_live_lease_alone(station: Station) -> None:
    job = station.post()
    assert station.store.claim(job, "alive", 60.0) is not None
    station.sweeper().sweep()
    record = station.store.get(job)
    assert (record.status, record.execution_id) == ("running", "alive")
    station.store.delete(job)


def test_a_queued_job_that_rq_lost_is_handed_in_again(station: Station) -> None:
    job = station.post()
    for key in list(station.redis.scan_iter("rq:*")):
        station.redis.delete(key)
    station.sweeper().sweep()
    station.start_worker()
    assert station.wait_final(job, 20).status == "succeeded"


def test_entries_of_rq_that_are_not_ours_do_no_harm(station: Station, worker: Worker) -> None:
    """Neither a function of somebody else's, nor bytes that are no JSON, runs or ends the worker."""
    lane = queue(station.redis, "ingest")
    foreign = lane.enqueue_call("os.getcwd", args=[])
    nobody = lane.enqueue_call("os._exit", args=["job_" + "0" * 26])
    broken = lane.enqueue_call("os.getcwd", args=["x"])
    station.redis.hset(broken.key, mapping={"data": b"\x80not json"})
    assert station.wait_final(station.post()).status == "succeeded"
    # Any entry stands for any job that waits (`workers.queue.execution`): ours may have run before the last of these.
    ends = ["failed", "finished", "failed"]
    wait_until(lambda: [job.get_status() for job in (foreign, nobody, broken)] == ends, 15, "all are settled")
    assert worker.poll() is None


def test_sigterm_lets_the_job_in_hand_end(station: Station, worker: Worker) -> None:
    job = station.post("stages 1.5")
    job_process = station.job_process_of(worker)
    station.wait_status(job, "running")
    waiting = station.post()
    assert station.stop_worker(worker) == 0
    assert station.store.get(job).status == "succeeded"
    assert station.store.get(waiting).status == "queued"
    assert gone(job_process)


def test_a_second_sigterm_gives_the_job_back_at_once(station: Station, worker: Worker) -> None:
    job = station.post("hold 30")
    wait_until(lambda: station.store.get(job).stage == "retargeting", 10, "the engine runs")
    job_process = station.job_process_of(worker)
    worker.terminate()
    threading.Event().wait(0.3)
    worker.terminate()
    assert worker.wait(timeout=5) == 0
    assert station.store.get(job).status == "queued" and gone(job_process)
    station.store.request_cancel(job)


def test_a_worker_told_to_stop_does_not_wait_for_ever(station: Station) -> None:
    for worker in station.workers:
        worker.kill()
        worker.wait()
    worker = station.start_worker(drain_s=0.5)
    job = station.post("hold 30")
    wait_until(lambda: station.store.get(job).stage == "retargeting", 10, "the engine runs")
    assert station.stop_worker(worker, 5) == 0
    assert station.store.get(job).status == "queued"
    station.store.request_cancel(job)


def test_redis_killed_mid_job_and_started_again(station: Station, worker: Worker) -> None:
    """The append-only file has the records and both queues; the worker reconnects and publishes exactly once."""
    running, waiting = station.post("stages 2"), station.post()
    station.wait_status(running, "running")
    station.kill_redis()
    threading.Event().wait(1.0)
    station.start_redis()
    records = [station.wait_final(job, 30) for job in (running, waiting)]
    assert [record.status for record in records] == ["succeeded", "succeeded"]
    for record in records:
        assert record.result is not None
        assert sorted(artifact.blob for artifact in record.result.artifacts) == station.outputs(record.id)
    assert worker.poll() is None


def blocked_clients(station: Station) -> int:
    clients: Any = station.redis.info("clients")
    return int(clients["blocked_clients"])


def test_a_burst_worker_ends_with_the_queue(station: Station) -> None:
    for worker in station.workers:
        worker.kill()
        worker.wait()
    # Redis would give a job to a worker that died while it waited for one, until it notices.
    wait_until(lambda: blocked_clients(station) == 0, 5.0, "nobody waits for jobs")
    jobs = [station.post(), station.post(kind="inspect")]
    worker = station.start_worker("--burst")
    assert worker.wait(timeout=30) == 0
    assert [station.store.get(job).status for job in jobs] == ["succeeded", "succeeded"]


def test_a_worker_whose_engine_cannot_be_imported_takes_no_job(station: Station) -> None:
    job = station.post()
    worker = station.start_worker(retarget_engine="no_such_module:retarget")
    assert worker.wait(timeout=30) == 1
    assert station.store.get(job).status == "queued" and station.store.get(job).attempt == 0
    station.store.request_cancel(job)


def test_no_job_process_is_left(station: Station) -> None:
    for worker in station.workers:
        if worker.poll() is None:
            job_process = station.job_process_of(worker)
            assert station.stop_worker(worker) == 0
            assert gone(job_process)
