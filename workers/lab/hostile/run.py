"""`retarget evaluate hostile`: malformed and mutated files as motion and as character, over HTTP and the command line.

What is asked of each file: one typed error or a result, never a crash, a traceback, a hang; and a glTF whose structure
is broken by the Khronos validator's word must be refused. The other half of each job is one of our samples, cut to its
first moments, since reading is on trial.

Of the validator's errors (severity 0) those in FATAL mean that indices or bytes cannot be trusted. The others, such as
declared bounds that a changed vertex no longer meets or a colour out of range, concern looks, which the service hands
back as they came; files accepted with them are counted apart.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from workers.lab.gltf_validator import find_validator
from workers.lab.hostile.command import WarmCommand
from workers.lab.hostile.files import HostileFile
from workers.lab.hostile.http import ServerLog, hostile_server
from workers.samples.write import sample_files

Role = Literal["motion", "character"]
Way = Literal["cli", "http"]
WAYS: tuple[Way, ...] = ("cli", "http")
HANG_S = 30.0
REAL_PROCESS_EVERY = 50  # of the calls of the command line one in so many starts a process of its own
OPTIONS = {"end_s": 0.3}
FATAL = frozenset({
    "ACCESSOR_TOO_LONG", "ACCESSOR_SMALL_BYTESTRIDE", "BUFFER_VIEW_TOO_LONG", "BUFFER_MISSING_GLB_DATA",
    "BUFFER_BYTE_LENGTH_MISMATCH", "GLB_CHUNK_TOO_BIG", "GLB_DUPLICATE_CHUNK", "GLB_INVALID_MAGIC",
    "GLB_INVALID_VERSION", "GLB_LENGTH_MISMATCH", "GLB_UNEXPECTED_END_OF_CHUNK_DATA",
    "GLB_UNEXPECTED_END_OF_CHUNK_HEADER", "GLB_UNEXPECTED_END_OF_HEADER", "GLB_UNEXPECTED_FIRST_CHUNK", "IO_ERROR",
    "NODE_LOOP", "NODE_PARENT_OVERRIDE", "SCENE_NON_ROOT_NODE", "UNKNOWN_ASSET_MAJOR_VERSION", "INVALID_JSON",
})  # fmt: skip
# Of references that lead nowhere those that the service follows; textures and samplers are none of its business.
FOLLOWED = frozenset({"nodes", "skins", "meshes", "animations", "accessors", "bufferViews", "scenes", "scene"})
TRACES = ("Traceback (most recent call last)", 'File "/')


@dataclass(frozen=True)
class Case:
    """One file in one role by one way."""

    file: HostileFile
    role: Role
    way: Way


@dataclass(frozen=True)
class Outcome:
    """`code` is `ok`, or that of the error, or `crash` and `hang`, which must not be."""

    label: str
    kind: str
    role: Role
    way: Way
    code: str
    detail: str
    seconds: float
    crashed: bool = False
    traced: bool = False
    hung: bool = False
    validator: frozenset[str] = frozenset()  # errors (severity 0) in a file that was accepted
    fatal: bool = False  # one of them means that the file cannot be trusted


@dataclass
class Tally:
    """Counts over all outcomes, and what the processes held."""

    cases: int = 0
    codes: dict[str, Counter[str]] = field(default_factory=dict)
    crashes: int = 0
    tracebacks: int = 0
    hangs: int = 0
    internal: int = 0
    fatal_accepted: int = 0
    accepted_with_errors: Counter[str] = field(default_factory=Counter)
    validated: int = 0
    slowest_s: float = 0.0
    parser_deaths: int = 0
    parser_peak_mib: int = 0
    command_peak_mib: int = 0

    def add(self, outcome: Outcome) -> None:
        self.cases += 1
        self.codes.setdefault(f"{outcome.way} {outcome.role}", Counter())[outcome.code] += 1
        self.crashes += outcome.crashed
        self.tracebacks += outcome.traced
        self.hangs += outcome.hung
        self.internal += outcome.code in ("internal", "none")
        self.fatal_accepted += outcome.fatal
        self.accepted_with_errors.update(outcome.validator)
        self.slowest_s = max(self.slowest_s, outcome.seconds)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        codes = {way: dict(counts) for way, counts in self.codes.items()}
        return {**vars(self), "codes": codes, "accepted_with_errors": dict(self.accepted_with_errors)}

    @property
    def clean(self) -> bool:
        return not (self.crashes or self.tracebacks or self.hangs or self.internal or self.fatal_accepted)


def plan(files: Iterable[HostileFile], ways: Iterable[Way], every_combination: bool) -> Iterator[Case]:
    """Each file in both roles by all ways, or each in one of these in turn."""
    ways = tuple(ways)
    roles: tuple[Role, ...] = ("motion", "character")
    combinations = [(role, way) for way in ways for role in roles]
    turn = itertools.cycle(combinations)
    for file in files:
        for role, way in combinations if every_combination else [next(turn)]:
            yield Case(file, role, way)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """One variable of the environment set for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class HostileStudy:
    """Runs cases; a context manager that starts what it needs and leaves nothing behind."""

    def __init__(self, jobs: int, with_http: bool) -> None:
        self._jobs = jobs
        self._with_http = with_http
        samples = sample_files()
        self._motion = next((name, data) for name, data in samples.items() if name.endswith(".bvh"))
        self._character = next((name, data) for name, data in samples.items() if name.endswith(".glb"))
        self._local = threading.local()
        self._commands: list[WarmCommand] = []
        self._validator = find_validator()
        self._calls = itertools.count()
        self._stack = ExitStack()
        self._log: Path | None = None
        self.validates = self._validator is not None

    def __enter__(self) -> HostileStudy:
        with self._stack as stack:
            # For the processes started from here: what is fed to them is to break readers, not to be rendered.
            stack.enter_context(_environment("RETARGET_ENCODER", "none"))
            stack.enter_context(_environment("RETARGET_SURFACE_SCORES", "off"))
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retarget-hostile-")))
            if self._with_http:
                server = hostile_server(self._folder / "server", self._jobs, HANG_S)
                (self._folder / "server").mkdir()
                self._server, self._log = stack.enter_context(server)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for command in self._commands:
            command.close()
        self._stack.close()

    def run(self, cases: Iterable[Case], on_outcome: Callable[[Outcome], None] = lambda outcome: None) -> Tally:
        """Every case, `jobs` at a time; the tally at the end."""
        tally = Tally()
        with ThreadPoolExecutor(self._jobs) as pool:
            for outcome in pool.map(self._one, cases):
                tally.add(outcome)
                tally.validated += bool(self._validator and outcome.code == "ok" and outcome.kind in ("glb", "gltf"))
                on_outcome(outcome)
        tally.command_peak_mib = max((command.peak_bytes for command in self._commands), default=0) // 2**20
        if self._log is not None:
            log = ServerLog(self._log.read_text(errors="replace"))
            tally.crashes += log.worker_deaths
            tally.parser_deaths, tally.parser_peak_mib = log.parser_deaths, log.parser_peak_mib
        return tally

    def _one(self, case: Case) -> Outcome:
        outcome = self._by_http(case) if case.way == "http" else self._by_command(case)
        if outcome.code != "ok" or case.file.kind not in ("glb", "gltf") or self._validator is None:
            return outcome
        errors, fatal = self._errors_of(case.file)
        return replace(outcome, validator=errors, fatal=fatal)

    def _by_http(self, case: Case) -> Outcome:
        sent = {case.file.name: case.file.data, **case.file.neighbours}
        parts = {
            "motion": sent if case.role == "motion" else dict([self._motion]),
            "character": sent if case.role == "character" else dict([self._character]),
        }
        end = self._server.post(parts, OPTIONS)
        traced = any(trace in end.body for trace in TRACES)
        code = "hang" if end.hung else end.code
        return Outcome(
            case.file.label, case.file.kind, case.role, "http", code, end.detail, end.seconds,
            crashed=end.attempts > 1, traced=traced, hung=end.hung or end.seconds > HANG_S,
        )  # fmt: skip

    def _by_command(self, case: Case) -> Outcome:
        number = next(self._calls)
        folder = self._folder / f"case{number}"
        folder.mkdir()
        beside = [*case.file.neighbours.items(), self._motion, self._character]
        for name, data in [*beside, (case.file.name, case.file.data)]:
            (folder / name).write_bytes(data)
        chosen = {"motion": self._motion[0], "character": self._character[0], case.role: case.file.name}
        out = folder / "out.glb"
        argv = ["run", str(folder / chosen["motion"]), str(folder / chosen["character"]), "-o", str(out)]
        argv += ["--format", "glb", *(f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items())]
        end = self._command().call(argv) if number % REAL_PROCESS_EVERY else _real_process(argv)
        with suppress(OSError):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
        last = end.stderr.strip().rpartition("\n")[2]
        code = "ok" if end.exit_code in (0, 5) else "crash" if end.exit_code is None else _code_of(last)
        if end.hung:
            code = "hang"
        return Outcome(
            case.file.label, case.file.kind, case.role, "cli", code, end.death or last, end.seconds,
            crashed=end.exit_code is None and not end.hung, traced=any(t in end.stderr for t in TRACES),
            hung=end.hung or end.seconds > HANG_S,
        )  # fmt: skip

    def _command(self) -> WarmCommand:
        if not hasattr(self._local, "command"):
            self._local.command = WarmCommand(HANG_S)
            self._commands.append(self._local.command)
        command: WarmCommand = self._local.command
        return command

    def _errors_of(self, file: HostileFile) -> tuple[frozenset[str], bool]:
        """Codes of severity 0 in a file that was accepted, and whether one of them is fatal."""
        assert self._validator is not None
        report = self._validator.validate(file.data, file.neighbours)
        if "failure" in report:
            return frozenset({"FAILURE"}), True
        errors = [m for m in report["issues"]["messages"] if m["severity"] == 0]
        codes = frozenset(m["code"] for m in errors)
        broken = {str(m.get("pointer", "/")).split("/")[1] for m in errors if m["code"] == "UNRESOLVED_REFERENCE"}
        return codes, bool(codes & FATAL or broken & FOLLOWED)


def _code_of(line: str) -> str:
    """The code of `error: <code>: ...`; `none` for anything else, which is a bug."""
    word, _, rest = line.partition(": ")
    return rest.partition(": ")[0] if word == "error" else "none"


def _real_process(argv: list[str]) -> Any:
    from workers.lab.hostile.command import CommandEnd

    try:
        done = subprocess.run(
            [sys.executable, "-m", "service.cli", *argv], capture_output=True, text=True, timeout=HANG_S, check=False
        )
    except subprocess.TimeoutExpired:
        return CommandEnd(None, "", "", HANG_S, "no end", hung=True)
    code = done.returncode if done.returncode >= 0 else None
    return CommandEnd(code, done.stdout[-2000:], done.stderr[-4000:], 0.0, "" if code is not None else "died")


def shuffled(files: list[HostileFile], seed: int) -> list[HostileFile]:
    """In an order that mixes the kinds, so that a cut run still sees all of them."""
    return random.Random(seed).sample(files, len(files))
