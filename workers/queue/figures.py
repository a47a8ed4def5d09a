"""What a job process tells operators of itself: models that it loaded, memory of the GPU that it works on.

Never the first to import torch or an encoder: it looks only at what is there already.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter

from redis import Redis, RedisError

from service.records import PREFIX

LOG = logging.getLogger("retarget.job_process")
MODEL_LOADS = f"{PREFIX}:figures:model-loads"  # hash: model -> how often one of all job processes loaded it


class ModelLoads:
    """Counts each load once."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._told: Counter[str] = Counter()

    def tell(self) -> None:
        """Add what was loaded since the last time."""
        loading = sys.modules.get("workers.semantics.encoders.loading")
        new = Counter[str]() if loading is None else Counter(loading.LOADED) - self._told
        try:
            for name, number in new.items():
                self._redis.hincrby(MODEL_LOADS, name, number)
                self._told[name] += number
        except RedisError as error:
            LOG.warning("loads of models are not told: %s", error)


def gpu_memory() -> dict[str, int] | None:
    """`used` and `total` bytes of the GPU that torch works on here; None without one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info()
    return {"used": int(total - free), "total": int(total)}
