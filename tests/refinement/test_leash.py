"""The leash: no limb goes farther than what it had to leave asks for, whatever the residual is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from workers.geometry.parts import BODY, GROUPS
from workers.motion.body_motion import BodyMotion
from workers.motion.timeline import find_timeline
from workers.preparation.prepare import PreparedCharacter
from workers.refinement.activity import value_groups
from workers.refinement.guards import FrameSpan
from workers.refinement.leash import (
    MOST_LENGTH,
    SLACK,
    TIMES_DEPTH,
    TIMES_WAY,
    TRUNK_SLACK,
    Leash,
    find_leash,
    limb_length_m,
)
from workers.refinement.problem import prepare_problem
from workers.refinement.refine import refine_clip
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.residual import DegreesOfFreedom, find_freedom, moved_motion
from workers.skeleton.model import Array

LEFT_ARM, RIGHT_ARM = GROUPS.index("leftArm"), GROUPS.index("rightArm")
WAY_M = 0.1
Done = Callable[[str], RetargetedClip]


@pytest.fixture
def base(on_stout: Done) -> BodyMotion:
    return on_stout("wave").scored


@pytest.fixture
def freedom(base: BodyMotion) -> DegreesOfFreedom:
    return find_freedom(base.body)


def leash_of(base: BodyMotion, depth_m: float = 0.0, touched: tuple[int, ...] = ()) -> Leash:
    """With the left arm so deep in the middle third of the clip, where groups are `touched` too."""
    depths, near = np.zeros((base.frames, len(GROUPS))), np.zeros((base.frames, len(GROUPS)), dtype=bool)
    third = slice(base.frames // 3, 2 * base.frames // 3)
    depths[third, LEFT_ARM] = depth_m
    near[third, list(touched)] = True
    return find_leash(base.body, depths, near, WAY_M * near, find_timeline(base))


def random_residual(base: BodyMotion, freedom: DegreesOfFreedom, size_rad: float) -> Array:
    """Smooth along time, other turns for every joint."""
    random = np.random.default_rng(3)
    phase = random.uniform(0.0, 2.0 * np.pi, freedom.values) + np.linspace(0.0, 4.0, base.frames)[:, None]
    values: Array = size_rad * random.uniform(0.5, 1.0, freedom.values) * np.sin(phase)
    return values


def away(leash: Leash, freedom: DegreesOfFreedom, base: BodyMotion, residual: Array) -> dict[int, Array]:
    """How far each group's joints are from the base `(frames,)`."""
    moved = moved_motion(freedom, base, residual)
    paths = moved.positions_m - base.positions_m
    return {group: np.linalg.norm(paths[:, joints], axis=-1).max(axis=1) for group, joints in leash.joints}


@pytest.mark.parametrize("depth_m", [0.0, 0.03])
@pytest.mark.parametrize("size_rad", [0.05, 0.4, 1.5])
def test_no_residual_passes_its_bounds(
    base: BodyMotion, freedom: DegreesOfFreedom, depth_m: float, size_rad: float
) -> None:
    leash = leash_of(base, depth_m)
    held = leash.held(freedom, base, random_residual(base, freedom, size_rad))
    for group, far in away(leash, freedom, base, held).items():
        assert (far <= leash.bounds_m[:, group] + 1e-6).all(), GROUPS[group]
    deepest = TIMES_DEPTH * depth_m + SLACK * base.body.height_m
    assert leash.bounds_m[:, LEFT_ARM].max() == pytest.approx(deepest)
    assert leash.bounds_m[:, RIGHT_ARM].max() == pytest.approx(SLACK * base.body.height_m)
    assert not held[:, value_groups(freedom) == BODY].any()  # nothing touches: the trunk stays


def test_no_limb_goes_farther_than_a_share_of_its_length_however_deep_it_lies(
    base: BodyMotion, freedom: DegreesOfFreedom
) -> None:
    """An elbow by as much less as it is nearer to the shoulder; a way to a contact comes on top, for both."""
    most = MOST_LENGTH * limb_length_m(base.body, LEFT_ARM) + SLACK * base.body.height_m
    leash, middle = leash_of(base, 1.0), np.array([base.frames // 2])
    elbow, wrist = (int(base.body.joint(f"left{role}") or 0) for role in ("LowerArm", "Hand"))
    assert leash.bound_m(middle, LEFT_ARM, wrist) == pytest.approx(most)
    assert 0.3 * most < leash.bound_m(middle, LEFT_ARM, elbow) < 0.7 * most
    touched = leash_of(base, 1.0, (LEFT_ARM,))
    for joint in (elbow, wrist):
        way_m = touched.bound_m(middle, LEFT_ARM, joint) - leash.bound_m(middle, LEFT_ARM, joint)
        assert way_m == pytest.approx(TIMES_WAY * WAY_M)
    held = leash.held(freedom, base, random_residual(base, freedom, 1.5))
    moved = moved_motion(freedom, base, held).positions_m[:, elbow] - base.positions_m[:, elbow]
    frames = np.arange(base.frames)
    assert (np.linalg.norm(moved, axis=-1) <= leash.bound_m(frames, LEFT_ARM, elbow) + 1e-6).all()


def test_what_keeps_its_bounds_is_left_as_it_is(base: BodyMotion, freedom: DegreesOfFreedom) -> None:
    leash, residual = leash_of(base), random_residual(base, freedom, 1e-3)
    residual[:, value_groups(freedom) == BODY] = 0.0
    assert np.array_equal(leash.held(freedom, base, residual), residual)
    nothing = np.zeros_like(residual)
    assert leash.held(freedom, base, nothing) is nothing


def test_near_a_contact_an_arm_may_go_where_it_must_and_the_trunk_gives_way_a_little(
    base: BodyMotion, freedom: DegreesOfFreedom
) -> None:
    leash = leash_of(base, touched=(BODY, LEFT_ARM))
    residual = random_residual(base, freedom, 0.3)
    held, groups, middle = leash.held(freedom, base, residual), value_groups(freedom), base.frames // 2
    assert np.array_equal(held[middle, groups == LEFT_ARM], residual[middle, groups == LEFT_ARM])
    far = away(leash, freedom, base, held)
    assert far[RIGHT_ARM].max() <= (SLACK + TRUNK_SLACK) * base.body.height_m + 1e-6
    assert 0.0 < far[BODY][middle] <= TRUNK_SLACK * base.body.height_m + 1e-6
    assert not held[0, groups == BODY].any() and not held[-1, groups == BODY].any()


def test_a_loop_stays_a_loop(on_stout: Done) -> None:
    base = on_stout("clap").scored
    freedom, timeline = find_freedom(base.body), find_timeline(base)
    assert timeline.period is not None
    leash = leash_of(base, 0.02)
    residual = np.repeat(random_residual(base, freedom, 0.5)[:1], base.frames, axis=0)
    held = leash.held(freedom, base, residual)
    assert np.allclose(held[0], held[-1], atol=1e-9)


def test_a_stretch_is_judged_as_it_is_delivered(on_stout: Done, stout: PreparedCharacter) -> None:
    """What lies beside it shortens it too, smoothly along time, and across the seam of a loop."""
    for clip in ("wave", "clap"):
        problem = prepare_problem(on_stout(clip), stout, lambda: None)
        size = (problem.spline.knots, problem.freedom.values)
        knots = np.random.default_rng(4).uniform(-1.5, 1.5, size)
        whole = problem.motion(knots)
        for start, stop in ((0, 12), (20, 37), (problem.base.frames - 9, problem.base.frames)):
            span = FrameSpan(start, stop, np.zeros(stop - start, dtype=bool), np.zeros(problem.base.frames, dtype=bool))
            part = problem.part(knots, span)
            assert np.abs(part.positions_m - whole.positions_m[start:stop]).max() < 1e-9


def test_idle_arms_of_who_waves_stay_at_the_sides_of_a_stout_body(on_stout: Done, stout: PreparedCharacter) -> None:
    """They lie up to 7 cm inside and were spread by 45 % of the height: hands went 22 % each, then 6 % on average."""
    from workers.contract.options import JobOptions

    done = on_stout("wave")
    options = JobOptions(refine="geometry")
    refined = refine_clip(done, stout, options, lambda _: None, budget_s=120.0)
    problem = prepare_problem(done, stout, lambda: None)
    paths = refined.scored.positions_m - done.scored.positions_m
    for group, joints in problem.leash.joints:
        far = np.linalg.norm(paths[:, joints], axis=-1).max(axis=1)
        assert (far <= problem.leash.bounds_m[:, group] + 1e-4).all(), GROUPS[group]
    hands = [done.scored.body.mapping.roles[f"{side}Hand"].joint for side in ("left", "right")]
    moved = np.linalg.norm(paths[:, hands], axis=-1) / done.scored.body.height_m
    assert moved.mean() < 0.04 and np.quantile(moved, 0.95) < 0.08 and moved.max() < 0.12
