"""Previews and sheets: sizes, times, what moves in them, both file formats, and who may import all this."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from workers.motion.body_motion import BodyMotion
from workers.pictures.animation_files import encode_webm, encode_webp
from workers.pictures.framing import MIN_ZOOM, framed_cameras
from workers.pictures.lettering import ALARM, GAP, LINE, font, shortened
from workers.pictures.preview import BAR, Shown, choose_times, preview_frames
from workers.pictures.sheet import MARGIN, SheetRow, score_colour, sheet_png
from workers.rendering.moving_body import MovingBody, Picture, motion_facing, moving_body
from workers.rendering.rasterizer import TorchRenderer
from workers.skeleton.model import Mesh

SIZE = 64


@pytest.fixture(scope="module")
def skinned(walking: tuple[BodyMotion, Mesh]) -> MovingBody:
    motion, mesh = walking
    return moving_body(motion, mesh, motion.body.floor_m, most_faces=2000)


@pytest.fixture(scope="module")
def bare(walking: tuple[BodyMotion, Mesh]) -> MovingBody:
    return moving_body(walking[0], None, walking[0].body.floor_m)


def frames_of(body: MovingBody, start: int, stop: int) -> MovingBody:
    motion = body.motion
    part = slice(start, stop)
    return replace(body, motion=replace(motion, rotations=motion.rotations[part], positions_m=motion.positions_m[part]))


def made_pictures(count: int, height: int = 48, width: int = 64) -> list[Picture]:
    """A bright square that walks over a ramp."""
    pictures = []
    for number in range(count):
        picture = np.tile(np.linspace(40, 200, width).astype(np.uint8)[None, :, None], (height, 1, 3))
        picture[10:22, 2 * number : 2 * number + 12] = (250, 240, 60)
        pictures.append(picture)
    return pictures


def test_preview_shows_all_bodies_from_all_views_at_the_same_times(skinned: MovingBody, bare: MovingBody) -> None:
    shown = [Shown("source", "", frames_of(bare, 0, 16)), Shown("result", "note", frames_of(skinned, 0, 16))]
    times = choose_times([item.body for item in shown], most_frames=100, rate_hz=10.0)
    assert times.times_s.tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])  # 15 / 30 s, both ends
    facing = motion_facing(bare.motion)
    pictures = list(preview_frames(TorchRenderer(), shown, facing, times, SIZE, ["front", "side"]))
    assert len(pictures) == 6
    assert pictures[0].shape == (LINE + 2 * SIZE + 2 * GAP - GAP + BAR, 2 * SIZE + GAP, 3)
    first, last = (picture.astype(float) for picture in (pictures[0], pictures[-1]))
    for top in (LINE, LINE + SIZE + GAP):
        for left in (0, SIZE + GAP):
            panel = slice(top, top + SIZE), slice(left, left + SIZE)
            assert np.ptp(first[panel]) > 60, "a body before a background"
            assert np.abs(first[panel] - last[panel]).mean() > 0.5, "it moves"


def test_frames_come_as_they_are_asked_for(skinned: MovingBody) -> None:
    rendered: list[int] = []

    class Counting(TorchRenderer):
        def render(self, vertices_m, faces, camera):  # type: ignore[no-untyped-def]
            rendered.append(len(vertices_m))
            return super().render(vertices_m, faces, camera)

    shown = [Shown("one", "", skinned)]
    times = choose_times([skinned], most_frames=40)
    facing = motion_facing(skinned.motion)
    next(preview_frames(Counting(), shown, facing, times, 32, ["front"]))
    assert 0 < sum(rendered) < len(times) / 2


@pytest.mark.parametrize("most_frames", [2, 7, 40])
def test_a_long_clip_is_shown_whole_at_a_lower_rate(skinned: MovingBody, most_frames: int) -> None:
    times = choose_times([skinned], most_frames)
    assert len(times) <= most_frames
    seconds = (skinned.motion.frames - 1) / skinned.motion.rate_hz
    assert times.times_s[-1] == pytest.approx(seconds, abs=1.0 / times.rate_hz)
    frames = times.frames_of(skinned)
    assert frames[0] == 0 and frames[-1] < skinned.motion.frames and (np.diff(frames) > 0).all()


def test_one_frame_is_a_preview_too(skinned: MovingBody) -> None:
    still = frames_of(skinned, 3, 4)
    times = choose_times([still], 100)
    (picture,) = preview_frames(TorchRenderer(), [Shown("one", "", still)], motion_facing(still.motion), times, SIZE)
    for encode in (encode_webp, encode_webm):
        assert len(encode([picture], times.rate_hz)) > 100


def test_webp_keeps_time_to_the_millisecond() -> None:
    animation = Image.open(io.BytesIO(encode_webp(made_pictures(10), 15.0)))
    assert (animation.format, animation.size, getattr(animation, "n_frames", 1)) == ("WEBP", (64, 48), 10)
    spent = 0
    for number in range(10):
        animation.seek(number)
        animation.load()
        spent += animation.info["duration"]
    assert spent == round(1000 * 10 / 15)
    assert animation.info["loop"] == 0


@pytest.mark.parametrize(("rate_hz", "shape"), [(15.0, (48, 64)), (12.34, (47, 63))])
def test_webm_plays_as_long_as_it_should_and_shows_the_pictures(rate_hz: float, shape: tuple[int, int]) -> None:
    av = pytest.importorskip("av")
    pictures = made_pictures(20, *shape)
    with av.open(io.BytesIO(encode_webm(iter(pictures), rate_hz))) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "vp9"
        assert container.duration / 1e6 == pytest.approx(20 / rate_hz, abs=0.01)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 20
    assert decoded[0].shape == (48, 64, 3), "even sides"
    for picture, seen in zip(pictures, decoded, strict=True):
        assert np.abs(seen[: shape[0], : shape[1]].astype(float) - picture).mean() < 12


def test_webm_takes_pictures_one_by_one() -> None:
    """A preview may be stopped between two pictures: the encoder must not ask for all of them first."""

    def stopping() -> Iterator[Picture]:
        yield from islice(made_pictures(5), 3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_webm(stopping(), 15.0)


def test_cameras_zoom_out_until_the_clip_stays_inside(bare: MovingBody) -> None:
    motion = bare.motion
    facing = motion_facing(motion)
    (plain,) = framed_cameras([bare], facing, SIZE, ["front"])
    assert plain["front"].focal[0] == bare.cameras(facing, SIZE, ["front"])["front"].focal[0], "a walk needs no zoom"
    jump = motion.positions_m.copy()
    jump[20:30, :, 1] += 0.45 * motion.body.height_m
    jumping = replace(bare, motion=replace(motion, positions_m=jump))
    for own, body in zip(framed_cameras([bare, jumping], facing, SIZE, ["front"]), (bare, jumping), strict=True):
        zoom = float(own["front"].focal[0] / plain["front"].focal[0])
        assert MIN_ZOOM <= zoom < 0.98, "both bodies alike, so that they compare"
        pixels, _ = own["front"][20:30].project(body.vertices(slice(20, 30)))
        assert float(pixels.min()) > 0 and float(pixels.max()) < SIZE


def sheet(rows: list[SheetRow], frames: list[int], **more: object) -> Image.Image:
    facing = motion_facing(rows[0].body.motion)
    data = sheet_png(TorchRenderer(), rows, frames, facing, size=SIZE, **more)  # type: ignore[arg-type]
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG"
    return image


def test_sheet_has_a_column_a_frame_and_a_row_a_body(skinned: MovingBody, bare: MovingBody) -> None:
    rows = [SheetRow("source", bare), SheetRow("result", skinned, [0.9, None, 0.2])]
    image = sheet(rows, [0, 20, 60], title="walk")
    title, times, source, result = LINE + 4, LINE, SIZE, SIZE + LINE
    assert image.size == (MARGIN + 3 * SIZE + 2 * GAP, title + times + source + result + 3 * GAP)
    pixels = np.asarray(image.convert("RGB"), dtype=int)
    for top in (title + times + 2 * GAP, title + times + source + 3 * GAP):
        for column in range(3):
            left = MARGIN + column * (SIZE + GAP)
            assert np.ptp(pixels[top : top + SIZE, left : left + SIZE]) > 60, "a body before a background"
    with pytest.raises(ValueError, match="scores"):
        sheet([SheetRow("result", skinned, [0.9])], [0, 1])


def test_sheet_marks_the_worst_moment_alone(skinned: MovingBody) -> None:
    rows = [SheetRow("result", skinned, [0.9, 0.3])]
    pixels = np.asarray(sheet(rows, [0, 20], worst=(0, 1)).convert("RGB"), dtype=int)
    first, second = (pixels[LINE + GAP :, MARGIN + k * (SIZE + GAP) :][:SIZE, :SIZE] for k in (0, 1))
    marked = [(np.abs(panel - ALARM).sum(axis=2) < 8) for panel in (first, second)]
    assert marked[1][0].all() and marked[1][:, -1].all() and not marked[0].any()


def test_sheet_shows_the_motion_and_the_scores(skinned: MovingBody) -> None:
    """Another motion and another score are another sheet; the same ones are the same to the byte."""
    still = frames_of(skinned, 0, 1)
    facing = motion_facing(skinned.motion)

    def data(body: MovingBody, score: float) -> bytes:
        return sheet_png(TorchRenderer(), [SheetRow("result", body, [1.0, score])], [0, 20], facing, size=SIZE)

    assert data(skinned, 0.9) == data(skinned, 0.9)
    assert len({data(skinned, 0.9), data(still, 0.9), data(skinned, 0.4)}) == 3


def test_colours_of_scores_go_from_red_to_green() -> None:
    red, amber, green = (np.array(score_colour(score)) for score in (-1.0, 0.5, 2.0))
    assert red[0] > 2 * red[1] and amber[0] > amber[1] > 2 * amber[2] and green[1] > green[0]


def test_a_text_that_does_not_fit_is_cut() -> None:
    assert shortened("walk", 200) == "walk"
    cut = shortened("a very long name of a clip", 60)
    assert cut.endswith("…") and font().getlength(cut) <= 60 and cut.startswith("a ver")  # near: whole pixels


def test_light_paths_do_not_import_rendering() -> None:
    code = (
        "import sys, service.cli, workers.engine.engine\n"
        "print([m for m in sys.modules if m.startswith('workers.rendering')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
