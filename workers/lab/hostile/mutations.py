"""Seeded damage to good files: what hostile and broken files look like to a reader.

Each mutator takes bytes and a random source and gives other bytes. All work on any file; those for JSON need a GLB or
glTF, those for numbers need text. The same seed gives the same bytes.
"""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any

Mutator = Callable[[bytes, random.Random], bytes]

_NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])")
_NUMBERS = (
    b"-1", b"0", b"1", b"2147483647", b"-2147483648", b"4294967296", b"9223372036854775808", b"1e308", b"1e999",
    b"-1e999", b"nan", b"inf", b"1e-320", b"0.0", b"99999999", b"abc", b"", b"1.5", b"--1", b"1,5",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 2**31, 2**53, 2**63, 1.5, 1e308, -1e308, 1e-320, "", "x", "../../etc/passwd", "data:,",
    "http://127.0.0.1:6379/", "\ud800", [], {}, [[]], [0] * 5, [1e308] * 16, {"extensions": {}},
)  # fmt: skip
_LENGTHS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 3, 1 << 20, 1 << 33)


def flip_bytes(data: bytes, rng: random.Random) -> bytes:
    """One to 64 bytes changed, often in the first kilobyte, where headers are."""
    result = bytearray(data)
    reach = len(data) if rng.random() < 0.6 else min(len(data), 1024)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        place = rng.randrange(reach)
        result[place] = rng.choice((rng.randrange(256), result[place] ^ (1 << rng.randrange(8)), 0, 0xFF))
    return bytes(result)


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def duplicate(data: bytes, rng: random.Random) -> bytes:
    """A piece repeated where it lies, up to a thousand times."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((1, 4, 64, 4096))]
    return data[:start] + piece * rng.choice((2, 2, 16, 1000)) + data[start:]


def remove(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 4, 64, 4096)) :]


def overwrite(data: bytes, rng: random.Random) -> bytes:
    """A range filled with zeros, ones or noise."""
    start, count = rng.randrange(len(data)), rng.choice((4, 64, 1024, 65536))
    filling = rng.choice((bytes(count), b"\xff" * count, rng.randbytes(count)))
    return data[:start] + filling[: len(data) - start] + data[start + count :]


def lengths(data: bytes, rng: random.Random) -> bytes:
    """Lengths, counts and offsets are little-endian numbers of 4 or 8 bytes: one of them becomes huge or tiny."""
    form = rng.choice(("<I", "<I", "<Q"))
    size = struct.calcsize(form)
    if len(data) < size:
        return data
    reach = min(len(data) - size, 256) if rng.random() < 0.5 else len(data) - size
    place = rng.randrange(reach + 1) & ~3
    value = rng.choice(_LENGTHS) & (256**size - 1)
    return data[:place] + struct.pack(form, value) + data[place + size :]


def numbers(data: bytes, rng: random.Random) -> bytes:
    """One to eight numbers of a text replaced by odd ones."""
    found = list(_NUMBER.finditer(data[: 2**20]))
    if not found:
        return flip_bytes(data, rng)
    chosen = sorted(rng.sample(found, min(len(found), rng.choice((1, 1, 2, 8)))), key=lambda match: -match.start())
    for match in chosen:
        data = data[: match.start()] + rng.choice(_NUMBERS) + data[match.end() :]
    return data


def lines(data: bytes, rng: random.Random) -> bytes:
    """Lines of a text swapped, dropped or repeated."""
    rows = data.split(b"\n")
    for _ in range(rng.choice((1, 2, 16))):
        first, second = rng.randrange(len(rows)), rng.randrange(len(rows))
        action = rng.randrange(3)
        if action == 0:
            rows[first], rows[second] = rows[second], rows[first]
        elif action == 1 and len(rows) > 1:
            del rows[first]
        else:
            rows.insert(second, rows[first])
    return b"\n".join(rows)


def json_values(data: bytes, rng: random.Random) -> bytes:
    """One to four values anywhere in the JSON of a GLB or glTF replaced, removed or swapped; the container is right."""
    is_glb = data[:4] == b"glTF"
    length = struct.unpack_from("<I", data, 12)[0] if is_glb else len(data)
    document = json.loads(data[20 : 20 + length] if is_glb else data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        container, key = _place(document, rng)
        action = rng.random()
        if action < 0.15:
            del container[key]
        elif action < 0.3 and isinstance(container, list):
            container.append(container[key])
        else:
            others = (rng.choice(_VALUES), _place(document, rng)[0], container[key])
            value = rng.choice((others[0], others[0], others[1], _nudged(others[2], rng)))
            container[key] = json.loads(json.dumps(value))  # a copy: nothing may contain itself
    text = json.dumps(document, separators=(",", ":")).encode()
    if not is_glb:
        return text
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


def _place(document: Any, rng: random.Random) -> tuple[Any, Any]:
    """A container of the document and a key in it, each level of nesting being as likely to be the last."""
    container, key = document, rng.choice(list(document))
    while isinstance(container[key], dict | list) and container[key] and rng.random() < 0.85:
        container = container[key]
        key = rng.choice(list(container)) if isinstance(container, dict) else rng.randrange(len(container))
    return container, key


def _nudged(value: Any, rng: random.Random) -> Any:
    """A number near the one that was there: off by one finds other faults than nonsense does."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return rng.choice(_VALUES)
    return rng.choice((value + 1, value - 1, -value, value * 1000, float(value)))


ANY: tuple[Mutator, ...] = (flip_bytes, truncate, duplicate, remove, overwrite)
MUTATORS: dict[str, tuple[Mutator, ...]] = {
    "bvh": (*ANY, numbers, numbers, lines),
    "glb": (*ANY, lengths, json_values, json_values, json_values),
    "gltf": (*ANY, numbers, json_values, json_values, json_values),
    "fbx": (*ANY, flip_bytes, lengths, lengths),
    "ascii fbx": (*ANY, numbers, numbers, lines),
}  # a kind that is not named here gets ANY


def mutate(data: bytes, kind: str, rng: random.Random) -> tuple[str, bytes]:
    """The mutator's name and the damaged file; now and then two mutators one after the other."""
    names = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        mutator = rng.choice(MUTATORS.get(kind, ANY))
        try:
            data = mutator(data, rng) or b"\0"
        except (ValueError, LookupError, RecursionError, struct.error, TypeError):
            mutator = flip_bytes  # the JSON is damaged already
            data = flip_bytes(data, rng)
        names.append(mutator.__name__)
    return "+".join(names), data
