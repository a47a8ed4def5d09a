"""The MOTION section of a BVH: `Frames:`, `Frame Time:` and rows of numbers, read by one numpy call a block.

Rows may be broken into lines anywhere: numbers are counted, not lines. The text of a long take is never copied whole,
and its numbers are held once. `Frames:` is only compared with the rows that are there, so it can neither allocate nor
cut anything. What the columns mean is left to `bvh.motion`.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import numpy as np

from workers.contract.errors import ParseFailed
from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Array, Notice

# Larger numbers are damage, not data: they would overflow later sums of squares.
MAX_NUMBER = 1e9
MAX_NUMBER_LENGTH = 64  # characters
MIN_FRAME_S = 1e-4
MAX_FRAME_S = 10.0
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
_WORD = re.compile(rb"\S+")
_LINE = re.compile(rb"\S[^\r\n]*")
_SPACE = re.compile(rb"\s")
WINDOW = 1 << 12
BLOCK = 1 << 22  # bytes of text that become numbers at a time
SMALL = 1 << 14  # bytes in which damage is looked for token by token


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


@dataclass(frozen=True, eq=False)
class _Numbers:
    """The numbers of a stretch of text, or where the block starts and ends that has something else in it."""

    values: Array  # (count,)
    bad: tuple[int, int] | None = None


def _read_rows(data: bytes, offset: int, columns: int, name: str, notices: list[Notice]) -> Array:
    """All whole rows. Only the last line may be damaged or short, as in a file that was cut."""
    end, last = len(data), _last_line(data, offset, len(data))
    read = _numbers(data, offset, end)
    if read.bad is not None and read.bad[1] > last and _parsed(data[last:end]) is None:
        read = _numbers(data, offset, last)  # the damage may lie in the last line alone
        end = last
    if read.bad is not None:
        raise _bad_number(data, _first_bad(data, *read.bad), name)
    values, over = read.values, len(read.values) % columns
    if over and end == len(data) and len(_numbers(data, last, end).values) == over:
        values, over, end = values[:-over], 0, last
    if over:
        raise _uneven_rows(data, offset, columns, name)
    if end < len(data):
        line = line_number(data, last)
        notices.append(Notice("last-row-incomplete", f"{name}, line {line}: the last row is cut short and is left out"))
    if len(values) == 0:
        raise ParseFailed(f"{name}: no complete motion row follows MOTION; export at least one frame")
    return values.reshape(-1, columns)


def _numbers(data: bytes, start: int, end: int) -> _Numbers:
    """All numbers between two places, none larger than MAX_NUMBER, or the first block that has something else in it."""
    # No number is shorter than a digit and a space. What is not filled of this takes no memory, only addresses.
    values = np.empty((end - start) // 2 + 1)
    count = 0
    while start < end:
        longest = min(start + BLOCK + 2 * WINDOW, end)
        gap = _SPACE.search(data, start + BLOCK, longest)
        stop = gap.start() if gap else longest  # without one in two windows there is no number either
        found = _usable_numbers(data[start:stop])
        if found is None:
            return _Numbers(values[:count], (start, stop))
        values[count : count + len(found)] = found
        count += len(found)
        start = stop
    return _Numbers(values[:count])


def _usable_numbers(text: bytes) -> Array | None:
    """All numbers of the text, or None where something in it is no number or larger than MAX_NUMBER."""
    values = _parsed(text)
    if values is None or len(values) == 0:
        return values
    return values if values.max() <= MAX_NUMBER and values.min() >= -MAX_NUMBER else None


def _parsed(text: bytes) -> Array | None:
    """All numbers of the text, or None where something in it is none."""
    if not text or text.isspace():
        return np.empty(0)
    if _has_giant_token(text):
        return None
    with warnings.catch_warnings():
        # numpy before 2.4 warns and returns what precedes the damage; later ones raise ValueError.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            return None


def _has_giant_token(text: bytes) -> bool:
    """Whether some stretch of WINDOW bytes has no white space: converting it would take many times its memory."""
    return any(not _SPACE.search(text, at, at + WINDOW) for at in range(0, len(text) - WINDOW + 1, WINDOW))


def _first_bad(data: bytes, start: int, end: int) -> int:
    """Where the first token starts that is no number or out of range; there must be one.

    By bisection, so that it is found about as fast as the block is read.
    """
    while end - start > SMALL:
        middle = (start + end) // 2
        gap = _SPACE.search(data, middle, end)
        split = gap.start() if gap else max(data.rfind(space, start, middle) for space in (b" ", b"\n", b"\t", b"\r"))
        if split <= start:
            break  # one huge token
        if _usable_numbers(data[start:split]) is not None:
            start = split
        else:
            end = split
    tokens = _WORD.finditer(data, start, end)
    return next((token.start() for token in tokens if _usable_numbers(token.group()) is None), start)


def _bad_number(data: bytes, at: int, name: str) -> ParseFailed:
    word = _WORD.match(data, at)
    line = line_number(data, at)
    shown = decode(word.group()[:40]) if word else ""
    problem = f"{shown!r} is not a usable number; motion rows hold finite numbers with a decimal point"
    return ParseFailed(f"{name}, line {line}: {problem}", line=line)


def _uneven_rows(data: bytes, offset: int, columns: int, name: str) -> ParseFailed:
    """Names the first line that has not one number for each channel."""
    for row in _LINE.finditer(data, offset):
        count = len(row.group().split())
        if count != columns:
            line = line_number(data, row.start())
            problem = f"the row has {count} numbers, the hierarchy has {columns} channels; export the file again"
            return ParseFailed(f"{name}, line {line}: {problem}", line=line)
    return ParseFailed(f"{name}: the motion rows do not fit the {columns} channels; export the file again")


def _frame_rate(text: bytes | None, frames: int, where: str, notices: list[Notice]) -> float:
    try:
        frame_s = float(text[:MAX_NUMBER_LENGTH]) if text else 0.0
    except ValueError:
        frame_s = -1.0
    if frame_s == 0.0:
        if frames > 1:
            message = f"{where}: 'Frame Time:' is missing or 0; {DEFAULT_RATE_HZ:g} frames a second are assumed"
            notices.append(Notice("frame-time-assumed", message))
        return DEFAULT_RATE_HZ
    if not MIN_FRAME_S <= frame_s <= MAX_FRAME_S:
        shown = decode((text or b"")[:40])
        span = f"between {MIN_FRAME_S:g} and {MAX_FRAME_S:g}"
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
    while end > offset:
        start = max(end - BLOCK, offset)
        kept = len(data[start:end].rstrip())
        end = start + kept
        if kept:
            break
    return max(data.rfind(b"\n", offset, end), data.rfind(b"\r", offset, end), offset - 1) + 1


def line_number(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def decode(text: bytes) -> str:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    return "".join(character if character.isprintable() else "?" for character in decoded)
