"""README.md is true: its command blocks run as written against a real server, its tables match the program."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli import COMMANDS
from service.commands.demo import running_server
from tests.deploy.dockerfile_reader import REPOSITORY
from workers.contract.definitions import parse_definition
from workers.contract.errors import ERRORS_BY_CODE

pytestmark = pytest.mark.timeout(300)  # whole commands, some of which start a service
README = (REPOSITORY / "README.md").read_text()
RETARGET = f"{sys.executable} -m service.cli"


def _section(title: str) -> str:
    return re.split(r"^## ", README.split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def _block(title: str) -> str:
    """The first command block of a section, with this Python's `retarget`."""
    return _section(title).split("```\n")[1].replace(".venv/bin/retarget", RETARGET)


def _bash(script: str, folder: Path) -> str:
    outcome = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def test_http_example_runs_as_written(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    script = _block("Over HTTP")
    assert "URL=http://127.0.0.1:8000\n" in script
    with (tmp_path / "server.log").open("w") as log, running_server(tmp_path / "data", log) as url:
        printed = _bash(script.replace("http://127.0.0.1:8000", url), tmp_path)
    assert '"status":"succeeded"' in printed
    assert (tmp_path / "result.glb").read_bytes()[:4] == b"glTF"
    assert '"scores_naive_copy"' in printed


def test_the_definition_and_the_stored_files_work_as_written(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    definition, script = _section("When a file needs a word").split("```\n")[1:4:2]
    (tmp_path / "stout.json").write_text(definition)
    assert parse_definition(definition).leave_alone == ["*Thumb*"]
    _bash(f"{RETARGET} samples samples >/dev/null", tmp_path)
    with (tmp_path / "server.log").open("w") as log, running_server(tmp_path / "data", log) as url:
        printed = _bash(script.replace("http://127.0.0.1:8000", url), tmp_path)
    assert '"name":"our rig"' in printed and '"status":"succeeded"' in printed


def test_command_line_example_runs_as_written(tmp_path: Path) -> None:
    printed = _bash(f"{RETARGET} samples samples >/dev/null\n{_block('On the command line')}", tmp_path)
    assert (tmp_path / "walk_stout.glb").read_bytes()[:4] == b"glTF"
    assert "scores" in json.loads((tmp_path / "report.json").read_text())
    assert "hips" in printed


def test_commands_named_are_the_commands_there_are() -> None:
    named = set(re.findall(r"`retarget ([a-z]+)", _section("On the command line")))
    assert named == set(COMMANDS)
    assert [name for name in sorted(named) if importlib.util.find_spec(COMMANDS[name].module) is None] == []


def test_exit_codes_listed_are_the_ones_used() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert listed == {0, 5, 130} | {kind.exit_code for kind in ERRORS_BY_CODE.values()}


def test_the_picture_is_small_and_made_by_the_command_beside_it() -> None:
    (shown,) = re.findall(r"^!\[[^]]+\]\((\S+)\)$", README, re.MULTILINE)
    picture = REPOSITORY / shown
    assert picture.read_bytes()[1:4] == b"PNG" and picture.stat().st_size < 150_000
    (command,) = re.findall(r"`(retarget run [^`]*--preview[^`]*)`", README)
    assert f"-o {picture.name.removesuffix('.sheet.png')}.glb" in command


def test_make_targets_and_folders_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for name in re.findall(r"^\| `([a-z_]+)/`", README, re.MULTILINE):
        assert (REPOSITORY / name).is_dir(), name
    for variable in re.findall(r"`(TORCH_INDEX_[A-Z]+|RETARGET_PUBLISH)", README):
        assert variable in (REPOSITORY / "docker-compose.yml").read_text()
