"""A score that fails costs itself and never the result: it is absent, with the reason, and a warning names it.

The log gets the traceback (`retarget.scores`). What is no fault of a score still ends the job: whatever the caller's
`on_step` raises (a job that is cancelled or out of time), memory, GPU or disk that gave out, and the typed errors of a
request that cannot be met, but for OutputInvalid, by which an encoder says that it gave nothing usable.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from workers.contract.errors import OutputInvalid, RetargetError
from workers.platform.exhaustion import is_disk_full, is_gpu_failure, is_out_of_memory
from workers.skeleton.model import Notice

LOG = logging.getLogger("retarget.scores")
if not os.environ.get("RETARGET_TRACEBACK"):
    LOG.addHandler(logging.NullHandler())  # a program without logging prints tracebacks only where asked to

# How the reason begins of a score that was there to be measured and failed: the verdict never passes over it.
FAILED = "could not be measured"

Value = TypeVar("Value")
Told = ParamSpec("Told")


@dataclass(frozen=True)
class ScoreFailure:
    """`what` failed, in words that go before "could not be scored", and the name of the exception."""

    what: str
    error: str

    @property
    def reason(self) -> str:
        """What `not_applicable` says."""
        return f"{FAILED}: an unexpected {self.error}"

    def notice(self) -> Notice:
        text = f"{self.what} could not be scored: an unexpected {self.error}"
        return Notice("score-failed", f"{text}; the result itself is unharmed. This is a bug, please report the files")


def ends_the_job(error: Exception) -> bool:
    """Whether an exception is no fault of the score that it was raised in."""
    if isinstance(error, RetargetError):
        return not isinstance(error, OutputInvalid)
    return is_out_of_memory(error) or is_gpu_failure(error) or is_disk_full(error)


def failure(what: str, error: Exception) -> ScoreFailure:
    """The failure of a score, noted in the log. To be called while the exception is handled; raises it again where it
    ends the job.
    """
    if ends_the_job(error):
        raise error
    LOG.error("score-failed: %s could not be scored: %s", what, type(error).__name__, exc_info=error)
    return ScoreFailure(what, type(error).__name__)


@dataclass
class Attempts:
    """The scores of one clip that are measured by steps, and what of them failed."""

    failures: list[ScoreFailure] = field(default_factory=list)
    _stopped: bool = False

    def passing(self, on_step: Callable[Told, None]) -> Callable[Told, None]:
        """`on_step` for an attempt: what it raises is told from what the score raises."""

        def told(*args: Told.args, **kwargs: Told.kwargs) -> None:
            try:
                on_step(*args, **kwargs)
            except BaseException:
                self._stopped = True
                raise

        return told

    def attempt(self, what: str, measure: Callable[[], Value], otherwise: Callable[[str], Value]) -> Value:
        """What `measure` gives, or `otherwise` with the reason why it gives nothing."""
        try:
            return measure()
        except Exception as error:
            if self._stopped:
                raise
            failed = failure(what, error)
        self.failures.append(failed)
        return otherwise(failed.reason)
