"""Jobs timed in processes of their own: warm ones in a process that stays, cold ones as whole `retarget run` commands.

A `Tree` is the checkout whose code runs, this one or another. Both kinds run in an empty folder, so that no code beside
it is taken, and without a cache folder of the user's.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from workers.contract.errors import InternalError, InvalidOptions

CHILD = Path(__file__).with_name("job_child.py")
THIS_TREE = Path(__file__).resolve().parents[3]
TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class JobTiming:
    """One job: seconds on the clock and of the processor, seconds by stage, and the process's most memory."""

    clock_s: float
    processor_s: float
    stages_s: dict[str, float]
    frames: int
    peak_mib: float


@dataclass(frozen=True)
class Setting:
    """What is asked of a job. `environment` holds what is no option but a setting of the worker."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def flags(self) -> list[str]:
        """The options as flags of `retarget run`."""
        return [word for name, value in self.options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


DEFAULT = Setting("default")
WITHOUT_SCORES = Setting("without scores", {"encoder": "none"}, {"RETARGET_SURFACE_SCORES": "off"})


@dataclass(frozen=True)
class Tree:
    """A checkout of this project, under the name it has in a table."""

    name: str
    folder: Path

    def environment(self, setting: Setting | None = None) -> dict[str, str]:
        """What its processes start with: ours, but for settings that would change what is measured."""
        dropped = ("RETARGET_CACHE_DIR", "RETARGET_SURFACE_SCORES", "RETARGET_ENCODER")
        ours = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**ours, "PYTHONPATH": str(self.folder), **(setting.environment if setting else {})}


def this_tree() -> Tree:
    return Tree("this", THIS_TREE)


def other_tree(folder: Path) -> Tree:
    """Another checkout. Raises InvalidOptions where the folder is none."""
    if not (folder / "workers" / "engine" / "engine.py").is_file():
        raise InvalidOptions(f"--before: {str(folder)!r} is no checkout of this project")
    return Tree("before", folder.resolve())


class JobProcess:
    """A process with the code of one tree that runs one job after another, as a worker's does."""

    def __init__(self, tree: Tree, setting: Setting) -> None:
        self.tree, self.setting = tree, setting
        self._folder = tempfile.TemporaryDirectory(prefix="retarget-bench-")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(CHILD)],  # -P: what lies beside the script is no package of this process
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder.name,
            env=tree.environment(setting),
        )

    def __enter__(self) -> JobProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        if kind is not None:
            self._process.kill()
        with suppress(BrokenPipeError):  # it may have ended with a request unread
            self._process.stdin.close()
        self._process.wait(TIMEOUT_S)
        self._process.stdout.close()
        self._folder.cleanup()

    def run(self, motion: Path, character: Path) -> JobTiming:
        """Raises InternalError where the process ends instead of answering; its own words are on stderr."""
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {"motion": str(motion), "character": str(character), "options": self.setting.options}
        self._process.stdin.write(json.dumps({**request, "environment": self.setting.environment}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise InternalError(f"the measured process ({self.tree.name}) ended with code {self._process.wait()}")
        return JobTiming(**json.loads(line))


def run_cold(tree: Tree, setting: Setting, motion: Path, character: Path) -> JobTiming:
    """A whole `retarget run`, from the start of Python to its end. Raises InternalError where it fails."""
    with tempfile.TemporaryDirectory(prefix="retarget-bench-") as folder:
        command = [sys.executable, "-m", "service.cli", "run", str(motion), str(character), "-o", "out.glb"]
        command += ["--report", "report.json", *setting.flags]
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command, cwd=folder, env=tree.environment(setting), capture_output=True, text=True, timeout=TIMEOUT_S
        )
        clock_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise InternalError(f"retarget run ({tree.name}) ended with {done.returncode}: {done.stderr[-500:]}")
        report = json.loads((Path(folder) / "report.json").read_text())
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return JobTiming(clock_s, used_s, report["timings_s"], report["target"]["frames"], float("nan"))
