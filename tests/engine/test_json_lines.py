"""JSON with line numbers: the same value as the standard reader's, and every line where the value stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.contract.definitions import parse_definition
from workers.contract.errors import InvalidOptions
from workers.contract.json_lines import escape, nearest, parse_lines

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def leaves(value: Any, pointer: str = "") -> list[tuple[str, Any]]:
    """All values inside a value with their pointers, itself too."""
    found = [(pointer, value)]
    if isinstance(value, dict):
        found += [entry for key, item in value.items() for entry in leaves(item, f"{pointer}/{escape(key)}")]
    if isinstance(value, list):
        found += [entry for n, item in enumerate(value) for entry in leaves(item, f"{pointer}/{n}")]
    return found


@given(values, st.booleans())
@settings(max_examples=150, deadline=None)
def test_value_and_lines(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=ascii_only)
    read, lines = parse_lines(text.encode(), "file")
    assert read == value
    assert set(lines) == {pointer for pointer, _ in leaves(value)}
    rows = text.split("\n")
    for pointer, inner in leaves(value):
        row = rows[lines[pointer] - 1]
        if isinstance(inner, dict | list):
            assert ("{" if isinstance(inner, dict) else "[") in row
        else:
            assert json.dumps(inner, ensure_ascii=ascii_only) in row


@given(st.text(max_size=60) | st.binary(max_size=60) | values.map(lambda value: json.dumps(value)[:-1]))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_read_or_refused(text: str | bytes) -> None:
    try:
        parse_definition(text)
    except InvalidOptions as error:
        assert "\n" not in error.detail and error.extra["errors"]


@pytest.mark.parametrize(("pointer", "found"), [("/a/b/c", "/a/b"), ("/a", "/a"), ("/x", ""), ("", "")])
def test_the_nearest_place(pointer: str, found: str) -> None:
    assert nearest(pointer, {"": 1, "/a": 2, "/a/b": 3}) == found
