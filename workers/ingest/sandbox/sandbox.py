"""The ingest sandbox: files are read in a confined process of their own, and come back as a stored scene.

What the process may do, and what that rests on, is `workers.ingest.sandbox.confinement`; the form of the result,
`workers.ingest.stored.scene_store`: it is checked again here, so that even a process that its file has taken over can
hand over nothing but a well-formed scene. One process is kept warm (starting one takes 0.1 s on an idle machine), reads
a limited number of files, one at a time, and is replaced at once when it dies.

The workers of the service read every upload this way. The command line reads BVH and glTF in its own process, within
the same `Limits` and with the same typed errors: it reads its user's own files, with Python and numpy, which no file
makes write outside their arrays; and another process to start and ask adds about 40 % to `retarget inspect` (measured:
0.5 s to 1.3 s on a busy machine, 0.15 s to 0.4 s on an idle one). FBX goes through native code, and so through a child
process there too, which inherits everything here when it is started by the sandbox.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from workers.contract.errors import InternalError, OutOfMemory
from workers.formats.bundle import FileBundle
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.ingest.sandbox.confinement import SandboxLimits
from workers.ingest.sandbox.process import OnWait, SandboxAnswer, SandboxKilled, SandboxProcess, check_size
from workers.ingest.stored.scene_file import SceneFileUnusable
from workers.ingest.stored.scene_store import load_scene
from workers.platform.processes import memory_kills
from workers.skeleton.model import Scene

READER = "workers.formats.read:read_scene"
ATTEMPTS = 2  # of a process that somebody else kills


@dataclass(frozen=True, eq=False)
class SandboxedScene:
    """A scene read in the sandbox. `stored` is its stored form, for a cache; `peak_bytes` what reading it took."""

    scene: Scene
    stored: memoryview
    peak_bytes: int


class Sandbox:
    """Reads bundles one at a time; threads take turns. To be opened in a thread that stays, and closed."""

    def __init__(self, limits: SandboxLimits | None = None, reader: str = READER) -> None:
        """Starts the first process, without waiting for it. `reader` is `module:name`; only tests name another."""
        self.limits = limits or SandboxLimits()
        self._reader = reader
        self._turn = threading.Lock()
        self._process: SandboxProcess | None = SandboxProcess(reader, self.limits)

    def read(
        self,
        bundle: FileBundle,
        limits: Limits = DEFAULT_LIMITS,
        *,
        wall_s: float | None = None,
        on_wait: OnWait = lambda: None,
    ) -> SandboxedScene:
        """The scene in a bundle; a zip is unpacked inside. `on_wait` is called a few times a second and may raise.

        Raises what reading raises, JobTimeout after `wall_s` (by default that of the sandbox's limits), ParseFailed or
        TooLarge for a file that ended the process, OutOfMemory where the system did, Unavailable where none starts.
        """
        check_size(bundle.data, limits, bundle.name)
        with self._turn:
            answer = self._ask(bundle, limits, self.limits.wall_s if wall_s is None else wall_s, on_wait)
        try:
            return SandboxedScene(load_scene(answer.scene, limits), memoryview(answer.scene), answer.peak_bytes)
        except SceneFileUnusable:
            raise InternalError(f"{bundle.name}: the parsing process wrote no readable scene; please report") from None

    def _ask(self, bundle: FileBundle, limits: Limits, wall_s: float, on_wait: OnWait) -> SandboxAnswer:
        for _ in range(ATTEMPTS):
            kills = memory_kills()
            try:
                return self._fresh().read(bundle, limits, wall_s, on_wait)
            except SandboxKilled:
                if memory_kills() > kills:
                    raise OutOfMemory(
                        f"{bundle.name}: the system ended the parsing process for want of memory; "
                        "try again later, or reduce the file"
                    ) from None
            finally:
                self._replace_worn_out()
        raise InternalError(f"{bundle.name}: the parsing process was killed {ATTEMPTS} times; try again")

    @property
    def kept_off(self) -> list[str]:
        """What keeps the process off the network: `namespace`, `seccomp` or both."""
        process = self._fresh()
        process.wait_ready()
        return process.kept_off

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _fresh(self) -> SandboxProcess:
        if self._process is None:
            self._process = SandboxProcess(self._reader, self.limits)
        return self._process

    def _replace_worn_out(self) -> None:
        """The next process starts now, and imports while nobody waits for it."""
        process = self._process
        if process is not None and (not process.usable or process.files >= self.limits.files):
            process.kill()
            self._process = SandboxProcess(self._reader, self.limits)
