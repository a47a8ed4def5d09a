"""What a result depends on beside its files and options, for those who keep results: the version of the engine, which
encoder it is scored with, by content, and what the environment switches.
"""

from __future__ import annotations

import os

from model_store.status import resolve
from workers.contract.engine_version import ENGINE_VERSION
from workers.semantics.choice import choose_encoder

SETTINGS = ("RETARGET_SURFACE_SCORES", "RETARGET_DEVICE")


def circumstances() -> list[str | None]:
    """The same list, the same results; without the encoder, which is the job's."""
    return [ENGINE_VERSION, *(os.environ.get(name) for name in SETTINGS)]


def encoder_identity(wanted: str | None) -> str:
    """The content of the encoder that a job is scored with, or why there is none; `wanted` is its option.

    Raises InvalidOptions, ModelUnavailable for one that cannot be had.
    """
    choice = choose_encoder(wanted)
    return choice.reason if choice.reference is None else resolve(choice.reference).identity
