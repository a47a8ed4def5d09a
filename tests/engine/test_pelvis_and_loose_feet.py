"""Motions and characters whose hips or feet are not where they usually hang."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.rebuilt_rigs import Joint, RebuiltRig, bvh_bundle, plain_rig, result_world, rig_bundle, skinned, walk_of
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, retarget
from workers.formats.bundle import FileBundle
from workers.motion.pelvis import best_turns
from workers.samples.body import build_body
from workers.samples.rig import joint_name
from workers.samples.shape import INDEX, PARENTS, TALL
from workers.skeleton import quat
from workers.skeleton.model import Array

ROOT = Joint("root", None, None)


def source_of(rig: RebuiltRig) -> FileBundle:
    """The tall body's walk on a rig's skeleton."""
    tall = replace(rig, body=build_body(TALL))
    return rig_bundle(tall, tall.posed(walk_of(TALL)))


@cache
def plain_result() -> tuple[EngineResult, Array]:
    result = retarget(source_of(plain_rig()), rig_bundle(plain_rig()), JobOptions())
    return result, skin_of(result)


def skin_of(result: EngineResult) -> Array:
    ((name, data),) = result.artifacts.items()
    return skinned(*result_world(data, name))


def loose_feet(*, control: bool = False, hands: bool = False, ends: bool = False, names: str = "roles") -> RebuiltRig:
    """Feet, and hands, under the root as baked IK leaves them; `ends` leaves a joint at the end of each shin."""
    rig = plain_rig()
    rig = replace(rig, joints=(ROOT, *(replace(j, parent=j.parent or "root") for j in rig.joints)))
    for side in ("left", "right"):
        if control:
            rig = rig.with_joints(Joint(f"{side}LegControl", "root", f"{side}Foot"))
        if ends:
            rig = rig.with_joints(Joint(f"{side}LowerLeg_end", f"{side}LowerLeg", f"{side}Foot", skinned=False))
        rig = rig.hung({f"{side}Foot": f"{side}LegControl" if control else "root"})
        if hands:
            rig = rig.hung({f"{side}Hand": "root"})
    if names == "numbered":
        numbers = {name: f"n{number}" for number, name in enumerate(rig.names)}
        return rig.renamed(lambda name: numbers[name])
    return rig.renamed(lambda name: joint_name(name, names) if name in INDEX else name)


LOOSE = [
    {}, {"control": True}, {"hands": True}, {"ends": True}, {"names": "mixamo"}, {"names": "suffixed", "hands": True},
    {"names": "numbered"}, {"names": "numbered", "control": True},
]  # fmt: skip


class TestLooseFeet:
    @pytest.mark.parametrize("layout", LOOSE, ids=str)
    def test_as_a_character(self, layout: dict[str, bool | str]) -> None:
        result = retarget(source_of(plain_rig()), rig_bundle(loose_feet(**layout)), JobOptions())  # type: ignore[arg-type]
        plain, skin = plain_result()
        assert np.abs(skin_of(result) - skin).max() < 0.01
        for key in ("foot_skate_result", "foot_float_cm"):
            assert result.report["scores"][key] == pytest.approx(plain.report["scores"][key], abs=0.02)

    @pytest.mark.parametrize("as_bvh", [False, True])
    @pytest.mark.parametrize("layout", LOOSE, ids=str)
    def test_as_a_source(self, layout: dict[str, bool | str], as_bvh: bool) -> None:
        if as_bvh and layout.get("hands"):
            layout = {**layout, "hands": False}  # a BVH's unit is guessed from arms and legs in one tree
        source = source_of(loose_feet(**layout))  # type: ignore[arg-type]
        result = retarget(bvh_bundle(source) if as_bvh else source, rig_bundle(plain_rig()), JobOptions())
        assert np.abs(skin_of(result) - plain_result()[1]).max() < 0.02
        source_roles = result.report["mapping"]["source"]["roles"]
        assert {"leftFoot", "rightFoot", "leftToes", "rightToes"} <= set(source_roles)
        assert source_roles["hips"]["joint"] != "root"


def undone(spin: Array | None, turned_deg: float = 0.0) -> FileBundle:
    """A hips joint that turns as it likes: joints in its place below it counter that. The whole walk swings to a side
    and back by `turned_deg`; without `spin` the joint does not turn at all.
    """
    rig = plain_rig()
    below = {role: "waist" if role == "spine" else "girdle" for role, above in PARENTS.items() if above == "hips"}
    rig = rig.with_joints(Joint("girdle", "hips", "hips"), Joint("waist", "hips", "hips")).hung(below)
    tall = replace(rig, body=build_body(TALL))
    motion = walk_of(TALL)
    side = turned_deg * np.sin(np.linspace(0.0, 2.0 * np.pi, len(motion.turns)))
    swing = quat.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.radians(side))
    turns = quat.multiply(swing[:, None], motion.turns)
    rotations, positions = tall.posed(replace(motion, turns=turns, hips_m=quat.rotate(swing, motion.hips_m)))
    hips = tall.names.index("hips")
    rotations[:, hips] = quat.IDENTITY if spin is None else quat.multiply(spin, rotations[:, hips])
    return rig_bundle(tall, (rotations, positions))


class TestUndonePelvis:
    @pytest.mark.parametrize("as_bvh", [False, True])
    @pytest.mark.parametrize("axis", [(0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.3, -0.8, 0.5)])
    @pytest.mark.parametrize("most_deg", [45.0, 170.0])
    def test_read_from_thighs_and_spine(self, axis: tuple[float, ...], most_deg: float, as_bvh: bool) -> None:
        frames = np.arange(len(walk_of(TALL).turns))
        swing = np.sin(6.0 * np.pi * frames / frames[-1])  # the clip still closes as a loop
        spin = quat.from_axis_angle(quat.unit(np.array(axis)), np.radians(most_deg) * swing)
        result = retarget(bvh_bundle(undone(spin)) if as_bvh else undone(spin), rig_bundle(plain_rig()), JobOptions())
        straight = retarget(undone(quat.identity(len(frames))), rig_bundle(plain_rig()), JobOptions())
        assert np.abs(skin_of(result) - skin_of(straight)).max() < 0.01

    def test_a_pelvis_that_alone_does_not_turn(self) -> None:
        """The hips joint keeps its rest turn while what stands in its place below turns."""
        result = retarget(undone(None, turned_deg=70.0), rig_bundle(plain_rig()), JobOptions())
        still = quat.identity(len(walk_of(TALL).turns))
        straight = retarget(undone(still, turned_deg=70.0), rig_bundle(plain_rig()), JobOptions())
        assert np.abs(skin_of(result) - skin_of(straight)).max() < 0.01


def test_best_turns_recovers_a_turn() -> None:
    random = np.random.default_rng(5)
    points = random.normal(size=(3, 3))
    points -= points.mean(axis=0)
    turns = quat.normalize(random.normal(size=(20, 4)))
    found = best_turns(points, quat.rotate(turns[:, None], points))
    assert np.degrees(quat.angle_between(found, turns)).max() < 1e-4
