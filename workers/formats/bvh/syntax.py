"""The text of a BVH file as numbers: hierarchy, channels, motion rows. Nothing is interpreted here.

Grammar (keywords in any case, any white space): `HIERARCHY`, one or more `ROOT name { OFFSET x y z CHANNELS n ...
JOINT ... End Site { OFFSET x y z } }`, then `MOTION`, `Frames: n`, `Frame Time: s` and rows of numbers. Nodes are
numbered joints first in order of appearance, end sites after them. The hierarchy is read with an explicit stack.
The rows are left to `bvh.rows`, units and axes to `formats.units`, the meaning of position channels to `bvh.motion`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from workers.contract.errors import NoSkeleton, ParseFailed
from workers.formats.bvh.rows import MAX_NUMBER, MAX_NUMBER_LENGTH, decode, line_number, read_motion
from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Array, Notice

MAX_NAME_LENGTH = 256
MAX_CHANNELS = 12  # three each of position, rotation and scale, with room for a repeated axis

_TOKEN = re.compile(rb"[{}]|[^\s{}]+")
_CHANNEL = re.compile(rb"([xyz])[-_ ]?(pos|rot|scale|trans)[a-z]*", re.IGNORECASE)


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
    rows, rate_hz = read_motion(data, reader.offset, sum(map(len, channels)), name, limits, notices)
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
        line = line_number(self.data, self.at if at is None else at)
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
            elif stack and word == b"OFFSET" and self.nodes[stack[-1]].offset is None:
                x, y, z = (self._number() for _ in range(3))
                self.nodes[stack[-1]].offset = (x, y, z)
            elif stack and word == b"CHANNELS" and self.nodes[stack[-1]].channels is None:
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
            if token == b"}" or re.search(rb"[\r\n]", self.data[keyword : min(self.at, keyword + 4 * MAX_NAME_LENGTH)]):
                raise self.fail("'{' is expected after the name of a joint; the hierarchy is damaged, export it again")
            if self.offset - keyword > 4 * MAX_NAME_LENGTH:
                raise self.fail(f"a joint's name is longer than {MAX_NAME_LENGTH} characters; shorten it")
            words.append(token)
        if is_end:
            name = f"{self.nodes[parent].name}_end"
        else:
            name = decode(b" ".join(words)) or f"joint_{self.joints}"
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
            value = float(token[:MAX_NUMBER_LENGTH])
        except ValueError:
            raise self.fail(
                f"{decode(token[:40])!r} is not a number; OFFSET takes three, with a decimal point"
            ) from None
        if not abs(value) <= MAX_NUMBER:
            raise self.fail(
                f"OFFSET {decode(token[:40])} is not a usable length; the hierarchy is damaged, export it again"
            )
        return value

    def _channels(self) -> tuple[Channel, ...]:
        token, at = self.next(), self.at
        count = int(token) if token.isdigit() and len(token) < 9 else -1
        if not 0 <= count <= MAX_CHANNELS:
            raise self.fail(f"CHANNELS takes a count from 0 to {MAX_CHANNELS}, not {decode(token[:40])!r}")
        found: list[Channel] = []
        while len(found) <= MAX_CHANNELS and (match := _CHANNEL.fullmatch(self.peek())):
            self.next()
            kind = {b"pos": "position", b"tra": "position", b"rot": "rotation", b"sca": "scale"}[match[2].lower()[:3]]
            found.append(Channel(kind, b"xyz".index(match[1].lower())))
        if len(found) != count:
            raise self.fail(f"CHANNELS announces {count} but names {len(found)}; correct the count or the names", at)
        moves = [channel for channel in found if channel.kind != "rotation"]
        if len(set(moves)) != len(moves):
            raise self.fail("CHANNELS names a position twice; each axis may appear once", at)
        return tuple(found)
