"""What a job is: the only module that knows both Redis and the engine. RQ names its tasks, the job process runs them.

The record is claimed and its lease kept alive by the job process's parent (`workers.queue.execution`), because only a
process that runs no foreign code can be relied upon to do so. Here one execution gets the job's files as scenes, which
the ingest sandbox reads (`workers.queue.uploads`: no upload is parsed in this process), calls the engine, writes
artifacts below a path that holds the execution id, and publishes them in one step, which Redis refuses to an execution
that has lost the job. What users see of a failure is one typed error; the traceback goes to the log.
"""

from __future__ import annotations

import importlib
import json
import logging
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, cast

import redis
from redis import Redis

from service.files.blobs import BlobStore, output_key, output_prefix
from service.files.input_file import InputFile
from service.jobs import results
from service.jobs.needs import needs_of
from service.jobs.queue import enqueue
from service.jobs.schemas import Artifact, JobKind, JobRecord, JobResult
from service.jobs.store import JobStore
from service.telemetry import past_span
from service.upkeep.recovery import retry_later, retry_or_fail, worker_lost
from workers.contract.errors import Expired, InternalError, JobTimeout, Unavailable
from workers.contract.options import parse_options
from workers.formats.registry import format_of_extension
from workers.ingest.sandbox.confinement import SandboxLimits
from workers.ingest.sandbox.sandbox import Sandbox
from workers.ingest.stored.scene_file import SceneFileUnusable
from workers.platform.cache_folder import Recent
from workers.queue.abilities import lacks
from workers.queue.cost import check_cost
from workers.queue.failures import as_typed_error
from workers.queue.job_definitions import given_definitions, preset_lookup
from workers.queue.result_cache import digest_here, request_of
from workers.queue.settings import WorkerSettings
from workers.queue.uploads import Ingest, load_stored
from workers.refinement.budget import check_time
from workers.skeleton.model import Scene

LOG = logging.getLogger("retarget.tasks")
PROGRESS_INTERVAL_S = 0.2
SCENES_KEPT = 16  # mapped into memory; a key stands for the content, so they cannot be out of date
VALIDATING_SHARE = 0.08  # of a job's progress; the engine goes on from 0.1
MEDIA_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".webm": "video/webm",
    ".webp": "image/webp",
}
# What the record repeats of the report, so that a user who polls sees it without a second request.
REPORT_SUMMARY = ("engine", "scores", "scores_naive_copy", "warnings")

Inputs = dict[str, list[InputFile]]  # what the user sent, by part


class Canceled(Exception):
    """The user canceled the job; nothing may be published."""


class ScenesLost(Exception):
    """The stored scenes of a job that was handed over are gone or of another version: its files must be read again."""


@dataclass(frozen=True)
class HandOver:
    """The files of a job are read, and another worker goes on: stored scenes by input."""

    scenes: dict[str, str]


class ExecutionLost(Exception):
    """The job belongs to another execution, or was deleted: stop without a word."""


@dataclass(frozen=True)
class Outcome:
    """How an execution ended, and why the process had better be replaced, if it had."""

    how: Literal["succeeded", "failed", "canceled", "lost", "handed over", "postponed"]
    worn_out: str | None = None


class Progress:
    """The engine's `on_stage`: tells the record how far the job is, and stops the job where it has to stop."""

    def __init__(self, store: JobStore, record: JobRecord, execution_id: str, timeout_s: float) -> None:
        self._store = store
        self._job_id = record.id
        self._execution_id = execution_id
        self.timeout_s = timeout_s
        self._start_s = time.monotonic()
        self._told: tuple[str, float] = ("", 0.0)
        self._stage_since_ns = time.time_ns()

    def __call__(self, stage: str, fraction: float) -> None:
        """Raises Canceled, ExecutionLost, or JobTimeout. `fraction` of the whole job, 0 to 1."""
        now_s = time.monotonic()
        if now_s - self._start_s > self.timeout_s:
            raise JobTimeout(
                f"the job was stopped at stage {stage} after its {self.timeout_s:g} s; "
                "send a shorter clip, or raise RETARGET_JOB_TIMEOUT_S on the server"
            )
        if stage == self._told[0] and now_s - self._told[1] < PROGRESS_INTERVAL_S:
            return
        if stage != self._told[0]:
            self.end_stage()
        self._told = (stage, now_s)
        answer = self._store.progress(self._job_id, self._execution_id, stage, fraction)
        if answer == "cancel":
            raise Canceled
        if answer == "lost":
            raise ExecutionLost

    def end_stage(self) -> None:
        """The stage that ends now, as a span of the execution's trace."""
        if self._told[0]:
            past_span(self._told[0], self._stage_since_ns)
        self._stage_since_ns = time.time_ns()


class SceneSource(Protocol):
    """What gives tasks their scenes: `workers.queue.uploads.Ingest`."""

    def stored(self, files: list[InputFile], job_id: str, on_wait: Callable[[], None]) -> str: ...


@dataclass(frozen=True)
class TaskContext:
    """What tasks need: the records, the blobs, the scenes of uploads, and the engine, imported once.

    `scenes` is None in a worker that does not ingest. One that only ingests hands jobs over: `retargets` is false.
    """

    store: JobStore
    blobs: BlobStore
    scenes: SceneSource | None
    retarget: Callable[..., Any]
    inspect: Callable[..., dict[str, Any]]
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    retargets: bool = True
    loaded: Recent[Scene] = field(default_factory=lambda: Recent(SCENES_KEPT))  # by the key of the stored scene

    @staticmethod
    def open(settings: WorkerSettings, connection: Redis) -> TaskContext:
        """Import the engine, start the sandbox and connect. Raises what the imports raise."""
        store, blobs = JobStore(connection), BlobStore(settings.blob_url)
        limits = SandboxLimits(
            memory_bytes=settings.sandbox_memory_max_bytes,
            cpu_s=settings.sandbox_cpu_s,
            wall_s=settings.sandbox_timeout_s,
            files=settings.sandbox_files_max,
        )
        return TaskContext(
            store=store,
            blobs=blobs,
            scenes=Ingest(store, blobs, Sandbox(limits, settings.scene_reader))
            if "ingest" in settings.queue_names
            else None,
            retarget=_imported(settings.retarget_engine),
            inspect=_imported(settings.inspect_engine),
            settings=settings,
            retargets="retarget" in settings.queue_names,
        )

    def warm_up(self) -> None:
        """Load what the first job would wait for: the engine's `warm_up`, where it has one. Lets no Exception out: a
        job that meets the same trouble tells its user.
        """
        module = importlib.import_module(self.settings.retarget_engine.partition(":")[0])
        warm = getattr(module, "warm_up", None)
        if not self.settings.warm_up or not self.retargets or warm is None:
            return
        start = time.monotonic()
        try:
            warm()
        except Exception:
            LOG.exception("the engine could not be warmed up; jobs are taken all the same")
        LOG.info("warmed up in %.1f s", time.monotonic() - start)

    def run(self, job_id: str, execution_id: str, timeout_s: float) -> Outcome:
        """One execution of a claimed job, from loading to its end in the record. Lets no Exception out."""
        try:
            return self._settle(job_id, execution_id, timeout_s)
        except redis.RedisError as error:
            LOG.error("%s: Redis is away (%s); the sweeper will find the job", job_id, error)
            return Outcome("lost")

    def _settle(self, job_id: str, execution_id: str, timeout_s: float) -> Outcome:
        try:
            record = self.store.get(job_id)
            self.blobs.check_free_disk(self.settings.min_free_disk_ratio / 2)  # half of what uploads leave
            progress = Progress(self.store, record, execution_id, timeout_s)
            result = TASKS[record.kind](self, record, execution_id, progress)
            progress.end_stage()
            if isinstance(result, HandOver):
                return self._hand_over(job_id, execution_id, result)
            if self._publish(record, execution_id, result):
                return Outcome("succeeded")
            raise ExecutionLost
        except redis.RedisError:
            raise
        except ExecutionLost:
            LOG.info("%s: execution %s lost the job, nothing is published", job_id, execution_id)
            self._remove_outputs(job_id, execution_id)
            return Outcome("lost")
        except ScenesLost as error:
            LOG.warning("%s: %s", job_id, error)
            self.store.release(job_id, execution_id)
            reason = "what was read from its files was gone"
            retry_or_fail(self.store, self.settings, job_id, execution_id, reason, worker_lost(reason))
            return Outcome("lost")
        except Canceled:
            self._remove_outputs(job_id, execution_id)
            self.store.finish_cancel(job_id, execution_id)
            return Outcome("canceled")
        except Exception as error:
            return self._fail(job_id, execution_id, error)

    def _hand_over(self, job_id: str, execution_id: str, result: HandOver) -> Outcome:
        """Park the job and send it on. What is lost on the way is found by the sweeper."""
        answer = self.store.hand_over(job_id, execution_id, result.scenes)
        if answer == "cancel":
            raise Canceled
        if answer == "lost":  # perhaps sent twice over a broken connection: then it is parked, and will be found
            raise ExecutionLost
        for record in self.store.get_many([job_id]):
            if record.is_parked:
                enqueue(self.store, record, self.settings)
        return Outcome("handed over")

    def _publish(self, record: JobRecord, execution_id: str, result: dict[str, Any]) -> bool:
        if self.store.publish(record.id, execution_id, result):
            return True
        # A patient connection may have sent the step twice, and the second is refused: the record tells.
        body = json.loads(json.dumps({name: value for name, value in result.items() if name != "engine"}))
        return any(
            found.status == "succeeded" and found.result == JobResult.model_validate(body)
            for found in self.store.get_many([record.id])
        )

    def _fail(self, job_id: str, execution_id: str, error: Exception) -> Outcome:
        typed, worn_out = as_typed_error(error)
        if isinstance(typed, InternalError):
            LOG.error("%s: execution %s failed", job_id, execution_id, exc_info=error)
        else:
            LOG.info("%s: %s: %s", job_id, typed.code, typed.detail)
        error.__traceback__ = None  # its frames hold the arrays that filled the memory
        self._remove_outputs(job_id, execution_id)
        if isinstance(typed, Unavailable | Expired):
            # Ours and passing; or an upload that this worker does not see, which another may.
            self.store.release(job_id, execution_id)
            ours = isinstance(typed, Unavailable)
            retry_later(self.store, self.settings, job_id, execution_id, typed, ours=ours)
            return Outcome("postponed", worn_out)
        self.store.fail(job_id, execution_id, typed.to_dict())
        return Outcome("failed", worn_out)

    def _remove_outputs(self, job_id: str, execution_id: str) -> None:
        """Drop what this execution wrote. What cannot be dropped now goes with the job, when it expires."""
        try:
            self.blobs.delete_tree(f"{output_prefix(job_id)}/{execution_id}")
        except Exception as error:  # whatever the file system behind the URL raises
            LOG.warning("%s: cannot remove the outputs of %s: %s", job_id, execution_id, error)

    def save(self, record: JobRecord, execution_id: str, name: str, data: bytes) -> Artifact:
        """Write one artifact; it is not visible to users before it is published."""
        blob = self.blobs.put(output_key(record.id, execution_id, name), data)
        suffix = name[name.rfind(".") :].lower()
        scene_format = format_of_extension(suffix[1:])
        known = scene_format.media_type if scene_format is not None else MEDIA_TYPES.get(suffix)
        media_type = known or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Artifact(name=name, media_type=media_type, bytes=blob.bytes, sha256=blob.sha256, blob=blob.key)


def retarget_job(
    context: TaskContext, record: JobRecord, execution_id: str, progress: Progress
) -> dict[str, Any] | HandOver:
    """Retarget the job's motion to its character; returns what to publish (see JobResult), or hands the job over."""
    options = parse_options(record.options)
    check_time(options, progress.timeout_s)
    request = _request(context, record)
    before = None if request is None or record.fresh else results.find(context.store, *request, record)
    known_result = None if before is None else results.taken_over(context.blobs, before, record.id, execution_id)
    if known_result is not None:
        return known_result
    start_s = time.perf_counter()
    lacking = lacks(needs_of(record.options)) if context.retargets and context.scenes is not None else None
    if lacking is not None:
        LOG.info("%s: left to another worker: %s", record.id, lacking.detail)
    if not context.retargets or lacking is not None:
        return HandOver(_store_all(context, record, _inputs(record), progress))
    scenes = _load_all(context, record, _inputs(record), progress)
    check_cost(scenes["motion"], scenes["character"], options, context.settings.job_cost_max)
    loading_s = time.perf_counter() - start_s
    known = {**given_definitions(record.input), "find_preset": preset_lookup(context.store.redis, record.owner)}
    outcome = context.retarget(
        scenes["motion"],
        scenes["character"],
        options,
        source_character=scenes.get("source_character"),
        on_stage=progress,
        **known,
    )
    progress("exporting", 0.99)
    timings_s = {"loading": loading_s, **outcome.report.get("timings_s", {})}
    report = json.dumps({**outcome.report, "timings_s": timings_s}, allow_nan=False, indent=1).encode()
    files = {**outcome.artifacts, "report.json": report}
    artifacts = [context.save(record, execution_id, name, data) for name, data in files.items()]
    if request is not None:
        results.remember(context.store, *request, record)
    return {
        **{name: outcome.report[name] for name in REPORT_SUMMARY},
        "verdict": outcome.report["verdict"]["verdict"],
        "artifacts": [artifact.model_dump() for artifact in artifacts],
    }


def _request(context: TaskContext, record: JobRecord) -> tuple[str, str] | None:
    """What the job's result is remembered by, where results are: its request, and the circumstances here."""
    if not context.settings.result_cache or not context.retargets:
        return None
    request = request_of(record, context.store.redis)
    return None if request is None else (request, digest_here(record.options.get("encoder")))


def inspect_job(context: TaskContext, record: JobRecord, execution_id: str, progress: Progress) -> dict[str, Any]:
    """Say what the job's file holds; returns what to publish."""
    scene = _load_all(context, record, {"file": record.input.file}, progress)["file"]
    known = {**given_definitions(record.input), "find_preset": preset_lookup(context.store.redis, record.owner)}
    return {
        "inspection": context.inspect(scene, record.input.file[0].name, parse_options(record.options).mapping, **known)
    }


def _inputs(record: JobRecord) -> Inputs:
    """Motion, character, and the character that the motion was made on, if it was sent."""
    given = {name: getattr(record.input, name) for name in ("motion", "character", "source_character")}
    return {name: files for name, files in given.items() if files}


def _store_all(context: TaskContext, record: JobRecord, inputs: Inputs, progress: Progress) -> dict[str, str]:
    """Keys of the stored scenes of several inputs, read one after the other; the job can be stopped while they are."""
    assert context.scenes is not None
    keys = {}
    for number, (name, files) in enumerate(inputs.items()):
        share = VALIDATING_SHARE * number / len(inputs)
        progress("validating", share)
        keys[name] = context.scenes.stored(files, record.id, partial(progress, "validating", share))
    progress("loading", VALIDATING_SHARE)
    return keys


def _load_all(context: TaskContext, record: JobRecord, inputs: Inputs, progress: Progress) -> dict[str, Scene]:
    """The scenes of several inputs. Raises ScenesLost where another worker had read them and they are gone."""
    if context.scenes is None and record.scenes is None:
        raise ScenesLost("it was handed to a worker that reads no files")
    if context.scenes is not None and record.scenes is None:
        keys = _store_all(context, record, inputs, progress)
    else:
        progress("loading", VALIDATING_SHARE)
        keys = record.scenes or {}
    try:
        load = partial(load_stored, context.blobs)
        return {name: context.loaded.get(keys[name], partial(load, keys[name])) for name in inputs}
    except (SceneFileUnusable, FileNotFoundError, KeyError) as error:
        raise ScenesLost(f"a stored scene cannot be loaded: {error}") from None


# The kind in our record decides, not the name in RQ's entry: who can write to RQ must not choose what runs here.
TASKS: dict[JobKind, Callable[[TaskContext, JobRecord, str, Progress], dict[str, Any] | HandOver]] = {
    "retarget": retarget_job,
    "inspect": inspect_job,
}


def _imported(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    return cast(Callable[..., Any], getattr(importlib.import_module(module), name))
