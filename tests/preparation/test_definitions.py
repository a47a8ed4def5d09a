"""Character definitions: what is wrong is named by line and field, what is right is honoured."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from workers.contract.definitions import CharacterDefinition, parse_definition
from workers.contract.errors import AmbiguousUnits, InvalidOptions, NoSkeleton
from workers.contract.options import JobOptions
from workers.engine.engine import EngineResult, retarget
from workers.formats.bundle import FileBundle
from workers.formats.gltf.container import join_container
from workers.formats.read import read_scene
from workers.motion.body_motion import BodyMotion
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT
from workers.scores.joint_limits import excess_deg
from workers.skeleton import kinematics, quat
from workers.skeleton.body import Body
from workers.skeleton.model import Array, Scene

Samples = dict[str, FileBundle]


def define(**fields: Any) -> CharacterDefinition:
    return parse_definition(json.dumps(fields, indent=1))


def run(samples: Samples, definition: CharacterDefinition, motion: str = "walk.bvh", **options: Any) -> EngineResult:
    return retarget(samples[motion], samples["stout.glb"], JobOptions.model_validate(options), definition=definition)


def keyed_nodes(result: EngineResult) -> set[str]:
    scene = read_scene(FileBundle("result.glb", result.artifacts["result.glb"]))
    document = scene.document.document.json
    targets = [channel["target"] for channel in document["animations"][-1]["channels"]]
    return {document["nodes"][target["node"]]["name"] for target in targets}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{\n "colour": 1\n}', ["line 2, /colour"]),
        ('{"scale": 0.01,\n\n "up_axis": "up"}', ["line 3, /up_axis"]),
        ('{"mapping": {\n "hips": "a",\n "hand": "b"}}', ["line 1, /mapping"]),
        ('{"mapping": {\n "hips": {"index": -1}}}', ["line 2, /mapping/hips"]),
        ('{\n"rest_pose": {\n"clip": 1}}', ["line 2, /rest_pose"]),
        ('{"joint_limits": {"head":\n {"twist":\n [10, -10]}}}', ["line 2, /joint_limits/head"]),
        ('{"joint_limits": {"head": {\n"swing": 200}}}', ["line 2, /joint_limits/head/swing"]),
        ('{"leave_alone": [\n"a",\n 3]}', ["line 3, /leave_alone/1"]),
        ('{"scale": -1,\n"height_m": 0}', ["line 1, /scale", "line 2, /height_m"]),
        ('{\n"scale": 1,\n"scale": 2}', ["line 3", "/scale is given twice"]),
        ('{\n"scale": 1,}', ["line 2, column"]),
        ('{"scale": NaN}', ["NaN"]),
        ('{"scale": 1e999}', ["not JSON"]),
        ("[]", ["line 1"]),
        ("[" * 5000, ["nested"]),
        ("[" * 50 + "]" * 50, ["nested"]),
        ("", ["line 1, column 1"]),
        ('{"a/b~c": 1}', ["/a~1b~0c"]),
    ],
)
def test_errors_name_line_and_field(text: str, places: list[str]) -> None:
    with pytest.raises(InvalidOptions) as caught:
        parse_definition(text)
    for place in places:
        assert place in caught.value.detail
    assert caught.value.extra["errors"] and "\n" not in caught.value.detail


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidOptions, match="UTF-8"):
        parse_definition(b'{"clip": "\xff"}')


@pytest.mark.parametrize(
    ("fields", "kind", "place"),
    [
        ({"mapping": {"leftHand": "leftHend"}}, InvalidOptions, "line 3, /mapping/leftHand: no joint"),
        ({"leave_alone": ["left*", "tail_*"]}, InvalidOptions, "line 4, /leave_alone/1"),
        ({"leave_alone": ["hips"]}, InvalidOptions, "line 2, /leave_alone"),
        ({"rest_pose": {"frame": 3}}, InvalidOptions, "/rest_pose/clip"),
        ({"clip": "dance", "rest_pose": {"frame": 3}}, InvalidOptions, "line 2, /clip"),
        ({"skin": 4}, InvalidOptions, "line 2, /skin: no skin 4"),
        ({"skin": "body"}, InvalidOptions, "line 2, /skin"),
        ({"scale": 0.01}, AmbiguousUnits, "line 2, /scale"),
        ({"up_axis": "Z"}, AmbiguousUnits, "line 2, /up_axis"),
    ],
)
def test_what_does_not_fit_the_file_is_named_too(
    samples: Samples, fields: dict[str, Any], kind: type[Exception], place: str
) -> None:
    with pytest.raises(kind) as caught:
        run(samples, define(**fields))
    assert place in str(caught.value)


def test_an_empty_definition_and_one_that_repeats_the_file_change_nothing(samples: Samples) -> None:
    plain = retarget(samples["walk.bvh"], samples["stout.glb"], JobOptions())
    for definition in (define(), define(scale=1.0, up_axis="Y", rest_pose="bind", skin=0)):
        assert run(samples, definition).artifacts == plain.artifacts


def test_mapping_and_options_win_over_it(samples: Samples) -> None:
    report = run(samples, define(mapping={"leftToes": None, "rightToes": None})).report
    assert not {"leftToes", "rightToes"} & set(report["mapping"]["target"]["roles"])
    override = {"target": {"leftToes": "leftToes"}}
    report = run(samples, define(mapping={"leftToes": None}), mapping=override).report
    assert report["mapping"]["target"]["roles"]["leftToes"]["reason"] == "given by the mapping override"
    report = run(samples, define(mapping={"leftToes": "leftToes"})).report
    assert report["mapping"]["target"]["roles"]["leftToes"]["reason"] == "given by the definition"
    assert report["target"]["definition"] == {"mapping": {"leftToes": "leftToes"}}


def test_joints_left_alone_are_never_keyed(samples: Samples) -> None:
    assert {"leftShoulder", "leftHand", "head"} <= keyed_nodes(run(samples, define()))
    result = run(samples, define(leave_alone=["head", "left?houlder", "*Hand"]))
    assert not {"leftShoulder", "rightHand", "leftHand", "head"} & keyed_nodes(result)
    assert {"rightShoulder", "leftLowerArm"} <= keyed_nodes(result)
    assert {"head", "leftShoulder", "leftHand", "rightHand"} <= set(result.report["target"]["left_alone"])
    assert "head" not in result.report["mapping"]["target"]["roles"]


def test_brackets_in_joint_names_are_letters(samples: Samples) -> None:
    with pytest.raises(InvalidOptions, match=r"no joint is named '\[lr\]eft"):
        run(samples, define(leave_alone=["[lr]eftHand"]))


def test_patterns_that_could_match_in_many_ways_are_quick(samples: Samples) -> None:
    with pytest.raises(InvalidOptions, match="no joint is named"):
        run(samples, define(leave_alone=["*" + "e*" * 90 + "#"]))


def test_twist_joints_follow_what_is_left_alone(samples: Samples) -> None:
    rig = RigStyle("T", 0.0, "bone_y", "m", "Y", "mixamo", True)
    character = FileBundle("twisted.glb", make_character(STOUT, rig))

    def twists(*leave_alone: str) -> set[str]:
        definition = define(leave_alone=list(leave_alone))
        result = retarget(samples["wave.bvh"], character, JobOptions(), definition=definition)
        return {name.partition(":")[2] for name in keyed_nodes(result) if "Twist" in name}

    assert twists() == {"LeftForeArmTwist", "RightForeArmTwist", "LeftArmTwist", "RightArmTwist"}
    assert twists("*Twist") == set()
    assert twists("*:LeftHand") == {"RightForeArmTwist", "LeftArmTwist", "RightArmTwist"}


def test_a_joint_left_alone_may_not_carry_the_travel(samples: Samples) -> None:
    """A bare skeleton, in which the armature's node counts as a joint above the hips."""
    document = json.loads(json.dumps(read_scene(samples["stout.glb"]).document.document.json))
    for node in document["nodes"]:
        node.pop("mesh", None), node.pop("skin", None)
    bare = {key: document[key] for key in ("asset", "scene", "scenes", "nodes")}
    rooted = FileBundle("rooted.glb", join_container(bare, b""))
    options = JobOptions(root_motion="root_joint")
    assert retarget(samples["walk.bvh"], rooted, options).artifacts
    with pytest.raises(InvalidOptions, match="leaves it alone"):
        retarget(samples["walk.bvh"], rooted, options, definition=define(leave_alone=["Armature"]))


def test_limits_are_reported_and_counted(samples: Samples) -> None:
    free = run(samples, define()).report["scores"]["joint_limit_pct"]
    tight = define(joint_limits={"leftLowerArm": {"swing": 0.5}, "rightUpperLeg": {"x": [-1, 1], "twist": [-180, 180]}})
    report = run(samples, tight).report
    assert report["scores"]["joint_limit_pct"] > free + 10
    kept = report["target"]["joint_limits"]
    assert set(kept) == {"leftLowerArm", "rightUpperLeg"}
    assert kept["leftLowerArm"]["beyond_pct"] > 50 and kept["leftLowerArm"]["worst_deg"] > 5
    loose = define(joint_limits={role: {"swing": 180} for role in ("leftLowerArm", "rightLowerArm", "head")})
    assert run(samples, loose).report["scores"]["joint_limit_pct"] <= free


def test_excess_is_measured_in_the_joints_own_axes(samples: Samples) -> None:
    """A turn of a known angle about the bone, and one across it."""
    target = prepare_character(read_scene(samples["stout_a_pose.glb"]), {})
    body = target.body
    joint = body.mapping.roles["leftLowerArm"].joint
    bone = body.rest_positions_m[body.mapping.roles["leftHand"].joint] - body.rest_positions_m[joint]
    across = np.cross(quat.unit(bone), [0.3, 0.9, 0.1])
    for axis, angle, twist, swing in ((bone, 40.0, 40.0, 0.0), (bone, -70.0, -70.0, 0.0), (across, 90.0, 0.0, 90.0)):
        world = body.rest_rotations[None].copy()
        turn = quat.from_axis_angle(quat.unit(axis), np.radians(angle))
        world[:, joint] = quat.multiply(turn, world[:, joint])
        moved = from_world(body, world)
        for limits, expected in (
            ({"twist": [0.0, 0.0]}, abs(twist)),
            ({"swing": 0.0}, swing),
            ({"x": [-360, 360], "y": [-360, 360]}, 0.0),
        ):
            given = define(joint_limits={"leftLowerArm": limits}).joint_limits["leftLowerArm"]
            assert excess_deg(moved, "leftLowerArm", given)[0] == pytest.approx(expected, abs=0.5)


def from_world(body: Body, world: Array) -> BodyMotion:
    return BodyMotion(body, "pose", 30.0, 0.0, world, body.rest_positions_m[None])


def test_height_is_taken_over(samples: Samples) -> None:
    assert run(samples, define(height_m=1.234)).report["target"]["height_m"] == pytest.approx(1.234)


def test_a_frame_as_rest_pose(samples: Samples) -> None:
    """wave.glb stands in its bind pose: its own first frame as rest says something else, and the report tells."""
    options = JobOptions()
    report = retarget(
        samples["walk.bvh"], samples["wave.glb"], options, definition=define(rest_pose={"frame": 5})
    ).report
    assert report["target"]["rest_pose"] == {"kind": "frame 5 of wave", "guessed": False}
    by_time = define(clip="wave", rest_pose={"time_s": 0.1})
    scene = read_scene(samples["wave.glb"])
    body = prepare_character(scene, {}, by_time).body
    clip = scene.load_clip(0, None)
    frame = round(0.1 * clip.rate_hz)
    turned = kinematics.clip_world(scene.skeleton, clip)[0][frame]
    pair = [body.mapping.roles[role].joint for role in ("leftUpperArm", "leftLowerArm")]
    relative = [
        quat.multiply(quat.conjugate(world[pair[0]]), world[pair[1]]) for world in (turned, body.rest_rotations)
    ]
    assert np.degrees(quat.angle_between(*relative)) < 0.01
    with pytest.raises(InvalidOptions, match="beyond the clip's end"):
        prepare_character(scene, {}, define(rest_pose={"time_s": 900.0}))


def test_units_and_axis_of_a_bvh(samples: Samples) -> None:
    """A BVH names neither, so a definition decides; the body is the same, in metres."""
    plain = prepare_motion(read_scene(samples["walk.bvh"]), 0, JobOptions())
    factor = plain.scene.units.factor
    doubled = prepare_motion(
        read_scene(samples["walk.bvh"]), 0, JobOptions(), definition=define(scale=2 * factor, up_axis="Y")
    )
    assert doubled.body.height_m == pytest.approx(2 * plain.body.height_m, rel=1e-6)
    assert np.abs(doubled.motion.positions_m - 2 * plain.motion.positions_m).max() < 1e-6
    assert not doubled.scene.units.guessed and "units-guessed" not in {n.code for n in doubled.notices}
    scaled = prepare_motion(read_scene(samples["walk.bvh"]), 0, JobOptions(), definition=define(scale=factor))
    assert scaled.scene.units.guessed and "units-guessed" in {n.code for n in scaled.notices}  # the axis still is
    lying = prepare_character(read_scene(samples["walk.bvh"]), {}, define(up_axis="Z"))
    assert lying.scene.units.up_axis == "Z"
    with pytest.raises(InvalidOptions, match="no bind pose"):
        prepare_character(read_scene(samples["walk.bvh"]), {}, define(rest_pose="bind"))


def test_scale_where_the_file_left_it_open(samples: Samples) -> None:
    """A skeleton of impossible size: the guess is a warning, the definition settles it, the result goes back."""
    source = read_scene(FileBundle("stout.glb", make_character(STOUT))).document.document
    document = json.loads(json.dumps(source.json))
    document["nodes"][0]["scale"] = [100.0, 100.0, 100.0]
    large = FileBundle("large.glb", join_container(document, source.buffers[0]))
    scene = read_scene(large)
    assert scene.units.guessed
    prepared = prepare_character(scene, {}, define(scale=2 * scene.units.factor))
    assert prepared.body.leg_length_m == pytest.approx(2 * prepare_character(scene, {}).body.leg_length_m, rel=1e-6)
    results = [
        retarget(samples["walk.bvh"], large, JobOptions(start="origin"), definition=definition)
        for definition in (None, define(scale=2 * scene.units.factor))
    ]
    codes = [{warning["code"] for warning in result.report["warnings"]} for result in results]
    target_guessed = [any("hand to foot" in w["message"] for w in result.report["warnings"]) for result in results]
    assert target_guessed == [True, False] and codes[1] <= codes[0]
    keys = [last_hips_keys(result) for result in results]
    assert np.abs(keys[0] - keys[1]).max() < 1e-2  # the file's own unit does not depend on what it is called


def last_hips_keys(result: EngineResult) -> Array:
    """Hips translation as written, in the file's own units."""
    scene = read_scene(FileBundle("result.glb", result.artifacts["result.glb"]))
    path = scene.load_clip(0, None).translations_m[scene.skeleton.names.index("hips")]
    return path / scene.units.factor


def two_skins(samples: Samples) -> Scene:
    """The sample with a second skin of its left arm alone."""
    source = read_scene(samples["stout.glb"]).document.document
    document = json.loads(json.dumps(source.json))
    names = [node.get("name") for node in document["nodes"]]
    document["skins"][0]["name"] = "whole"
    document["skins"].append({"name": "arm", "joints": [names.index("leftUpperArm"), names.index("leftLowerArm")]})
    return read_scene(FileBundle("two.glb", join_container(document, source.buffers[0])))


def test_one_of_several_skins(samples: Samples) -> None:
    scene = two_skins(samples)
    assert scene.skins == 2
    whole = prepare_character(scene, {}, define(skin="whole"))
    assert whole.body.height_m == pytest.approx(prepare_character(scene, {}).body.height_m)
    with pytest.raises(NoSkeleton, match="2 joints"):
        prepare_character(scene, {}, define(skin=1))
