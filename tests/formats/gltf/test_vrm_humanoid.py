"""The humanoid map of VRM files: used where it is sound, told and left aside where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.gltf.vrm_kit import Change, node_of, vrm, vrm0_extensions, vrm1_extensions, vrm_facing_back
from workers.contract.errors import InvalidOptions
from workers.contract.options import JointIndex
from workers.contract.roles import REQUIRED_ROLES
from workers.engine.inspection import inspect_file
from workers.formats.read import read_scene
from workers.preparation.prepare import prepare_character
from workers.samples.shape import ROLES, STOUT

REASON = "the file's VRM map"


def bones1(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["extensions"]["VRMC_vrm"]["humanoid"]["humanBones"]
    return found


def bones0(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["extensions"]["VRM"]["humanoid"]["humanBones"]
    return found


@pytest.mark.parametrize("version", [0, 1])
def test_the_map_is_taken_as_it_is(version: int) -> None:
    bundle = vrm_facing_back(STOUT, vrm0_extensions()) if version == 0 else vrm(STOUT, vrm1_extensions())
    scene = read_scene(bundle)
    assert not [notice for notice in scene.notices if notice.code.startswith("vrm")]
    mapping = prepare_character(scene, {}).body.mapping
    for role in ROLES:
        match = mapping.roles[role]
        assert int(scene.skeleton.file_indices[match.joint]) == node_of(role), role
        assert (match.confidence, match.reason) == (1.0, REASON)
    inspected = inspect_file(bundle)
    assert inspected["mapping"]["roles"]["leftThumbMetacarpal"]["reason"] == REASON
    assert inspected["mapping"]["roles"]["leftThumbMetacarpal"]["index"] == node_of("leftThumbMetacarpal")


def test_the_map_beats_what_names_and_shape_say() -> None:
    """Declared without an upper chest: nothing is guessed into the spine."""

    def rename(document: dict[str, Any]) -> None:
        bones = bones1(document)
        bones["chest"] = bones.pop("upperChest")

    mapping = prepare_character(read_scene(vrm(STOUT, vrm1_extensions(), rename)), {}).body.mapping
    assert "upperChest" not in mapping.roles
    assert mapping.roles["chest"].reason == REASON


def test_an_override_beats_the_map() -> None:
    scene = read_scene(vrm(STOUT, vrm1_extensions()))
    mapping = prepare_character(
        scene, {"leftHand": JointIndex(index=node_of("leftHand")), "rightToes": None}
    ).body.mapping
    assert mapping.roles["leftHand"].reason != REASON
    assert "rightToes" not in mapping.roles
    with pytest.raises(InvalidOptions):
        prepare_character(scene, {"leftHand": "nobody"})


def test_the_newer_of_two_maps_counts() -> None:
    wrong = vrm0_extensions()
    wrong["VRM"]["humanoid"]["humanBones"] = []
    scene = read_scene(vrm(STOUT, wrong | vrm1_extensions()))
    assert len(scene.extras["declared_roles"]) == len(ROLES)


def test_unknown_bones_are_told_and_the_rest_is_used() -> None:
    scene = read_scene(
        vrm(STOUT, vrm1_extensions(), lambda d: bones1(d).update({"leftWing": {"node": 0}, "x" * 10**5: 7}))
    )
    assert [notice.code for notice in scene.notices] == ["vrm-bone-unknown"]
    assert "leftWing" in scene.notices[0].message and len(scene.notices[0].message) < 200
    assert len(scene.extras["declared_roles"]) == len(ROLES)


def _put(path: tuple[str | int, ...], value: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document["extensions"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _swap(a: str, b: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        bones = bones1(document)
        for left in [name for name in bones if name.startswith(a)]:
            right = b + left[len(a) :]
            bones[left], bones[right] = bones[right], bones[left]

    return change


ARM_PARTS = ("Shoulder", "UpperArm", "LowerArm", "Hand", "Thumb", "Index", "Middle", "Ring", "Little")


def _mirror_arms(document: dict[str, Any]) -> None:
    for part in ARM_PARTS:
        _swap(f"left{part}", f"right{part}")(document)


HUMANOID1 = ("VRMC_vrm", "humanoid")
BONES1 = (*HUMANOID1, "humanBones")
BROKEN1: dict[str, tuple[Change, str]] = {
    "extension is a list": (_put(("VRMC_vrm",), []), "must be an object"),
    "no humanoid": (_put(HUMANOID1, None), "must be an object"),
    "bones are a list": (_put(BONES1, [1, 2]), "must be an object"),
    "no bones": (_put(BONES1, {}), "lacks hips"),
    "bone is a number": (_put((*BONES1, "head"), 7), "must be an object"),
    "bone without node": (_put((*BONES1, "head"), {}), "is missing"),
    "node is text": (_put((*BONES1, "head"), {"node": "7"}), "must be an index"),
    "node is true": (_put((*BONES1, "head"), {"node": True}), "must be an index"),
    "node is a fraction": (_put((*BONES1, "head"), {"node": 7.5}), "must be an index"),
    "node below 0": (_put((*BONES1, "head"), {"node": -1}), "must be an index"),
    "node beyond the end": (_put((*BONES1, "head"), {"node": 10**9}), "there are"),
    "one node twice": (_put((*BONES1, "jaw"), {"node": node_of("head")}), "both head and jaw"),
    "required bone missing": (lambda d: bones1(d).pop("rightHand"), "lacks rightHand"),
    "arm and leg swapped": (_swap("leftUpperArm", "leftUpperLeg"), "does not hang below"),
    "arm upside down": (_swap("leftUpperArm", "leftLowerArm"), "does not hang below"),
    "sides of the arms swapped": (_mirror_arms, "swapped"),
    "long nonsense": (_put((*BONES1, "head"), {"node": "y" * 100_000}), "must be"),
}
BONES0 = ("VRM", "humanoid", "humanBones")
BROKEN0: dict[str, tuple[Change, str]] = {
    "bones are an object": (_put(BONES0, {}), "array of objects"),
    "bones of text": (_put(BONES0, ["hips"]), "array of objects"),
    "bone without name": (_put((*BONES0, 3), {"node": 4}), "bone is missing"),
    "name is a number": (_put((*BONES0, 3), {"bone": 4, "node": 4}), "must be a string"),
    "node is null": (_put((*BONES0, 3), {"bone": ROLES[3], "node": None}), "is missing"),
    "bone twice": (lambda d: bones0(d).append({"bone": "hips", "node": 1}), "declared twice"),
    "no required bones": (_put(BONES0, []), "lacks hips"),
    "required bone unassigned": (_put((*BONES0, 0), {"bone": "hips", "node": -1}), "lacks hips"),
}


@pytest.mark.parametrize("case", [*BROKEN1, *(f"0: {name}" for name in BROKEN0)])
def test_a_broken_map_is_told_and_not_trusted(case: str) -> None:
    old = case.startswith("0: ")
    change, says = BROKEN0[case[3:]] if old else BROKEN1[case]
    scene = read_scene(vrm(STOUT, vrm0_extensions() if old else vrm1_extensions(), change))
    assert scene.extras["declared_roles"] == {}
    (notice,) = [notice for notice in scene.notices if notice.code.startswith("vrm")]
    assert notice.code == "vrm-map-ignored"
    assert says in notice.message
    assert len(notice.message) < 600
    mapping = prepare_character(scene, {}).body.mapping
    found = {role: int(scene.skeleton.file_indices[match.joint]) for role, match in mapping.roles.items()}
    assert all(found[role] == node_of(role) for role in REQUIRED_ROLES)
    assert all(match.reason != REASON for match in mapping.roles.values())


def test_a_plain_file_has_no_map() -> None:
    scene = read_scene(vrm(STOUT, {"KHR_xmp": {}}))
    assert scene.extras["declared_roles"] == {} and not scene.notices
