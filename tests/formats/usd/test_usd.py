"""UsdSkel animation: joints stand where the stage puts them; a file that reaches for others is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.formats.smpl.smpl_kit import walking
from tests.formats.usd.usd_kit import converted, usda
from workers.contract.errors import InputError, NoSkeleton, ParseFailed, TooLarge, UnsupportedFeature
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.fbx import process as fbx_process
from workers.formats.limits import DEFAULT_LIMITS, Limits
from workers.formats.read import read_scene
from workers.formats.usd.child import convert
from workers.ingest.sandbox.sandbox import Sandbox
from workers.preparation.prepare import prepare_motion
from workers.skeleton.kinematics import clip_world
from workers.skeleton.model import Array, Scene


def read(data: bytes, name: str = "walk.usda") -> Scene:
    return read_scene(FileBundle(name, data))


def places(scene: Scene, names: tuple[str, ...]) -> Array:
    """Joints by name: the scene has nodes above them."""
    positions = clip_world(scene.skeleton, scene.load_clip(0, None))[1]
    return positions[:, [scene.skeleton.names.index(name) for name in names]]


@pytest.mark.parametrize(
    ("unit_m", "up", "bind"), [(1.0, "Y", True), (0.01, "Z", True), (0.01, "Y", False), (1.0, "Z", False)]
)
def test_joints_stand_where_the_stage_puts_them(unit_m: float, up: str, bind: bool) -> None:
    moving = walking(1, joints=22, frames=12)
    order = list(range(22))[::-1]  # children first: the order of joints says nothing of the tree
    scene = read(usda(moving, unit_m=unit_m, up=up, bind=bind, order=order))
    assert np.abs(places(scene, moving.joints.names) - moving.places()).max() < 1e-5
    assert (scene.units.up_axis, scene.units.factor) == (up, unit_m) and not scene.units.guessed
    assert (scene.format, scene.clips[0].name, scene.clips[0].frames) == ("usd", "Anim", 12)
    assert scene.clips[0].rate_hz == pytest.approx(30.0)
    prepared = prepare_motion(scene, 0, parse_options({}))
    assert len(prepared.body.mapping.roles) == 22 and not prepared.rest.guessed


def test_joints_that_the_animation_does_not_list_stay_at_rest() -> None:
    moving = walking(2, joints=22, frames=4)
    still = [moving.joints.names.index(name) for name in ("left_elbow", "head")]
    data = usda(moving, still=still)
    moving.vectors[:, still] = 0.0
    assert np.abs(places(read(data), moving.joints.names) - moving.places()).max() < 1e-5


@pytest.mark.parametrize(("every", "frames", "rate_hz"), [(0.5, 5, 48.0), (2.0, 9, 24.0)])
def test_keys_between_and_beyond_time_codes(every: float, frames: int, rate_hz: float) -> None:
    """Dense keys are all read; between sparse ones a frame lies on every time code."""
    scene = read(usda(walking(3, joints=22, frames=5), codes_a_second=24.0, every=every))
    assert scene.clips[0].frames == frames and scene.clips[0].rate_hz == pytest.approx(rate_hz)


def test_binary_and_packed_files_are_the_same_in_the_sandbox_too(tmp_path: Path) -> None:
    text = usda(walking(4, joints=22, frames=3))
    names = walking(4, joints=22).joints.names
    expected = places(read(text), names)
    binary = converted(text, tmp_path, "usdc")
    packed = (tmp_path / "motion.usdz").read_bytes()
    sandbox = Sandbox()
    try:
        for data, name in ((binary, "walk.usdc"), (packed, "walk.usdz"), (binary, "walk.usd")):
            scene = sandbox.read(FileBundle(name, data)).scene
            assert np.abs(places(scene, names) - expected).max() < 1e-6
    finally:
        sandbox.close()


RIG = 'def Skeleton "Rig" {\n uniform token[] joints = ["a"]\n uniform matrix4d[] restTransforms = [%s]\n}'
EYE = "((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1))"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("#usda 1.0\n(subLayers = [@/etc/passwd@])\n", UnsupportedFeature, "refers to other files ('/etc/passwd')"),
        ('#usda 1.0\ndef "a" (references = @./b.usd@</b>) {}\n', UnsupportedFeature, "refers to other files"),
        ('#usda 1.0\ndef "a" (payload = @b.usd@) {}\n', UnsupportedFeature, "usdcat --flatten"),
        (
            '#usda 1.0\ndef "a" (\n variants = {string v = "x"}\n prepend variantSets = "v"\n)\n'
            '{\n variantSet "v" = {\n "x" (references = @b.usd@) {\n }\n }\n}\n',
            UnsupportedFeature,
            "refers to other files",
        ),
        (
            '#usda 1.0\ndef "a" (clips = {dictionary d = {asset[] assetPaths = [@b.usd@]}}) {}\n',
            UnsupportedFeature,
            "value clips",
        ),
        ('#usda 1.0\ndef Xform "a" {}\n', NoSkeleton, "no Skeleton (UsdSkel)"),
        ("#usda 1.0\n" + RIG % "", ParseFailed, "neither rest nor bind transforms"),
        ("#usda 1.0\n" + RIG % EYE.replace("1", "0"), ParseFailed, "transform of no size"),
        ("#usda 1.0\ndef Skeleton {", ParseFailed, "the USD is damaged"),
        ("#usda 9.0\n", ParseFailed, "the USD is damaged"),
    ],
)
def test_what_is_refused(text: str, kind: type[InputError], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)) as caught:
        convert(text.encode(), "walk.usda", DEFAULT_LIMITS, [])
    assert caught.value.detail.startswith("walk.usda: ") and ";" in caught.value.detail


def test_damage_and_limits() -> None:
    data = usda(walking(5, joints=22, frames=4))
    for damaged in (b"PXR-USDC" + bytes(200), b"PK\x03\x04" + bytes(22) + b"\x08\x00\x00\x00walk.usd" + bytes(50)):
        with pytest.raises(InputError):
            read(damaged, "walk")
    for limits in (Limits(joints=21), Limits(frames=3), Limits(rotation_keys=80)):
        with pytest.raises(TooLarge):
            read_scene(FileBundle("walk.usda", data), limits)


def test_without_usd_core_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pxr.py").write_text("raise ImportError('not here')\n")
    environment = fbx_process._environment()
    folders = f"{tmp_path}:{environment['PYTHONPATH']}"
    monkeypatch.setattr(fbx_process, "_environment", lambda: environment | {"PYTHONPATH": folders})
    with pytest.raises(UnsupportedFeature, match=r"takes the package usd-core.*retargeting-service\[usd\]"):
        read(b"#usda 1.0\n")
