"""Any exception that ends a job, as the one typed error that users see."""

from __future__ import annotations

import errno

from workers.contract.errors import InternalError, OutOfMemory, RetargetError, Unavailable

_CUDA_ERRORS = ("AcceleratorError", "CudaError")
_OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "cannot allocate memory")


def as_typed_error(error: Exception) -> tuple[RetargetError, str | None]:
    """The error users see, and why the process has to be replaced after it, if it has to."""
    text = str(error).lower()
    name = type(error).__name__
    if isinstance(error, RetargetError):
        return error, "ran out of memory" if isinstance(error, OutOfMemory) else None
    if (
        isinstance(error, MemoryError)
        or name == "OutOfMemoryError"
        or any(part in text for part in _OUT_OF_MEMORY_TEXTS)
    ):
        return OutOfMemory("the job needs more memory than a worker may take; send a shorter clip or a smaller mesh"), (
            "ran out of memory"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("the server's disk is full; try again later", retry_after=60), None
    worn_out = "the GPU reported an error" if name in _CUDA_ERRORS or "cuda error" in text else None
    return InternalError(
        f"an unexpected {name} ended the job; this is a bug, the server's log has the details"
    ), worn_out
