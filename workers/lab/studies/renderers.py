"""The own renderer and another behind the same interface, on the same surfaces: pictures, gradients, an encoder's word.

Pictures: how far pixels differ, and how well the silhouettes coincide (intersection over union of the pixels that are
not ground). Gradients: a pose is compared with one near it, by each renderer's own pictures, and the loss's gradient
taken in the places of the vertices and in the joints' angles; the cosine between the two renderers' gradients. The
encoder: raw similarity of source and result by each. Which other renderer there is, is the caller's to say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from workers.contract.options import parse_options
from workers.geometry.decimate import prepare_surface
from workers.lab.corpus import load_character, load_scene
from workers.lab.studies.gradients import FILE_MOMENTS, MOMENTS, PosedBody, cases, file_motion, pose_body, sample_motion
from workers.lab.studies.meaning import MAX_DURATION_S, MeaningPair
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import prepare_motion
from workers.rendering.ground import render_ground
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.renderer import Renderer
from workers.rendering.shading import vertex_normals
from workers.rendering.skinning import bind_skin
from workers.retargeting.clip import retarget_clip
from workers.semantics import similarity
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.scoring import render
from workers.semantics.viewed_clip import view_clip
from workers.skeleton.model import Mesh

SEEN = 0.02  # a pixel that differs by more from the ground shows the body


@dataclass(frozen=True)
class PictureRow:
    """One pose. Differences are of colours 0 to 1; seconds are the processor's for a picture with its gradient."""

    label: str
    mean_difference: float
    max_difference: float
    silhouette_iou: float
    vertex_cosine: float
    angle_cosine: float
    own_s: float
    other_s: float


@dataclass(frozen=True)
class ScoreRow:
    """Raw similarity of source and result by each renderer, and the mean cosine of both renderers' embeddings of the
    same pictures.
    """

    label: str
    own: float
    other: float
    embeddings: float


def compare_pictures(other: Renderer, faces: int, size: int, data: Path | None = None) -> Iterator[PictureRow]:
    """Poses of our own bodies, with `data` of the files named in `gradients.FILE_MOMENTS` too."""
    for number, (clip, share, view) in enumerate(MOMENTS):
        stout = number % 2 == 1
        label = f"{'stout' if stout else 'tall'} {clip} {view}"
        yield _compare(label, other, *sample_motion(clip, stout), share, view, number, faces, size)
    for number, (name, chosen, share, view) in enumerate(FILE_MOMENTS if data else ()):
        assert data is not None
        if (data / name).is_file():
            motion, mesh = file_motion(data / name, chosen)
            label = f"{Path(name).stem} {motion.name} {view}"
            yield _compare(label, other, motion, mesh, share, view, 100 + number, faces, size)


def compare_scores(
    other: Renderer, pairs: Sequence[MeaningPair], loaded: LoadedEncoder, keyframes: int, views: Sequence[str]
) -> Iterator[ScoreRow]:
    """Raises what reading and retargeting the pairs does."""
    options, encoder = parse_options({"end_s": MAX_DURATION_S}), loaded.encoder
    for pair in pairs:
        source = prepare_motion(load_scene(pair.motion), pair.clip, options)
        target = load_character(pair.character)
        seen = view_clip(retarget_clip(source, target, options), target, keyframes, views, encoder.device.type)
        scores, embedded = [], []
        for renderer in (TorchRenderer(), other):
            with torch.no_grad():
                made = [
                    torch.cat([encoder.embed(render(body, seen, view, renderer)).cpu() for view in views])
                    for body in (seen.source, seen.result)
                ]
            scores.append(similarity.raw_similarity(*made))
            embedded.append(torch.cat(made))
        alike = float(cosine_similarity(embedded[0], embedded[1], dim=-1).mean())
        yield ScoreRow(f"{pair.motion.stem} [{pair.clip_name}] -> {pair.character.stem}", scores[0], scores[1], alike)


def _compare(
    label: str,
    other: Renderer,
    motion: BodyMotion,
    mesh: Mesh,
    share: float,
    view: str,
    seed: int,
    faces: int,
    size: int,
) -> PictureRow:
    skin = bind_skin(prepare_surface(mesh, faces), motion.body.skeleton)
    posed = pose_body(motion, skin, round(share * (motion.frames - 1)), view, size)
    *_, (_, pose, steps, target) = cases(posed, seed)  # the last case: joints turned
    pictures, by_vertex, by_angle, seconds = [], [], [], []
    for renderer in (TorchRenderer(), other):
        angles = torch.zeros(1, len(steps), requires_grad=True)
        vertices = pose(angles)
        vertices.retain_grad()
        with torch.no_grad():
            wanted = renderer.render(target, skin.faces, posed.camera)
        begin = time.process_time()
        picture = renderer.render(vertices, skin.faces, posed.camera)
        (picture - wanted).square().mean().backward()  # type: ignore[no-untyped-call]
        seconds.append(time.process_time() - begin)
        assert vertices.grad is not None and angles.grad is not None
        pictures.append(picture.detach())
        by_vertex.append(vertices.grad.flatten())
        by_angle.append(angles.grad.flatten())
    apart = (pictures[0] - pictures[1]).abs()
    shown = [_shows_body(picture, posed, pose(torch.zeros(1, len(steps)))) for picture in pictures]
    iou = float((shown[0] & shown[1]).sum() / (shown[0] | shown[1]).sum().clamp(min=1))
    return PictureRow(
        label,
        float(apart.mean()),
        float(apart.max()),
        iou,
        float(cosine_similarity(by_vertex[0], by_vertex[1], dim=0)),
        float(cosine_similarity(by_angle[0], by_angle[1], dim=0)),
        *seconds,
    )


def _shows_body(picture: Tensor, posed: PosedBody, vertices: Tensor) -> Tensor:
    """Which pixels `(1, size, size)` are not ground alone, as both renderers draw it."""
    size = posed.camera.size
    with torch.no_grad():
        ground = render_ground(posed.camera, vertices, vertex_normals(vertices, posed.skin.faces))
    bare = ground.view(1, size, size, 3).permute(0, 3, 1, 2)
    return (picture - bare).abs().amax(1) > SEEN
