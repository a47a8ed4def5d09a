"""The papers are true: their command blocks run as written, against a real server where they need one; their tables
match the program; what they name exists.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model_store.catalogue import manifests
from service.cli import COMMANDS, build_parser
from service.commands.demo import running_server
from tests.deploy.dockerfile_reader import REPOSITORY
from workers.contract.definitions import CharacterDefinition, parse_definition
from workers.contract.errors import ERRORS_BY_CODE
from workers.contract.options import JobOptions
from workers.queue.settings import WorkerSettings
from workers.scores.scores import SURFACE_KEYS
from workers.scores.verdict import TABLE

pytestmark = pytest.mark.timeout(300)  # whole commands, some of which start a service
PAPERS = {
    name: (REPOSITORY / name).read_text()
    for name in (
        "README.md",
        "service/README.md",
        "model_store/README.md",
        "docker/README.md",
        "workers/semantics/README.md",
        "workers/refinement/README.md",
        "workers/lab/README.md",
        ".github/CONTRIBUTING.md",
        ".github/CHANGELOG.md",
        ".github/guides/report.md",
        ".github/guides/mapping.md",
        ".github/guides/architecture.md",
    )
}
DECISIONS = sorted((REPOSITORY / ".github" / "decisions").glob("*.md"))
README, SERVICE = PAPERS["README.md"], PAPERS["service/README.md"]
EACH = pytest.mark.parametrize("paper", PAPERS)
RETARGET = f"{sys.executable} -m service.cli"


def _section(paper: str, title: str) -> str:
    return re.split(r"^## ", PAPERS[paper].split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def _block(paper: str, title: str) -> str:
    """The first command block of a section, with this Python's `retarget`."""
    return _section(paper, title).split("```\n")[1].replace(".venv/bin/retarget", RETARGET)


def _bash(script: str, folder: Path) -> str:
    """What a script prints. One thread each: torch's threads wait for one another where tests run side by side."""
    variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "HOME": str(folder)}
    outcome = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**variables, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def test_http_example_runs_as_written(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    script = _block("README.md", "Over HTTP")
    assert "URL=http://127.0.0.1:8000\n" in script
    with (tmp_path / "server.log").open("w") as log, running_server(tmp_path / "data", log) as url:
        printed = _bash(script.replace("http://127.0.0.1:8000", url), tmp_path)
    assert '"status":"succeeded"' in printed
    assert (tmp_path / "result.glb").read_bytes()[:4] == b"glTF"
    assert '"scores_naive_copy"' in printed


def test_the_definition_and_the_stored_files_work_as_written(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    definition, script = _section("service/README.md", "When a file needs a word").split("```\n")[1:4:2]
    (tmp_path / "stout.json").write_text(definition)
    assert parse_definition(definition).leave_alone == ["*Thumb*"]
    _bash(f"{RETARGET} samples samples >/dev/null", tmp_path)
    with (tmp_path / "server.log").open("w") as log, running_server(tmp_path / "data", log) as url:
        printed = _bash(script.replace("http://127.0.0.1:8000", url), tmp_path)
    assert '"name":"our rig"' in printed and '"status":"succeeded"' in printed


def test_command_line_example_runs_as_written(tmp_path: Path) -> None:
    printed = _bash(_block("README.md", "On the command line"), tmp_path)
    assert (tmp_path / "walk_stout.glb").read_bytes()[:4] == b"glTF"
    assert "scores" in json.loads((tmp_path / "report.json").read_text())
    assert "hips" in printed


def test_the_guides_examples_run_as_written(tmp_path: Path) -> None:
    printed = _bash(_block(".github/guides/mapping.md", "Look, correct, keep"), tmp_path)
    assert "leftToes" in printed and (tmp_path / "walk.glb").read_bytes()[:4] == b"glTF"
    script = PAPERS[".github/guides/report.md"].split("```\n")[1].replace(".venv/bin/retarget", RETARGET)
    printed = _bash(script.replace(" --preview", ""), tmp_path)  # an example less the pictures, which other tests draw
    (said,) = re.findall(r"This prints `(.*?)`", PAPERS[".github/guides/report.md"])
    assert said in printed


def test_the_guide_to_reports_names_what_reports_hold() -> None:
    known = {row.score for row in TABLE} | set(SURFACE_KEYS) | {"jerk_source", "semantics.worst_moments"}
    table = _section(".github/guides/report.md", "What each defect looks like")
    cells = re.findall(r"^\| [^|]+ \| ([^|]+) \|", table, re.MULTILINE)[1:]
    assert len(cells) >= 12
    for cell in cells:
        for name in re.findall(r"`([\w.]+)`", cell):
            assert name in known, name


def test_models_example_runs_as_written(tmp_path: Path) -> None:
    printed = _bash(_block("model_store/README.md", "Get one"), tmp_path)
    table = re.findall(r"^\| (`.*?`) \|", _section("model_store/README.md", "Encoders"), re.MULTILINE)
    names = set(re.findall(r"`([a-z0-9-]+)`", " ".join(table)))
    assert names == {manifest.name for manifest in manifests()}
    assert all(name in printed for name in names)


def _lab_lines() -> list[str]:
    return [line for line in _block("workers/lab/README.md", "Try it").splitlines() if line.strip()]


@pytest.mark.parametrize("line", _lab_lines()[1:], ids=lambda line: " ".join(line.split()[3:5]))
def test_every_small_study_runs_as_written(line: str, tmp_path: Path) -> None:
    makes_the_samples = _lab_lines()[0]
    if "samples" in line:
        _bash(f"{makes_the_samples} >/dev/null", tmp_path)
    assert _bash(line, tmp_path).strip()


def test_containers_are_those_of_the_compose_file() -> None:
    for line in _block("docker/README.md", "In containers").splitlines():
        words = shlex.split(line, comments=True)
        assert words[:2] == ["docker", "compose"] and words[-2:] == ["up", "--build"]
        if "--profile" in words:
            profile = words[words.index("--profile") + 1]
            assert f"profiles: [{profile}]" in (REPOSITORY / "docker-compose.yml").read_text()
    for name in re.findall(r"`([\w-]+\.Dockerfile)`", PAPERS["docker/README.md"]):
        assert (REPOSITORY / "docker" / name).is_file()


def _commands_named(paper: str) -> list[str]:
    """Every `retarget ...` in code of a paper, on one line, comments and pipes left out."""
    text = PAPERS[paper]
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    lines = [line for block in blocks for line in block.splitlines()] + inline
    found = [line.strip().removeprefix(".venv/bin/") for line in lines]
    return [line for line in found if line.startswith("retarget ") and "COMMAND" not in line]


@EACH
def test_every_command_named_parses(paper: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also those that need real files, with the words that stand for them; a command named without any must exist."""
    for command in _commands_named(paper):
        words = [word for word in shlex.split(command, comments=True)[1:] if word != "STUDY"]
        if all(re.fullmatch(r"[a-z]+", word) for word in words):
            words.append("--help")
        numbered = [re.sub(r"^[ND]$", "3", word) for word in words]
        try:
            build_parser(words[0]).parse_args(numbered)
        except SystemExit as end:
            assert end.code == 0, f"{paper}: {command}: {capsys.readouterr().err}"


def test_commands_named_are_the_commands_there_are() -> None:
    named = set(re.findall(r"`retarget ([a-z]+)", _section("service/README.md", "On the command line")))
    assert named == set(COMMANDS)
    assert [name for name in sorted(named) if importlib.util.find_spec(COMMANDS[name].module) is None] == []


def test_studies_named_are_the_studies_there_are() -> None:
    for command, pattern in (("evaluate", r"`retarget evaluate ([a-z]+)"), ("train", r"`retarget train ([a-z]+)")):
        listed = set(re.findall(pattern, PAPERS["workers/lab/README.md"]))
        assert listed == set(_choices(_choices(build_parser(command))[command]))


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(group.choices)


def test_exit_codes_listed_are_the_ones_used() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", SERVICE, re.MULTILINE)}
    assert listed == {0, 5, 130} | {kind.exit_code for kind in ERRORS_BY_CODE.values()}


def test_options_and_definition_fields_listed_exist() -> None:
    options = re.findall(r"^\| (`.*?) \|", _section("README.md", "Options that matter"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(options))) <= set(JobOptions.model_fields)
    fields = re.findall(r"^\| (`.*?) \|", _section("service/README.md", "When a file needs a word"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(fields))) == set(CharacterDefinition.model_fields)


@EACH
def test_variables_named_exist(paper: str) -> None:
    """A setting of the service, or a variable that some file reads."""
    known = {f"RETARGET_{field.upper()}" for field in WorkerSettings.model_fields}
    sources = [*REPOSITORY.glob("service/**/*.py"), *REPOSITORY.glob("workers/**/*.py")]
    sources += [*REPOSITORY.glob("model_store/*.py"), REPOSITORY / "docker-compose.yml", REPOSITORY / "Makefile"]
    text = "\n".join(path.read_text() for path in sources)
    for name in set(re.findall(r"`((?:RETARGET|TORCH)_[A-Z_]+[A-Z])\b", PAPERS[paper])):
        assert name in known or name in text, name


def test_what_is_taken_for_granted_of_the_service_holds() -> None:
    """Defaults and reserved codes that service/README.md states."""
    settings = WorkerSettings()
    assert settings.wait_max_s == 60 and settings.job_timeout_s == 600 and settings.max_attempts == 3
    days = [getattr(settings, f"{name}_ttl_s") // 86400 for name in ("input", "output", "asset", "record")]
    assert days == [1, 7, 30, 30] and settings.queue_depth_max == 1000
    assert settings.upload_max_bytes == 256 * 2**20 and settings.worker_queues == "ingest,retarget"


def test_pictures_are_small_and_the_sheet_is_made_by_the_command_beside_it() -> None:
    shown = re.findall(r"^!\[[^]]+\]\((\S+)\)$", README, re.MULTILINE)
    pictures = [REPOSITORY / each for each in shown]
    assert all(each.read_bytes()[1:4] == b"PNG" and each.stat().st_size < 150_000 for each in pictures)
    (picture,) = (each for each in pictures if each.name.endswith(".sheet.png"))
    (command,) = re.findall(r"`(retarget run [^`]*--preview[^`]*)`", README)
    assert f"-o {picture.name.removesuffix('.sheet.png')}.glb" in command


@EACH
def test_make_targets_files_and_links_exist(paper: str) -> None:
    text, folder = PAPERS[paper], (REPOSITORY / paper).parent
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (folder / link).exists(), link
    for path in re.findall(r"`((?:service|workers|model_store|docker|tests)/[\w./-]+)`", text):
        assert (REPOSITORY / path.partition(":")[0]).exists(), path


def test_the_readme_is_short() -> None:
    assert len(README.split()) < 1000


def test_decisions_are_numbered_and_short() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for path in DECISIONS:
        text = path.read_text()
        assert len(text.split()) < 250, path.name
        assert text.startswith(f"# {int(path.name[:4])}. ")
        for word in ("**Question.**", "**Chosen.**", "**Why.**", "**Measured", "**Look again**"):
            assert word in text, f"{path.name}: {word}"
        for named in re.findall(r"`((?:service|workers|model_store|docker|tests)/[\w./-]+)`", text):
            assert (REPOSITORY / named).exists(), f"{path.name}: {named}"
