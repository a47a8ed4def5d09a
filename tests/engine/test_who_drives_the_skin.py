"""Skin on joints without a role: it goes along with the body, in every frame, whatever the rig looks like."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.rebuilt_rigs import (
    Joint,
    RebuiltRig,
    bvh_bundle,
    distances,
    plain_rig,
    result_world,
    rig_bundle,
    skinned,
    walk_of,
)
from workers.contract.definitions import CharacterDefinition
from workers.contract.options import JobOptions
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.shape import INDEX, PARENTS, ROLES, TALL
from workers.skeleton import quat
from workers.skeleton.model import Array, Scene

ASIDE = np.array([1.8, 0.0, 0.0])  # metres
LEGS = tuple(f"{side}{part}" for side in ("left", "right") for part in ("UpperLeg", "LowerLeg", "Foot", "Toes"))
BIPED = {
    "hips": "Bip01 Pelvis", "spine": "Bip01 Spine", "chest": "Bip01 Spine1", "upperChest": "Bip01 Spine2",
    "neck": "Bip01 Neck", "head": "Bip01 Head",
} | {
    f"{side}{part}": f"Bip01 {letter} {name}"
    for side, letter in (("left", "L"), ("right", "R"))
    for part, name in (
        ("Shoulder", "Clavicle"), ("UpperArm", "UpperArm"), ("LowerArm", "Forearm"), ("Hand", "Hand"),
        ("UpperLeg", "Thigh"), ("LowerLeg", "Calf"), ("Foot", "Foot"), ("Toes", "Toe0"),
    )
}  # fmt: skip
ROCKETBOX = {"hips": "Hips", "spine": "Spine", "chest": "Chest"}


@pytest.fixture(scope="module")
def walk() -> FileBundle:
    """A walk of the tall body that begins far from the origin."""
    motion = walk_of(TALL)
    return FileBundle(
        "walk.bvh", motion_to_bvh(build_body(TALL), replace(motion, hips_m=motion.hips_m + ASIDE)).encode()
    )


@pytest.fixture(scope="module")
def plain(walk: FileBundle) -> Array:
    """What becomes of the skin on the body's own skeleton."""
    return moved(walk, plain_rig())[3]


def moved(
    motion: FileBundle, rig: RebuiltRig, definition: CharacterDefinition | None = None, **options: Any
) -> tuple[dict[str, Any], Scene, Array, Array]:
    """Report, scene, joint positions and skin `(frames, vertices, 3)` of a motion on a rig."""
    result = retarget(motion, rig_bundle(rig), JobOptions.model_validate(options), definition=definition)
    ((name, data),) = result.artifacts.items()
    scene, rotations, positions = result_world(data, name)
    return result.report, scene, positions, skinned(scene, rotations, positions)


def codes(report: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in report["warnings"]]


def some_axes(seed: int) -> tuple[float, float, float, float]:
    x, y, z, w = quat.normalize(np.random.default_rng(seed).normal(size=4)).tolist()
    return x, y, z, w


@cache
def with_twins(roles: tuple[str, ...], pattern: str, hang: str, *, turned: bool = True) -> RebuiltRig:
    """The skin of these roles on joints in the same place, with axes of their own, hung in a chain, flat below the
    hips, or each at the root.
    """

    def parent(role: str) -> str | None:
        above = PARENTS[role]
        if hang == "chain":
            return pattern.format(above) if above in roles else above
        return "hips" if hang == "hips" else None

    more = [
        Joint(pattern.format(role), parent(role), role, axes=some_axes(INDEX[role]) if turned else (0.0, 0.0, 0.0, 1.0))
        for role in roles
    ]
    return plain_rig().with_joints(*more, holders={role: pattern.format(role) for role in roles})


def biped(names: dict[str, str]) -> RebuiltRig:
    """A pelvis above the joint that carries thighs and spine."""
    rig = plain_rig()
    root = Joint("Bip01", None, None)
    rig = replace(rig, joints=(root, *(replace(j, parent=j.parent or "Bip01") for j in rig.joints)))
    return rig.hung({"leftUpperLeg": "spine", "rightUpperLeg": "spine"}).renamed(lambda name: names.get(name, name))


NUMBERED = {role: f"bone_{INDEX[role]}" for role in ROLES}


class TestPelvisAboveTheSpine:
    @pytest.mark.parametrize("names", [BIPED, ROCKETBOX, NUMBERED], ids=["biped", "plain words", "numbers"])
    def test_pelvis_stays_at_the_spine(self, walk: FileBundle, plain: Array, names: dict[str, str]) -> None:
        _, scene, positions, skin = moved(walk, biped(names))
        apart = distances(scene, positions, [(names["hips"], names["spine"])])
        assert apart.max() - apart.min() < 1e-4
        assert np.ptp(skin[:, :, 0], axis=1).max() <= np.ptp(plain[:, :, 0], axis=1).max() + 0.1
        assert np.abs(skin - plain).max() < 0.03

    def test_a_joint_named_pelvis_is_the_hips(self, walk: FileBundle) -> None:
        report, *_ = moved(walk, biped(BIPED))
        roles = report["mapping"]["target"]["roles"]
        assert roles["hips"]["joint"] == "Bip01 Pelvis"
        assert roles["spine"]["joint"] == "Bip01 Spine1"
        assert "follows" not in codes(report)

    def test_spine_mapped_where_the_legs_hang(self, walk: FileBundle, plain: Array) -> None:
        """Said so by the user: the legs still do not bend with it."""
        given = {"target": {"hips": "Bip01 Pelvis", "spine": "Bip01 Spine", "chest": "Bip01 Spine1"}}
        _, scene, positions, skin = moved(walk, biped(BIPED), mapping=given)
        assert distances(scene, positions, [("Bip01 Pelvis", "Bip01 Spine")]).max() < 0.075
        assert np.abs(skin - plain).max() < 0.03

    @pytest.mark.parametrize("names", [BIPED, NUMBERED], ids=["biped", "numbers"])
    @pytest.mark.parametrize("as_bvh", [False, True])
    def test_as_a_source(self, plain: Array, names: dict[str, str], as_bvh: bool) -> None:
        rig = replace(biped(names), body=build_body(TALL))
        motion = walk_of(TALL)
        source = rig_bundle(rig, rig.posed(replace(motion, hips_m=motion.hips_m + ASIDE)))
        skin = moved(bvh_bundle(source) if as_bvh else source, plain_rig())[3]
        assert np.abs(skin - plain).max() < 0.03

    @pytest.mark.parametrize("names", [BIPED, NUMBERED], ids=["biped", "numbers"])
    def test_travel_can_go_to_the_root_or_away(self, walk: FileBundle, names: dict[str, str]) -> None:
        for mode in ("root_joint", "in_place"):
            _, scene, positions, _ = moved(walk, biped(names), root_motion=mode)
            joints = list(scene.skeleton.names)
            travel = {j: float(np.ptp(positions[:, joints.index(j), 2])) for j in ("Bip01", names["hips"])}
            assert distances(scene, positions, [(names["hips"], names["spine"])]).max() < 0.075
            if mode == "root_joint":
                assert travel["Bip01"] > 1.0 and travel[names["hips"]] > 1.0
            else:
                assert travel["Bip01"] == 0.0 and travel[names["hips"]] < 0.1


class TestTwins:
    @pytest.mark.parametrize(
        ("pattern", "hang", "roles"),
        [
            ("{}D", "chain", LEGS),
            ("{}D", "chain", tuple(role for role in LEGS if role.startswith("right"))),
            ("DEF-{}", "hips", (*LEGS, "head", "leftUpperArm", "leftLowerArm", "leftHand")),
            ("DEF-{}", "root", ROLES),
            ("{}_1", "chain", ROLES),
            ("helper of {}", "chain", ("leftUpperArm", "leftLowerArm", "leftHand")),
        ],
    )
    def test_skin_moves_as_if_it_hung_on_the_body(
        self, walk: FileBundle, plain: Array, pattern: str, hang: str, roles: tuple[str, ...]
    ) -> None:
        rig = with_twins(roles, pattern, hang)
        report, scene, positions, skin = moved(walk, rig)
        apart = distances(scene, positions, [(role, pattern.format(role)) for role in roles])
        assert apart.max() < 1e-4
        assert np.abs(skin - plain).max() < 1e-3
        assert codes(report).count("follows") == 1

    def test_names_do_not_matter_for_a_chain(self, walk: FileBundle, plain: Array) -> None:
        rig = with_twins(LEGS, "{}D", "chain")
        numbers = {name: f"n{number}" for number, name in enumerate(rig.names)}
        skin = moved(walk, rig.renamed(lambda name: numbers[name]))[3]
        assert np.abs(skin - plain).max() < 1e-3

    def test_a_garment_stands_a_little_off(self, walk: FileBundle) -> None:
        """The trousers' skeleton has the body's names and stands 2 cm behind."""
        body = plain_rig().body.joints_m

        def place(role: str) -> tuple[float, float, float]:
            x, y, z = body[INDEX[role]].tolist()
            return x, y, z - 0.02

        roles = ("hips", *(role for role in LEGS if "Toes" not in role))
        joints = [Joint(f"{r}_1", None if r == "hips" else f"{PARENTS[r]}_1", r, place(r), some_axes(7)) for r in roles]
        rig = plain_rig().with_joints(*joints, holders={role: f"{role}_1" for role in roles})
        _, scene, positions, _ = moved(walk, rig)
        apart = distances(scene, positions, [(role, f"{role}_1") for role in roles])
        assert np.abs(apart - 0.02).max() < 1e-4

    def test_as_bvh(self, walk: FileBundle) -> None:
        rig = with_twins(LEGS, "{}D", "chain")
        result = retarget(walk, rig_bundle(rig), JobOptions(format="bvh"))
        scene, _, positions = result_world(result.artifacts["result.bvh"], "result.bvh")
        assert distances(scene, positions, [(role, f"{role}D") for role in LEGS]).max() < 1e-3

    def test_a_helper_in_the_place_of_a_joint_is_no_twin(self, walk: FileBundle) -> None:
        """A shoulder's helper stands where the upper arm does, holds skin beside it and stays with the shoulder."""
        rig = plain_rig().with_joints(
            Joint("leftPad", "leftShoulder", "leftShoulder", tuple(plain_rig().body.joints_m[INDEX["leftUpperArm"]]))
        )
        rig = replace(rig, parts={"eye_dark": "leftPad"})
        report, *_ = moved(walk, rig)
        assert "follows" not in codes(report)

    def test_what_is_left_alone_stays(self, walk: FileBundle) -> None:
        rig = with_twins(LEGS, "{}D", "chain")
        definition = CharacterDefinition.model_validate({"leave_alone": ["*D"]})
        report, scene, positions, _ = moved(walk, rig, definition)
        assert "follows" not in codes(report)
        assert distances(scene, positions, [("leftFoot", "leftFootD")]).max() > 0.1


class TestLooseParts:
    def eyes(self) -> RebuiltRig:
        """Eyes on an armature of their own, its root at the origin."""
        head = plain_rig().body.joints_m[INDEX["head"]]
        joints = [Joint("EyeArmature", None, None)]
        joints += [
            Joint(
                f"eye.{s}", "EyeArmature", "head", (float(x), float(head[1] + 0.1), float(head[2] + 0.1)), some_axes(3)
            )
            for s, x in (("L", 0.03), ("R", -0.03))
        ]
        rig = plain_rig().with_joints(*joints)
        return replace(rig, parts={"eye_white": "eye.L", "eye_dark": "eye.R"})

    def test_eyes_go_with_the_head(self, walk: FileBundle, plain: Array) -> None:
        report, _, _, skin = moved(walk, self.eyes())
        assert np.abs(skin - plain).max() < 1e-3
        assert any("'head'" in w["message"] for w in report["warnings"] if w["code"] == "follows")

    @pytest.mark.parametrize(("material", "role"), [("hair", "head"), ("shirt", None)])
    def test_parts_go_with_what_they_stand_by(
        self, walk: FileBundle, plain: Array, material: str, role: str | None
    ) -> None:
        rig = replace(plain_rig().with_joints(Joint("part", None, None)), parts={material: "part"})
        report, _, _, skin = moved(walk, rig)
        assert "follows" in codes(report)
        if role is not None:
            assert np.abs(skin - plain).max() < 1e-3

    def test_what_stands_apart_stays_and_is_named(self, walk: FileBundle) -> None:
        """A second figure beside the first: its skin is near to nothing of the body."""
        report, scene, positions, _ = moved(walk, _with_slab(at=(1.5, 0.3, 0.0), on="statue", parent=None))
        assert [w["message"] for w in report["warnings"] if w["code"] == "left-behind" and "'statue'" in w["message"]]
        assert np.ptp(positions[:, list(scene.skeleton.names).index("statue")], axis=0).max() == 0.0


class TestRoots:
    def test_a_root_with_a_prop_stays(self, walk: FileBundle) -> None:
        report, scene, positions, _ = moved(walk, _with_slab(at=(0.6, 0.0, 0.0), on="Root", parent="Root"))
        assert np.ptp(positions[:, list(scene.skeleton.names).index("Root")], axis=0).max() == 0.0
        assert "left-behind" in codes(report)

    def test_a_root_that_holds_the_pelvis_follows_it(self, walk: FileBundle, plain: Array) -> None:
        skin = moved(walk, _rooted({"hips": "Root"}, {}))[3]
        assert np.abs(skin - plain).max() < 1e-3

    def test_a_root_that_holds_the_shoes_travels(self, walk: FileBundle, plain: Array) -> None:
        report, _, _, skin = moved(walk, _rooted({}, {"shoes": "Root"}))
        assert np.abs(skin - plain).max() < 0.3
        assert "follows" in codes(report)


def _rooted(holders: dict[str, str], parts: dict[str, str]) -> RebuiltRig:
    rig = plain_rig().with_joints(Joint("Root", None, None)).hung({"hips": "Root"})
    return replace(rig, holders={**rig.holders, **holders}, parts=parts)


def _with_slab(at: tuple[float, float, float], on: str, parent: str | None) -> RebuiltRig:
    """A slab of skin, held by the root or by a joint of its own beside it."""
    rig = _rooted({}, {})
    if parent is None:
        rig = rig.with_joints(Joint(on, None, None, at))
    return replace(rig, slab=(on, at))
