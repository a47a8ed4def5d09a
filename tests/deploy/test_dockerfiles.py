"""The image recipes, checked without a Docker engine: hadolint where it is installed, and our own rules."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.dockerfile_reader import DOCKERFILES, REPOSITORY, Stage, read_stages

RECIPES = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
PINNED = re.compile(r"^[a-z0-9./-]+:\d+\.\d+\.\d+[a-z0-9.-]*$")


def test_there_is_one_recipe_a_role() -> None:
    assert [path.stem for path in DOCKERFILES] == ["gateway", "worker-gpu", "worker"]


@RECIPES
def test_hadolint_has_no_warning(path: Path) -> None:
    beside_python = Path(sys.executable).parent / "hadolint"
    program = str(beside_python) if beside_python.exists() else shutil.which("hadolint")
    if program is None:
        pytest.skip("no hadolint: its wheel exists for Linux on x86-64 only")
    outcome = subprocess.run(
        [program, "--no-color", "--failure-threshold", "warning", str(path)], capture_output=True, text=True, timeout=60
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@RECIPES
def test_image_is_built_in_stages_from_pinned_bases(path: Path) -> None:
    stages = read_stages(path)
    assert len(stages) >= 2
    names = {stage.name for stage in stages if stage.name}
    for stage in stages:
        assert stage.base in names or PINNED.match(stage.base), f"{stage.base} is not pinned to a patch version"


@RECIPES
def test_image_runs_as_nobody_special_and_tells_its_health(path: Path) -> None:
    final = read_stages(path)[-1]
    (user,) = final.values("USER")
    assert user.isdigit() and int(user) > 0
    assert f"--uid {user} " in " ".join(final.values("RUN"))
    (health,) = final.values("HEALTHCHECK")
    assert "--interval=" in health and "--timeout=" in health
    assert final.exec_form("HEALTHCHECK")[0] == "python"
    assert final.exec_form("ENTRYPOINT") == ["retarget"]


@RECIPES
def test_final_stage_installs_nothing_and_takes_only_the_environment(path: Path) -> None:
    final = read_stages(path)[-1]
    assert not any("pip " in run or "apt-get" in run for run in final.values("RUN"))
    allowed = ("--from=build ", "--from=pytorch3d ", "docker/")  # that stage's is the build's with one package more
    assert all(copy.startswith(allowed) for copy in final.values("COPY"))


@RECIPES
def test_copied_files_exist_and_reach_the_build(path: Path) -> None:
    for stage in read_stages(path):
        for copy in stage.values("COPY"):
            words = copy.split()
            if words[0].startswith("--from="):
                continue
            for source in words[:-1]:
                assert (REPOSITORY / source).exists(), source
                assert not _ignored(source), f"{source} is in .dockerignore"


def _ignored(source: str) -> bool:
    """As Docker reads it: the last pattern that matches the path or a folder above it decides."""
    ignored = False
    for line in (REPOSITORY / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        body = pattern.removeprefix("!")
        prefixes = [source, *(str(parent) for parent in Path(source).parents if str(parent) != ".")]
        if any(fnmatch.fnmatchcase(prefix, body) for prefix in prefixes):
            ignored = not pattern.startswith("!")
    return ignored


def test_dockerignore_keeps_everything_else_out() -> None:
    assert all(_ignored(name) for name in (".git", ".venv", "tests", "demo-output", "service/__pycache__"))


def _installed_extras(stage: Stage) -> set[str]:
    lists = re.findall(r'install "\.\[([a-z0-9,]+)\]"', " ".join(stage.values("RUN")))
    return {extra for extras in lists for extra in extras.split(",")}


def test_gateway_installs_its_extra_and_no_torch() -> None:
    build = read_stages(REPOSITORY / "docker" / "gateway.Dockerfile")[0]
    assert _installed_extras(build) == {"gateway", "s3", "telemetry"}
    assert "torch" not in " ".join(build.values("RUN"))


@pytest.mark.parametrize("role", ["worker", "worker-gpu"])
def test_worker_installs_the_same_pinned_torch_first_as_the_makefile(role: str) -> None:
    build = read_stages(REPOSITORY / "docker" / f"{role}.Dockerfile")[0]
    assert _installed_extras(build) == {"worker", "semantics", "s3", "telemetry"}
    (pinned,) = [value.removeprefix("TORCH=") for value in build.values("ARG") if value.startswith("TORCH=")]
    makefile = (REPOSITORY / "Makefile").read_text()
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", pinned) and f"TORCH ?= {pinned}\n" in makefile
    installs = [run for run in build.values("RUN") if "pip install" in run]
    assert '"$TORCH"' in installs[0]


def test_both_workers_differ_only_in_what_the_gpu_needs() -> None:
    cpu, gpu = (read_stages(REPOSITORY / "docker" / f"{role}.Dockerfile") for role in ("worker", "worker-gpu"))
    assert cpu[0].instructions == gpu[0].instructions
    extra = gpu[-1].environment().items() - cpu[-1].environment().items()
    assert {name for name, _ in extra} == {"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"}


def test_the_gpu_image_builds_pytorch3d_from_a_pinned_source() -> None:
    stages = {stage.name: stage for stage in read_stages(REPOSITORY / "docker" / "worker-gpu.Dockerfile")}
    made = stages["pytorch3d"]
    arguments = dict(value.split("=", 1) for value in made.values("ARG"))
    assert re.fullmatch(r"v\d+\.\d+\.\d+", arguments["PYTORCH3D_TAG"])
    assert re.fullmatch(r"[0-9a-f]{40}", arguments["PYTORCH3D_COMMIT"])
    runs = " ".join(made.values("RUN"))
    assert 'test "$(git rev-parse HEAD)" = "$PYTORCH3D_COMMIT"' in runs and "FORCE_CUDA=1" in runs
    copies = {copy.split()[0] for copy in made.values("COPY")}
    assert copies == {"--from=build", "--from=cuda"}
    assert "--from=pytorch3d /opt/venv /opt/venv" in stages[None].values("COPY")
