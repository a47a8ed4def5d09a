"""Roles by convention, by geometry, under overrides; the invariances that any rig must keep."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.skeleton.role_rigs import (
    conventions,
    make_skeleton,
    score,
    shuffled_without_names,
    stand_up,
    turned,
)
from tests.work_counter import lines_run
from workers.contract.errors import InvalidOptions, MappingIncomplete, NoSkeleton
from workers.contract.options import JointIndex
from workers.contract.roles import ALL_ROLES, CORE_ROLES, REQUIRED_ROLES, mirror
from workers.lab.standards.convention import Convention
from workers.skeleton import quat
from workers.skeleton.find_roles.find import find_roles, require_roles
from workers.skeleton.find_roles.names import build_lexicon, default_lexicon, split_name
from workers.skeleton.find_roles.shape import measure_shape
from workers.skeleton.model import Skeleton

ALL = conventions()


def convention(name: str) -> Convention:
    return next(case for case in ALL if case.name == name)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_conventions(case: Convention) -> None:
    skeleton = stand_up(case)
    result = score(skeleton.names, find_roles(skeleton), case.roles, case.either)
    assert result.right == result.present, result.misses
    assert (result.swapped, result.sure_and_wrong) == (0, 0), result.misses


def test_each_convention_without_the_words_only_it_uses() -> None:
    """Leave one out: the words of a convention that no other one has are taken from the lists."""
    data = json.loads(
        resources.files("workers.skeleton.find_roles").joinpath("role_names.json").read_text(encoding="utf-8")
    )
    words = {case.name: {w for name in case.joints for w in split_name(name, default_lexicon())} for case in ALL}
    present = right = 0
    for case in ALL:
        others: set[str] = set()
        for other in ALL:
            if set(other.joints) != set(case.joints):
                others |= words[other.name]
        own = words[case.name] - others
        parts = {
            part: {weight: [p for p in phrases if not set(p.split()) & own] for weight, phrases in weights.items()}
            for part, weights in data["parts"].items()
        }
        skeleton = stand_up(case)
        core = {role: name for role, name in case.roles.items() if role in CORE_ROLES}
        mapping = find_roles(skeleton, lexicon=build_lexicon(data | {"parts": parts}))
        result = score(skeleton.names, mapping, core, case.either)
        present, right = present + result.present, right + result.right
        assert score(skeleton.names, mapping, case.roles, case.either).sure_and_wrong == 0, case.name
        assert result.swapped == 0, case.name
    print(f"core roles right, one convention's own words removed: {right}/{present}")
    assert right >= 0.95 * present


def test_unusual_proportions() -> None:
    """Bones scaled at random by up to twice either way, both sides alike: with names, and without."""
    generator = np.random.default_rng(5)
    named, blind = [0, 0, 0], [0, 0, 0]
    for case in ALL:
        skeleton = stand_up(case)
        role_of = {name: role.removeprefix("left").removeprefix("right") for role, name in case.roles.items()}
        factors = {role: np.exp(generator.normal(0.0, 0.35)) for role in sorted({*role_of.values(), ""})}
        scale = np.array([[factors[role_of.get(name, "")]] for name in skeleton.names])
        body = replace(skeleton, rest_offsets_m=skeleton.rest_offsets_m * scale)
        result = score(body.names, find_roles(body), case.roles, case.either)
        named = [n + v for n, v in zip(named, (result.right, result.present, result.swapped), strict=True)]
        shuffled = shuffled_without_names(body, seed=3)
        core = {role: name for role, name in case.roles.items() if role in CORE_ROLES}
        names = tuple(body.names[int(j)] for j in shuffled.file_indices)
        result = score(names, find_roles(shuffled), core, case.either)
        blind = [n + v for n, v in zip(blind, (result.right, result.present, result.swapped), strict=True)]
        assert result.sure_and_wrong == 0, (case.name, result.misses)
    print(f"named {named[0]}/{named[1]}, nameless core roles {blind[0]}/{blind[1]}, swapped {named[2]} and {blind[2]}")
    assert named[0] >= 0.99 * named[1] and blind[0] >= 0.9 * blind[1]
    assert (named[2], blind[2]) == (0, 0)


@pytest.mark.parametrize("name", ["mixamo_stripped", "lafan1", "smpl", "bandai", "joint_names", "unity"])
@pytest.mark.parametrize("degrees", [0.0, 70.0, 180.0, 275.0])
def test_sides_without_names_follow_the_facing(name: str, degrees: float) -> None:
    """Whichever way a nameless body faces, lying or standing, its left stays its left."""
    case = convention(name)
    named = stand_up(case)
    spin = quat.from_axis_angle([0.0, 1.0, 0.0], np.radians(degrees))
    fall = quat.from_axis_angle([1.0, 0.0, 0.0], np.radians(90.0 if degrees > 200 else 0.0))
    blind = shuffled_without_names(turned(named, quat.multiply(spin, fall)), seed=int(degrees))
    mapping = find_roles(blind)
    found = {role: named.names[int(blind.file_indices[match.joint])] for role, match in mapping.roles.items()}
    for role in case.roles:
        if role in found and mirror(role) in case.roles:
            assert found[role] != case.roles[mirror(role)] or role == mirror(role), role
    limbs = [role for role in REQUIRED_ROLES if found.get(role) == case.roles[role]]
    assert limbs == list(REQUIRED_ROLES)
    assert all(match.confidence < 0.8 for match in mapping.roles.values())


def test_named_sides_win_over_facing() -> None:
    """A body that faces backwards keeps the sides its names give."""
    case = convention("mixamo")
    mirrored = stand_up(case)
    flipped = replace(mirrored, rest_offsets_m=mirrored.rest_offsets_m * (1.0, 1.0, -1.0))
    result = score(flipped.names, find_roles(flipped), case.roles, case.either)
    assert (result.right, result.swapped) == (result.present, 0)


def test_scale_and_order_do_not_matter() -> None:
    case = convention("unreal5")
    skeleton = stand_up(case)
    expected = {role: skeleton.names[match.joint] for role, match in find_roles(skeleton).roles.items()}
    huge = replace(skeleton, rest_offsets_m=skeleton.rest_offsets_m * 5000.0)
    shuffled = shuffled_without_names(skeleton, seed=4)
    renamed = replace(shuffled, names=tuple(skeleton.names[int(j)] for j in shuffled.file_indices))
    for other in (huge, renamed):
        assert {role: other.names[match.joint] for role, match in find_roles(other).roles.items()} == expected


def test_hips_are_the_lowest_joint_that_carries_legs_and_spine() -> None:
    for name in ("character_creator", "quaternius_women", "makehuman_walk", "mmd", "biped"):
        skeleton = stand_up(convention(name))
        mapping = find_roles(skeleton)
        lines = []
        for role in ("leftUpperLeg", "rightUpperLeg", "spine"):
            joint = mapping.joint(role)
            assert joint is not None
            lines.append(set(skeleton.ancestors(joint)))
        assert mapping.joint("hips") == max(set.intersection(*lines))


def test_chains_list_every_joint_between() -> None:
    skeleton = stand_up(convention("unreal5"))
    mapping = find_roles(skeleton)
    names = {chain: [skeleton.names[j] for j in joints] for chain, joints in mapping.chains.items()}
    assert names["spine"] == [f"spine_0{n}" for n in (1, 2, 3, 4, 5)]
    assert names["neck"] == ["neck_01", "neck_02"]
    assert names["leftIndex"] == ["index_metacarpal_l", "index_01_l", "index_02_l", "index_03_l"]
    assert find_roles(stand_up(convention("character_creator"))).chains["pelvis"]


def test_helpers_are_left_alone() -> None:
    case = convention("unreal5")
    skeleton = stand_up(case)
    mapping = find_roles(skeleton)
    used = {skeleton.names[match.joint] for match in mapping.roles.values()}
    assert not [name for name in used if any(word in name for word in ("twist", "ik_", "corrective", "_bck", "toe"))]
    left = {skeleton.names[joint] for joint in mapping.unmapped}
    assert {"ik_foot_l", "upperarm_in_r", "root"} <= left


def test_results_are_explained() -> None:
    skeleton = stand_up(convention("mixamo"))
    mapping = find_roles(skeleton)
    match = mapping.roles["leftUpperLeg"]
    assert "LeftUpLeg" in match.reason
    assert match.confidence > 0.9
    assert match.alternatives and all(0 < value <= match.confidence for _, value in match.alternatives)
    assert all(joint != match.joint for joint, _ in match.alternatives)
    assert all(0 <= m.confidence <= 1 and m.reason for m in mapping.roles.values())


def test_a_name_that_contradicts_the_place_lowers_confidence() -> None:
    case = convention("lafan1")
    skeleton = stand_up(case)
    swap = {"LeftForeArm": "LeftFoot", "LeftFoot": "LeftForeArm"}
    odd = replace(skeleton, names=tuple(swap.get(name, name) for name in skeleton.names))
    match = find_roles(odd).roles["leftLowerArm"]
    assert odd.names[match.joint] != "LeftForeArm" or match.confidence < 0.5
    assert match.confidence < 0.8


class TestOverride:
    skeleton = stand_up(convention("mixamo"))

    def joint(self, name: str) -> int:
        return self.skeleton.names.index(name)

    def test_takes_names_indices_and_null(self) -> None:
        spine1 = self.joint("mixamorig:Spine1")
        mapping = find_roles(
            self.skeleton,
            override={"chest": "mixamorig:Spine2", "upperChest": None, "spine": JointIndex(index=spine1)},
        )
        assert mapping.joint("chest") == self.joint("mixamorig:Spine2")
        assert mapping.joint("spine") == spine1
        assert "upperChest" not in mapping.roles
        assert mapping.roles["chest"].confidence == 1.0
        assert [self.skeleton.names[j][10:] for j in mapping.chains["spine"]] == ["Spine", "Spine1", "Spine2"]

    def test_moves_another_role_off_its_joint(self) -> None:
        mapping = find_roles(self.skeleton, override={"neck": "mixamorig:Head"})
        joints = [match.joint for match in mapping.roles.values()]
        assert len(joints) == len(set(joints))
        assert mapping.joint("neck") == self.joint("mixamorig:Head")

    @pytest.mark.parametrize(
        ("override", "words"),
        [
            ({"leftUpperLeg": "LeftUpLeg"}, ["'LeftUpLeg'", "mixamorig:LeftUpLeg"]),
            ({"leftUperLeg": "mixamorig:LeftUpLeg"}, ["leftUperLeg", "leftUpperLeg"]),
            ({"hips": JointIndex(index=999)}, ["999"]),
            ({"hips": "mixamorig:Spine", "spine": "mixamorig:Spine"}, ["hips", "spine", "both"]),
        ],
    )
    def test_refuses_what_does_not_exist(self, override: dict[str, str | JointIndex], words: list[str]) -> None:
        with pytest.raises(InvalidOptions) as caught:
            find_roles(self.skeleton, override=override)
        assert all(word in caught.value.detail for word in words), caught.value.detail
        assert caught.value.extra["errors"]

    def test_refuses_a_name_that_two_joints_bear(self) -> None:
        names = tuple("twin" if "Spine" in name else name for name in self.skeleton.names)
        twin = replace(self.skeleton, names=names)
        with pytest.raises(InvalidOptions, match="index"):
            find_roles(twin, override={"spine": "twin"})

    def test_one_correction_also_moves_what_hangs_on_it(self) -> None:
        """Without names, naming the left arm sets the sides of everything."""
        case = convention("lafan1")
        named = stand_up(case)
        blind = shuffled_without_names(named, seed=2)
        place = {named.names[int(j)]: index for index, j in enumerate(blind.file_indices)}
        mapping = find_roles(blind, override={"leftUpperArm": JointIndex(index=case.joints.index("RightArm"))})
        assert mapping.joint("leftUpperArm") == place["RightArm"]
        assert mapping.joint("leftLowerArm") == place["RightForeArm"]
        assert mapping.joint("leftUpperLeg") == place["RightUpLeg"]


def test_the_files_own_map_is_taken_with_full_confidence() -> None:
    case = convention("vroid")
    skeleton = stand_up(case)
    declared = {role: skeleton.names.index(name) for role, name in case.roles.items() if role != "upperChest"}
    mapping = find_roles(skeleton, declared=declared, override={"jaw": None})
    assert {role: match.joint for role, match in mapping.roles.items()} == declared
    assert {match.confidence for match in mapping.roles.values()} == {1.0}


def test_missing_roles_name_candidates() -> None:
    case = convention("lafan1")
    keep = [i for i, name in enumerate(case.joints) if name not in ("LeftForeArm", "LeftHand")]
    full = stand_up(case)
    parents = tuple(keep.index(case.parents[i]) if case.parents[i] >= 0 else -1 for i in keep)
    positions = np.array([sum(full.rest_offsets_m[j] for j in (i, *full.ancestors(i))) for i in keep])
    skeleton = make_skeleton(tuple(case.joints[i] for i in keep), parents, positions)
    mapping = find_roles(skeleton)
    with pytest.raises(MappingIncomplete) as caught:
        require_roles(mapping, skeleton, "walk.bvh")
    assert "leftLowerArm" in caught.value.extra["roles"]
    assert "walk.bvh" in caught.value.detail and "leftLowerArm" in caught.value.detail
    assert set(caught.value.extra["candidates"]) == set(caught.value.extra["roles"])
    json.dumps(caught.value.to_dict())


def test_require_roles_accepts_a_body_and_refuses_a_stick() -> None:
    skeleton = stand_up(convention("smpl"))
    require_roles(find_roles(skeleton), skeleton, "x")
    stick = make_skeleton(("a", "b", "c"), (-1, 0, 1), np.zeros((3, 3)))
    with pytest.raises(NoSkeleton, match=r"stick\.bvh"):
        require_roles(find_roles(stick), stick, "stick.bvh")


@settings(max_examples=60)
@given(st.data())
def test_any_tree_gives_a_consistent_mapping(data: st.DataObject) -> None:
    """Random forests, names and poses: no error, each joint at most one role, limbs in order, confidences in range."""
    count = data.draw(st.integers(0, 40))
    parents = tuple(data.draw(st.integers(-1, index - 1)) if index else -1 for index in range(count))
    words = ["", "arm.L", "Hand_R", "spine", "leg L", "leg R", "腕", "joint_3", "IK", "left", "finger1", "::", "ß__9"]
    names = tuple(data.draw(st.sampled_from(words)) for _ in range(count))
    numbers = np.random.default_rng(data.draw(st.integers(0, 99)))
    positions = numbers.normal(size=(count, 3)) * data.draw(st.sampled_from([0.0, 1e-9, 1.0, 1e6]))
    skeleton = make_skeleton(names, parents, positions)
    mapping = find_roles(skeleton)
    joints = [match.joint for match in mapping.roles.values()]
    assert len(joints) == len(set(joints))
    assert set(mapping.roles) <= set(ALL_ROLES)
    assert all(0.0 <= match.confidence <= 1.0 for match in mapping.roles.values())
    for side in ("left", "right"):
        upper, lower = mapping.joint(f"{side}UpperLeg"), mapping.joint(f"{side}LowerLeg")
        if upper is not None and lower is not None:
            assert upper in skeleton.ancestors(lower)
    json.dumps(mapping.to_dict(skeleton))


def test_degenerate_positions_fall_back_to_the_rest_pose() -> None:
    skeleton = stand_up(convention("lafan1"))
    usual = find_roles(skeleton)
    for positions in (np.zeros((len(skeleton), 3)), np.full((len(skeleton), 3), np.nan)):
        assert find_roles(skeleton, positions_m=positions).roles == usual.roles


def large_tree(kind: str, count: int) -> Skeleton:
    """Shapes that punish work per pair or per ancestor."""
    generator = np.random.default_rng(1)
    parents = {
        "chain": list(range(-1, count - 1)),
        "star": [-1] + [0] * (count - 1),
        "comb": [max(index - 2 + index % 2, -1) if index % 2 == 0 else index - 1 for index in range(count)],
        "bush": [-1] + [int(generator.integers(max(0, index - 40), index)) for index in range(1, count)],
    }[kind]
    names = tuple(f"arm_{index}.{'LR'[index % 2]}" for index in range(count))
    return make_skeleton(names, tuple(parents), generator.normal(size=(count, 3)))


@pytest.mark.parametrize("kind", ["chain", "star", "comb", "bush"])
def test_work_grows_as_the_tree_does(kind: str) -> None:
    few, many = (lines_run(partial(find_roles, large_tree(kind, count))) for count in (500, 2000))
    assert many < 5 * few


@pytest.mark.parametrize("kind", ["chain", "star", "comb", "bush"])
def test_as_many_nodes_as_a_file_may_hold_find_no_body(kind: str) -> None:
    mapping = find_roles(large_tree(kind, 20_000))
    assert all(match.confidence < 0.8 for match in mapping.roles.values())


@settings(max_examples=40)
@given(st.lists(st.integers(-1, 30), min_size=1, max_size=30))
def test_tree_queries_agree_with_walking_up(choices: list[int]) -> None:
    parents = tuple(min(choice, index - 1) for index, choice in enumerate(choices))
    skeleton = make_skeleton(("",) * len(parents), parents, np.ones((len(parents), 3)))
    everything = np.ones(len(parents), dtype=np.bool_)
    shape = measure_shape(skeleton, None, everything, ~everything)
    lines = [[j, *skeleton.ancestors(j)] for j in range(len(parents))]
    for a, line in enumerate(lines):
        for b, other in enumerate(lines):
            assert shape.is_above(a, b) == (a in other[1:])
            assert shape.common_ancestor(a, b) == max(set(line) & set(other), default=-1)
    expected = {(above, joint) for joint, line in enumerate(lines) for above in line[1:]}
    assert set(zip(*(side.tolist() for side in shape.pairs), strict=True)) == expected
