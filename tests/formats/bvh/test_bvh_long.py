"""Long takes: read in blocks of text and windows of frames, which change nothing, and bound the memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.formats.bvh.bvh_kit import person, scene_of, swinging_rows
from workers.contract.errors import ParseFailed
from workers.formats.bundle import FileBundle
from workers.formats.bvh import rows
from workers.ingest.sandbox.sandbox import Sandbox
from workers.skeleton import quat
from workers.skeleton.model import Scene

TEXT = person(swinging_rows(40))


def told(text: str) -> Scene | str:
    try:
        return scene_of(text)
    except ParseFailed as error:
        return error.detail


def changed(line: int, word: str, text: str = TEXT) -> str:
    """The text with one number of a motion row replaced."""
    lines = text.splitlines()
    words = lines[line].split(" ")
    words[3] = word
    return "\n".join([*lines[:line], " ".join(words), *lines[line + 1 :]])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text + "\n \t\r\n",
        lambda text: text[:-37],
        lambda text: text + "1.5 -",
        lambda text: text.replace("\n", "\n\n").replace(" ", "  "),
        lambda text: changed(-30, "nan"),
        lambda text: changed(-1, "1e99"),
        lambda text: changed(-2, "1e99"),
        lambda text: changed(-1, "0.x"),
        lambda text: changed(-25, "1.0 1.0"),
        lambda text: changed(-25, "9" * 5000),
        lambda text: text + "9" * 5000,
    ],
)
def test_blocks_and_windows_change_nothing(monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]) -> None:
    text = change(TEXT)
    whole = told(text)
    monkeypatch.setattr(rows, "BLOCK", 700)
    monkeypatch.setattr(rows, "WINDOW", 256)
    monkeypatch.setattr(quat, "WINDOW", 300)
    parts = told(text)
    if isinstance(whole, str) or isinstance(parts, str):
        assert parts == whole
        return
    assert parts.notices == whole.notices
    ours, theirs = parts.load_clip(0, None), whole.load_clip(0, None)
    assert np.array_equal(ours.rotations, theirs.rotations)
    assert ours.translations_m.keys() == theirs.translations_m.keys()
    assert all(np.array_equal(track, theirs.translations_m[joint]) for joint, track in ours.translations_m.items())


def test_a_long_take_takes_little_more_than_its_text_and_its_numbers() -> None:
    """Beside the block and the window in hand; it was nine times the text."""
    short, take = (person(np.tile(swinging_rows(100), (count, 1))).encode() for count in (1, 120))
    sandbox = Sandbox()
    try:
        before = sandbox.read(FileBundle("short.bvh", short)).peak_bytes
        read = sandbox.read(FileBundle("take.bvh", take))
    finally:
        sandbox.close()
    assert read.scene.clips[0].frames == 12_000
    assert read.peak_bytes - before < 3.5 * len(take) + 12 * 2**20
