"""Two pieces of work side by side: both results, failures of either, and a listener that stops them."""

from __future__ import annotations

import threading
import time

import pytest

from workers.platform.side_by_side import OnShare, has_two_threads, one_by_one, side_by_side
from workers.platform.threads import OPENMP


def silent(share: float) -> None:
    pass


@pytest.mark.parametrize("way", [side_by_side, one_by_one])
def test_both_results_come_back(way: object) -> None:
    assert callable(way)
    assert way(lambda told: "first", lambda told: "second", silent) == ("first", "second")


def test_they_run_at_the_same_time() -> None:
    met = threading.Barrier(2, timeout=10.0)
    assert side_by_side(lambda told: met.wait() >= 0, lambda told: met.wait() >= 0, silent) == (True, True)


def test_only_the_caller_hears_and_hears_of_the_second() -> None:
    heard: list[tuple[float, int]] = []
    go_on = threading.Event()

    def second(told: OnShare) -> None:
        told(0.5)
        go_on.wait(10.0)

    def listen(share: float) -> None:
        heard.append((share, threading.get_ident()))
        if share == 0.5:
            go_on.set()

    side_by_side(lambda told: None, second, listen)
    assert (0.5, threading.get_ident()) in heard and {thread for _, thread in heard} == {threading.get_ident()}


def endless(told: OnShare) -> None:
    while True:
        told(0.0)
        time.sleep(0.001)


def test_a_listener_that_raises_stops_both() -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(endless, endless, stop)
    with pytest.raises(KeyboardInterrupt):
        side_by_side(lambda told: None, endless, stop)


@pytest.mark.parametrize("broken", [0, 1])
def test_one_that_fails_stops_the_other(broken: int) -> None:
    def fail(told: OnShare) -> None:
        raise TimeoutError("its own")

    pieces = [endless, endless]
    pieces[broken] = fail
    with pytest.raises(TimeoutError, match="its own"):
        side_by_side(pieces[0], pieces[1], silent)


@pytest.mark.parametrize(("given", "two"), [("1", False), ("2", True), ("4,2", True), ("", False), (None, False)])
def test_two_threads_are_taken_where_the_process_has_them(
    monkeypatch: pytest.MonkeyPatch, given: str | None, two: bool
) -> None:
    monkeypatch.delenv(OPENMP, raising=False)
    if given is not None:
        monkeypatch.setenv(OPENMP, given)
    assert has_two_threads() is two
