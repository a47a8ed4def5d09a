"""Relations: nothing where nothing changed, and more the more a person would see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.geometry.capsule_body import TRUNK, capsule_body, capsule_mesh, capsule_surface, moved
from workers.geometry.relations.errors import RelationErrors, relation_errors
from workers.geometry.relations.features import relations
from workers.geometry.relations.measure import motion_relations, wanted_relations
from workers.geometry.relations.points import PROBES, relation_points, shared_points
from workers.geometry.relations.tensors import as_tensors
from workers.geometry.surface import BodySurface, build_surface
from workers.motion.body_motion import BodyMotion
from workers.rendering.skinning import bind_skin
from workers.samples.poses import hand_turn, two_bones
from workers.scores.relation_scores import NO_SHARED_LIMB, relation_scores
from workers.scores.scores import RELATION_KEYS
from workers.skeleton import quat
from workers.skeleton.model import Array

SIGN = {"left": 1.0, "right": -1.0}
X, Y, Z = np.eye(3)
FAT = 0.25  # trunk radius in metres
HAND_THICK = 0.05  # the capsule body's hand is as thick as wide
BELLY_M = 1.15

Turns = Mapping[str, Array]


@cache
def body_of(trunk: float = TRUNK) -> BodySurface:
    return capsule_surface(trunk=trunk)


def arm(side: str, upper: Array, lower: Array, fingers: Array, palm: Array) -> dict[str, Array]:
    """Local turns of an arm whose bones point along these ways."""
    rest = SIGN[side] * X
    turns = [quat.between(rest, upper), quat.between(rest, lower), hand_turn(side, fingers, palm)]
    local = [turns[0], *(quat.multiply(quat.conjugate(a), b) for a, b in pairwise(turns))]
    return {f"{side}{role}": turn for role, turn in zip(("UpperArm", "LowerArm", "Hand"), local, strict=True)}


def hanging(side: str, out_deg: float = 0.0) -> dict[str, Array]:
    """A straight arm that hangs down, turned outwards."""
    way = quat.rotate(quat.from_axis_angle(SIGN[side] * Z, np.radians(out_deg)), -Y)
    return arm(side, way, way, way, -SIGN[side] * X)


def on_belly(trunk: float, side: str = "left", off_m: float = 0.0, palm: float = 1.0, deg: float = 20.0) -> Turns:
    """A hand that lies across the belly, `off_m` over it; `palm` -1 is turned away."""
    surface, angle = body_of(trunk), np.radians(SIGN[side] * deg)
    outward = np.array([np.sin(angle), 0.0, np.cos(angle)])
    fingers = -SIGN[side] * np.array([np.cos(angle), 0.0, -np.sin(angle)])
    wrist = (trunk + HAND_THICK + off_m) * outward + BELLY_M * Y
    places = surface.body.rest_positions_m
    shoulder, elbow, end = (
        places[surface.body.mapping.roles[side + r].joint] for r in ("UpperArm", "LowerArm", "Hand")
    )
    lengths = (float(np.linalg.norm(elbow - shoulder)), float(np.linalg.norm(end - elbow)))
    bones = two_bones(shoulder, wrist, lengths, [SIGN[side], -0.4, -0.6])
    return arm(side, *bones, fingers, -palm * outward)


def errors(
    source: BodyMotion, seen: BodySurface, made: BodyMotion, own: BodySurface, shift: float = 0.0
) -> RelationErrors:
    wanted, found = shared_points(relation_points(seen, shift), relation_points(own, shift))
    return relation_errors(motion_relations(wanted, source), motion_relations(found, made))


def apart(source: Turns, made: Turns, seen: BodySurface, own: BodySurface, shift: float = 0.0) -> float:
    """The whole error of one pose against another."""
    return float(errors(moved(seen.body, source), seen, moved(own.body, made), own, shift).by_frame[0])


def some_poses(surface: BodySurface, frames: int, seed: int = 0) -> BodyMotion:
    rng = np.random.default_rng(seed)
    roles = [f"{side}{part}" for side in SIGN for part in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg")]
    turns = {role: quat.from_rotation_vector(rng.normal(scale=0.6, size=(frames, 3))) for role in [*roles, "spine"]}
    return moved(surface.body, turns, frames)


def test_the_same_pose_of_the_same_body_has_no_error() -> None:
    motion = some_poses(body_of(), 6)
    found = errors(motion, body_of(), motion, body_of())
    assert found.by_limb.shape == (6, 11)
    assert np.abs(found.by_limb).max() < 1e-12


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_size_facing_and_travel_do_not_count(shift: float) -> None:
    """Another unit or size of the whole body, another rest heading, a clip that is turned and carried elsewhere."""
    motion = some_poses(body_of(), 6)
    mesh = capsule_mesh(body_of().body)
    for scale, yaw in ((0.01, 0.0), (3.0, 0.0), (1.0, 2.0), (0.5, -1.0)):
        places = scale * quat.rotate(quat.from_axis_angle(Y, yaw), mesh.positions_m)
        other = build_surface(capsule_body(scale, yaw), replace(mesh, positions_m=places))
        assert errors(motion, body_of(), some_poses(other, 6), other, shift).by_limb.max() < 1e-6
    turn = quat.from_axis_angle(Y, np.linspace(0.0, 5.0, 6))
    path = np.linspace(0.0, 90.0, 6)[:, None] * np.array([1.0, 0.1, -0.7])
    carried = replace(
        motion,
        rotations=quat.multiply(turn[:, None], motion.rotations),
        positions_m=quat.rotate(turn[:, None], motion.positions_m) + path[:, None],
    )
    assert errors(motion, body_of(), carried, body_of(), shift).by_limb.max() < 1e-6


def test_it_is_the_same_in_both_directions() -> None:
    one, other = some_poses(body_of(), 5, seed=1), some_poses(body_of(FAT), 5, seed=2)
    there, back = errors(one, body_of(), other, body_of(FAT)), errors(other, body_of(FAT), one, body_of())
    np.testing.assert_allclose(there.by_limb, back.by_limb, atol=1e-9)


def test_both_sides_are_measured_alike() -> None:
    wide = body_of(FAT)
    for left, right in (
        (on_belly(TRUNK), on_belly(TRUNK, "right")), (hanging("left", 25.0), hanging("right", 25.0)),
    ):  # fmt: skip
        found = [
            errors(moved(body_of().body, hanging(side)), body_of(), moved(wide.body, turns), wide)
            for side, turns in (("left", left), ("right", right))
        ]
        places = found[0].limbs
        swapped = [places.index(_other_side(limb)) for limb in places]
        np.testing.assert_allclose(found[0].by_limb, found[1].by_limb[:, swapped], atol=2e-3)


def _other_side(limb: str) -> str:
    return limb.replace("left", "right") if limb.startswith("left") else limb.replace("right", "left")


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_hand_that_lies_on_the_belly_of_a_fat_body_is_right_and_one_inside_it_wrong(shift: float) -> None:
    source = on_belly(TRUNK)
    kept = apart(source, on_belly(FAT), body_of(), body_of(FAT), shift)
    copied = apart(source, source, body_of(), body_of(FAT), shift)
    assert kept < 0.15
    assert copied > 1.8 * kept


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_off_the_place_over_it_and_turned_away_are_worse(shift: float) -> None:
    source, own = on_belly(TRUNK), body_of(FAT)
    hand = []
    for made in (
        on_belly(FAT), on_belly(FAT, off_m=0.12), on_belly(FAT, deg=75.0), on_belly(FAT, palm=-1.0),
        on_belly(FAT, off_m=-0.12),
    ):  # fmt: skip
        found = errors(moved(body_of().body, source), body_of(), moved(own.body, made), own, shift)
        hand.append(float(found.by_limb[0, found.limbs.index("leftHand")]))
    kept, over, beside, away, inside = hand
    assert kept < 0.3
    assert min(over, beside, away, inside) > kept + 0.25


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_idle_arms_that_are_pushed_out_are_worse_than_ones_that_hang_a_little_in_the_belly(shift: float) -> None:
    """By a tenth of the height at the hands, 18 degrees; hanging, hands and forearms lie 8 cm deep."""
    still = {**hanging("left"), **hanging("right")}
    pushed = {**hanging("left", 18.0), **hanging("right", 18.0)}
    assert apart(still, pushed, body_of(), body_of(FAT), shift) > 1.2 * apart(
        still, still, body_of(), body_of(FAT), shift
    )
    assert apart(still, pushed, body_of(), body_of(), shift) > 0.1 + apart(still, still, body_of(), body_of(), shift)


def test_a_hand_that_was_free_may_rather_enter_a_wide_body_a_little_than_be_lowered() -> None:
    """Held before a thin belly, 9 cm away; on the wide one the same arm is 1 cm deep."""
    source = on_belly(TRUNK, off_m=0.09)
    entering = apart(source, source, body_of(), body_of(FAT))
    assert apart(source, hanging("left"), body_of(), body_of(FAT)) > 1.5 * entering


def test_it_is_continuous() -> None:
    """An arm that sweeps around and through the body: steps half as long, changes half as large."""
    own = body_of(FAT)
    largest = []
    for count in (400, 800, 1600):
        share = np.linspace(0.0, 1.0, count)
        turns = {
            "leftUpperArm": quat.from_axis_angle(quat.unit(-Z + 0.3 * Y), 2.5 * share),
            "leftLowerArm": quat.from_axis_angle(-Y, 2.2 * share),
        }
        source = moved(body_of().body, on_belly(TRUNK), count)
        found = errors(source, body_of(), moved(own.body, turns, count), own)
        largest.append(np.abs(np.diff(found.by_limb, axis=0)).max())
    assert largest[0] < 0.05
    for coarse, fine in pairwise(largest):
        assert 0.4 * coarse < fine < 0.6 * coarse


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_finite_differences(seed: int) -> None:
    """And the torch form is the numpy form."""
    own, rng = body_of(FAT), np.random.default_rng(seed)
    wanted, made = shared_points(relation_points(body_of()), relation_points(own))
    meant = motion_relations(wanted, some_poses(body_of(), 2, seed))
    motion = some_poses(own, 2, seed + 10)
    rotations, positions = torch.as_tensor(motion.rotations), torch.as_tensor(motion.positions_m)
    skin = bind_skin(made.mesh, own.body.skeleton, dtype=torch.float64)
    want = as_tensors(meant, rotations)

    def loss(positions: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = relation_errors(want, relations(made, skin.deform(rotations, positions))).by_frame.sum()
        return found

    by_numpy = relation_errors(meant, motion_relations(made, motion)).by_frame.sum()
    assert float(loss(positions)) == pytest.approx(float(by_numpy), abs=1e-9)
    positions.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(positions), positions)
    assert torch.isfinite(gradient).all()
    way = torch.as_tensor(rng.normal(size=positions.shape))
    with torch.no_grad():
        slope = (loss(positions + 1e-6 * way) - loss(positions - 1e-6 * way)) / 2e-6
    assert float(slope) == pytest.approx(float((gradient * way).sum()), rel=1e-4, abs=1e-5)


def test_gradients_are_finite_where_nothing_is_wrong() -> None:
    points = relation_points(body_of())
    motion = moved(body_of().body, {})
    rotations = torch.as_tensor(motion.rotations).requires_grad_()
    skin = bind_skin(points.mesh, body_of().body.skeleton, dtype=torch.float64)
    found = relations(points, skin.deform(rotations, torch.as_tensor(motion.positions_m)))
    loss = relation_errors(as_tensors(motion_relations(points, motion), rotations), found).by_frame.sum()
    (gradient,) = torch.autograd.grad(loss, rotations)
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-9)
    assert torch.isfinite(gradient).all()


def test_bodies_share_what_both_have() -> None:
    bare = capsule_surface(without=("leftHand", "rightHand", "leftFoot", "head"))
    motion = some_poses(body_of(), 3)
    found = errors(motion, body_of(), some_poses(bare, 3), bare)
    assert set(found.limbs) == {
        "leftHand", "leftForearm", "leftElbow", "leftKnee",
        "rightHand", "rightForearm", "rightElbow", "rightFoot", "rightKnee",
    }  # fmt: skip
    assert found.by_limb.max() < 0.25
    with pytest.raises(ValueError, match="not shared"):
        one, other = relation_points(body_of()), relation_points(bare)
        relation_errors(motion_relations(one, motion), motion_relations(other, some_poses(bare, 3)))


def test_a_window_is_held_against_the_same_frames_of_the_whole_clip() -> None:
    source, made, own = some_poses(body_of(), 40, 1), some_poses(body_of(FAT), 40, 2), body_of(FAT)
    frames = np.array([20, 24, 31])
    held = wanted_relations(source, body_of(), own, frames, shift=0.5)
    assert held is not None
    window = replace(made, rotations=made.rotations[15:35], positions_m=made.positions_m[15:35])
    whole = errors(source, body_of(), made, own, shift=0.5)
    np.testing.assert_allclose(held.errors(window, start=15).by_limb, whole.by_limb[frames], atol=1e-12)


def test_scores_have_every_key_and_frame() -> None:
    motion, own = some_poses(body_of(), 200), body_of(FAT)
    (found,) = relation_scores([some_poses(own, 200)], motion, body_of(), own)
    assert set(found.values) == set(RELATION_KEYS) and not found.reasons
    per_frame = found.per_frame(200)
    assert per_frame is not None and per_frame.shape == (200,)
    whole = found.values["relation_error"]
    assert whole is not None and 0.0 < per_frame.min() < whole < per_frame.max()
    bare = capsule_surface(without=("leftFoot", "rightFoot"))
    (without,) = relation_scores([some_poses(bare, 200)], motion, body_of(), bare)
    assert without.reasons == {"relation_error_feet": NO_SHARED_LIMB}
    assert {limb for limb, _, _ in PROBES} > set(relation_points(bare).limbs)
