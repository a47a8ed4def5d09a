"""Strict JSON that remembers on which line each value stands, so that an error can name line and field.

`parse_lines` returns the value and a table JSON pointer (RFC 6901) -> line, counted from 1. What the value has to look
like is the caller's to judge; `nearest` finds the line of a pointer that itself may not exist, such as a missing field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from workers.contract.errors import InvalidOptions

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\]}]+")


def parse_lines(text: str | bytes, what: str) -> tuple[Any, dict[str, int]]:
    """The value and its lines. Raises InvalidOptions for what is not JSON, too long, too deep, or names a key twice."""
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        if len(decoded) > MAX_BYTES:
            raise _fail(what, f"is longer than {MAX_BYTES:,} characters; leave out what is not needed", "")
        decoded.encode()  # half of a surrogate pair cannot be stored
        value = json.loads(decoded, parse_constant=_refuse_constant)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # 1e999 reads as infinity
    except json.JSONDecodeError as error:
        raise _fail(what, f"line {error.lineno}, column {error.colno}: {error.msg}; correct the JSON", "") from None
    except RecursionError:
        raise _fail(what, "is nested too deeply; it takes a flat object", "") from None
    except ValueError as error:
        raise _fail(what, f"is not JSON in UTF-8 ({str(error)[:100]}); correct it", "") from None
    return value, _Walk(decoded, what).lines


def nearest(pointer: str, lines: Mapping[str, int]) -> str:
    """The longest part of a pointer, from its start, that stands in the text."""
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return pointer


def escape(part: object) -> str:
    """One step of a JSON pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")


class _Walk:
    """Goes through text that is known to be JSON and notes where values begin."""

    def __init__(self, text: str, what: str) -> None:
        self._text = text
        self._what = what
        self._at = 0
        self._line = 1
        self._counted = 0
        self.lines: dict[str, int] = {}
        self._value("", 0)

    def _value(self, pointer: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _fail(self._what, f"line {self._here()}: is nested more than {MAX_DEPTH} deep", pointer)
        self._skip()
        self.lines[pointer] = self._here()
        opening = self._text[self._at]
        if opening not in "{[":
            found = (_STRING if opening == '"' else _SCALAR).match(self._text, self._at)
            assert found is not None
            self._at = found.end()
            return
        closing, number = {"{": "}", "[": "]"}[opening], 0
        self._at += 1
        self._skip()
        while self._text[self._at] != closing:
            step = self._key(pointer) if opening == "{" else str(number)
            self._value(f"{pointer}/{step}", depth + 1)
            self._skip()
            number += 1
            if self._text[self._at] == ",":
                self._at += 1
                self._skip()
        self._at += 1

    def _key(self, pointer: str) -> str:
        found = _STRING.match(self._text, self._at)
        assert found is not None
        step = escape(json.loads(found.group()))
        if f"{pointer}/{step}" in self.lines:
            there = f"line {self._here()}: {pointer}/{step} is given twice; keep one"
            raise _fail(self._what, there, f"{pointer}/{step}")
        self._at = found.end()
        self._skip()
        self._at += 1  # the colon
        return step

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line


def _fail(what: str, message: str, pointer: str) -> InvalidOptions:
    return InvalidOptions(f"{what}: {message}", errors=[{"pointer": pointer, "message": message}])


def _refuse_constant(literal: str) -> float:
    raise ValueError(f"{literal} is not a JSON number")
