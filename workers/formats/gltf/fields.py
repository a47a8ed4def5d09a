"""Typed access to glTF's JSON: every field is checked for its type and range, and an error names its JSON pointer.

A boolean is never a number and 1.0 is never an index; a length written as 8.0 is read as 8, as JSON Schema has
it. Nothing here knows what a field means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.contract.errors import ParseFailed

Json = dict[str, Any]


def bad_field(where: str, what: str) -> ParseFailed:
    return ParseFailed(f"{where}: {what}; the file is damaged: export it again")


def objects(parent: Json, key: str, where: str = "") -> list[Json]:
    """The array of objects at `key`, empty where it is absent."""
    value = parent.get(key, [])
    if type(value) is not list or not set(map(type, value)) <= {dict}:
        raise bad_field(f"{where}/{key}", "must be an array of objects")
    return value


def child(parent: Json, key: str, where: str) -> Json:
    """The object at `key`, which must be there."""
    value = parent.get(key)
    if type(value) is not dict:
        raise bad_field(f"{where}/{key}", "must be an object")
    return value


def text(parent: Json, key: str, where: str) -> str | None:
    value = parent.get(key)
    if value is not None and type(value) is not str:
        raise bad_field(f"{where}/{key}", "must be a string")
    return value


def integer(parent: Json, key: str, where: str, default: int | None = None, minimum: int = 0) -> int:
    """A whole number of at least `minimum`; required where `default` is None."""
    value = parent.get(key, default)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not minimum <= value < 2**53:
        shown = "is missing" if value is None else f"must be a whole number of at least {minimum}, not {value!r:.40}"
        raise bad_field(f"{where}/{key}", shown)
    return value


def optional_index(parent: Json, key: str, count: int, where: str) -> int | None:
    """An index below `count`, or None where the key is absent."""
    return index(parent, key, count, where) if key in parent else None


def index(parent: Json, key: str, count: int, where: str) -> int:
    """An index below `count`, which must be there."""
    value = parent.get(key)
    if type(value) is int and 0 <= value < count:
        return value
    if type(value) is not int or value < 0:
        raise bad_field(f"{where}/{key}", "is missing" if value is None else f"must be an index, not {value!r:.40}")
    raise bad_field(f"{where}/{key}", f"refers to entry {value}, but there are {count}")


def index_column(items: Sequence[Json], key: str, count: int, where: str) -> list[int]:
    """The index at `key` of each of many objects, below `count`; as `index`, but fast for thousands."""
    values: list[Any] = [item.get(key) for item in items]
    if values and not (set(map(type, values)) == {int} and min(values) >= 0 and max(values) < count):
        return [index(item, key, count, f"{where}/{number}") for number, item in enumerate(items)]
    return values


def indices(parent: Json, key: str, count: int, where: str) -> list[int]:
    """An array of different indices below `count`, empty where the key is absent."""
    value = parent.get(key, [])
    if type(value) is not list or not set(map(type, value)) <= {int}:
        raise bad_field(f"{where}/{key}", "must be an array of indices")
    if any(not 0 <= item < count for item in value):
        raise bad_field(f"{where}/{key}", f"refers to an entry that is not there (there are {count})")
    if len(set(value)) != len(value):
        raise bad_field(f"{where}/{key}", "lists an entry twice")
    return value


def numbers(parent: Json, key: str, size: int, where: str) -> NDArray[np.float64] | None:
    """A finite vector of exactly `size` numbers, or None where the key is absent."""
    value = parent.get(key)
    if value is None and key not in parent:
        return None
    if type(value) is not list or len(value) != size or not set(map(type, value)) <= {int, float}:
        raise bad_field(f"{where}/{key}", f"must be an array of {size} numbers")
    try:
        result = np.array(value, dtype=np.float64)
    except OverflowError:
        raise bad_field(f"{where}/{key}", "holds a number beyond all measure") from None
    if not np.all(np.abs(result) < 1e30):
        raise bad_field(f"{where}/{key}", "holds a number that is infinite or beyond all measure")
    return result
