"""Previews and sheets as bytes, and who may import all this."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from workers.rendering.preview import moving_body, preview_webp, sheet_png
from workers.rendering.rasterizer import TorchRenderer
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Mesh


def shortened(motion: BodyMotion, frames: int) -> BodyMotion:
    return replace(motion, rotations=motion.rotations[:frames], positions_m=motion.positions_m[:frames])


def test_animation_lasts_as_long_as_the_clip(walking: tuple[BodyMotion, Mesh]) -> None:
    motion, mesh = shortened(walking[0], 16), walking[1]
    skinned = moving_body(motion, mesh, motion.body.floor_m, most_faces=2000)
    bare = moving_body(motion, None, motion.body.floor_m)
    data = preview_webp(TorchRenderer(), [("source", bare), ("result", skinned)], 64, ["front"], rate_hz=10.0)
    animation = Image.open(io.BytesIO(data))
    assert animation.format == "WEBP"
    assert animation.size[0] == 2 * 64 + 2
    assert getattr(animation, "n_frames", 1) == 6  # 15 / 30 s at 10 Hz, both ends
    pictures = []
    for number in (0, 5):
        animation.seek(number)
        pictures.append(np.asarray(animation.convert("RGB"), dtype=float))
    assert np.abs(pictures[0] - pictures[1]).mean() > 0.5, "it moves"


def test_sheet_has_a_column_a_frame_and_a_row_a_body(walking: tuple[BodyMotion, Mesh]) -> None:
    motion, mesh = walking
    body = moving_body(motion, mesh, motion.body.floor_m, most_faces=2000)
    sheet = Image.open(
        io.BytesIO(sheet_png(TorchRenderer(), [("a", body), ("b", body)], [0, 20, 60], ["1", "2", "3"], 64))
    )
    assert sheet.format == "PNG"
    assert sheet.size == (3 * 64 + 2 * 2, 20 + 2 * (64 + 2))
    pixels = np.asarray(sheet.convert("RGB"), dtype=int)
    row = pixels[22 : 22 + 64, :64]
    assert np.ptp(row) > 60, "a body before a background"
    with pytest.raises(ValueError, match="labels"):
        sheet_png(TorchRenderer(), [("a", body)], [0], [], 64)


def test_light_paths_do_not_import_rendering() -> None:
    code = (
        "import sys, service.cli, workers.engine; print([m for m in sys.modules if m.startswith('workers.rendering')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
