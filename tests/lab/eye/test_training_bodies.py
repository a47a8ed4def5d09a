"""Copies within a family, bodies of other proportions, and the numbers that describe a pose."""

from __future__ import annotations

import numpy as np
import pytest

from tests.lab.eye.training_bodies import clip, limb_directions, samples
from workers.lab.eye.data.describe import CONTACTS, SEGMENTS, ContactProbe
from workers.lab.eye.data.families import copy_onto
from workers.lab.eye.data.proportions import REGIONS, generated, head_share, random_scales, stretch
from workers.skeleton import quat
from workers.skeleton.body import Body

LIMBS = [number for number, name in enumerate(SEGMENTS) if "arm" in name or "leg" in name]


@pytest.mark.parametrize("name", ["walk", "hands_on_hips"])
def test_a_copy_on_the_same_body_is_the_motion(name: str) -> None:
    motion = clip(name)
    copied = copy_onto(motion, motion.body)
    np.testing.assert_allclose(copied.positions_m, motion.positions_m, atol=1e-9)
    assert quat.angle_between(copied.rotations, motion.rotations).max() < 1e-6


def test_a_copy_stands_on_its_floor_and_goes_as_far_as_its_legs_do() -> None:
    tall, stout = samples().bodies
    motion = clip("walk")
    copied = copy_onto(motion, stout.body)
    ratio = stout.body.leg_length_m / tall.body.leg_length_m
    hips = motion.positions_m[:, tall.body.hips, 2]
    assert np.ptp(copied.positions_m[:, stout.body.hips, 2]) == pytest.approx(ratio * np.ptp(hips))
    toes = [copied.role_positions(f"{side}Foot") for side in ("left", "right")]
    lowest = np.min([foot[:, 1] for foot in toes if foot is not None], axis=0)
    assert np.abs(lowest - stout.body.floor_m - stout.body.sole_drop_m["leftFoot"]).max() < 0.05 * stout.body.height_m


def test_a_stretch_by_one_changes_nothing() -> None:
    tall = samples().bodies[0]
    same = stretch(tall, dict.fromkeys((*REGIONS, "head"), (1.0, 1.0)), "same")
    np.testing.assert_allclose(same.surface.positions_m, tall.surface.positions_m, atol=1e-9)
    np.testing.assert_allclose(same.body.rest_positions_m, tall.body.rest_positions_m, atol=1e-9)


def test_a_stretched_body_points_its_limbs_as_before() -> None:
    tall = samples().bodies[0]
    motion = clip("wave")
    for seed in range(3):
        body = stretch(tall, random_scales(np.random.default_rng(seed), tall), "stretched")
        assert body.body.height_m != pytest.approx(tall.body.height_m, rel=1e-3)
        turned = np.abs(limb_directions(copy_onto(motion, body.body)) - limb_directions(motion))[:, LIMBS]
        assert np.nanmax(turned) < 1e-6


def test_limbs_get_the_length_that_was_asked_for() -> None:
    tall = samples().bodies[0]
    scales = dict.fromkeys((*REGIONS, "head"), (1.0, 1.0)) | {"UpperArm": (1.5, 1.0), "LowerLeg": (0.7, 1.0)}
    body = stretch(tall, scales, "long arms").body

    def length(of: Body, start: str, end: str) -> float:
        return float(np.linalg.norm(of.rest_positions_m[of.joint(end)] - of.rest_positions_m[of.joint(start)]))

    for side in ("left", "right"):
        for start, end, ratio in (("UpperArm", "LowerArm", 1.5), ("LowerLeg", "Foot", 0.7), ("LowerArm", "Hand", 1.0)):
            before = length(tall.body, side + start, side + end)
            assert length(body, side + start, side + end) == pytest.approx(ratio * before, rel=1e-6)


def test_a_head_can_be_made_any_share_of_the_body() -> None:
    tall = samples().bodies[0]
    large = stretch(tall, dict.fromkeys(REGIONS, (1.0, 1.0)) | {"head": (2.5, 2.5)}, "toy")
    assert head_share(large) > 1.6 * head_share(tall)


def test_a_generated_body_has_the_same_skeleton_and_its_own_surface() -> None:
    tall = samples().bodies[0]
    bones = generated(tall)
    assert bones.kind == "generated"
    assert bones.body.skeleton is tall.body.skeleton
    assert len(bones.surface.faces) != len(tall.surface.faces)


def test_hands_on_hips_touch_the_body_and_a_wave_does_not() -> None:
    probe = ContactProbe(samples().bodies[0])
    resting, waving = clip("hands_on_hips"), clip("wave")
    column = CONTACTS.index("left hand to trunk")
    held = probe.contacts(resting)[resting.frames // 2]
    assert abs(held[column]) < 0.02
    assert abs(held[CONTACTS.index("right hand to trunk")]) < 0.02
    raised = probe.contacts(waving)[waving.frames // 2]
    far = [raised[CONTACTS.index(f"{side} hand to trunk")] for side in ("left", "right")]
    assert max(far) > 0.05


def test_a_clap_brings_the_hands_together() -> None:
    probe, clapping = ContactProbe(samples().bodies[0]), clip("clap", slice(None))
    gaps = probe.contacts(clapping)[:, CONTACTS.index("hand to hand")]
    assert gaps.min() < 0.015
    assert gaps.max() > 0.05
