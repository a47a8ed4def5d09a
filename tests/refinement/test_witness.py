"""What an encoder asks for is taken only where it also shows in views that were not optimised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from model_store.catalogue import find_manifest
from tests.refinement.shape_encoder import ShapeEncoder
from workers.contract.options import JobOptions
from workers.preparation.prepare import PreparedCharacter
from workers.refinement import refine, semantic
from workers.refinement.rows import OnPiece
from workers.refinement.witness import open_witness
from workers.rendering.cameras import HELD_OUT, VIEWS
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.residual import DegreesOfFreedom, find_freedom, moved_motion
from workers.semantics.loaded import LoadedEncoder
from workers.semantics.viewed_clip import view_clip
from workers.skeleton.model import Array, Mask

pytestmark = pytest.mark.timeout(400)  # ten seconds of processor each, and others may share it
KEYFRAMES = 3


@pytest.fixture
def spoilt(
    on_tall: Callable[[str], RetargetedClip], tall: PreparedCharacter, monkeypatch: pytest.MonkeyPatch
) -> RetargetedClip:
    """A result whose arm was lowered by 0.3 rad; its source is seen with the arm raised."""
    monkeypatch.setattr(semantic, "SIZE", 64)
    done = on_tall("wave")
    freedom = find_freedom(tall.body)
    bent = np.zeros((done.scored.frames, freedom.values))
    (arm,) = [part for part in freedom.parts if part.name == "rightUpperArm"]
    bent[:, arm.first + 2] = 0.3
    return replace(done, scored=moved_motion(freedom, done.scored, bent))


def refined(spoilt: RetargetedClip, tall: PreparedCharacter, off: frozenset[str] = frozenset()) -> RetargetedClip:
    loaded = LoadedEncoder(ShapeEncoder(), find_manifest("clip"))
    options = JobOptions(refine="semantic", keyframes=KEYFRAMES)
    return refine.refine_clip(spoilt, tall, options, lambda share: None, budget_s=300.0, loaded=loaded, off=off)


def test_an_honest_encoder_brings_the_pictures_closer_in_all_views(
    spoilt: RetargetedClip, tall: PreparedCharacter
) -> None:
    after = refined(spoilt, tall)
    assert after.refinement is not None
    windows = [found for found in after.refinement.summary["windows"] if found["accepted"]]
    assert windows, [found["reason"] for found in after.refinement.summary["windows"]]
    for found in windows:
        assert found["after"]["similarity"] > found["before"]["similarity"]
        assert found["after"]["unseen_similarity"] > found["before"]["unseen_similarity"]
    idle = after.refinement.summary["idle_arms_deg"]
    assert idle is None or idle < 3.0


class Contrary:
    """What is seen from elsewhere where an encoder is fooled: the more is changed, the less alike."""

    def similarity(self, freedom: DegreesOfFreedom, residual: Array, changed: Mask, on_piece: OnPiece) -> float:
        return 1.0 - float(np.abs(residual).max())


@pytest.mark.parametrize("is_fooled", [False, True])
def test_a_change_that_other_views_do_not_show_is_refused_and_told(
    is_fooled: bool, spoilt: RetargetedClip, tall: PreparedCharacter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the encoder asks here. It raises the arm, which leaves the body: where that looks less alike from
    elsewhere, it is refused all the same.
    """
    if is_fooled:
        monkeypatch.setattr(refine, "open_witness", lambda seen, encoder, on_piece: Contrary())
    after = refined(spoilt, tall, frozenset(["penetration", "fine_penetration", "places"]))
    assert after.refinement is not None
    windows = after.refinement.summary["windows"]
    assert windows and all(found["accepted"] != is_fooled for found in windows), windows
    if not is_fooled:
        return
    assert after.scored is spoilt.scored
    told = [notice.message for notice in after.notices if notice.code == "refinement-rejected"]
    assert told and all("similarity in views that were not optimised" in message for message in told)
    for found in windows:
        assert found["after"]["similarity"] > found["before"]["similarity"]
        assert found["after"]["unseen_similarity"] < found["before"]["unseen_similarity"]
        assert "in the views that were optimised, but" in found["reason"]


def test_the_witness_stands_where_nothing_is_optimised(spoilt: RetargetedClip, tall: PreparedCharacter) -> None:
    """At least 35 degrees from every view that is scored; every keyframe is looked at once, in another crop."""
    apart = [abs((a - b + 180.0) % 360.0 - 180.0) for a in HELD_OUT.values() for b in VIEWS.values()]
    assert min(apart) >= 35.0
    seen = view_clip(spoilt, tall, KEYFRAMES, tuple(VIEWS))
    eye, witness = semantic.open_eye(seen, ShapeEncoder(), _nothing), open_witness(seen, ShapeEncoder(), _nothing)
    pieces = [piece for parts in witness.pieces.values() for piece in parts]
    keys = np.concatenate([np.arange(len(seen.keyframes))[piece.rows] for piece in pieces])
    np.testing.assert_array_equal(np.sort(keys), np.arange(len(seen.keyframes)))
    assert set(witness.pieces) <= set(HELD_OUT)
    (focal,) = {float(value) for piece in eye.pieces["front"] for value in piece.camera.focal}
    assert all(float(value) > 1.1 * focal for piece in pieces for value in piece.camera.focal)


def _nothing() -> None:
    """No other work."""
