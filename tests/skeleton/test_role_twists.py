"""Twist joints are found by name and place, in every layout, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.skeleton.role_rigs import conventions, make_skeleton, stand_up
from workers.contract.roles import mirror
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.find_roles.twists import BONES, chain_name
from workers.skeleton.kinematics import rest_world
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.twist_joints import measure_twists

CASES = {case.name: case for case in conventions()}
# Left twist joints by convention; the right ones are their mirrors.
EXPECTED = {
    "unreal4": {
        "leftUpperArmTwist": {"upperarm_twist_01_l"}, "leftLowerArmTwist": {"lowerarm_twist_01_l"},
        "leftUpperLegTwist": {"thigh_twist_01_l"}, "leftLowerLegTwist": {"calf_twist_01_l"},
    },
    "auto_rig_pro": {
        "leftUpperArmTwist": {"arm_twist.l"}, "leftLowerArmTwist": {"forearm_twist.l"},
        "leftUpperLegTwist": {"thigh_twist.l"}, "leftLowerLegTwist": {"leg_twist.l"},
    },
    "biped": {"leftUpperArmTwist": {"Bip01 L UpArmTwist"}, "leftLowerArmTwist": {"Bip01 L ForeTwist"}},
    "daz_genesis8": {
        "leftUpperArmTwist": {"lShldrTwist"}, "leftLowerArmTwist": {"lForearmTwist"},
        "leftUpperLegTwist": {"lThighTwist"},
    },
    "mmd": {"leftUpperArmTwist": {"左腕捩"}, "leftLowerArmTwist": {"左手捩"}},
    "invented_game_studio": {
        "leftUpperArmTwist": {"Body_LftUpArmRoll01"}, "leftLowerArmTwist": {"Body_LftLoArmRoll01"},
        "leftUpperLegTwist": {"Body_LftUpLegRoll01"},
    },
    "rigify_def": {
        "leftUpperArmTwist": {"DEF-upper_arm.L.001"}, "leftLowerArmTwist": {"DEF-forearm.L.001"},
        "leftUpperLegTwist": {"DEF-thigh.L.001"}, "leftLowerLegTwist": {"DEF-shin.L.001"},
    },
}  # fmt: skip


def twists(mapping: HumanoidMapping) -> dict[str, tuple[int, ...]]:
    return {name: chain for name, chain in mapping.chains.items() if name.endswith("Twist")}


@pytest.mark.parametrize("name", EXPECTED)
def test_twist_joints_of_a_convention(name: str) -> None:
    skeleton = stand_up(CASES[name])
    found = {chain: {skeleton.names[j] for j in joints} for chain, joints in twists(find_roles(skeleton)).items()}
    assert {chain: joints for chain, joints in found.items() if chain.startswith("left")} == EXPECTED[name]
    assert {mirror(chain) for chain in EXPECTED[name]} == {chain for chain in found if chain.startswith("right")}


@pytest.mark.parametrize("name", ["mixamo", "vroid", "kaykit", "quaternius_ik", "smpl_x", "xsens", "cmu"])
def test_rigs_without_twist_joints_get_none(name: str) -> None:
    assert not twists(find_roles(stand_up(CASES[name])))


def test_a_twist_joint_is_in_one_chain_and_plays_no_role() -> None:
    for case in CASES.values():
        mapping = find_roles(stand_up(case))
        inside = [joint for chain in twists(mapping).values() for joint in chain]
        assert len(set(inside)) == len(inside), case.name
        assert not set(inside) & {match.joint for match in mapping.roles.values()}, case.name
        assert not set(inside) & set(mapping.unmapped), case.name


def rig_with(name: str, place: float, aside: float, parent: str = "leftLowerArm") -> tuple[str, ...]:
    """Chain names that a joint beside the left lower arm's axis belongs to, on a rig of plain role names."""
    case = CASES["vroid"]
    base = stand_up(case)
    mapping = find_roles(base)
    positions = rest_world(base)[1]
    lower, hand, hung = (mapping.roles[role].joint for role in ("leftLowerArm", "leftHand", parent))
    bone = positions[hand] - positions[lower]
    point = positions[lower] + place * bone + aside * np.linalg.norm(bone) * np.array([0.0, 1.0, 0.0])
    skeleton = make_skeleton(
        (*base.names, name), (*(int(p) for p in base.parents), hung), np.concatenate([positions, [point]])
    )
    found = twists(find_roles(skeleton))
    return tuple(chain for chain, joints in found.items() if len(base) in joints)


@pytest.mark.parametrize(
    ("name", "place", "aside", "expected"),
    [
        ("J_Bip_L_LowerArmTwist", 0.5, 0.1, True),
        ("J_Bip_L_LowerArmTwist", 0.5, 0.4, False),
        ("J_Bip_L_LowerArmTwist", 1.4, 0.0, False),
        ("J_Bip_L_ForearmRoll", 0.0, 0.0, True),
        ("J_0077", 0.5, 0.0, True),
        ("J_0077", 0.5, 0.1, False),
        ("J_0077", 0.99, 0.0, False),
        ("J_Bip_L_LowerArm_Corrective", 0.5, 0.0, False),
        ("J_Bip_L_ArmIK", 0.5, 0.0, False),
        ("J_Bip_L_WeaponSlot", 0.5, 0.0, False),
    ],
)
def test_name_and_place_decide(name: str, place: float, aside: float, expected: bool) -> None:
    assert rig_with(name, place, aside) == (("leftLowerArmTwist",) if expected else ())


def test_a_twist_joint_must_hang_on_its_bone() -> None:
    assert rig_with("J_Bip_L_LowerArmTwist", 0.5, 0.0, parent="hips") == ()


@pytest.mark.parametrize("name", EXPECTED)
def test_shares_rise_along_the_bone(name: str) -> None:
    """From the shoulder's roll to the elbow's, from the elbow's to the hand's."""
    skeleton = stand_up(CASES[name])
    mapping = find_roles(skeleton)
    measured = {twist.joint: twist for twist in measure_twists(skeleton, mapping, rest_world(skeleton)[1], None)}
    for role, _ in BONES:
        chain = [measured[j] for j in mapping.chains.get(chain_name(role), ()) if j in measured]
        assert all(np.isclose(np.linalg.norm(twist.axis), 1.0) for twist in chain)
        shares = [twist.share for twist in chain]
        assert shares == sorted(shares)
        low, high = (-1.0, 0.0) if role.endswith(("UpperArm", "UpperLeg")) else (0.0, 1.0)
        assert all(low <= share <= high for share in shares)  # near: clipped
