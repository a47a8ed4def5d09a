"""Ingest: each upload is read once, its stored scene lives as long as the jobs that used it, and damage is healed."""

from __future__ import annotations

import functools
import io
import os
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from service.files.blobs import SCENES, BlobStore
from service.files.input_file import InputFile
from service.files.references import BlobReferences
from service.jobs.retention import forget_job, release_inputs
from service.jobs.schemas import JobInput, JobRecord
from service.jobs.store import JobStore
from service.records import utc_now
from service.upkeep.retention import ORPHAN_AGE, sweep_orphans
from workers.contract.errors import Expired, ParseFailed
from workers.formats import load_bundle
from workers.ingest.sandbox.sandbox import Sandbox
from workers.queue.uploads import Ingest, load_stored
from workers.samples.write import sample_files

pytestmark = pytest.mark.timeout(60)


samples = functools.cache(sample_files)


class Bench:
    """An ingest whose sandbox counts what it reads, and jobs that hold its uploads."""

    def __init__(self, connection: Redis, folder: Path, sandbox: Sandbox) -> None:
        self.store, self.blobs = JobStore(connection), BlobStore(str(folder))
        self.blobs.make_root()
        self.references = BlobReferences(self.store.redis, self.blobs)
        self.sandbox = sandbox
        self.reads: list[str] = []
        self.ingest = Ingest(self.store, self.blobs, self)  # type: ignore[arg-type]
        self.samples = samples()

    def read(self, bundle: object, **options: object) -> object:
        """Stands before the sandbox."""
        self.reads.append(bundle.name)  # type: ignore[attr-defined]
        return self.sandbox.read(bundle, **options)  # type: ignore[arg-type]

    def job(self, name: str, data: bytes | None = None) -> JobRecord:
        record = JobRecord()
        with self.blobs.writer() as writer:
            writer.write(self.samples[name] if data is None else data)
            blob = self.references.adopt(writer, record.id)
        file = InputFile(name=name, sha256=blob.sha256, bytes=blob.bytes, blob=blob.key)
        record = record.model_copy(update={"input": JobInput(motion=[file])})
        self.store.create(record)
        return record

    def scene(self, record: JobRecord) -> object:
        return load_stored(self.blobs, self.ingest.stored(record.input.motion, record.id, lambda: None))

    def stored(self) -> list[str]:
        return [entry.key for entry in self.blobs.list(SCENES)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def bench(connection: Redis, tmp_path: Path, sandbox: Sandbox) -> Bench:
    return Bench(connection, tmp_path, sandbox)


def test_the_same_upload_is_read_once(bench: Bench) -> None:
    jobs = [bench.job("clap.bvh") for _ in range(3)] + [bench.job("wave.bvh")]
    for job in jobs * 2:
        bench.scene(job)
    assert bench.reads == ["clap.bvh", "wave.bvh"] and len(bench.stored()) == 2


def test_another_name_is_another_scene(bench: Bench) -> None:
    """A BVH's clip is named after its file."""
    first, second = bench.job("clap.bvh"), bench.job("other.bvh", bench.samples["clap.bvh"])
    names = {scene.clips[0].name for scene in map(bench.scene, (first, second))}  # type: ignore[attr-defined]
    assert names == {"clap", "other"}


def test_a_stored_scene_goes_with_the_last_job_that_used_it(bench: Bench) -> None:
    first, second = bench.job("clap.bvh"), bench.job("clap.bvh")
    for job in (first, second):
        bench.scene(job)
    release_inputs(bench.store, bench.blobs, first)
    assert len(bench.stored()) == 1 and bench.blobs.exists(second.input.motion[0].blob)
    forget_job(bench.store, bench.blobs, second)
    assert bench.stored() == [] and not bench.blobs.exists(second.input.motion[0].blob)


def test_a_stored_scene_without_jobs_is_swept_after_a_day(bench: Bench) -> None:
    job = bench.job("clap.bvh")
    bench.scene(job)
    bench.store.delete(job.id)  # as by a crash, without its inputs
    later = utc_now() + ORPHAN_AGE + timedelta(hours=1)
    assert sweep_orphans(bench.store, bench.blobs, utc_now()) == 0 and len(bench.stored()) == 1
    sweep_orphans(bench.store, bench.blobs, later)
    assert bench.stored() == []


@pytest.mark.parametrize("damage", ["truncated", "changed", "another version", "gone"])
def test_damage_of_a_stored_scene_is_healed(bench: Bench, damage: str) -> None:
    job = bench.job("clap.bvh")
    bench.scene(job)
    (key,) = bench.stored()
    path = bench.blobs.local_path(key)
    assert path is not None
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = {"truncated": whole[:-100], "changed": whole[:500] + b"?" + whole[501:]}
        changed["another version"] = whole[:8] + b"????" + whole[12:]
        path.write_bytes(changed[damage])
    bench.scene(job)
    assert path.read_bytes() == whole and bench.reads == ["clap.bvh"] * 2


def test_an_upload_that_is_gone_has_expired_and_a_bad_one_leaves_nothing(bench: Bench) -> None:
    gone = bench.job("clap.bvh")
    bench.blobs.delete(gone.input.motion[0].blob)
    with pytest.raises(Expired, match=r"clap\.bvh"):
        bench.scene(gone)
    with pytest.raises(ParseFailed):
        bench.scene(bench.job("bad.bvh", b"HIERARCHY\nROOT x\n{\n"))
    assert bench.stored() == [] and list(bench.blobs.list("unfinished")) == []


def test_a_zip_is_unpacked_in_the_sandbox_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/clap.bvh", bench.samples["clap.bvh"])
    monkeypatch.setattr(load_bundle, "zip_entries", lambda *_: pytest.fail("unpacked in this process"))
    scene = bench.scene(bench.job("upload.zip", packed.getvalue()))
    assert scene.clips[0].name == "clap"  # type: ignore[attr-defined]
    assert os.getpid() != bench.sandbox.pid
