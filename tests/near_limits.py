"""`--near-limits` lists the assertions that hold by less than a tenth of their limit.

Such a test breaks on another processor, with other threads or another version of a library, though nothing is wrong.
Give it more room, or a case that is clearer. A limit that no float's last digit moves, because it is exact by how the
case is made, stays: a comment `# near: why` on the line of the comparison takes it off the list.

How it looks: the tests' modules are compiled with every comparison inside an `assert` passed through `compared`, which
sees both values; equality with `pytest.approx` counts by its tolerance, and `numpy.testing.assert_allclose` and
`torch.testing.assert_close` by theirs. Of arrays the nearest pair counts. Shares and cosines, between a half and 1,
count by their distance from 1. Left out are counts (whole numbers that stand for no limit), times that are waited for,
and comparisons that choose or count: in an index, or under `.sum()` and `.mean()`. pytest's own rewriting of assertions
rests meanwhile, so failures are told more briefly.
"""

from __future__ import annotations

import ast
import linecache
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import pytest

NEAR = 0.1  # of the limit
TESTS = Path(__file__).parent
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge, "Eq": operator.eq,
}  # fmt: skip


Room = tuple[float, str]  # share of the limit that is left, and the values


@dataclass(frozen=True)
class Finding:
    """An assertion and the values at which it came nearest; `room` is the share of the limit that was left."""

    place: str  # file:line
    text: str
    values: str
    room: float


found: dict[str, Finding] = {}


def note(place: str, text: str, room: Room) -> None:
    share, values = room
    path, _, line = place.rpartition(":")
    if "# near:" in linecache.getline(str(TESTS.parent / path), int(line)):
        return
    if share < NEAR and (place not in found or share < found[place].room):
        found[place] = Finding(place, text, values, share)


def room_between(left: Any, right: Any) -> Room | None:
    """The least distance as a share of the larger of a pair; None where no float is compared."""
    pairs = _numbers(left, right)
    if pairs is None or pairs.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        apart = np.abs(pairs[0] - pairs[1])
        near_one = np.all((pairs >= 0.5) & (pairs <= 1.0), axis=0)
        rooms = apart / np.where(near_one & (apart > 0), (1.0 - pairs).max(axis=0), np.abs(pairs).max(axis=0))
    return _least(rooms, pairs)


def room_of_tolerance(actual: Any, expected: Any, relative: float, absolute: float) -> Room | None:
    """By the tolerance: 1 where the values are equal, 0 where they are just let through."""
    pairs = _numbers(actual, expected)
    if pairs is None:
        return None
    with np.errstate(all="ignore"):
        rooms = 1.0 - np.abs(pairs[0] - pairs[1]) / (absolute + relative * np.abs(pairs[1]))
    return _least(rooms, pairs)


def _numbers(left: Any, right: Any) -> np.ndarray | None:
    """Both as one array `(2, numbers)`, float where either is; None where they are no numbers."""
    try:
        sides = np.broadcast_arrays(*(_array(side) for side in (left, right)))
    except (ValueError, TypeError, RuntimeError):
        return None
    if not all(side.dtype.kind in "iuf" for side in sides):
        return None
    numbers = np.stack([side.ravel() for side in sides])
    return numbers.astype(float) if numbers.dtype.kind == "f" else numbers


def _array(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu().numpy() if hasattr(values, "detach") else values)


def _least(rooms: np.ndarray, pairs: np.ndarray) -> Room | None:
    """Pairs that hold no numbers, and zeros beside zeros, have all the room."""
    rooms = np.where(np.isfinite(rooms), rooms, 1.0)
    if not len(rooms):
        return None
    worst = int(np.argmin(rooms))
    return float(rooms[worst]), f"{pairs[0, worst]:.9g} and {pairs[1, worst]:.9g}"


def compared(values: Sequence[Any], signs: str, literals: Sequence[bool], place: str, text: str) -> Any:
    """The value of a comparison, chained or not, of which the room is noted.

    `signs` are ast's names of the operators; `literals` says which values are written out as numbers: others that are
    whole stand for counts.
    """
    result: Any = True
    for number, sign in enumerate(signs.split()):
        left, right = pair = values[number : number + 2]
        result = OPERATORS[sign](left, right)
        if not any(map(_is_count, pair, literals[number : number + 2])):
            room = _approximate_room(left, right) if sign == "Eq" else room_between(left, right)
            if room is not None:
                note(place, text, room)
        if len(values) > 2 and not result:
            break
    return result


def _is_count(value: Any, literal: bool) -> bool:
    kind = getattr(getattr(value, "dtype", None), "kind", "i" if isinstance(value, int) else "")
    return not literal and kind in ("i", "u")


def _approximate_room(left: Any, right: Any) -> Room | None:
    approximate, actual = (left, right) if hasattr(left, "expected") and hasattr(left, "nan_ok") else (right, left)
    if not (hasattr(approximate, "expected") and hasattr(approximate, "nan_ok")):
        return None
    expected = approximate.expected
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or actual.keys() != expected.keys():
            return None
        expected, actual = list(expected.values()), [actual[key] for key in expected]
    absolute = 1e-12 if approximate.abs is None else approximate.abs
    # pytest.approx takes the larger of the two tolerances, and none by share where only the other is given.
    relative = approximate.rel if approximate.rel is not None else 1e-6 if approximate.abs is None else 0.0
    by_share = room_of_tolerance(actual, expected, relative, 0.0)
    by_value = room_of_tolerance(actual, expected, 0.0, absolute)
    return max(by_share, by_value) if by_share is not None and by_value is not None else None


def _is_literal(operand: ast.expr) -> bool:
    """A number, or the name of a constant."""
    bare = operand.operand if isinstance(operand, ast.UnaryOp) else operand
    return isinstance(bare, ast.Constant) or ast.unparse(bare).rpartition(".")[2].isupper()


class Watched(ast.NodeTransformer):
    """Passes the comparisons inside assertions through `compared`."""

    def __init__(self, path: str) -> None:
        self.path, self.depth = path, 0

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.depth += 1
        node.test = self.visit(node.test)
        self.depth -= 1
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)  # a comparison in the brackets chooses, it asserts nothing
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr not in ("sum", "mean"):
            node.value = self.visit(node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        text = ast.unparse(node)
        self.generic_visit(node)
        signs = [type(each).__name__ for each in node.ops]
        if not self.depth or not set(signs) <= OPERATORS.keys() or "time." in text:
            return node
        operands = [node.left, *node.comparators]
        literals: list[ast.expr] = [ast.Constant(_is_literal(operand)) for operand in operands]
        told: list[ast.expr] = [
            ast.Tuple(operands, ast.Load()),
            ast.Constant(" ".join(signs)),
            ast.Tuple(literals, ast.Load()),
        ]
        told += [ast.Constant(f"{self.path}:{node.lineno}"), ast.Constant(text)]
        call = ast.Call(ast.Name("__compared__", ast.Load()), told, [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


class WatchedLoader(SourceFileLoader):
    """Compiles a module of the tests with its comparisons watched; nothing compiled is kept."""

    def get_code(self, fullname: str) -> CodeType:
        path = Path(self.get_filename(fullname))
        tree = Watched(str(path.relative_to(TESTS.parent))).visit(ast.parse(path.read_bytes(), str(path)))
        code: CodeType = compile(tree, str(path), "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__compared__"] = compared
        super().exec_module(module)


class WatchedFinder(MetaPathFinder):
    """Finds the tests' modules, before pytest's own finder does."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("tests."):
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None and TESTS in Path(spec.origin).parents:
            spec.loader = WatchedLoader(fullname, spec.origin)
        return spec


def _caller() -> str:
    frame = sys._getframe(2)
    while TESTS not in Path(frame.f_code.co_filename).parents or frame.f_code.co_filename == __file__:
        if frame.f_back is None:
            return "?"
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).relative_to(TESTS.parent)}:{frame.f_lineno}"


def _watch_libraries() -> None:
    allclose = np.testing.assert_allclose

    def watched_allclose(actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 0, **more: Any) -> None:
        allclose(actual, desired, rtol, atol, **more)
        room = room_of_tolerance(actual, desired, rtol, atol)
        if room is not None:
            note(_caller(), "assert_allclose", room)

    np.testing.assert_allclose = watched_allclose  # type: ignore[assignment]
    import torch

    close = torch.testing.assert_close

    def watched_close(actual: Any, expected: Any, **more: Any) -> None:
        close(actual, expected, **more)
        single = getattr(actual, "dtype", None) == torch.float32
        relative, absolute = more.get("rtol"), more.get("atol")
        relative = (1.3e-6 if single else 1e-7) if relative is None else relative
        absolute = (1e-5 if single else 1e-7) if absolute is None else absolute
        room = room_of_tolerance(actual, expected, relative, absolute)
        if room is not None:
            note(_caller(), "assert_close", room)

    torch.testing.assert_close = watched_close


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--near-limits", action="store_true", help="list assertions that hold by less than a tenth")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.near_limits:
        sys.meta_path.insert(0, WatchedFinder())
        _watch_libraries()


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # a process of pytest-xdist: its findings go to the one that reports
        output["near_limits"] = [vars(finding) for finding in found.values()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for finding in getattr(node, "workeroutput", {}).get("near_limits", ()):
        note(finding["place"], finding["text"], (finding["room"], finding["values"]))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.option.near_limits:
        terminalreporter.section("assertions near their limits")
        for line in _lines(found.values()):
            terminalreporter.line(line)


def _lines(findings: Iterable[Finding]) -> Iterable[str]:
    for finding in sorted(findings, key=lambda each: each.place):
        yield f"{finding.place}: {100 * finding.room:.1f} % left: {finding.text} ({finding.values})"
