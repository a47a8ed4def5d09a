"""Preview pictures as bytes: an animation of source and result side by side, and a sheet of frames with labels.

Works on moving surfaces (`MovingBody`), so a generated body and a character look alike. Which frames matter and what
their scores are is the caller's to say.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workers.rendering.body_proxy import build_proxy
from workers.rendering.cameras import Camera, clip_facing, follow
from workers.rendering.decimate import prepare_surface
from workers.rendering.renderer import Renderer
from workers.rendering.skinning import Skin, bind_skin
from workers.retargeting.motion import BodyMotion
from workers.skeleton.model import Array, Mesh

Picture = NDArray[np.uint8]  # (height, width, 3)

FRAMES_AT_ONCE = 16
MOST_FACES = 12_000
MOST_FRAMES = 150  # of an animation: longer clips are shown at a lower rate, at their true speed
CAPTION_HEIGHT, MARGIN = 20, 2
INK, PAPER = (40, 44, 52), (255, 255, 255)


@dataclass(frozen=True, eq=False)
class MovingBody:
    """A body's motion with the surface it is seen by, and where the ground is under it."""

    motion: BodyMotion
    skin: Skin
    floor_m: float

    def cameras(self, facing: Array, size: int, views: Sequence[str]) -> dict[str, Camera]:
        """One camera a frame for each view (`cameras.follow`)."""
        path = self.motion.positions_m[:, self.motion.body.hips]
        return follow(path, self.motion.rate_hz, self.motion.body.height_m, self.floor_m, facing, size, views)

    def render(self, renderer: Renderer, frames: Sequence[int], camera: Camera) -> list[Picture]:
        """Pictures of some frames; `camera` has one view for each frame of the motion."""
        pictures: list[Picture] = []
        device, dtype = self.skin.positions_m.device, self.skin.positions_m.dtype
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            chosen = list(frames[start : start + FRAMES_AT_ONCE])
            turns = torch.as_tensor(self.motion.rotations[chosen], dtype=dtype, device=device)
            places = torch.as_tensor(self.motion.positions_m[chosen], dtype=dtype, device=device)
            with torch.no_grad():
                vertices = self.skin.deform(turns, places)
                seen = renderer.render(vertices, self.skin.faces, camera[torch.tensor(chosen)].to(device, dtype))
            bytes_ = (seen.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            pictures += list(bytes_)
        return pictures


def moving_body(
    motion: BodyMotion, mesh: Mesh | None, floor_m: float, most_faces: int = MOST_FACES, device: str = "cpu"
) -> MovingBody:
    """`mesh` is the character's surface in the rest pose of `motion.body.skeleton`; without one a body is generated."""
    surface = build_proxy(motion.body) if mesh is None or not len(mesh.faces) else prepare_surface(mesh, most_faces)
    return MovingBody(motion, bind_skin(surface, motion.body.skeleton, device), floor_m)


def motion_facing(motion: BodyMotion) -> Array:
    """Where the clip faces on average, a turn about Y `(4,)`; source and result are both seen from the source's."""
    left, right = motion.role_positions("leftUpperLeg"), motion.role_positions("rightUpperLeg")
    if left is None or right is None:
        return motion.body.facing
    return clip_facing(left, right)


def preview_webp(
    renderer: Renderer,
    bodies: Sequence[tuple[str, MovingBody]],
    size: int = 224,
    views: Sequence[str] = ("front", "three_quarter"),
    rate_hz: float = 15.0,
) -> bytes:
    """An endless animated WebP: a column for each labelled body, a row for each view, the first body's facing.

    Bodies are shown at the same times; the shortest one ends the animation.
    """
    first = bodies[0][1].motion
    facing = motion_facing(first)
    seconds = min((body.motion.frames - 1) / body.motion.rate_hz for _, body in bodies)
    rate_hz = min(rate_hz, first.rate_hz, MOST_FRAMES / max(seconds, 1e-6))
    times = np.arange(max(1, int(seconds * rate_hz + 1e-6) + 1)) / rate_hz
    grid: list[list[Picture]] = [[] for _ in times]
    for view in views:
        columns = []
        for _, body in bodies:
            frames = [int(f) for f in np.minimum(np.round(times * body.motion.rate_hz), body.motion.frames - 1)]
            columns.append(body.render(renderer, frames, body.cameras(facing, size, [view])[view]))
        for number in range(len(times)):
            grid[number].append(_beside([column[number] for column in columns]))
    captions = _captions([label for label, _ in bodies], size)
    pictures = [Image.fromarray(np.concatenate([captions, *_spaced(rows)])) for rows in grid]
    out = io.BytesIO()
    pictures[0].save(
        out, "WEBP", save_all=True, append_images=pictures[1:], duration=round(1000.0 / rate_hz), loop=0,
        quality=80, method=3,
    )  # fmt: skip
    return out.getvalue()


def sheet_png(
    renderer: Renderer,
    bodies: Sequence[tuple[str, MovingBody]],
    frames: Sequence[int],
    labels: Sequence[str],
    size: int = 224,
    view: str = "three_quarter",
) -> bytes:
    """A PNG: a column for each frame under its label (time, score), a row for each body.

    `frames` count in every body's motion alike; `labels` has one text a frame.
    """
    if len(frames) != len(labels):
        raise ValueError(f"{len(frames)} frames need as many labels, not {len(labels)}")
    facing = motion_facing(bodies[0][1].motion)
    rows: list[Picture] = [_captions(labels, size)]
    for name, body in bodies:
        chosen = [min(frame, body.motion.frames - 1) for frame in frames]
        row = _beside(body.render(renderer, chosen, body.cameras(facing, size, [view])[view]))
        rows.append(_named(row, name))
    out = io.BytesIO()
    Image.fromarray(np.concatenate(_spaced(rows))).save(out, "PNG", optimize=True)
    return out.getvalue()


def _beside(pictures: Sequence[Picture]) -> Picture:
    gap = np.full((pictures[0].shape[0], MARGIN, 3), 255, dtype=np.uint8)
    parts: list[Picture] = [pictures[0]]
    for picture in pictures[1:]:
        parts += [gap, picture]
    return np.concatenate(parts, axis=1)


def _spaced(rows: Sequence[Picture]) -> list[Picture]:
    gap = np.full((MARGIN, rows[0].shape[1], 3), 255, dtype=np.uint8)
    result: list[Picture] = [rows[0]]
    for row in rows[1:]:
        result += [gap, row]
    return result


def _captions(texts: Sequence[str], size: int) -> Picture:
    """A line of texts, each over its picture, shortened where it does not fit."""
    width = len(texts) * size + (len(texts) - 1) * MARGIN
    image = Image.new("RGB", (width, CAPTION_HEIGHT), PAPER)
    draw, font = ImageDraw.Draw(image), _font()
    for column, text in enumerate(texts):
        while len(text) > 1 and draw.textlength(text, font) > size - 8:
            text = text[:-2] + "…"
        draw.text((column * (size + MARGIN) + 4, 4), text, fill=INK, font=font)
    return np.asarray(image)


def _named(row: Picture, name: str) -> Picture:
    image = Image.fromarray(row)
    ImageDraw.Draw(image).text((4, 4), name, fill=INK, font=_font())
    return np.asarray(image)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)
