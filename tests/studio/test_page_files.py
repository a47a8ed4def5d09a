"""What /studio serves: the built page under a strict policy, built of the sources as they are, and our own samples."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from workers.samples.write import write_samples

PACKAGE = Path(__file__).resolve().parents[2] / "service" / "studio"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(create_app(Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1/0", keys="on")))


def test_the_page_is_open_to_all_and_runs_only_its_own_script(client: TestClient) -> None:
    answer = client.get("/studio")
    assert answer.status_code == 200 and "studio.js" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "http" not in policy
    assert client.get("/studio/studio.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/").json()["studio"] == "/studio"


@pytest.mark.parametrize(
    "path", ["nothing.js", "../app.py", "..%2f..%2fapp.py", "samples/../../app.py", "web/package.json"]
)
def test_nothing_else_of_the_package_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/studio/{path}").status_code == 404


def test_the_samples_are_those_that_the_command_makes(client: TestClient, tmp_path: Path) -> None:
    write_samples(tmp_path)
    names = sorted(path.name for path in (PACKAGE / "samples").iterdir())
    assert names == ["hands_on_hips.bvh", "stout.glb", "wave.bvh"]
    for name in names:
        assert client.get(f"/studio/samples/{name}").content == (tmp_path / name).read_bytes(), name


def test_the_page_is_built_of_its_sources(tmp_path: Path) -> None:
    """Builds it again, with the pinned packages, and compares every file."""
    if shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs node and npm to build the page")
        pytest.skip("no npm: the page cannot be built here")
    web = tmp_path / "web"
    shutil.copytree(PACKAGE / "web", web, ignore=shutil.ignore_patterns("node_modules"))
    for command in (
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        ["npm", "run", "check"],
        ["npm", "run", "build"],
    ):
        done = subprocess.run(command, cwd=web, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    built = {path.name: path.read_bytes() for path in (tmp_path / "page").iterdir()}
    kept = {path.name: path.read_bytes() for path in (PACKAGE / "page").iterdir()}
    assert built == kept, "run `npm ci && npm run build` in service/studio/web and commit what it makes"
