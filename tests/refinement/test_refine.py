"""Refining whole clips: contacts by geometry, guards, budget, cancellation, determinism."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import igl
import numpy as np
import pytest
import torch

from model_store.catalogue import find_manifest
from tests.refinement.shape_encoder import ShapeEncoder
from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.geometry.exact import ExactPenetration
from workers.geometry.near_body import near_body
from workers.geometry.posing import pose
from workers.geometry.prepared import surfaces_of
from workers.geometry.surface import build_surface
from workers.platform.torch_threads import torch_threads
from workers.preparation.prepare import PreparedCharacter
from workers.refinement import semantic
from workers.refinement.budget import check_refinement, check_time
from workers.refinement.guards import arms_turned_deg
from workers.refinement.problem import prepare_problem
from workers.refinement.refine import refine_clip
from workers.retargeting.clip import RetargetedClip
from workers.scores import pose_scores
from workers.semantics.loaded import LoadedEncoder

Retargeted = Callable[[str], RetargetedClip]
pytestmark = pytest.mark.timeout(400)  # half a minute of processor each, and others may share it
GEOMETRY = JobOptions(refine="geometry")


def refine(retargeted: RetargetedClip, target: PreparedCharacter, budget_s: float = 600.0) -> RetargetedClip:
    return refine_clip(retargeted, target, GEOMETRY, lambda share: None, budget_s=budget_s)


@pytest.fixture(scope="session")
def refined_clap(on_stout: Retargeted, stout: PreparedCharacter) -> RetargetedClip:
    return refine(on_stout("clap"), stout)


def deepest_cm(retargeted: RetargetedClip, target: PreparedCharacter) -> float:
    surface = surfaces_of(target).light
    near, allowed = near_body(surface, pose(surface, retargeted.scored), surface.limb_vertices, 0.0)
    return 100.0 * float((-near.distance_m - allowed).max(initial=0.0))


@pytest.mark.parametrize("clip", ["hands_on_hips", "clap"])
def test_hands_touch_the_stout_body_and_do_not_enter_it(
    clip: str, on_stout: Retargeted, stout: PreparedCharacter, refined_clap: RetargetedClip
) -> None:
    """On the full mesh, by exact distances: palms come within 1.5 cm of what they touch, and meanwhile no vertex is 0.8
    cm deep. What hangs beside the body before and after may lie in soft flesh a little: it moves less then.

    The base has 7 cm. What is left of a clap is half a finger's thickness: fingers of both hands interlock, and what
    pushes them apart mostly cancels. 0.41 to 0.62 cm were seen with other last digits (threads, processors), and a
    limit has to leave room for them.
    """
    done = on_stout(clip)
    refined = refined_clap if clip == "clap" else refine(done, stout)
    surface = build_surface(stout.body, stout.scene.load_mesh())
    exact = ExactPenetration(surface)
    contacts = prepare_problem(done, stout, lambda: None).contacts.contacts
    middles = sorted({(contact.start + contact.stop) // 2 for contact in contacts})
    touching = {frame for contact in contacts for frame in range(contact.start, contact.stop)}
    frames = sorted({*middles, *(frame for frame in range(0, done.scored.frames, 9) if frame in touching)})
    before, after = (
        exact.measure(pose(surface, motion, frames)).depth_m.max() for motion in (done.scored, refined.scored)
    )
    assert before > 0.05
    assert after < 0.008
    posed = pose(surface, refined.scored, middles)
    for contact in contacts:
        (row,) = (number for number, frame in enumerate(middles) if frame == (contact.start + contact.stop) // 2)
        palm = posed[row, surface.parts == contact.part_a]
        touched = surface.outer_faces[surface.outer_face_parts == contact.part_b]
        squared = igl.point_mesh_squared_distance(palm, posed[row], np.ascontiguousarray(touched))[0]
        assert np.sqrt(squared.min()) < 0.015, contact.name


def test_clapping_hands_meet_before_a_belly(
    on_stout: Retargeted, stout: PreparedCharacter, refined_clap: RetargetedClip
) -> None:
    assert refined_clap.refinement is not None
    (found,) = refined_clap.refinement.summary["windows"]
    assert found["accepted"], found["reason"]
    assert found["after"]["penetration"] < 0.1 * found["before"]["penetration"]
    assert found["after"]["contact_error"] < 0.5 * found["before"]["contact_error"]
    assert deepest_cm(refined_clap, stout) < 0.35 * deepest_cm(on_stout("clap"), stout)


def test_a_loop_still_closes_and_feet_stay(on_stout: Retargeted, refined_clap: RetargetedClip) -> None:
    before, after = on_stout("clap").scored, refined_clap.scored
    np.testing.assert_allclose(after.rotations[0], after.rotations[-1], atol=1e-12)
    second = np.diff(np.concatenate([after.positions_m[:-1]] * 2), n=2, axis=0)
    assert np.abs(second[-(after.frames) :]).max() <= 1.01 * np.abs(second).max()  # near: equal but for the seam
    for role in ("leftFoot", "leftToes", "rightFoot", "rightToes"):
        joint = after.body.mapping.roles[role].joint
        np.testing.assert_allclose(after.positions_m[:, joint], before.positions_m[:, joint], atol=1e-9)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_same_clip_gives_the_same_motion_with_any_number_of_threads(
    threads: int, stout: PreparedCharacter, first_clap: RetargetedClip
) -> None:
    once = refine(first_clap, stout)
    with torch_threads(threads):
        again = refine(first_clap, stout)
        assert torch.get_num_threads() == threads
    assert once.scored is not first_clap.scored
    assert np.array_equal(again.scored.rotations, once.scored.rotations)
    assert np.array_equal(again.clip.rotations, once.clip.rotations)


def test_clips_of_one_character_share_its_surfaces(stout: PreparedCharacter, on_stout: Retargeted) -> None:
    """What is made of a character's mesh is made once, whatever it is wanted for."""
    before = surfaces_of(stout)
    refine(on_stout("clap"), stout, budget_s=0.001)
    assert surfaces_of(stout) is before
    assert surfaces_of(stout) is surfaces_of(replace(stout, left_alone=frozenset([3])))


def test_what_needs_nothing_is_left_alone(on_tall: Retargeted, tall: PreparedCharacter) -> None:
    done = on_tall("walk")
    after = refine(done, tall)
    idle = ~prepare_problem(done, tall, lambda: None).activity.frames
    assert idle.mean() > 0.5
    assert arms_turned_deg(done.scored, after.scored)[idle].mean() < 3.0
    legs = [("leftUpperLeg", "leftLowerLeg"), ("rightUpperLeg", "rightLowerLeg")]
    directions = [pose_scores.limb_directions(motion, legs) for motion in (done.scored, after.scored)]
    assert pose_scores.angles_deg(*directions).max() < 3.0


def test_a_budget_holds_and_says_so(on_stout: Retargeted, stout: PreparedCharacter) -> None:
    done = refine(on_stout("clap"), stout, budget_s=0.001)
    assert done.refinement is not None
    summary = done.refinement.summary
    assert summary["steps"] == 0
    assert summary["stopped_by"] == {"seconds": 1}
    assert done.scored is on_stout("clap").scored
    assert any(notice.code == "refinement-rejected" and "0.001 s" in notice.message for notice in done.notices)


def test_a_budget_is_kept_to_the_piece_of_work_in_hand(on_stout: Retargeted, stout: PreparedCharacter) -> None:
    """A twentieth of a second on an idle machine, so a tenth of any budget; here others may share the processor."""
    heard = [time.monotonic()]
    done = refine_clip(
        on_stout("hands_on_hips"), stout, GEOMETRY, lambda share: heard.append(time.monotonic()), budget_s=0.8
    )
    took, longest = time.monotonic() - heard[0], max(np.diff(heard))
    assert took < 0.8 + 2.0 * longest + 0.5
    assert done.refinement is not None
    assert done.refinement.summary["seconds"] <= took  # near: measured inside and outside
    assert done.refinement.summary["stopped_by"] == {"seconds": 1}


def test_a_job_can_be_stopped_between_any_two_steps(on_stout: Retargeted, stout: PreparedCharacter) -> None:
    class Stop(Exception):
        pass

    heard: list[float] = []

    def on_step(share: float) -> None:
        heard.append(share)
        if share > 0.1:
            raise Stop

    with pytest.raises(Stop):
        refine_clip(on_stout("clap"), stout, GEOMETRY, on_step, budget_s=120.0)
    assert heard == sorted(heard)
    assert 0.1 < heard[-1] < 0.2  # near: it raises at the first share beyond


def test_a_budget_longer_than_a_job_is_refused() -> None:
    with pytest.raises(InvalidOptions, match="480"):
        check_time(JobOptions(refine="geometry", refine_budget_s=500), 600.0)
    check_time(JobOptions(refine="geometry", refine_budget_s=400), 600.0)
    check_time(JobOptions(refine="geometry"), 600.0)
    check_time(JobOptions(refine_budget_s=3000), 600.0)


def test_semantic_refinement_without_an_encoder_is_refused() -> None:
    with pytest.raises(InvalidOptions, match="geometry"):
        check_refinement(JobOptions(refine="semantic", encoder="none"))


def test_an_encoder_cannot_talk_hands_back_into_a_body(
    first_clap: RetargetedClip, stout: PreparedCharacter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Geometry comes first: what an encoder adds loses nothing of it, though the source is seen with its hands where
    the stout body's belly is.
    """
    monkeypatch.setattr(semantic, "SIZE", 64)
    loaded = LoadedEncoder(ShapeEncoder(), find_manifest("clip"))
    options = JobOptions(refine="semantic", keyframes=3)
    after = refine_clip(first_clap, stout, options, lambda share: None, budget_s=120.0, loaded=loaded)
    assert after.refinement is not None
    (found,) = after.refinement.summary["windows"]
    assert found["accepted"], found["reason"]
    assert found["after"]["penetration"] < 0.05 * found["before"]["penetration"]
    assert found["after"]["contact_error"] < 0.5 * found["before"]["contact_error"]
    assert found["after"]["similarity"] is not None
    assert deepest_cm(after, stout) < 0.35 * deepest_cm(first_clap, stout)
