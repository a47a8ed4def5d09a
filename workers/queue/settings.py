"""WorkerSettings: what a worker needs beyond the gateway's settings, from the same `RETARGET_*` environment."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from service.settings import Settings
from workers.contract.errors import InvalidOptions

QUEUES = ("ingest", "retarget")
# Functions that have moved: settings written for an earlier version name them where they were.
MOVED_FUNCTIONS = {
    "workers.scene_engine:retarget": "workers.engine.scene_engine:retarget",
    "workers.inspection:inspect_scene": "workers.engine.inspection:inspect_scene",
}


class WorkerSettings(Settings):
    """Limits of the job process, and how fast trouble is noticed. Sizes in bytes, times in seconds."""

    worker_queues: str = Field(
        "ingest,retarget", description="Queues that a worker serves; one without ingest never sees an upload."
    )
    worker_devices: str = Field(
        "", description="Devices that `retarget worker` starts a process for each, such as cuda:0,cuda:1 or cpu,cpu."
    )
    retarget_engine: str = Field(
        "workers.engine.scene_engine:retarget", description="Function that retargets, as module:name."
    )
    inspect_engine: str = Field(
        "workers.engine.inspection:inspect_scene", description="Function that inspects, as module:name."
    )
    scene_reader: str = Field(
        "workers.formats.read:read_scene", description="Function that reads uploads in the sandbox, as module:name."
    )

    sandbox_memory_max_bytes: Annotated[int, Field(gt=0)] = Field(
        4 * 2**30, description="Memory that reading one upload may take; more fails it with too-large."
    )
    sandbox_cpu_s: Annotated[int, Field(gt=0)] = Field(60, description="CPU seconds that reading one upload may take.")
    sandbox_timeout_s: Annotated[float, Field(gt=0)] = Field(
        120.0, description="Seconds that reading one upload may take in all; more fails it with timeout."
    )
    sandbox_files_max: Annotated[int, Field(gt=0)] = Field(
        50, description="Uploads read by one parsing process before a fresh one."
    )

    job_cost_max: Annotated[int, Field(gt=0)] = Field(
        1_000_000_000, description="Frames times vertices of one job; more is refused with too-large."
    )
    horse_jobs_max: Annotated[int, Field(gt=0)] = Field(200, description="Jobs of one job process before a fresh one.")
    horse_memory_max_bytes: Annotated[int, Field(gt=0)] = Field(
        8 * 2**30, description="Memory that a job may take; more fails it with out-of-memory."
    )
    horse_memory_keep_bytes: Annotated[int, Field(gt=0)] = Field(
        4 * 2**30, description="A job process that holds more than this after a job is replaced by a fresh one."
    )
    horse_start_timeout_s: Annotated[float, Field(gt=0)] = Field(
        600.0, description="Time to import the engine and warm it up; the first on a machine also compiles."
    )
    min_free_memory_bytes: Annotated[int, Field(ge=0)] = Field(
        256 * 2**20, description="A worker takes no job while less memory is free on its machine or in its container."
    )
    warm_up: bool = Field(
        True, description="Whether a worker loads its models before it says that it is there, not in its first job."
    )

    stop_grace_s: Annotated[float, Field(gt=0)] = Field(
        1.0, description="A job process that must stop is killed when it has not done so by then."
    )
    watch_interval_s: Annotated[float, Field(gt=0)] = Field(
        0.25, description="How often the parent looks at the job's record and the job process's memory."
    )
    drain_s: Annotated[float, Field(gt=0)] = Field(
        20.0, description="A worker told to stop gives its job this long to end, then hands it back to the queue."
    )
    worker_ttl_s: Annotated[int, Field(ge=16)] = Field(30, description="RQ forgets a worker that is silent this long.")
    sweep_interval_s: Annotated[float, Field(gt=0)] = Field(5.0, description="How often lost jobs are looked for.")

    @field_validator("retarget_engine", "inspect_engine")
    @classmethod
    def _where_it_is_now(cls, value: str) -> str:
        return MOVED_FUNCTIONS.get(value, value)

    @property
    def queue_names(self) -> list[str]:
        """The queues in the order they are served. Raises InvalidOptions for one that does not exist."""
        names = [name.strip() for name in self.worker_queues.split(",") if name.strip()]
        unknown = sorted(set(names) - set(QUEUES))
        if unknown or not names:
            raise InvalidOptions(f"queues {self.worker_queues!r}: unknown; choose from {', '.join(QUEUES)}")
        return names


def worker_settings(**given: Any) -> WorkerSettings:
    """Settings from the environment, with what is `given` and not None on top. Raises InvalidOptions."""
    return WorkerSettings.given(**given)
