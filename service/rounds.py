"""Rounds: work that is done every second or so in threads of this process, until it is told to stop.

A round that fails is logged, and the next one tries again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError


class Rounds:
    """Each of `works` in a thread of its own. `waits` says in the log what does not happen while Redis is away."""

    def __init__(
        self, name: str, works: Sequence[Callable[[], object]], log: logging.Logger, waits: str, patience_s: float
    ) -> None:
        """`stop` waits `patience_s` for each thread to end."""
        self.interval_s = 1.0
        self._log, self._waits, self._patience_s = log, waits, patience_s
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(work,), name=name, daemon=True) for work in works]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=self._patience_s)

    def _run(self, work: Callable[[], object]) -> None:
        while not self._stopped.wait(self.interval_s):
            try:
                work()
            except RedisError as error:
                self._log.warning("%s: Redis: %s", self._waits, error)
            except Exception:
                self._log.exception("a round failed; the next one tries again")
