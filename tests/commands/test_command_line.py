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
        (("run", "walk.bvh", "stout.glb", "-o", "x.glb", "--method", "smt"), 4, "error: model-unavailable:"),
        (("inspect", "none.glb"), 3, "error: file-not-found:"),
    ],
)
def test_exit_codes_and_one_line_errors(folder: Path, words: tuple[str, ...], code: int, text: str) -> None:
    (folder / "broken.bvh").write_text("HIERARCHY\nROOT hips\n{\n OFFSET 0 0 zero\n")
    (folder / "empty.glb").write_bytes(b"")
    done = retarget(folder, *words)
    assert done.returncode == code, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert text in last
    assert "Traceback" not in done.stderr


def test_fail_on_review_exits_5_and_still_writes(folder: Path) -> None:
    (folder / "still.json").write_text(json.dumps({"fail_on": "review", "foot_contact": "off"}))
    words = ("run", "walk.bvh", "stout.glb", "-o", "gated.glb", "--options", "still.json", "--report", "gated.json")
    done = retarget(folder, *words)
    verdict = json.loads((folder / "gated.json").read_text())["verdict"]["verdict"]
    assert done.returncode == (0 if verdict == "pass" else 5)
    assert (folder / "gated.glb").exists()


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
