"""The sample files: deterministic, quick, valid glTF, and read back as what was authored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.cli import main
from tests.node_packages import require_validator
from workers.formats.bundle import FileBundle
from workers.formats.bvh.read import read_bvh
from workers.formats.gltf.read import read_gltf
from workers.samples.body import build_body
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.poses import joints_of
from workers.samples.rig import RigStyle
from workers.samples.shape import ROLES, STOUT, TALL
from workers.samples.write import sample_files, write_samples
from workers.skeleton import kinematics


def test_same_bytes_in_every_process(tmp_path: Path) -> None:
    program = (
        "import hashlib; from workers.samples.write import sample_files\n"
        "for name, data in sample_files().items(): print(name, hashlib.sha256(data).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout and runs[0].stdout.count(".glb") == 9
    folder = tmp_path / "new" / "samples"
    assert {path.name: path.read_bytes() for path in write_samples(folder)} == sample_files()


def test_files_are_valid_gltf() -> None:
    validator = require_validator()
    styles = [
        RigStyle("A", 90.0, "bone_y", "cm", "Z", "mixamo", True),
        RigStyle("N", -90.0, "bone_x", "m", "Y", "numbered", False),
    ]
    documents = {name: data for name, data in sample_files().items() if name.endswith(".glb")}
    documents |= {str(style): make_character(STOUT, style, make_clips(STOUT)) for style in styles}
    for name, data in documents.items():
        issues = validator.validate(data)["issues"]
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), (name, issues["messages"][:3])


def test_command_prints_the_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", str(tmp_path), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert all(Path(entry["path"]).stat().st_size == entry["bytes"] > 1000 for entry in files)
    assert main(["samples", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [entry["path"] for entry in files]


def test_command_on_a_file_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["samples", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("error: invalid-options: ")


def test_bvh_and_glb_hold_the_same_motion() -> None:
    files, body = sample_files(), build_body(TALL)
    for motion in make_clips(TALL):
        authored = joints_of(body, motion)
        for suffix, read, tolerance in ((".bvh", read_bvh, 2e-4), (".glb", read_gltf, 1e-4)):
            name = motion.name + suffix
            scene = read(FileBundle(name, files[name]))
            clip = scene.load_clip(0, None)
            assert clip.frames == len(motion.turns) and abs(clip.rate_hz - 30.0) < 1e-3
            _, place = kinematics.clip_world(scene.skeleton, clip)
            joints = [scene.skeleton.names.index(role) for role in ROLES]
            assert np.abs(place[:, joints] - authored).max() < tolerance, name


def test_bvh_zero_pose_is_the_t_pose() -> None:
    scene = read_bvh(FileBundle("clap.bvh", sample_files()["clap.bvh"]))
    _, place = kinematics.rest_world(scene.skeleton)
    joints = [scene.skeleton.names.index(role) for role in ROLES]
    expected = build_body(TALL).joints_m
    assert np.allclose(place[joints] - place[joints[0]], expected - expected[0], atol=1e-5)
    # End sites close the chains where the surface ends.
    assert scene.skeleton.end_site.sum() == 13
    tips = place[scene.skeleton.end_site]
    assert abs(tips[:, 1].max() - place[joints[0], 1] + expected[0, 1] - TALL.height_m) < 0.02 * TALL.height_m
