"""Jobs a second through the whole service: gateway, embedded Redis and one worker, over HTTP, no motion posted twice.

The character is stored once and used by id, as a client with many motions does. What a job costs is the processor time
of all the service's processes while the jobs ran, by what the kernel says of them (Linux), so that other work on the
machine does not count.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from service.commands.demo import FINAL, post_form, request, running_server
from workers.contract.errors import InternalError
from workers.lab.bench.job_process import Setting, Tree
from workers.lab.bench.process_tree import child_with, tree_processor_s

WARM_UPS = 2  # the worker's models are loaded, the character has been seen
TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class ServiceTiming:
    """`jobs` posted at once: seconds on the clock until the last has ended, and of the processor, all processes."""

    jobs: int
    clock_s: float
    processor_s: float | None  # None where the system does not tell

    @property
    def jobs_per_s(self) -> float:
        return self.jobs / self.clock_s

    @property
    def jobs_per_core_s(self) -> float | None:
        """Jobs a second that one core would do, were it always busy."""
        return None if self.processor_s is None else self.jobs / self.processor_s


def time_service(tree: Tree, setting: Setting, motions: Sequence[Path], character: Path) -> ServiceTiming:
    """All but the first `WARM_UPS` motions are measured. Raises InternalError where a job does not succeed."""
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as folder, (Path(folder) / "log").open("w") as log:
        environment, data = tree.environment(setting), Path(folder) / "data"
        with running_server(data, log, environment=environment, cwd=Path(folder)) as url:
            _, stored = post_form(f"{url}/v1/characters", {"file": character}, {})
            post = _poster(url, json.loads(stored)["id"], setting)
            for motion in motions[:WARM_UPS]:
                _wait(post(motion))
            server = child_with(os.getpid(), "serve", str(data)) or 0
            used, start = tree_processor_s(server), time.perf_counter()
            addresses = [post(motion) for motion in motions[WARM_UPS:]]
            for address in addresses:
                _wait(address)
            clock_s, after = time.perf_counter() - start, tree_processor_s(server)
    spent = None if used is None or after is None else after - used
    return ServiceTiming(len(addresses), clock_s, spent)


def _poster(url: str, character: str, setting: Setting) -> Callable[[Path], str]:
    """What posts a motion and gives the job's address."""

    def post(motion: Path) -> str:
        fields = {"character": character, "options": json.dumps(setting.options)}
        headers, _ = post_form(f"{url}/v1/jobs", {"motion": motion}, fields)
        return urljoin(url, headers["location"])

    return post


def _wait(address: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        job = json.loads(request(f"{address}?wait=30")[2])
        if job["status"] in FINAL:
            if job["status"] != "succeeded":
                raise InternalError(f"a job of the bench ended {job['status']}: {job['error']}")
            return
    raise InternalError("a job of the bench did not end")
