"""A desk at which one job is worked on in this process, by an engine that calls what a test hangs into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from redis import Redis

from service.files.blobs import BlobStore
from service.files.input_file import InputFile
from service.jobs.schemas import JobInput, JobRecord
from service.jobs.store import JobStore
from workers.contract.options import JobOptions
from workers.queue.tasks import TaskContext

REPORT = {"engine": {}, "scores": {}, "scores_naive_copy": {}, "warnings": [], "verdict": {"verdict": "review"}}
Hook = Callable[[], object]


class Bench:
    """A desk whose engine calls `hook` after its work, and one job claimed by the execution `me`."""

    def __init__(self, connection: Redis, folder: Path) -> None:
        self.store, self.blobs = JobStore(connection), BlobStore(str(folder))
        self.blobs.make_root()
        self.hook: Hook = lambda: None
        self.seen: list[tuple[Any, Any, JobOptions]] = []
        self.desk = TaskContext(
            self.store, self.blobs, self, self._retarget, lambda scene, name, *_, **__: {"name": name}
        )
        files = [self._upload("walk.bvh", b"HIERARCHY\n"), self._upload("hero.glb", b"glTF\x02\0\0\0")]
        self.record = JobRecord(input=JobInput(motion=files[:1], character=files[1:]), options={"seed": 7})
        self.store.create(self.record)
        assert self.store.claim(self.record.id, "me", 30.0)

    def _upload(self, name: str, data: bytes) -> InputFile:
        blob = self.blobs.put_stream([data])
        return InputFile(name=name, sha256=blob.sha256, bytes=blob.bytes, blob=blob.key)

    def stored(self, files: list[InputFile], job_id: str, on_wait: Callable[[], None]) -> str:
        """Stands where the ingest stands: the scene is the file as it is."""
        on_wait()
        return files[0].blob

    def _retarget(
        self,
        motion: Any,
        character: Any,
        options: JobOptions,
        *,
        source_character: Any,
        on_stage: Callable[[str, float], None],
        **known: Any,
    ) -> Any:
        on_stage("retargeting", 0.5)
        self.seen.append((motion, character, options))
        self.hook()
        return SimpleNamespace(artifacts={"result.glb": b"result"}, report=REPORT)

    def run(self, timeout_s: float = 30.0) -> str:
        return self.desk.run(self.record.id, "me", timeout_s).how

    def now(self) -> JobRecord:
        return self.store.get(self.record.id)

    def outputs(self) -> list[str]:
        return [entry.key for entry in self.blobs.list("outputs")]

    def take_over(self) -> None:
        """What a sweeper and another worker do with an execution that seems dead."""
        assert self.store.release(self.record.id, "me") and self.store.requeue(self.record.id, "me", "seemed dead")
        assert self.store.claim(self.record.id, "other", 30.0)
