"""Exceptions that say the machine gave out and not the code: memory, the GPU, the disk. Judged without their libraries.

Nothing computed after one of them can be relied on in this process; which error users see is left to
`workers.queue.failures`.
"""

from __future__ import annotations

import errno

_CUDA_ERRORS = ("AcceleratorError", "CudaError")
_OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it was memory that ran out, the process's or the GPU's."""
    text = str(error).lower()
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(part in text for part in _OUT_OF_MEMORY_TEXTS)


def is_gpu_failure(error: BaseException) -> bool:
    """Whether the GPU reported an error, after which it answers this process nothing but errors."""
    return type(error).__name__ in _CUDA_ERRORS or "cuda error" in str(error).lower()


def is_disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
