"""How alike an encoder sees the source's body and the character in one pose: what its scores are worth on this pair.

Both stand in their rest poses, aligned: the same pose by construction. An encoder that never learnt such a body (a head
half as tall as the rest, props in both hands) sees even that as two poses, and then its scores of a clip say little:
over eleven characters and seven clips, bodies below 0.55 at rest had clips between 0.0 and 0.35 whatever they did,
bodies above 0.7 had 0.6 to 1. Looked at once for a pair of bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from workers.motion.body_motion import BodyMotion
from workers.platform.cache_folder import Recent
from workers.platform.content_key import content_key
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.rendering.moving_body import MovingBody, motion_facing
from workers.rendering.renderer import choose_renderer
from workers.rendering.skinning import Skin
from workers.retargeting.alignment import align
from workers.retargeting.analytic import transfer
from workers.semantics import similarity
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.scoring import render
from workers.semantics.viewed_clip import ViewedClip, from_origin
from workers.skeleton.model import Notice

KNOWN_FROM = 0.6  # calibrated; below, the encoder does not know this body
PAIRS_KEPT = 256


@dataclass(frozen=True)
class SamePose:
    """Similarity of both bodies in one pose; `calibrated` is None where the encoder is not calibrated."""

    raw: float
    calibrated: float | None

    def to_dict(self) -> dict[str, float | None]:
        return {"raw": self.raw, "calibrated": self.calibrated}

    def notices(self, encoder: str) -> tuple[Notice, ...]:
        if self.calibrated is None or self.calibrated >= KNOWN_FROM:
            return ()
        text = (
            f"encoder {encoder} sees one pose on both bodies as {self.calibrated:.2f} alike, where 1 is the same: it "
            "does not know such a body, and its scores say little here; look at the pictures"
        )
        return (Notice("encoder-unsure", text),)


_kept: Recent[tuple[Skin, Skin, SamePose]] = Recent(PAIRS_KEPT)


def same_pose(seen: ViewedClip, source: PreparedMotion, target: PreparedCharacter, loaded: LoadedEncoder) -> SamePose:
    """The encoder's similarity of both bodies of a clip that was `seen` at rest, looked at in the same way."""
    resting = at_rest(source.motion)
    result = transfer(resting, target.body, align(source.body, target.body), source.body.floor_m)
    skin, made = seen.source.skin, seen.result.skin
    # The skins are held with what is kept, so no other ones can have their identities.
    key = content_key(loaded.encoder.identity, seen.views, id(skin), id(made), resting.rotations, result.rotations)

    def look() -> tuple[Skin, Skin, SamePose]:
        first, second = from_origin(resting), MovingBody(from_origin(result), made, target.body.floor_m)
        both = replace(
            seen,
            source=MovingBody(first, skin, source.body.floor_m),
            result=second,
            naive=second,
            facing=motion_facing(first),
            keyframes=np.zeros(1, dtype=np.int64),
        )
        return skin, made, _looked_at(both, loaded)

    return _kept.get(key, look)[2]


def at_rest(motion: BodyMotion) -> BodyMotion:
    """One frame of the body as it rests."""
    body = motion.body
    return replace(motion, rotations=body.rest_rotations[None], positions_m=body.rest_positions_m[None])


def _looked_at(seen: ViewedClip, loaded: LoadedEncoder) -> SamePose:
    renderer = choose_renderer(loaded.encoder.device)
    with torch.no_grad():
        rows = [
            torch.cat([loaded.encoder.embed(render(body, seen, view, renderer)).cpu() for view in seen.views])
            for body in (seen.source, seen.result)
        ]
    raw = similarity.raw_similarity(*rows)
    anchors = loaded.anchors(seen.views, seen.source_body)
    return SamePose(raw, None if anchors is None else similarity.calibrated_similarity(raw, anchors))
