"""The MOTION section of a BVH: `Frames:`, `Frame Time:` and rows of numbers, read by one numpy call.

`Frames:` is only compared with the rows that are there, so it can neither allocate nor cut anything. What the columns
mean is left to `bvh_motion`.
"""

from __future__ import annotations

import re
import warnings
from itertools import islice

import numpy as np

from workers.errors import ParseFailed
from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Array, Notice

# Larger numbers are damage, not data: they would overflow later sums of squares.
LARGEST_NUMBER = 1e9
SHORTEST_FRAME_S = 1e-4
LONGEST_FRAME_S = 10.0
DEFAULT_RATE_HZ = 30.0
COMMON_RATES_HZ = (
    24,
    25,
    30,
    48,
    50,
    60,
    72,
    75,
    90,
    96,
    100,
    120,
    144,
    150,
    180,
    200,
    240,
    250,
    300,
    360,
    480,
    500,
    1000,
)
_FRAMES = re.compile(rb"\s*(?:frames[ \t]*:?|frame[ \t]*:)[ \t]*([^\s:]*)", re.IGNORECASE)
_FRAME_TIME = re.compile(rb"\s*frame[ \t_]*time[ \t]*:?[ \t]*([^\s:]*)", re.IGNORECASE)
_NOT_A_NUMBER = re.compile(rb"(?<!\S)(?![+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\S))\S+")


def read_motion(
    data: bytes, offset: int, columns: int, name: str, limits: Limits, notices: list[Notice]
) -> tuple[Array, float]:
    """Rows `(frames, columns)` and the frame rate of the text behind `MOTION`."""
    announced: bytes | None = None
    frame_time: bytes | None = None
    time_at = offset
    while match := (_FRAME_TIME.match(data, offset) or _FRAMES.match(data, offset)):
        if match.re is _FRAME_TIME:
            frame_time, time_at = match[1], match.start(1)
        else:
            announced = match[1]
        offset = match.end()
    if columns == 0:
        raise ParseFailed(f"{name}: no joint has CHANNELS, so nothing can move; export the motion with its channels")
    rows = _read_rows(data, offset, columns, name, notices)
    check_limit(len(rows), limits.frames, "frames", name)
    if not announced or not announced.isdigit() or int(announced[:18]) != len(rows):
        says = f"says {decode(announced[:20])}" if announced else "is missing"
        notices.append(
            Notice("frame-count-mismatch", f"{name}: 'Frames:' {says}, {len(rows)} rows follow; all of them are used")
        )
    return rows, _frame_rate(frame_time, len(rows), f"{name}, line {line_number(data, time_at)}", notices)


def _read_rows(data: bytes, offset: int, columns: int, name: str, notices: list[Notice]) -> Array:
    end = len(data)
    while True:
        values = _numbers(data[offset:end])
        extra = len(values) % columns if values is not None else 0
        if values is not None and extra == 0:
            break
        last = _last_line(data, offset, end)
        bad = _NOT_A_NUMBER.search(data, offset, end) if values is None else None
        if end < len(data) or (bad and bad.start() < last) or (not bad and len(data[last:end].split()) != extra):
            raise _bad_row(data, offset, end, columns, name)
        line = line_number(data, last)
        notices.append(
            Notice("last-row-incomplete", f"{name}, line {line}: the last motion row is cut short and is left out")
        )
        end = last
    if len(values) == 0:
        raise ParseFailed(f"{name}: no complete motion row follows MOTION; export at least one frame")
    if not (values.max() <= LARGEST_NUMBER and values.min() >= -LARGEST_NUMBER):
        raise _bad_row(data, offset, end, columns, name, int(np.argmax(~(np.abs(values) <= LARGEST_NUMBER))))
    return values.reshape(-1, columns)


def _numbers(text: bytes) -> Array | None:
    """All numbers of the text, or None where something in it is no number."""
    if not text or text.isspace():
        return np.empty(0)
    with warnings.catch_warnings():
        # numpy before 2.4 warns and returns what precedes the damage; later ones raise ValueError.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            return None


def _bad_row(data: bytes, offset: int, end: int, columns: int, name: str, value: int | None = None) -> ParseFailed:
    """What is wrong in the motion rows, with its line. Slow: only for files that are refused."""
    bad = _NOT_A_NUMBER.search(data, offset, end)
    if bad is None and value is not None:
        bad = next(islice(re.compile(rb"\S+").finditer(data, offset, end), value, None))
    if bad is not None:
        line = line_number(data, bad.start())
        shown = decode(bad.group()[:40])
        problem = f"{shown!r} is not a usable number; motion rows hold finite numbers with a decimal point"
        return ParseFailed(f"{name}, line {line}: {problem}", line=line)
    for row in re.compile(rb"[^\r\n]*[^\s][^\r\n]*").finditer(data, offset, end):
        count = len(row.group().split())
        if count != columns:
            line = line_number(data, row.start())
            problem = f"the row has {count} numbers, the hierarchy has {columns} channels; export the file again"
            return ParseFailed(f"{name}, line {line}: {problem}", line=line)
    return ParseFailed(f"{name}: the motion rows do not fit the {columns} channels; export the file again")


def _frame_rate(text: bytes | None, frames: int, where: str, notices: list[Notice]) -> float:
    try:
        frame_s = float(text) if text else 0.0
    except ValueError:
        frame_s = -1.0
    if frame_s == 0.0:
        if frames > 1:
            message = f"{where}: 'Frame Time:' is missing or 0; {DEFAULT_RATE_HZ:g} frames a second are assumed"
            notices.append(Notice("frame-time-assumed", message))
        return DEFAULT_RATE_HZ
    if not SHORTEST_FRAME_S <= frame_s <= LONGEST_FRAME_S:
        shown = decode((text or b"")[:40])
        span = f"between {SHORTEST_FRAME_S:g} and {LONGEST_FRAME_S:g}"
        raise ParseFailed(f"{where}: 'Frame Time: {shown}' is not plausible; it is the seconds per frame, {span}")
    return _nominal_rate(frame_s, (text or b"").decode("ascii", "replace"))


def _nominal_rate(frame_s: float, text: str) -> float:
    """The rate that was meant: a usual or whole one, where the printed digits cannot tell it from 1 / frame_s.

    `.0083333` is 1/120 rounded to seven decimals, so the rate is 120 Hz and not 120.0005.
    """
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    rounding = 0.5001 * 10.0 ** -min(max(decimals, 0), 30)
    rate = 1.0 / frame_s
    usual = min(COMMON_RATES_HZ, key=lambda common: abs(common - rate))
    for nominal in (float(usual), float(round(rate))):
        if nominal > 0.0 and abs(1.0 / nominal - frame_s) <= rounding:
            return nominal
    return rate


def _last_line(data: bytes, offset: int, end: int) -> int:
    """Where the last line that holds something starts."""
    end = offset + len(data[offset:end].rstrip())
    return max(data.rfind(b"\n", offset, end), data.rfind(b"\r", offset, end), offset - 1) + 1


def line_number(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def decode(text: bytes) -> str:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    return "".join(character if character.isprintable() else "?" for character in decoded)
