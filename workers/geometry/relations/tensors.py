"""Relations that were measured by numpy, as tensors, for a loss."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from torch import Tensor

from workers.geometry.relations.features import Relations


def as_tensors(found: Relations, like: Tensor) -> Relations:
    """The same relations on the device and of the floating type of `like`."""
    made: dict[str, Any] = {}
    for field in fields(found):
        value = getattr(found, field.name)
        made[field.name] = like.new_tensor(value) if isinstance(value, np.ndarray) else value
    return Relations(**made)
