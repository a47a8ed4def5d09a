"""The rows that are to be computed, on several processes; what was computed before is taken as it is.

Rows come by character, so that a process prepares each once for the motions that follow. Each process has its share of
the cores' threads. A result is kept the moment it is there: a run that is stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from workers.contract.errors import OutOfMemory
from workers.gate.compute import compute, forget
from workers.gate.manifest import Pair
from workers.gate.outcome import RowOutcome
from workers.gate.results import Results
from workers.gate.row_key import RowKeys

Compute = Callable[[Pair, str], tuple[RowOutcome, dict[str, bytes]]]
OnRow = Callable[[int, int, str], None]  # rows done, rows to do, the last one's name


def run_rows(
    pairs: Sequence[Pair], results: Results, jobs: int, on_row: OnRow, work: Compute = compute
) -> tuple[list[RowOutcome], int]:
    """Outcomes in the order of the pairs, and how many of them were computed now. `work` computes one; it runs in other
    processes where `jobs` is more than 1. Raises what `RowKeys.key` raises, OutOfMemory where a process was killed.
    """
    keys = RowKeys()
    wanted = [(pair, keys.key(pair)) for pair in pairs]
    found = {key: kept for pair, key in wanted if (kept := results.get(key, pair.name)) is not None}
    missing = list({key: (pair, key) for pair, key in wanted if key not in found}.values())
    if jobs <= 1 or len(missing) <= 1:
        forget()
        for number, (pair, key) in enumerate(missing, 1):
            found[key] = _keep(results, *work(pair, key))
            on_row(number, len(missing), pair.name)
    else:
        _side_by_side(missing, results, min(jobs, len(missing)), on_row, work, found)
    return [found[key].model_copy(update={"row": pair.name}) for pair, key in wanted], len(missing)


def _side_by_side(
    missing: Sequence[tuple[Pair, str]],
    results: Results,
    jobs: int,
    on_row: OnRow,
    work: Compute,
    found: dict[str, RowOutcome],
) -> None:
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        waiting: dict[Future[RowOutcome], tuple[Pair, str]] = {
            pool.submit(_work_and_keep, work, pair, key, results.folder): (pair, key) for pair, key in missing
        }
        for number, done in enumerate(as_completed(waiting), 1):
            pair, key = waiting[done]
            found[key] = done.result()
            on_row(number, len(missing), pair.name)
    except BrokenProcessPool:
        raise OutOfMemory(
            "a process of the gate was killed, most likely for memory; what was done is kept: use fewer --jobs"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _work_and_keep(work: Compute, pair: Pair, key: str, folder: Path) -> RowOutcome:
    return _keep(Results(folder), *work(pair, key))


def _keep(results: Results, kept: RowOutcome, sheets: dict[str, bytes]) -> RowOutcome:
    """An outcome that says that we have a bug, or no room, is not kept: the next run tries again."""
    if kept.error not in ("internal", "out-of-memory", "timeout", "model-unavailable"):
        results.put(kept, sheets)
    return kept
