"""`content_key`: a name for what some values hold, the same in every process; equal values have equal keys.

For caches of what was computed of them. Arrays, numbers, texts, and dataclasses, mappings, sequences and sets of these;
of a dataclass what it was given, nothing that it keeps beside. What may change a result and is no value (the version of
the code, a choice) is to be given as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def content_key(*values: Any) -> str:
    """64 hexadecimal digits. Raises TypeError for a value of another kind."""
    digest = hashlib.sha256()
    for part in _parts(values):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes | memoryview]:
    """Bytes that tell a value from every other: each part says its kind and its length before its content."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects has no content of its own")
        whole = np.ascontiguousarray(value)
        yield f"a{whole.dtype.str}{whole.shape}".encode()
        if whole.size:
            yield whole.reshape(-1).view(np.uint8).data
    elif isinstance(value, str | bytes):
        content = value.encode() if isinstance(value, str) else value
        yield f"{'s' if isinstance(value, str) else 'b'}{len(content)}:".encode()
        yield content
    elif value is None or isinstance(value, bool | int | float | np.generic):
        yield f"v{value!r};".encode()
    elif is_dataclass(value) and not isinstance(value, type):
        yield f"d{type(value).__qualname__}".encode()
        yield from _parts([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, Mapping):
        yield f"m{len(value)}".encode()
        for name, item in value.items():
            yield from _parts(name)
            yield from _parts(item)
    elif isinstance(value, Set):
        yield from _parts(sorted(content_key(item) for item in value))
    elif isinstance(value, Sequence):
        yield f"l{len(value)}".encode()
        for item in value:
            yield from _parts(item)
    else:
        raise TypeError(f"{type(value).__name__} has no content key")
