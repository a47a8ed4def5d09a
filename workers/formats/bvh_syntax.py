"""The text of a BVH file as numbers: hierarchy, channels, motion rows. Nothing is interpreted here.

Grammar (keywords in any case, any white space): `HIERARCHY`, one or more `ROOT name { OFFSET x y z CHANNELS n ...
JOINT ... End Site { OFFSET x y z } }`, then `MOTION`, `Frames: n`, `Frame Time: s` and rows of numbers. Nodes are
numbered joints first in order of appearance, end sites after them. The hierarchy is read with an explicit stack, the
rows by one numpy call. Units, axes and the meaning of position channels are left to `bvh_units` and `bvh_motion`.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from itertools import islice

import numpy as np

from workers.errors import NoSkeleton, ParseFailed
from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Array, Notice

# Larger numbers are damage, not data: they would overflow later sums of squares.
LARGEST_NUMBER = 1e9
LONGEST_NAME = 256
MOST_CHANNELS = 12  # three each of position, rotation and scale, with room for a repeated axis
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

_TOKEN = re.compile(rb"[{}]|[^\s{}]+")
_CHANNEL = re.compile(rb"([xyz])[-_ ]?(pos|rot|scale|trans)[a-z]*", re.IGNORECASE)
_FRAMES = re.compile(rb"\s*(?:frames[ \t]*:?|frame[ \t]*:)[ \t]*([^\s:]*)", re.IGNORECASE)
_FRAME_TIME = re.compile(rb"\s*frame[ \t_]*time[ \t]*:?[ \t]*([^\s:]*)", re.IGNORECASE)
_NOT_A_NUMBER = re.compile(rb"(?<!\S)(?![+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\S))\S+")


@dataclass(frozen=True)
class Channel:
    """One column of the motion rows: a `position`, `rotation` or `scale` along or about axis 0 to 2."""

    kind: str
    axis: int


@dataclass(frozen=True, eq=False)
class BvhText:
    """Nodes (joints first, then end sites) and the motion rows, in file units and degrees."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array  # (nodes, 3)
    channels: tuple[tuple[Channel, ...], ...]  # per node, in column order; empty for end sites
    joints: int  # nodes that are no end sites
    rows: Array  # (frames, channels)
    rate_hz: float
    notices: tuple[Notice, ...]


@dataclass
class _Node:
    name: str
    parent: int
    is_end: bool
    offset: tuple[float, float, float] | None = None
    channels: tuple[Channel, ...] | None = None


def parse_bvh(data: bytes, name: str, limits: Limits) -> BvhText:
    """Read the text. Raises ParseFailed with the line number, NoSkeleton or TooLarge."""
    reader = _Hierarchy(data, name, limits)
    nodes = reader.read()
    notices: list[Notice] = []
    order = [i for i, node in enumerate(nodes) if not node.is_end] + [i for i, node in enumerate(nodes) if node.is_end]
    position = {old: new for new, old in enumerate(order)}
    channels = tuple(nodes[old].channels or () for old in order)
    rows, rate_hz = _read_motion(data, reader.offset, sum(map(len, channels)), name, limits, notices)
    if any(channel.kind == "scale" for listed in channels for channel in listed):
        notices.append(Notice("scale-channels-ignored", f"{name}: scale channels are ignored; joints keep their size"))
    joints = sum(not node.is_end for node in nodes)
    check_limit(len(rows) * joints, limits.rotation_keys, "rotation keys (frames x joints)", name)
    return BvhText(
        names=tuple(nodes[old].name for old in order),
        parents=tuple(position.get(nodes[old].parent, -1) for old in order),
        offsets=np.array([nodes[old].offset for old in order], dtype=np.float64),
        channels=channels,
        joints=joints,
        rows=rows,
        rate_hz=rate_hz,
        notices=tuple(notices),
    )


class _Hierarchy:
    """Tokens of the HIERARCHY section. After `read`, `offset` is where the text behind `MOTION` begins."""

    def __init__(self, data: bytes, name: str, limits: Limits) -> None:
        self.data, self.name, self.limits = data, name, limits
        self.offset = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        self.at = self.offset  # where the latest token starts
        self.nodes: list[_Node] = []
        self.joints = 0

    def fail(self, problem: str, at: int | None = None) -> ParseFailed:
        line = _line_number(self.data, self.at if at is None else at)
        return ParseFailed(f"{self.name}, line {line}: {problem}", line=line)

    def next(self) -> bytes:
        match = _TOKEN.search(self.data, self.offset)
        if match is None:
            self.at = len(self.data)
            raise self.fail("the file ends inside its hierarchy, before MOTION; it is cut short, export it again")
        self.at, self.offset = match.start(), match.end()
        return match.group()

    def peek(self) -> bytes:
        match = _TOKEN.search(self.data, self.offset)
        return match.group() if match else b""

    def read(self) -> list[_Node]:
        if self.next().upper() != b"HIERARCHY":
            raise self.fail("a BVH file starts with the word HIERARCHY; this is another format")
        stack: list[int] = []
        while True:
            word = self.next().upper()
            if stack and word == b"}":
                self._close(self.nodes[stack.pop()])
            elif stack and word == b"OFFSET":
                x, y, z = (self._number() for _ in range(3))
                self.nodes[stack[-1]].offset = (x, y, z)
            elif stack and word == b"CHANNELS":
                self.nodes[stack[-1]].channels = self._channels()
            elif word == b"ROOT" and not stack:
                stack.append(self._open(-1, is_end=False))
            elif word in (b"JOINT", b"END") and stack and not self.nodes[stack[-1]].is_end:
                stack.append(self._open(stack[-1], is_end=word == b"END"))
            elif word == b"MOTION" and not stack:
                break
            else:
                shown = word[:40].decode("utf-8", "replace")
                inside = "inside a joint" if stack else "between ROOT and MOTION"
                raise self.fail(f"{shown!r} is not expected {inside}; the hierarchy is damaged, export it again")
        if not self.nodes:
            raise NoSkeleton(f"{self.name}: the hierarchy has no ROOT; export the motion with its skeleton")
        return self.nodes

    def _open(self, parent: int, is_end: bool) -> int:
        keyword = self.at
        words: list[bytes] = []
        while (token := self.next()) != b"{":
            if token == b"}" or re.search(rb"[\r\n]", self.data[keyword : min(self.at, keyword + 4 * LONGEST_NAME)]):
                raise self.fail("'{' is expected after the name of a joint; the hierarchy is damaged, export it again")
            if self.offset - keyword > 4 * LONGEST_NAME:
                raise self.fail(f"a joint's name is longer than {LONGEST_NAME} characters; shorten it")
            words.append(token)
        if is_end:
            name = f"{self.nodes[parent].name}_end"
        else:
            name = _decode(b" ".join(words)) or f"joint_{self.joints}"
            self.joints += 1
        self.nodes.append(_Node(name, parent, is_end))
        check_limit(self.joints, self.limits.joints, "joints", self.name)
        check_limit(len(self.nodes), self.limits.nodes, "joints and end sites", self.name)
        return len(self.nodes) - 1

    def _close(self, node: _Node) -> None:
        if node.offset is None:
            raise self.fail(f"{node.name!r} has no OFFSET; the hierarchy is damaged, export it again")

    def _number(self) -> float:
        token = self.next()
        try:
            value = float(token)
        except ValueError:
            raise self.fail(
                f"{_decode(token[:40])!r} is not a number; OFFSET takes three, with a decimal point"
            ) from None
        if not abs(value) <= LARGEST_NUMBER:
            raise self.fail(
                f"OFFSET {_decode(token[:40])} is not a usable length; the hierarchy is damaged, export it again"
            )
        return value

    def _channels(self) -> tuple[Channel, ...]:
        token, at = self.next(), self.at
        count = int(token) if token.isdigit() and len(token) < 9 else -1
        if not 0 <= count <= MOST_CHANNELS:
            raise self.fail(f"CHANNELS takes a count from 0 to {MOST_CHANNELS}, not {_decode(token[:40])!r}")
        found: list[Channel] = []
        while match := _CHANNEL.fullmatch(self.peek()):
            self.next()
            kind = {b"pos": "position", b"tra": "position", b"rot": "rotation", b"sca": "scale"}[match[2].lower()[:3]]
            found.append(Channel(kind, b"xyz".index(match[1].lower())))
        if len(found) != count:
            raise self.fail(f"CHANNELS announces {count} but names {len(found)}; correct the count or the names", at)
        moves = [channel for channel in found if channel.kind != "rotation"]
        if len(set(moves)) != len(moves):
            raise self.fail("CHANNELS names a position twice; each axis may appear once", at)
        return tuple(found)


def _read_motion(
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
        says = f"says {_decode(announced[:20])}" if announced else "is missing"
        notices.append(
            Notice("frame-count-mismatch", f"{name}: 'Frames:' {says}, {len(rows)} rows follow; all of them are used")
        )
    return rows, _frame_rate(frame_time, len(rows), f"{name}, line {_line_number(data, time_at)}", notices)


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
        line = _line_number(data, last)
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
        line = _line_number(data, bad.start())
        shown = _decode(bad.group()[:40])
        problem = f"{shown!r} is not a usable number; motion rows hold finite numbers with a decimal point"
        return ParseFailed(f"{name}, line {line}: {problem}", line=line)
    for row in re.compile(rb"[^\r\n]*[^\s][^\r\n]*").finditer(data, offset, end):
        count = len(row.group().split())
        if count != columns:
            line = _line_number(data, row.start())
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
        shown = _decode((text or b"")[:40])
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


def _line_number(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _decode(text: bytes) -> str:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    return "".join(character if character.isprintable() else "?" for character in decoded)
