"""The GLB container and the JSON text: what is taken apart can be put together, and damage is named."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import pytest

from tests.gltf_builder import pack_glb
from workers.contract.errors import ParseFailed, RetargetError, TooLarge, UnsupportedFeature, UnsupportedFormat
from workers.formats.gltf.container import Container, join_container, split_container
from workers.formats.limits import DEFAULT_LIMITS, Limits

DOCUMENT = {"asset": {"version": "2.0"}, "extras": {"π": [1, 2.5, -0.1, "ü\ud83d"], "b": {}}}


def split(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Container:
    return split_container(data, "file", limits)


def test_join_and_split_are_inverse() -> None:
    container = split(join_container(DOCUMENT, b"\1\2\3\4", [(0x55555555, b"abcd")]))
    assert container.json == DOCUMENT
    assert list(container.json["extras"]) == ["π", "b"]
    assert (container.binary, container.further_chunks) == (b"\1\2\3\4", ((0x55555555, b"abcd"),))
    assert split(join_container(DOCUMENT, b"")).binary is None


def test_trailing_bytes_and_unknown_chunks_are_tolerated() -> None:
    container = split(pack_glb(DOCUMENT, b"1234", ((0x55555555, b"more"),)) + b"trailing")
    assert container.binary == b"1234"
    assert container.further_chunks == ((0x55555555, b"more"),)


def test_json_by_content_also_with_a_byte_order_mark() -> None:
    text = json.dumps(DOCUMENT).encode()
    assert split(text).format == split(b"\xef\xbb\xbf" + text).format == "gltf"
    assert split(b" \n" + text).json == DOCUMENT


@pytest.mark.parametrize("cut", range(1, 40))
def test_truncation_is_refused(cut: int) -> None:
    with pytest.raises((ParseFailed, UnsupportedFormat)):
        split(pack_glb({"asset": {}}, b"1234")[:-cut])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", UnsupportedFormat),
        (b"FBX", UnsupportedFormat),
        (b"[]", UnsupportedFormat),
        (struct.pack("<4sII", b"glTF", 1, 12), UnsupportedFeature),
        (struct.pack("<4sII", b"glTF", 3, 12), ParseFailed),
        (struct.pack("<4sII", b"glTF", 2, 12), ParseFailed),
        (pack_glb({}, b"1234", ((0x004E4942, b"5678"),)), ParseFailed),
        (pack_glb({}, b"", ((0x4E4F534A, b"{}  "),)), ParseFailed),
        (pack_glb(b"[1]"), ParseFailed),
        (pack_glb(b'{"a":1,"a":2}'), ParseFailed),
        (pack_glb(b'{"a":NaN}'), ParseFailed),
        (pack_glb(b'{"a":-Infinity}'), ParseFailed),
        (pack_glb(b'{"a":"\xff"}'), ParseFailed),
        (pack_glb(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), ParseFailed),
        (pack_glb(b'{"a":' + b"1" * 20_000 + b"}"), ParseFailed),
    ],
)
def test_damage_gives_one_typed_error(data: bytes, error: type[RetargetError]) -> None:
    with pytest.raises(error):
        split(data)


def test_json_size_is_limited_before_parsing() -> None:
    with pytest.raises(TooLarge):
        split(json.dumps(DOCUMENT).encode(), replace(DEFAULT_LIMITS, json_bytes=10))


def test_a_number_that_json_cannot_hold_is_refused_on_writing() -> None:
    document = split(b'{"extras": 1e999}').json
    with pytest.raises(UnsupportedFeature):
        join_container(document, b"")
