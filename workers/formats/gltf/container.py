"""The outer layers of glTF 2.0: the GLB container and the JSON text, taken apart and put together.

`split_container` tells `.glb` from `.gltf` by content and returns the JSON object, the BIN chunk and any others;
`join_container` is its inverse for GLB. Chunk rules follow glTF 2.0, section 4.4 "Binary glTF Layout":
JSON first, BIN second, anything else ignored but kept. JSON is strict: UTF-8, no duplicate keys, no NaN or Infinity.
What the JSON says is left to `gltf.document`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from workers.contract.errors import ParseFailed, TooLarge, UnsupportedFeature, UnsupportedFormat
from workers.formats.limits import Limits

MAGIC = b"glTF"
JSON_CHUNK = 0x4E4F534A
BIN_CHUNK = 0x004E4942
HEADER_BYTES = 12
CHUNK_HEADER_BYTES = 8


@dataclass(frozen=True, eq=False)
class Container:
    """`binary` is the BIN chunk as it lies in the file, padding included; None where there is none."""

    format: Literal["glb", "gltf"]
    json: dict[str, Any]
    binary: bytes | None
    further_chunks: tuple[tuple[int, bytes], ...] = ()


def split_container(data: bytes, name: str, limits: Limits) -> Container:
    """The parts of a `.glb` or `.gltf` file. Raises ParseFailed, TooLarge, UnsupportedFeature, UnsupportedFormat."""
    if data[:4] == MAGIC:
        return _split_glb(data, name, limits)
    if data.lstrip()[:1] == b"{" or data[:4] == b"\xef\xbb\xbf{":
        return Container("gltf", parse_json(data, name, limits), None)
    raise UnsupportedFormat(f"{name}: neither GLB nor glTF JSON (it starts with {data[:4]!r}); export glTF 2.0 as .glb")


def join_container(document: dict[str, Any], binary: bytes, further_chunks: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """GLB bytes of a JSON object and a BIN chunk (omitted when empty); both are padded to four bytes.

    Raises UnsupportedFeature for a number that JSON cannot hold (1e999 reads as infinity), TooLarge beyond 4 GiB.
    """
    try:
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        raise UnsupportedFeature("the document holds a number beyond 1e308; correct or remove it") from None
    chunks = [(JSON_CHUNK, text + b" " * (-len(text) % 4))]
    if binary:
        chunks.append((BIN_CHUNK, binary))
    chunks.extend(further_chunks)
    parts = []
    for kind, content in chunks:
        padding = bytes(-len(content) % 4)
        parts += [struct.pack("<II", len(content) + len(padding), kind), content, padding]
    length = HEADER_BYTES + sum(len(part) for part in parts)
    if length >= 2**32:
        raise TooLarge(f"the result would be {length:,} bytes; a GLB holds at most 4 GiB: send a smaller character")
    return b"".join([struct.pack("<4sII", MAGIC, 2, length), *parts])


def parse_json(data: bytes, name: str, limits: Limits) -> dict[str, Any]:
    """A strict JSON object. Raises ParseFailed naming the fault, TooLarge beyond `limits.json_bytes`."""
    if len(data) > limits.json_bytes:
        raise TooLarge(
            f"{name}: {len(data):,} bytes of JSON exceed the limit of {limits.json_bytes:,}; reduce the file"
        )
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise ParseFailed(f"{name}: JSON is nested too deeply; export the file again") from None
    except (UnicodeDecodeError, ValueError) as error:
        raise ParseFailed(f"{name}: not valid JSON ({error}); export the file again") from None
    if not isinstance(document, dict):
        raise ParseFailed(f"{name}: the JSON is a {type(document).__name__}, not an object; export the file again")
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"duplicate key {repeated!r}")
    return result


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not a JSON number")


def _split_glb(data: bytes, name: str, limits: Limits) -> Container:
    def fail(what: str) -> ParseFailed:
        return ParseFailed(f"{name}: {what}; the GLB is damaged or truncated: export or transfer it again")

    if len(data) < HEADER_BYTES:
        raise fail(f"GLB header needs {HEADER_BYTES} bytes, the file has {len(data)}")
    version, length = struct.unpack_from("<II", data, 4)
    if version == 1:
        raise UnsupportedFeature(f"{name}: GLB version 1 (glTF 1.0); convert it to glTF 2.0, e.g. with gltf-pipeline")
    if version != 2:
        raise fail(f"GLB version {version} does not exist")
    if length > len(data):
        raise fail(f"the header says {length:,} bytes, the file has {len(data):,}")
    chunks = []
    position = HEADER_BYTES
    while position < length:
        if position + CHUNK_HEADER_BYTES > length:
            raise fail(f"incomplete chunk header at byte {position}")
        size, kind = struct.unpack_from("<II", data, position)
        position += CHUNK_HEADER_BYTES
        if position + size > length:
            raise fail(f"chunk of {size:,} bytes at byte {position} ends beyond the file")
        chunks.append((kind, data[position : position + size]))
        position += size
    if not chunks or chunks[0][0] != JSON_CHUNK:
        raise fail("the first chunk is not JSON")
    if any(kind == JSON_CHUNK for kind, _ in chunks[1:]):
        raise fail("more than one JSON chunk")
    if any(kind == BIN_CHUNK for kind, _ in chunks[2:]):
        raise fail("a BIN chunk in the wrong place, or more than one")
    document = parse_json(chunks[0][1], name, limits)
    has_binary = len(chunks) > 1 and chunks[1][0] == BIN_CHUNK
    return Container("glb", document, chunks[1][1] if has_binary else None, tuple(chunks[2 if has_binary else 1 :]))
