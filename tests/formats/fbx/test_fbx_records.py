"""The encoding: every type of value and any nesting comes back from a parser that shares nothing with the encoder."""

from __future__ import annotations

import numpy as np
import pytest

from tests.formats.fbx.fbx_player import parse
from workers.contract.errors import TooLarge
from workers.formats.fbx.write import records
from workers.formats.fbx.write.records import Value, encode_file, encode_value, record


def test_values_come_back_as_they_were() -> None:
    arrays = [np.arange(7, dtype=kind) for kind in (np.int32, np.int64, np.float32, np.float64)]
    plain: tuple[Value, ...] = (True, -5, np.int64(2**40), 0.1, "name\0\1Model", "Knöchel", b"\0\xff")
    given = (*plain, *arrays, np.zeros(0))
    (found,) = parse(encode_file([record("All", *given)])).children
    assert found.values[:7] == list(plain)
    for wanted, read in zip(given[7:], found.values[7:], strict=True):
        assert isinstance(wanted, np.ndarray) and wanted.dtype == read.dtype
        np.testing.assert_array_equal(read, wanted)


def test_records_lie_in_records_at_any_length() -> None:
    for length in range(20):  # of the end, which is filled up to a multiple of 16
        inner = record("C", "x" * length, children=[record("D"), record("E", 1)])
        (first, second) = parse(encode_file([record("A", children=[record("B"), inner]), record("F", 2.0)])).children
        assert [child.name for child in first.children] == ["B", "C"] and second.values == [2.0]
        assert [child.name for child in first.one("C").children] == ["D", "E"]


def test_an_encoded_value_is_used_as_it_is() -> None:
    shared = encode_value(np.arange(5, dtype=np.int64))
    (found,) = parse(encode_file([record("A", shared)])).children
    np.testing.assert_array_equal(found.values[0], np.arange(5))


def test_what_fbx_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="no array of uint8"):
        encode_value(np.zeros(3, dtype=np.uint8))
    monkeypatch.setattr(records, "_MAX_BYTES", 100)
    with pytest.raises(TooLarge, match="existing_clips drop"):
        encode_file([record("A", bytes(200))])
