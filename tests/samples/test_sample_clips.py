"""The sample clips: planted feet, contacts that touch, smoothness, loops, and nothing through the floor."""

from __future__ import annotations

import numpy as np
import pytest

from workers.contract.roles import finger_roles
from workers.samples.body import MATERIALS, SampleBody, build_body, surface_normals
from workers.samples.clips import CYCLE_S, CYCLES, HEEL_OFF, LIFT_OFF, RATE_HZ, make_clips
from workers.samples.poses import SampleMotion, joints_of
from workers.samples.shape import INDEX, STOUT, TALL
from workers.skeleton import quat

BODY = build_body(TALL)
MOTIONS = {motion.name: motion for motion in make_clips(TALL)}
EACH = pytest.mark.parametrize("name", sorted(MOTIONS))


def _own_vertices(body: SampleBody, *roles: str) -> np.ndarray:
    """Vertices that hang mostly on these joints together."""
    return np.flatnonzero(body.weights[:, [INDEX[role] for role in roles]].sum(axis=1) > 0.9)


def _surface(motion: SampleMotion, frames: list[int], body: SampleBody = BODY) -> np.ndarray:
    return body.skinned(motion.turns[frames], joints_of(body, motion)[frames])


@EACH
def test_length_and_unit_rotations(name: str) -> None:
    motion = MOTIONS[name]
    assert motion.rate_hz == 30.0 and 2.0 <= (len(motion.turns) - 1) / RATE_HZ <= 4.0  # near: whole frames
    assert np.allclose(np.linalg.norm(motion.turns, axis=-1), 1.0)
    assert np.isfinite(motion.hips_m).all()


@EACH
@pytest.mark.parametrize("shape", [TALL, STOUT], ids=lambda shape: shape.name)
def test_moves_without_jumps_and_loops(name: str, shape: object) -> None:
    motion = next(motion for motion in make_clips(shape) if motion.name == name)  # type: ignore[arg-type]
    steps = np.degrees(quat.angle_between(motion.turns[:-1], motion.turns[1:]))
    assert steps.max() < 20.0
    assert steps.max(axis=0).max() > 2.0, "it moves"
    assert np.degrees(quat.angle_between(motion.turns[0], motion.turns[-1])).max() < 1e-3
    place = motion.hips_m[-1] - motion.hips_m[0]
    assert np.allclose(place[:2], 0.0, atol=1e-9)
    assert place[2] > 2.0 * shape.hip_height_m if name == "walk" else abs(place[2]) < 1e-9  # type: ignore[attr-defined]
    # Velocities agree over the seam too.
    first = quat.multiply(motion.turns[1], quat.conjugate(motion.turns[0]))
    last = quat.multiply(motion.turns[-1], quat.conjugate(motion.turns[-2]))
    assert np.degrees(quat.angle_between(first, last)).max() < 8.0


@EACH
def test_nothing_sinks_into_the_floor(name: str) -> None:
    lowest = _surface(MOTIONS[name], list(range(0, len(MOTIONS[name].turns), 3)))[..., 1].min()
    assert lowest > -0.003


@EACH
def test_knees_and_elbows_bend_the_right_way(name: str) -> None:
    place = joints_of(BODY, MOTIONS[name])
    for side in ("left", "right"):
        hip, knee, ankle, toe = (place[:, INDEX[side + part]] for part in ("UpperLeg", "LowerLeg", "Foot", "Toes"))
        ahead = knee - 0.5 * (hip + ankle)
        assert (ahead[:, 2] > 0.0).all()
        straight = BODY.joints_m[INDEX["leftUpperLeg"], 1] - 0.085
        assert np.linalg.norm(ankle - hip, axis=1).max() < 0.9999 * straight  # near: all but straight
        assert (toe[:, 1] > 0.0).all()


def test_feet_of_gestures_do_not_move() -> None:
    for name in ("wave", "hands_on_hips", "clap"):
        feet = joints_of(BODY, MOTIONS[name])[
            :, [INDEX[f"{side}{part}"] for side in ("left", "right") for part in ("Foot", "Toes")]
        ]
        assert np.ptp(feet, axis=0).max() < 1e-9
    toes = joints_of(BODY, MOTIONS["reach_overhead"])[:, [INDEX["leftToes"], INDEX["rightToes"]]]
    assert np.ptp(toes, axis=0).max() < 1e-9


@pytest.mark.parametrize("side", ["left", "right"])
def test_walking_feet_stay_planted(side: str) -> None:
    motion = MOTIONS["walk"]
    place, surface = joints_of(BODY, motion), _surface(motion, list(range(len(motion.turns))))
    cycle = np.arange(len(motion.turns)) / RATE_HZ / CYCLE_S - (0.0 if side == "left" else 0.5)
    part, count = cycle % 1.0, np.floor(cycle)
    toe = place[:, INDEX[f"{side}Toes"]]
    flat = _own_vertices(BODY, f"{side}Foot")
    flat = flat[BODY.positions_m[flat, 1] < 1e-9]
    for step in np.unique(count):
        on_toes = (count == step) & (part > 0.12) & (part < LIFT_OFF)
        if on_toes.sum() > 2:
            assert np.ptp(toe[on_toes], axis=0).max() < 1e-9
        flat_on_floor = (count == step) & (part > 0.12) & (part < HEEL_OFF)
        if flat_on_floor.sum() > 2:
            sole = surface[flat_on_floor][:, flat]
            assert np.abs(sole[..., 1]).max() < 1e-6 and np.ptp(sole, axis=0).max() < 1e-6
    height = surface[:, flat, 1].max(axis=1)
    assert height[(part > 0.7) & (part < 0.9)].min() > 0.03, "swings clear of the floor"
    travel = motion.hips_m[-1, 2] - motion.hips_m[0, 2]
    assert 1.0 < travel / (CYCLES * CYCLE_S) < 1.5, "a walking speed in m/s"


def test_clap_palms_meet_in_the_middle() -> None:
    motion = MOTIONS["clap"]
    impacts = [round((0.25 + 0.5 * clap) * RATE_HZ) for clap in range(4)]
    apart = [round(0.5 * clap * RATE_HZ) for clap in range(4)]
    palms = {side: _own_vertices(BODY, f"{side}Hand") for side in ("left", "right")}
    surface = _surface(motion, impacts + apart)
    gap = surface[:, palms["left"], 0].min(axis=1) - surface[:, palms["right"], 0].max(axis=1)
    assert np.abs(gap[: len(impacts)]).max() < 0.008
    assert gap[len(impacts) :].min() > 0.15
    middle = {side: surface[: len(impacts), palms[side]].mean(axis=1) for side in palms}
    assert np.abs((middle["left"] - middle["right"])[:, 1:]).max() < 0.01, "one palm opposite the other"


def test_hands_lie_on_the_hips_and_not_in_them() -> None:
    motion = MOTIONS["hands_on_hips"]
    shirt = np.unique(BODY.faces[BODY.materials == list(MATERIALS).index("shirt")])
    trunk = np.intersect1d(shirt, _own_vertices(BODY, "hips", "spine", "chest"))
    for frame in _surface(motion, [round(second * RATE_HZ) for second in (1.2, 1.8, 2.5)]):
        normals = surface_normals(frame, BODY.faces)[trunk]
        for side in ("left", "right"):
            hand = _own_vertices(BODY, f"{side}Hand", *finger_roles(side, "Index"), *finger_roles(side, "Little"))
            offset = frame[hand][:, None] - frame[trunk][None]
            nearest = np.linalg.norm(offset, axis=-1).argmin(axis=1)
            height = np.sum(offset[np.arange(len(hand)), nearest] * normals[nearest], axis=-1)
            assert -0.006 < height.min() < 0.010
            touching = frame[hand[height < 0.012]]
            assert len(touching) > 20
            assert 0.85 < touching[:, 1].mean() / BODY.joints_m[INDEX["hips"], 1] < 1.15


def test_wave_is_beside_the_head_and_moves_sideways() -> None:
    place = joints_of(BODY, MOTIONS["wave"])
    waving = place[round(1.0 * RATE_HZ) : round(2.7 * RATE_HZ)]
    hand, head = waving[:, INDEX["rightMiddleDistal"]], waving[:, INDEX["head"]]
    assert (hand[:, 1] > head[:, 1]).all() and (hand[:, 0] < head[:, 0] - 0.15).all()
    turns = np.diff(np.sign(np.diff(hand[:, 0])))
    assert np.count_nonzero(turns) >= 5 and np.ptp(hand[:, 0]) > 0.15
    assert place[0, INDEX["rightHand"], 1] < BODY.joints_m[INDEX["hips"], 1]


def test_reach_gets_overhead_on_tiptoe() -> None:
    place = joints_of(BODY, MOTIONS["reach_overhead"])
    top = round(1.8 * RATE_HZ)
    for side in ("left", "right"):
        assert place[top, INDEX[f"{side}MiddleDistal"], 1] > 1.1 * TALL.height_m
        assert place[top, INDEX[f"{side}Foot"], 1] > TALL.ankle_height_m + 0.03
