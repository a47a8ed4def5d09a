"""A disk that is really full, a small file system in memory: jobs wait, deletions free it, and what waited succeeds.

Mounting takes root, as in CI; elsewhere the test is skipped.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.files.blobs import BlobStore
from service.jobs.retention import forget_job
from service.upkeep.recovery import PAUSE_MIN_S
from tests.fault.fault_kit import Station, wait_until

pytestmark = pytest.mark.timeout(90)
SIZE = 256 * 1024


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Station]:
    """A station whose blobs lie on a file system of `SIZE` bytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        if os.environ.get("CI") == "true" and os.geteuid() == 0:
            pytest.fail("a file system could not be mounted")
        pytest.skip("mounting a small file system takes root")
    station = Station(tmp_path)
    station.settings = station.settings.model_copy(update={"blob_url": f"file://{folder}/blobs"})
    station.blobs = BlobStore(station.settings.blob_url)
    station.blobs.make_root()
    try:
        yield station
    finally:
        station.close()
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path) -> None:
    """Write until nothing goes in any more."""
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_jobs_wait_for_room_and_deleting_makes_it(full: Station, tmp_path: Path) -> None:
    full.start_worker(sweep_interval_s=0.3)
    old = full.wait_final(full.post(), 30.0)
    assert old.status == "succeeded" and full.outputs(old.id)
    waiting = [full.post(f"stages {delay}") for delay in (0.5, 0.1)]
    fill(tmp_path / "small")
    wait_until(lambda: all(record.faults for record in full.store.get_many(waiting)), 30.0, "both met the full disk")
    records = full.store.get_many(waiting)
    assert {record.status for record in records} <= {"queued", "running"}, "none has failed for it"
    forget_job(full.store, full.blobs, old)
    assert full.outputs(old.id) == [] and not full.store.get_many([old.id]), "deleting works on a full disk"
    (tmp_path / "small" / "filler").unlink()
    for job in waiting:
        record = full.wait_final(job, 30.0 + PAUSE_MIN_S)
        assert record.status == "succeeded", record.error
