"""What the service adds to a job beside its engine, and what its gateway costs: one gateway, Redis, one worker.

    overhead     from the first byte of a post to its answer (`Prefer: wait`), less the seconds of the report's stages;
                 one job after the other, each motion new, no scores
    gateway      processor seconds of the gateway for such a job, upload included
    reads        GET of a job that has ended, over connections kept open: a second of the gateway's processor
    growth       memory of gateway and Redis over many jobs of stored files, whose result is known after the first

Processor time and the gateway's memory are what the kernel says of the process (Linux), so that the client's work does
not count; Redis's memory is what it says itself.
"""

from __future__ import annotations

import http.client
import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from service.commands.demo import FINAL, post_form, running_server
from workers.contract.errors import InternalError
from workers.lab.bench.batches import embedded_redis, used_bytes
from workers.lab.bench.job_process import WITHOUT_SCORES, Tree
from workers.lab.bench.process_tree import child_with, memory_mib, tree_processor_s

WARM_UPS = 2
READS = 3000
BATCH = 200  # jobs posted before the last of them is waited for


@dataclass(frozen=True)
class Overhead:
    """Seconds, but `reads_per_core_s`; `redis_kib` and `gateway_kib` are grown memory for each of `many` jobs."""

    jobs: int
    overhead_s: dict[str, float]  # p50, p95, max
    gateway_s: float
    reads_per_core_s: float
    many: int
    many_gateway_s: float
    gateway_kib: float
    redis_kib: float


def time_overhead(tree: Tree, motions: Sequence[Path], character: Path, many: int) -> Overhead:
    """All but the first `WARM_UPS` motions are measured. Raises InternalError where a job does not succeed."""
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as folder, (Path(folder) / "log").open("w") as log:
        environment, data = tree.environment(WITHOUT_SCORES), Path(folder) / "data"
        with running_server(data, log, environment=environment, cwd=Path(folder)) as url, ExitStack() as stack:
            server = child_with(os.getpid(), "serve", str(data)) or 0
            gateway = child_with(server, "gateway") or 0
            client, redis = _Client(url), stack.enter_context(embedded_redis(data))
            options = json.dumps(WITHOUT_SCORES.options)
            stored = client.store("characters", character)
            for motion in motions[:WARM_UPS]:
                client.post_and_wait(motion, stored, options)
            before = tree_processor_s(gateway) or 0.0
            added = [client.post_and_wait(motion, stored, options) for motion in motions[WARM_UPS:]]
            spent_s = (tree_processor_s(gateway) or 0.0) - before
            reads = client.read_often(gateway)
            ids = {"motion": client.store("motions", motions[0]), "character": stored}
            client.post_many(ids, json.loads(options), BATCH)
            start, held = tree_processor_s(gateway) or 0.0, (memory_mib(gateway), used_bytes(redis))
            client.post_many(ids, json.loads(options), many)
            many_s = (tree_processor_s(gateway) or 0.0) - start
            gateway_kib = 1024.0 * (memory_mib(gateway) - held[0]) / many
            redis_kib = (used_bytes(redis) - held[1]) / 1024.0 / many
    shares = {"p50": 50.0, "p95": 95.0, "max": 100.0}
    return Overhead(
        jobs=len(added),
        overhead_s={name: float(np.percentile(added, share)) for name, share in shares.items()},
        gateway_s=spent_s / len(added),
        reads_per_core_s=reads,
        many=many,
        many_gateway_s=many_s / many,
        gateway_kib=gateway_kib,
        redis_kib=redis_kib,
    )


class _Client:
    """One connection that is kept open."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        self._last = ""

    def _json(self, method: str, path: str, body: object = None) -> dict[str, object]:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise InternalError(f"{method} {path}: {answer.status} {text[:200]!r}")
        found: dict[str, object] = json.loads(text)
        return found

    def store(self, kind: str, path: Path) -> str:
        return str(json.loads(post_form(f"{self._url}/v1/{kind}", {"file": path}, {})[1])["id"])

    def post_and_wait(self, motion: Path, character: str, options: str) -> float:
        """Seconds of a job beyond those that its stages took."""
        start = time.perf_counter()
        headers, _ = post_form(f"{self._url}/v1/jobs", {"motion": motion}, {"character": character, "options": options})
        self._last = urlsplit(headers["location"]).path
        job = self._json("GET", f"{self._last}?wait=60")
        seconds = time.perf_counter() - start
        if job["status"] != "succeeded":
            raise InternalError(f"a job of the bench ended {job['status']}: {job['error']}")
        timings = self._json("GET", f"{self._last}/report")["timings_s"]
        assert isinstance(timings, dict)
        return seconds - sum(float(value) for value in timings.values())

    def read_often(self, gateway: int) -> float:
        """Reads of the last job's state for each second of the gateway's processor."""
        before = tree_processor_s(gateway) or 0.0
        for _ in range(READS):
            self._json("GET", self._last)
        return READS / max((tree_processor_s(gateway) or 0.0) - before, 1e-9)

    def post_many(self, ids: dict[str, str], options: object, count: int) -> None:
        """Jobs on stored files, `BATCH` at a time; returns when all have ended."""
        for start in range(0, count, BATCH):
            posted = [
                self._json("POST", "/v1/jobs", {**ids, "options": options}) for _ in range(min(BATCH, count - start))
            ]
            while self._json("GET", f"/v1/jobs/{posted[-1]['id']}?wait=30")["status"] not in FINAL:
                pass
