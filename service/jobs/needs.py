"""What a job needs of the worker that retargets, beyond what every worker can do: a few words made from its options.

A job that waits for such a worker travels on a queue of its own, `retarget:WORDS` (`service.jobs.queue`); workers take
from those whose words they can do (`workers.queue.abilities`). Words are `method:NAME`, `refine:NAME`, `encoder:NAME`,
`preview:FORMAT` and `scene:glb`, sorted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BASE_METHODS = ("auto", "analytic")
SEPARATOR = "+"


def needs_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The words for a job's options, which may be incomplete; empty where any worker that retargets will do."""
    words = []
    if options.get("method", "auto") not in BASE_METHODS:
        words.append(f"method:{options['method']}")
    if options.get("refine", "none") != "none":
        words.append(f"refine:{options['refine']}")
    if options.get("encoder") not in (None, "none"):
        words.append(f"encoder:{options['encoder']}")
    if options.get("preview"):
        words.append(f"preview:{options.get('preview_format', 'webp')}")
    if options.get("scene"):
        words.append("scene:glb")
    return tuple(sorted(words))


def written(words: tuple[str, ...]) -> str:
    """As part of a queue's name."""
    return SEPARATOR.join(words)


def read(text: str) -> tuple[str, ...]:
    """The inverse of `written`."""
    return tuple(text.split(SEPARATOR)) if text else ()
