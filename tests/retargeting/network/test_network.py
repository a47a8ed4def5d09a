"""What holds of any network, trained or not: silence is the analytic result, sides are alike, nothing of a file's
names, order, units or heading reaches it, and neither windows nor files change what it says.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.retargeting.network.made import SMALL, character, method_of, motion, silent, talking, with_motion
from workers.contract.options import JobOptions
from workers.geometry.contact_model import SelfContacts
from workers.geometry.prepared import surfaces_of
from workers.geometry.source_contacts import source_contacts
from workers.motion.mirror import mirror_motion
from workers.retargeting.alignment import align
from workers.retargeting.clip import retarget_clip
from workers.retargeting.methods import METHODS
from workers.retargeting.network import rate
from workers.retargeting.network.architecture import Architecture, ResidualNetwork
from workers.retargeting.network.features import Features, clip_features
from workers.retargeting.network.mirror import (
    mirrored_near,
    mirrored_present,
    mirrored_source,
    mirrored_target,
    mirrored_turns,
)
from workers.retargeting.network.nodes import MIRRORED, NODES, PARENTS
from workers.retargeting.network.paper import vector_of
from workers.retargeting.network.retargeter import said_by
from workers.retargeting.network.weights import WEIGHTS_NAME, make_network, read_network, write_network
from workers.samples.rig import RigStyle
from workers.skeleton import quat
from workers.skeleton.quat_torch import from_rotation_vector, to_matrix

ANALYTIC = METHODS[0]
OPTIONS = JobOptions(foot_contact="off")
STYLES = [
    RigStyle(rest_pose="A"), RigStyle(rest_pose="N"), RigStyle(bone_axes="bone_y"),
    RigStyle(unit="cm", up_axis="Z", names="mixamo"), RigStyle(twist_joints=True),
]  # fmt: skip


def features_of(name: str = "hands_on_hips") -> Features:
    done = retarget_clip(motion(name), character(), OPTIONS, ANALYTIC)
    return clip_features(
        done.source.motion, surfaces_of(done.source).light, done.scored, surfaces_of(character()).light,
        align(done.source.body, character().body),
        source_contacts(done.source.motion, surfaces_of(done.source).light), rate.looked_frames(done.scored),
    )  # fmt: skip


def inputs(features: Features) -> tuple[Tensor, ...]:
    names = ("source", "target", "turns", "near", "present")
    return tuple(torch.from_numpy(getattr(features, name))[None] for name in names)


def test_the_graph_is_a_tree_with_two_sides() -> None:
    assert all(PARENTS[number] < number for number in range(len(NODES)))
    assert (MIRRORED[MIRRORED] == np.arange(len(NODES))).all()


@pytest.mark.parametrize("name", ["hands_on_hips", "walk"])
def test_silence_is_the_analytic_result_bit_for_bit(name: str) -> None:
    wanted = retarget_clip(motion(name), character(), JobOptions(), ANALYTIC)
    made = retarget_clip(motion(name), character(), JobOptions(), method_of(silent()))
    assert np.array_equal(made.result.rotations, wanted.result.rotations)
    assert np.array_equal(made.result.positions_m, wanted.result.positions_m)
    assert made.keyed == wanted.keyed


def test_what_is_near_to_nothing_stays() -> None:
    features = features_of()
    source, target, turns, near, present = inputs(features)
    said = talking()(source, target, turns, torch.zeros_like(near), present)
    assert not said.any()
    assert talking()(source, target, turns, near, present).any()


def test_a_mirrored_clip_gets_the_mirrored_turns() -> None:
    source, target, turns, near, present = inputs(features_of("wave"))
    network = talking(loud=0.3)
    wanted = network(source, target, turns, near, present)
    made = network(
        mirrored_source(source), mirrored_target(target), mirrored_turns(turns), mirrored_near(near),
        mirrored_present(present),
    )  # fmt: skip
    assert torch.allclose(mirrored_turns(made), wanted, atol=1e-6)
    assert not torch.allclose(made, wanted, atol=1e-3)


def test_features_of_a_mirrored_motion_are_mirrored_features() -> None:
    """The sample bodies are alike on both sides, so only the motion need be mirrored."""
    prepared, done = motion("wave"), retarget_clip(motion("wave"), character(), OPTIONS, ANALYTIC)
    frames = np.arange(0, done.scored.frames, 7)
    surfaces = surfaces_of(prepared).light, surfaces_of(character()).light
    alignment = align(prepared.body, character().body)
    none = SelfContacts(done.scored.frames, ())  # found on triangles, which are not alike on both sides
    plain = inputs(clip_features(prepared.motion, surfaces[0], done.scored, surfaces[1], alignment, none, frames))
    other = inputs(
        clip_features(
            mirror_motion(prepared.motion),
            surfaces[0],
            mirror_motion(done.scored),
            surfaces[1],
            alignment,
            none,
            frames,
        )
    )
    for mirror, one, two in zip(
        (mirrored_source, mirrored_target, mirrored_turns, mirrored_near), plain, other, strict=False
    ):
        assert float((mirror(one) - two).abs().max()) < 0.08  # triangles of the two sides are not the same
        assert float((mirror(one) - two).abs().mean()) < 5e-3


def test_turning_the_motion_turns_the_result() -> None:
    method = method_of(talking())
    prepared = motion("wave")
    turn = quat.from_axis_angle([0.0, 1.0, 0.0], 0.8)
    turned = with_motion(
        prepared,
        rotations=quat.multiply(turn, prepared.motion.rotations),
        positions_m=quat.rotate(turn, prepared.motion.positions_m),
    )
    wanted = retarget_clip(prepared, character(), OPTIONS, method).result
    made = retarget_clip(turned, character(), OPTIONS, method).result
    joints = [match.joint for match in wanted.body.mapping.roles.values()]
    apart = quat.angle_between(made.rotations[:, joints], quat.multiply(turn, wanted.rotations[:, joints]))
    assert np.degrees(apart).max() < 0.01


@pytest.mark.parametrize("style", STYLES, ids=lambda style: repr(style)[9:60])
def test_how_a_rig_was_exported_does_not_matter(style: RigStyle) -> None:
    """Rest pose, bone axes, units, up axis and names of the character change where its joints go by less than three
    millimetres; the network moves them by more than five centimetres. Arms that rest at the sides hide other skin:
    there it is up to a fifth of that.
    """
    method, roles = method_of(talking()), ("leftHand", "rightHand", "leftLowerArm", "rightLowerArm", "head")
    plain = retarget_clip(motion("hands_on_hips"), character(), OPTIONS, method).result
    base = retarget_clip(motion("hands_on_hips"), character(), OPTIONS, ANALYTIC).result
    made = retarget_clip(motion("hands_on_hips"), character(style), OPTIONS, method).result
    wanted, result, before = (
        np.stack([it.positions_m[:, it.body.mapping.roles[role].joint] for role in roles]) for it in (plain, made, base)
    )
    moved = np.linalg.norm(wanted - before, axis=-1).max()
    assert moved > 0.05
    assert np.linalg.norm(wanted - result, axis=-1).max() < (0.2 * moved if style.rest_pose == "N" else 0.003)


def test_windows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    method = method_of(talking())
    whole = retarget_clip(motion("wave"), character(), OPTIONS, method).result
    monkeypatch.setattr(rate, "AT_ONCE", 17)
    pieces = retarget_clip(motion("wave"), character(), OPTIONS, method).result
    assert np.abs(whole.rotations - pieces.rotations).max() < 1e-5


def test_a_causal_network_sees_nothing_later() -> None:
    network = talking(Architecture(channels=16, heads=2, decoder_blocks=2, causal=True), loud=0.3)
    source, target, turns, near, present = inputs(features_of())
    whole = network(source, target, turns, near, present)
    first = network(source[:, :20], target[:, :20], turns[:, :20], near[:, :20], present)
    assert torch.allclose(whole[:, :20], first, atol=1e-6)


def test_a_file_keeps_it(tmp_path: Path) -> None:
    network = talking()
    write_network(network, tmp_path / WEIGHTS_NAME)
    again = read_network(tmp_path / WEIGHTS_NAME)
    assert again.architecture == SMALL
    features = features_of()
    assert np.abs(said_by(network, features) - said_by(again, features)).max() < 2e-3  # half floats
    write_network(again, tmp_path / "twice.safetensors")
    twice = read_network(tmp_path / "twice.safetensors")
    assert np.array_equal(said_by(again, features), said_by(twice, features))


def test_lacking_nodes_neither_speak_nor_are_heard() -> None:
    network = talking(loud=0.3)
    source, target, turns, near, present = inputs(features_of())
    present = present.clone()
    present[0, 3] = False
    wanted = network(source, target, turns, near, present)
    assert not wanted[:, :, 3].any()
    other = target.clone()
    other[:, :, 3] = 7.0
    assert torch.allclose(network(source, other, turns, near, present)[:, :, 4:], wanted[:, :, 4:], atol=1e-6)


def test_every_weight_has_a_gradient() -> None:
    network = ResidualNetwork(SMALL)
    with torch.no_grad():
        torch.nn.init.normal_(network.write.weight, std=0.1)
    network(*inputs(features_of())).square().sum().backward()
    assert all(value.grad is not None and bool(value.grad.any()) for value in network.parameters())


def test_the_papers_network_writes_what_it_is_given_to_write() -> None:
    """Rotations through its last layer and back are turns that lead there."""
    network = make_network(Architecture(variant="paper")).eval()
    source, target, turns, near, present = inputs(features_of())
    said = network(source, target, turns, near, present)
    assert said.shape == (*source.shape[:3], 3)
    assert not said[:, :, 0].any()
    vectors = torch.randn(50, 3).clamp(-1.0, 1.0)
    assert torch.allclose(vector_of(to_matrix(from_rotation_vector(vectors))), vectors, atol=1e-4)
