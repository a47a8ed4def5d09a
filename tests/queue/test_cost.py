"""What a job would cost is told before it runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workers.contract.errors import TooLarge
from workers.contract.options import parse_options
from workers.queue.cost import BARE_VERTICES, check_cost
from workers.skeleton.model import ClipInfo, Scene


def scene(frames: int = 0, vertices: int | None = None) -> Any:
    """As much of a scene as its cost depends on; clips of 100 Hz, the second of ten frames."""
    mesh = None if vertices is None else SimpleNamespace(positions_m=np.zeros((vertices, 3)))
    clips = (ClipInfo("long", frames, 100.0, frames / 100), ClipInfo("short", 10, 100.0, 0.1))
    made = SimpleNamespace(clips=clips, load_mesh=lambda: mesh, extras={})
    made.find_clip = lambda choice: Scene.find_clip(made, choice)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        ({}, 1000),
        ({"clip": "short"}, 10),
        ({"clip": "all"}, 1010),
        ({"start_s": 2, "end_s": 3}, 100),
        ({"start_s": 9.5}, 50),
        ({"start_s": 20}, 0),
        ({"fps": 200}, 2000),
        ({"fps": 10}, 1000),
        ({"source_fps": 50}, 1000),
        ({"clip": "no such clip"}, 0),
    ],
)
def test_the_frames_that_are_used_count(options: dict[str, Any], frames: int) -> None:
    made = scene(1000), scene(vertices=50)
    check_cost(*made, parse_options(options), max(frames * 50, 1))
    if frames:
        with pytest.raises(TooLarge, match=f"{frames:,} frames on 50 vertices.*start_s"):
            check_cost(*made, parse_options(options), frames * 50 - 1)


def test_a_bare_skeleton_counts_as_the_body_that_it_is_given() -> None:
    with pytest.raises(TooLarge, match=f"on {BARE_VERTICES:,} vertices"):
        check_cost(scene(1000), scene(), parse_options({}), 1000 * BARE_VERTICES - 1)
