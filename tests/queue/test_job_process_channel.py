"""JSON lines between a worker and its job process."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.queue.job_process_channel import Channel, ChannelClosed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=6)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Channel]]:
    ours, theirs = socket.socketpair()
    yield ours, Channel(theirs)
    ours.close()
    theirs.close()


@given(MESSAGES)
def test_messages_arrive_whole_and_in_order(messages: list[dict[str, object]]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender, receiver = Channel(ours), Channel(theirs)
        for message in messages:
            sender.send(message)
        assert [receiver.receive(1.0) for _ in messages] == messages
        assert receiver.receive(0.0) is None


def test_a_message_in_pieces_is_put_together(pair: tuple[socket.socket, Channel]) -> None:
    raw, channel = pair
    raw.sendall(b'{"a"')
    assert channel.receive(0.01) is None
    raw.sendall(b": 1}\n")
    assert channel.receive(1.0) == {"a": 1}


def test_silence_ends_after_the_time_given(pair: tuple[socket.socket, Channel]) -> None:
    start_s = time.monotonic()
    assert pair[1].receive(0.1) is None
    assert time.monotonic() - start_s >= 0.1


def test_a_closed_end_is_noticed_after_what_was_said_before(pair: tuple[socket.socket, Channel]) -> None:
    raw, channel = pair
    raw.sendall(b'{"last": 1}\n')
    raw.close()
    assert channel.receive(1.0) == {"last": 1}
    with pytest.raises(ChannelClosed):
        channel.receive(1.0)
    with pytest.raises(ChannelClosed):
        channel.send({"b": 2})
