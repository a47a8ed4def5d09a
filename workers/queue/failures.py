"""Any exception that ends a job, as the one typed error that users see."""

from __future__ import annotations

from workers.contract.errors import InternalError, OutOfMemory, RetargetError, Unavailable
from workers.platform.exhaustion import is_disk_full, is_gpu_failure, is_out_of_memory


def as_typed_error(error: Exception) -> tuple[RetargetError, str | None]:
    """The error users see, and why the process has to be replaced after it, if it has to."""
    if isinstance(error, RetargetError):
        return error, "ran out of memory" if isinstance(error, OutOfMemory) else None
    if is_out_of_memory(error):
        return OutOfMemory("the job needs more memory than a worker may take; send a shorter clip or a smaller mesh"), (
            "ran out of memory"
        )
    if is_disk_full(error):
        return Unavailable("the server's disk is full; try again later", retry_after=60), None
    worn_out = "the GPU reported an error" if is_gpu_failure(error) else None
    return InternalError(
        f"an unexpected {type(error).__name__} ended the job; this is a bug, the server's log has the details"
    ), worn_out
