"""Semantic scores of one retargeted clip: its keyframes rendered, embedded and compared with the source's.

For each view in turn the source, the result and the naive copy are rendered at the keyframes and embedded; the source's
part comes from the cache where the same pictures have been looked at before. An encoder that is asked questions is
guided by the source's answers in all three. A description is matched with the frames of each. Between keyframes the
similarity is interpolated. A value that does not apply is None with its reason; one that is not finite is an error.
What the numbers mean is defined in `similarity`, which frames count in `keyframes`, why they differ in `moments`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model_store.manifest import Anchors
from workers.rendering.cameras import Camera
from workers.rendering.moving_body import MovingBody
from workers.rendering.renderer import Renderer, choose_renderer
from workers.scores.scores import MeaningValues
from workers.semantics import similarity
from workers.semantics.clip_meaning import Meaning, OnStep
from workers.semantics.description import commonest, words_of_name
from workers.semantics.encoders.base import Encoder
from workers.semantics.keyframes import interpolate_timeline
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.moments import explain
from workers.semantics.source_cache import SourceCache, SourceLook, process_cache
from workers.semantics.viewed_clip import ViewedClip
from workers.skeleton.model import Array, Notice

PICTURES_VERSION = 1  # raise it when the same clip renders otherwise, so that what is cached is not taken for it
SIZE = 224
BATCH = {"cpu": 4, "cuda": 16}  # pictures rendered at once; on a CPU more would leave its cache
WORST_MOMENTS = 3


@dataclass
class _Rows:
    """Of one body, an entry a view: its embeddings `(keys, d)`, and its matches `(keys,)` where there is a text."""

    embeddings: list[Tensor] = field(default_factory=list)
    matches: list[Tensor] = field(default_factory=list)
    answers: list[str] | None = None

    def add(self, embeddings: Tensor, matches: Tensor | None) -> None:
        self.embeddings.append(embeddings)
        if matches is not None:
            self.matches.append(matches)


class _EncoderPass:
    """One clip before one encoder: renders, embeds and matches view by view."""

    def __init__(self, seen: ViewedClip, encoder: Encoder, description: str | None, cache: SourceCache) -> None:
        self.seen, self.encoder, self.cache = seen, encoder, cache
        self._name_words = words_of_name(seen.source.motion.name)
        # A clip's name stands in only where the encoder has no words of its own.
        self.text = description or (None if "describe" in encoder.capabilities else self._name_words)
        self.renderer: Renderer = choose_renderer(encoder.device)
        self.source, self.result, self.naive = _Rows(), _Rows(), _Rows()
        self.from_cache = 0

    def look(self, view: str, on_part: Callable[[], None]) -> None:
        """All three bodies from one view."""
        asks = "describe" in self.encoder.capabilities and view == self.seen.views[0]
        look = self._source(view, asks)
        self.source.add(*_tensors(look))
        if look.answers is not None:
            self.source.answers = list(look.answers)
            self._describe(look.answers)
        on_part()
        guided = self.encoder if look.guidance is None else self.encoder.guided_with(list(look.guidance))
        for body, rows in ((self.seen.result, self.result), (self.seen.naive, self.naive)):
            images = render(body, self.seen, view, self.renderer)
            rows.add(*self._embed_and_match(guided, images))
            if asks and rows is self.result:
                rows.answers = self.encoder.describe(images)
            on_part()

    def _source(self, view: str, asks: bool) -> SourceLook:
        camera = _camera(self.seen.source, self.seen, view)
        key = self._key(camera, asks)
        look = self.cache.get(key)
        if look is not None:
            self.from_cache += 1
            return look
        images = render(self.seen.source, self.seen, view, self.renderer)
        guided = self.encoder.guided_by(images)
        answers = self.encoder.describe(images) if asks else None
        if answers is not None:
            self._describe(answers)
        embedded, matches = self._embed_and_match(guided, images)
        look = SourceLook(
            embedded.numpy(),
            None if matches is None else matches.numpy(),
            None if guided.guiding_prompts is None else tuple(guided.guiding_prompts),
            None if answers is None else tuple(answers),
        )
        self.cache.put(key, look)
        return look

    def _describe(self, answers: Sequence[str]) -> None:
        self.text = self.text or commonest(answers) or self._name_words

    def _embed_and_match(self, guided: Encoder, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """What guides the embeddings of a model that is asked questions guides no match with the description."""
        if not self.text or "match" not in self.encoder.capabilities:
            return guided.embed(images).cpu(), None
        if guided is self.encoder:
            embedded, matches = guided.embed_and_match(images, self.text)
        else:
            embedded, matches = guided.embed(images), self.encoder.match(images, self.text)
        return embedded.cpu(), matches.cpu()

    def _key(self, camera: Camera, asks: bool) -> str:
        """All that the pictures of the source and what is asked of them depend on."""
        encoder, skin, motion = self.encoder, self.seen.source.skin, self.seen.source.motion
        digest = hashlib.sha256()
        words = (encoder.identity, encoder.dtype, encoder.device.type, self.renderer.name, PICTURES_VERSION, SIZE)
        digest.update(repr((*map(str, words), asks, self.text)).encode())
        used = skin.used.cpu().numpy()
        tensors = (skin.positions_m, skin.faces, skin.weights, skin.unbind, skin.bind_positions_m, *camera.tensors)
        arrays = [tensor.cpu().numpy() for tensor in tensors]
        arrays += [values[self.seen.keyframes][:, used] for values in (motion.rotations, motion.positions_m)]
        for array in arrays:
            digest.update(repr(array.shape).encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def measure_meaning(
    seen: ViewedClip,
    loaded: LoadedEncoder,
    description: str | None = None,
    on_step: OnStep = lambda share: None,
    cache: SourceCache | None = None,
) -> Meaning:
    """Scores of result and copy; `seen` must be on the encoder's device and from `loaded.views` to be calibrated.

    `on_step` is called between renders and may raise to stop. Raises OutputInvalid where the encoder gives what is not
    finite.
    """
    start, encoder = time.perf_counter(), loaded.encoder
    looking = _EncoderPass(seen, encoder, description, process_cache() if cache is None else cache)
    parts, done = 3 * len(seen.views), 0

    def on_part() -> None:
        nonlocal done
        done += 1
        on_step(done / parts)

    with torch.no_grad():
        for view in seen.views:
            looking.look(view, on_part)
    anchors = loaded.anchors(seen.views, seen.source_body)
    reasons = _reasons(loaded, seen, anchors, looking)
    by_view, copied = (_alike(looking.source, rows) for rows in (looking.result, looking.naive))
    facts = {
        "encoder": loaded.to_dict(),
        "built_in": loaded.manifest.source.kind == "packaged",
        "device": encoder.device.type,
        "renderer": looking.renderer.name,
        "views": list(seen.views),
        "views_from_cache": looking.from_cache,
        "source_body": seen.source_body,
        "same_pose": None,  # known where both bodies' files are (`same_pose`)
        "match_scale": encoder.match_scale,
        "description": looking.text,
        "keyframes": _keyframes(seen, by_view, copied, anchors),
        "answers": _answers(seen, looking),
        "worst_moments": _worst(seen, by_view, copied, anchors),
        "seconds": time.perf_counter() - start,
    }
    cut = looking.text is not None and encoder.cuts(looking.text)
    text = f"encoder {encoder.name} reads only the beginning of the description"
    return Meaning(
        seen=seen,
        result=_values(looking, looking.result, anchors, reasons),
        naive=_values(looking, looking.naive, anchors, reasons),
        per_frame=interpolate_timeline(seen.keyframes, by_view.mean(axis=0), seen.source.motion.frames),
        per_frame_naive=interpolate_timeline(seen.keyframes, copied.mean(axis=0), seen.source.motion.frames),
        facts=facts,
        notices=(Notice("description-cut", text),) if cut else (),
    )


def render(body: MovingBody, seen: ViewedClip, view: str, renderer: Renderer, size: int = SIZE) -> Tensor:
    """Pictures of the keyframes `(keys, 3, size, size)`, 0 to 1, on the device of the body's skin."""
    device, dtype = body.skin.positions_m.device, body.skin.positions_m.dtype
    camera = _camera(body, seen, view, size).to(device, dtype)
    pictures = []
    for first in range(0, len(seen.keyframes), BATCH.get(device.type, 16)):
        some = slice(first, first + BATCH.get(device.type, 16))
        with torch.no_grad():
            vertices = body.vertices(seen.keyframes[some])
            pictures.append(renderer.render(vertices, body.skin.faces, camera[some]))
    return torch.cat(pictures).clamp(0.0, 1.0)


def _camera(body: MovingBody, seen: ViewedClip, view: str, size: int = SIZE) -> Camera:
    """One camera a keyframe."""
    return body.cameras(seen.facing, size, [view], seen.keyframes)[view]


def _tensors(look: SourceLook) -> tuple[Tensor, Tensor | None]:
    return torch.from_numpy(look.embeddings), None if look.matches is None else torch.from_numpy(look.matches)


def _alike(source: _Rows, other: _Rows) -> Array:
    """Cosine at each keyframe from each view `(views, keys)`."""
    pairs = zip(source.embeddings, other.embeddings, strict=True)
    return np.stack([similarity.cosines(*pair).double().numpy() for pair in pairs])


def _values(looking: _EncoderPass, rows: _Rows, anchors: Anchors | None, reasons: dict[str, str]) -> MeaningValues:
    source, made = torch.cat(looking.source.embeddings), torch.cat(rows.embeddings)
    raw = similarity.raw_similarity(source, made)
    has_match = bool(rows.matches)
    return MeaningValues(
        raw=raw,
        calibrated=_calibrated(raw, anchors),
        scl=similarity.scl(source, made),
        itm=similarity.mean_match(torch.cat(rows.matches)) if has_match else None,
        itm_source=similarity.mean_match(torch.cat(looking.source.matches)) if has_match else None,
        reasons=reasons,
    )


def _reasons(loaded: LoadedEncoder, seen: ViewedClip, anchors: Anchors | None, looking: _EncoderPass) -> dict[str, str]:
    """Why a value is absent, by key."""
    reasons, name = {}, loaded.manifest.reference
    if anchors is None:
        reasons["semantic_similarity.calibrated"] = (
            f"encoder {name} is not calibrated for the views {', '.join(seen.views)} and a {seen.source_body} body"
        )
    if "match" not in loaded.encoder.capabilities:
        reasons["itm"] = f"encoder {name} does not match pictures with a text"
    elif not looking.text:
        reasons["itm"] = "no description was given, and the clip's name is none; give the option description"
    if "itm" in reasons:
        reasons["itm_source"] = reasons["itm"]
    return reasons


def _calibrated(raw: float, anchors: Anchors | None) -> float | None:
    return None if anchors is None else similarity.calibrated_similarity(raw, anchors)


def _keyframes(seen: ViewedClip, by_view: Array, copied: Array, anchors: Anchors | None) -> list[dict[str, Any]]:
    return [
        {
            "frame": int(frame),
            "time_s": float(time_s),
            "raw": float(raw),
            "calibrated": _calibrated(float(raw), anchors),
            "raw_naive_copy": float(copy),
            "calibrated_naive_copy": _calibrated(float(copy), anchors),
        }
        for frame, time_s, raw, copy in zip(
            seen.keyframes, seen.times_s, by_view.mean(axis=0), copied.mean(axis=0), strict=True
        )
    ]


def _worst(seen: ViewedClip, by_view: Array, copied: Array, anchors: Anchors | None) -> list[dict[str, Any]]:
    """The keyframes that look least like the source, worst first, each with the view that shows it and the reason."""
    order = np.argsort(by_view.mean(axis=0), kind="stable")[:WORST_MOMENTS]
    reasons = explain(seen.keyframes[order], *seen.compared, seen.source.floor_m)
    told = _keyframes(seen, by_view, copied, anchors)
    return [
        {
            **told[number],
            "view": seen.views[int(by_view[:, number].argmin())],
            "view_raw": float(by_view[:, number].min()),
            "reason": reason,
        }
        for number, reason in zip(order, reasons, strict=True)
    ]


def _answers(seen: ViewedClip, looking: _EncoderPass) -> list[dict[str, Any]] | None:
    """The encoder's own words for source and result at each keyframe, from the first view."""
    if looking.source.answers is None or looking.result.answers is None:
        return None
    return [
        {"frame": int(frame), "source": source, "result": result}
        for frame, source, result in zip(seen.keyframes, looking.source.answers, looking.result.answers, strict=True)
    ]
