"""Skin torn, wrung or left behind, on the project's own sample bodies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.skin_strain import skin_strain
from workers.geometry.surface import BodySurface, build_surface
from workers.geometry.undriven_skin import undriven_skin
from workers.motion.body_motion import BodyMotion, from_clip
from workers.preparation.prepare import PreparedCharacter, prepare_character
from workers.retargeting.feet.legs import carried
from workers.samples.body import build_body
from workers.samples.clips import walk
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL, BodyShape
from workers.scores.scores import Scores
from workers.scores.skin_measures import skin_scores
from workers.scores.verdict import judge
from workers.skeleton import quat
from workers.skeleton.body import LEFT, Body
from workers.skeleton.model import Mesh

FRAMES = np.arange(0, 48, 6)


def walking(shape: BodyShape, style: RigStyle | None = None) -> tuple[PreparedCharacter, Mesh, BodyMotion]:
    motion = walk(build_body(shape))
    scene = read_scene(FileBundle("walker.glb", make_character(shape, style, [motion])))
    target = prepare_character(scene, {})
    mesh = scene.load_mesh()
    assert mesh is not None
    return target, mesh, from_clip(target.body, scene.load_clip(0, None))


@pytest.fixture(scope="module", params=[(TALL, None), (STOUT, RigStyle(rest_pose="A", bone_axes="bone_y"))])
def walker(request: pytest.FixtureRequest) -> tuple[Body, Mesh, BodyMotion]:
    target, mesh, motion = walking(*request.param)
    return target.body, mesh, motion


def outcome(values: dict[str, float | None], row: str, height_m: float) -> str:
    scores = Scores()
    for key, value in values.items():
        scores.put(key, value, "")
    rows = {item["score"]: item for item in judge(scores.values, {}, height_m)["rows"]}
    return str(rows[row]["outcome"])


def with_joint(body: Body, motion: BodyMotion, joint: int, parent: int) -> tuple[Body, BodyMotion]:
    """A further joint where `joint` stands, below `parent` (-1: a root of its own), that nothing drives."""
    skeleton = body.skeleton
    place, turn = body.rest_positions_m[joint], body.rest_rotations[joint]
    if parent >= 0:
        inverse = quat.conjugate(body.rest_rotations[parent])
        place = quat.rotate(inverse, place - body.rest_positions_m[parent])
        turn = quat.multiply(inverse, turn)
    larger = replace(
        skeleton,
        names=(*skeleton.names, "extra"),
        parents=np.append(skeleton.parents, parent),
        file_indices=np.append(skeleton.file_indices, len(skeleton)),
        node_offsets_m=np.concatenate([skeleton.node_offsets_m, place[None]]),
        node_rotations=np.concatenate([skeleton.node_rotations, turn[None]]),
        rest_offsets_m=np.concatenate([skeleton.rest_offsets_m, place[None]]),
        rest_rotations=np.concatenate([skeleton.rest_rotations, turn[None]]),
        deforming=np.append(skeleton.deforming, True),
        translation_scale=np.append(skeleton.translation_scale, 1.0),
        end_site=np.append(skeleton.end_site, False),
    )
    grown = replace(
        body,
        skeleton=larger,
        rest_rotations=np.concatenate([body.rest_rotations, body.rest_rotations[[joint]]]),
        rest_positions_m=np.concatenate([body.rest_positions_m, body.rest_positions_m[[joint]]]),
    )
    frames = motion.frames
    if parent >= 0:
        rotations = quat.multiply(motion.rotations[:, parent], turn)
        positions = motion.positions_m[:, parent] + quat.rotate(motion.rotations[:, parent], place)
    else:
        rotations, positions = np.tile(turn, (frames, 1)), np.tile(place, (frames, 1))
    moved = replace(
        motion,
        body=grown,
        rotations=np.concatenate([motion.rotations, rotations[:, None]], axis=1),
        positions_m=np.concatenate([motion.positions_m, positions[:, None]], axis=1),
    )
    return grown, moved


def hung_on(mesh: Mesh, old: int, new: int) -> Mesh:
    """The skin of one joint on another."""
    return replace(mesh, joints=np.where(mesh.joints == old, new, mesh.joints))


def test_a_walk_tears_wrings_and_leaves_nothing(walker: tuple[Body, Mesh, BodyMotion]) -> None:
    body, mesh, motion = walker
    found = skin_scores(motion, build_surface(body, mesh))
    assert found.notices == ()
    for row in ("undriven_skin_pct", "skin_torn_pct", "skin_longest", "skin_collapsed_pct"):
        assert outcome(found.values, row, body.height_m) == "pass"


@pytest.mark.parametrize("role", ["leftUpperLeg", "rightLowerLeg"])
def test_deforming_twins_that_stand_still_are_named(walker: tuple[Body, Mesh, BodyMotion], role: str) -> None:
    """Skin on a joint that stands exactly where the mapped one stands, beside it, as MMD's D bones do."""
    body, mesh, motion = walker
    joint = body.mapping.roles[role].joint
    grown, moved = with_joint(body, motion, joint, body.hips)
    surface = build_surface(grown, hung_on(mesh, joint, len(body.skeleton)))
    found = undriven_skin(surface, moved, FRAMES)
    assert [grown.skeleton.names[index] for index in found.joints] == ["extra"]
    assert found.share > 0.01
    scores = skin_scores(moved, surface)
    assert "'extra'" in scores.notices[0].message
    assert outcome(scores.values, "undriven_skin_pct", body.height_m) in ("review", "fail")


@pytest.mark.parametrize("role", ["head", "hips"])
def test_skin_on_an_armature_of_its_own_is_named_where_the_body_leaves_it(
    walker: tuple[Body, Mesh, BodyMotion], role: str
) -> None:
    body, mesh, motion = walker
    joint = body.mapping.roles[role].joint
    grown, moved = with_joint(body, motion, joint, -1)
    surface = build_surface(grown, hung_on(mesh, joint, len(body.skeleton)))
    found = undriven_skin(surface, moved, FRAMES)
    assert [grown.skeleton.names[index] for index in found.joints] == ["extra"]
    assert outcome(skin_scores(moved, surface).values, "skin_longest", body.height_m) in ("review", "fail")
    still = np.zeros(motion.frames, dtype=np.int64)
    stays = replace(moved, rotations=grown.rest_rotations[None].repeat(motion.frames, 0))
    stays = replace(stays, positions_m=grown.rest_positions_m[None].repeat(motion.frames, 0))
    assert undriven_skin(surface, stays, still[:1]).joints == ()


def test_a_twin_that_follows_is_not_blamed(walker: tuple[Body, Mesh, BodyMotion]) -> None:
    body, mesh, motion = walker
    joint = body.mapping.roles["leftUpperLeg"].joint
    grown, moved = with_joint(body, motion, joint, joint)
    surface = build_surface(grown, hung_on(mesh, joint, len(body.skeleton)))
    assert undriven_skin(surface, moved, FRAMES).joints == ()


@pytest.mark.parametrize("share", [0.3, 0.15])
def test_a_torn_skin_is_seen(walker: tuple[Body, Mesh, BodyMotion], share: float) -> None:
    body, mesh, motion = walker
    surface = build_surface(body, mesh)
    positions = motion.positions_m.copy()
    positions[:, carried(body, body.mapping.roles["leftUpperLeg"].joint)] += share * body.height_m * LEFT
    good, torn = (skin_strain(surface, item, FRAMES) for item in (motion, replace(motion, positions_m=positions)))
    assert torn.longest_m > good.longest_m
    assert torn.torn > good.torn


def test_a_wrung_wrist_collapses(walker: tuple[Body, Mesh, BodyMotion]) -> None:
    body, mesh, motion = walker
    surface = build_surface(body, mesh)
    hand, forearm = (body.mapping.roles[f"left{part}"].joint for part in ("Hand", "LowerArm"))
    below = carried(body, hand)
    axis = quat.unit(motion.positions_m[:, hand] - motion.positions_m[:, forearm])
    turn = quat.from_axis_angle(axis, np.full(motion.frames, np.pi))[:, None]
    rotations, positions = motion.rotations.copy(), motion.positions_m.copy()
    rotations[:, below] = quat.multiply(turn, rotations[:, below])
    positions[:, below] = quat.rotate(turn, positions[:, below] - positions[:, [hand]]) + positions[:, [hand]]
    wrung = replace(motion, rotations=rotations, positions_m=positions)
    good, bad = (skin_strain(surface, item, FRAMES) for item in (motion, wrung))
    assert bad.collapsed + bad.torn > good.collapsed + good.torn


def test_a_body_without_a_skin_has_no_strain(walker: tuple[Body, Mesh, BodyMotion]) -> None:
    body, _, motion = walker
    found = skin_scores(motion, build_surface(body, None))
    assert set(found.values.values()) == {None}
    assert all("no mesh" in reason for reason in found.reasons.values())


def test_parts_that_hang_on_one_joint_each_keep_their_shape(walker: tuple[Body, Mesh, BodyMotion]) -> None:
    body, mesh, motion = walker
    whole = np.zeros(len(mesh.positions_m), dtype=np.int64) + body.hips
    rigid = replace(mesh, joints=whole[:, None], weights=np.ones((len(whole), 1)))
    surface: BodySurface = build_surface(body, rigid)
    found = skin_strain(surface, motion, FRAMES)
    assert (found.torn, found.collapsed, found.longest_m) == (0.0, 0.0, 0.0)
