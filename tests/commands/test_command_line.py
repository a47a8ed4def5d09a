"""`retarget` as a process: exit codes, one-line errors, what is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workers.samples.write import write_samples

RETARGET = [sys.executable, "-m", "service.cli"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("samples")
    write_samples(where)
    return where


def retarget(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RETARGET, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_run_writes_result_and_report(folder: Path) -> None:
    done = retarget(folder, "run", "walk.bvh", "stout.glb", "-o", "out.glb", "--report", "out.json")
    assert done.returncode == 0, done.stderr
    assert (folder / "out.glb").read_bytes()[:4] == b"glTF"
    report = json.loads((folder / "out.json").read_text())
    assert report["schema"] == "retarget-report/1"
    assert "verdict pass" in done.stdout
    assert "loading" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("run", "walk.bvh", "stout.glb"), 2, "required: -o"),
        (("run", "walk.bvh", "stout.glb", "-o", "x.txt"), 2, "error: invalid-options: -o: 'x.txt' must end in"),
        (("run", "walk.bvh", "stout.glb", "-o", "x.glb", "--fps", "quick"), 2, "error: invalid-options: options: /fps"),
        (("run", "walk.bvh", "stout.glb", "-o", "no/such/x.glb"), 2, "error: invalid-options: cannot write"),
        (("run", "none.bvh", "stout.glb", "-o", "x.glb"), 3, "error: file-not-found:"),
        (("run", "broken.bvh", "stout.glb", "-o", "x.glb"), 3, "error: parse-failed:"),
        (("run", "walk.bvh", "empty.glb", "-o", "x.glb"), 3, "error: unsupported-format:"),
        (("run", "walk.bvh", "stout.glb", "-o", "x.glb", "--clip", "jump"), 3, "error: clip-not-found:"),
        (("run", "walk.bvh", "stout.glb", "-o", "x.glb", "--encoder", "clip"), 4, "error: model-unavailable:"),
        (("inspect", "none.glb"), 3, "error: file-not-found:"),
    ],
)
def test_exit_codes_and_one_line_errors(folder: Path, words: tuple[str, ...], code: int, text: str) -> None:
    (folder / "broken.bvh").write_text("HIERARCHY\nROOT hips\n{\n OFFSET 0 0 zero\n")
    (folder / "empty.glb").write_bytes(b"")
    done = retarget(folder, *words)
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert text in lines[-1]
    assert [line for line in lines if "error:" in line] == lines[-1:]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("motion", "flags", "stages"),
    [
        ("broken.bvh", (), ["loading (2%)"]),
        ("walk.bvh", ("--clip", "jump"), ["loading (2%)", "mapping (10%)"]),
    ],
)
def test_a_piped_run_that_fails_ends_with_its_only_error_line(
    folder: Path, motion: str, flags: tuple[str, ...], stages: list[str]
) -> None:
    """Stage lines may stand before it; a script reads the last line."""
    (folder / "broken.bvh").write_text("HIERARCHY\nROOT hips\n{\n OFFSET 0 0 zero\n")
    done = retarget(folder, "run", motion, "stout.glb", "-o", "x.glb", *flags)
    *before, last = done.stderr.splitlines()
    assert before == stages
    assert last.startswith("error: ")
    assert done.stderr.endswith("\n") and done.stdout == ""


def test_run_writes_the_pictures_beside_the_result(folder: Path) -> None:
    words = ("run", "wave.bvh", "stout.glb", "-o", "seen.glb", "--preview", "--end-s", "0.2", "--keyframes", "2")
    (folder / "seen.sheet.png").write_text("an older one")
    done = retarget(folder, *words)
    assert done.returncode == 0, done.stderr
    assert (folder / "seen.preview.webp").read_bytes()[8:12] == b"WEBP"
    assert (folder / "seen.sheet.png").read_bytes()[1:4] == b"PNG"
    assert "picture: seen.sheet.png" in done.stdout and "picture: seen.preview.webp" in done.stdout
    assert sorted(path.name for path in folder.glob("*seen.*")) == ["seen.glb", "seen.preview.webp", "seen.sheet.png"]
    assert retarget(folder, *words, "--preview-format", "webm").returncode == 0
    assert (folder / "seen.preview.webm").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"


def test_fail_on_review_exits_5_and_still_writes(folder: Path) -> None:
    (folder / "still.json").write_text(json.dumps({"fail_on": "review", "foot_contact": "off"}))
    words = ("run", "walk.bvh", "stout.glb", "-o", "gated.glb", "--options", "still.json", "--report", "gated.json")
    done = retarget(folder, *words)
    verdict = json.loads((folder / "gated.json").read_text())["verdict"]["verdict"]
    assert done.returncode == (0 if verdict == "pass" else 5)
    assert (folder / "gated.glb").exists()


def test_definitions_from_files(folder: Path) -> None:
    (folder / "hero.json").write_text('{\n "leave_alone": ["head"],\n "mapping": {"leftToes": null}\n}')
    (folder / "wrong.json").write_text('{\n "leave_alone": ["tail"]\n}')
    (folder / "broken.json").write_text('{\n "colour": 1\n}')
    words = ("run", "walk.bvh", "stout.glb", "-o", "defined.glb", "--definition", "hero.json", "--json")
    done = retarget(folder, *words)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["target"]["left_alone"] == ["head"] and report["source"]["definition"] is None
    assert "leftToes" not in report["mapping"]["target"]["roles"]
    found = json.loads(retarget(folder, "inspect", "stout.glb", "--definition", "hero.json", "--json").stdout)
    assert found["left_alone"] == ["head"] and {"head", "leftToes"} <= set(found["unmatched"]["roles"])
    (folder / "mapping.json").write_text('{"target": {"leftToes": null}}')
    found = json.loads(retarget(folder, "inspect", "walk.bvh", "--mapping", "mapping.json", "--json").stdout)
    assert "leftToes" in found["unmatched"]["roles"] and "rightToes" not in found["unmatched"]["roles"]
    for name, flag, code, text in (
        ("wrong.json", "--definition", 2, "error: invalid-options: wrong.json: line 2, /leave_alone/0: no joint"),
        ("broken.json", "--source-definition", 2, "error: invalid-options: broken.json: line 2, /colour"),
        ("none.json", "--definition", 3, "error: file-not-found: definition: no file 'none.json'"),
    ):
        done = retarget(folder, "run", "walk.bvh", "stout.glb", "-o", "x.glb", flag, name)
        assert done.returncode == code and text in done.stderr.strip().splitlines()[-1], done.stderr


def test_a_bvh_character_gives_bvh_or_glb(folder: Path) -> None:
    assert retarget(folder, "run", "wave.bvh", "walk.bvh", "-o", "on_bvh.bvh").returncode == 0
    assert (folder / "on_bvh.bvh").read_text().startswith("HIERARCHY")
    assert retarget(folder, "run", "wave.bvh", "walk.bvh", "-o", "on_bvh.glb").returncode == 0
    assert (folder / "on_bvh.glb").read_bytes()[:4] == b"glTF"


def test_mapping_incomplete_names_roles_and_candidates(folder: Path) -> None:
    """One thigh has nothing below it: on one line what is missing and, where a name suggests some, candidates."""
    lines, kept, depth, skipping = (folder / "walk.bvh").read_text().splitlines(), [], 0, None
    header = lines[: lines.index("MOTION")]
    for line in header:
        if "JOINT leftLowerLeg" in line:
            skipping = depth
        if skipping is None:
            kept.append(line)
        depth += line.count("{") - line.count("}")
        if skipping is not None and depth == skipping and "}" in line:
            skipping = None
            kept += ["End Site", "{", "OFFSET 0 -1 0", "}"]
    channels = sum(int(line.split()[1]) for line in kept if line.split()[:1] == ["CHANNELS"])
    motion = ["MOTION", "Frames: 1", "Frame Time: 0.0333", " ".join(["0"] * channels)]
    (folder / "legless.bvh").write_text("\n".join([*kept, *motion]) + "\n")
    done = retarget(folder, "run", "wave.bvh", "legless.bvh", "-o", "x.glb")
    assert done.returncode == 3
    assert "error: mapping-incomplete: character: no joint found for" in done.stderr and "leftLowerLeg" in done.stderr
    page = retarget(folder, "inspect", "legless.bvh").stdout
    assert "no joint for leftLowerLeg, which is needed; candidates:" in page
    assert "problem: mapping-incomplete" in page


def test_inspect_for_people_and_programs(folder: Path) -> None:
    page = retarget(folder, "inspect", "stout.glb")
    assert page.returncode == 0
    assert "leftUpperArm" in page.stdout
    found = json.loads(retarget(folder, "inspect", "walk.bvh", "--json").stdout)
    assert found["usable_as"] == {"motion": True, "character": True}
    assert found["mapping"]["roles"]["hips"]["joint"] == "hips"
    assert found["clips"][0]["name"] == "walk"


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("run", "--help"),
        ("inspect", "walk.bvh"),
        ("run", "walk.bvh", "stout.glb", "-o", "light.glb"),
        ("inspect", "none"),
    ],
)
def test_light_paths_never_import_heavy_libraries(folder: Path, words: tuple[str, ...]) -> None:
    """Start-up stays short because nothing heavy is loaded: an import list, not a clock."""
    code = (
        "import sys; from service.cli import main\n"
        "try:\n main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print('HEAVY', sorted({'torch', 'scipy', 'fastapi', 'transformers', 'redis', 'rq'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert "HEAVY []" in done.stdout, done.stdout[-500:] + done.stderr
