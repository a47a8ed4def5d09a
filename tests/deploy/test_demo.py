"""`retarget demo`: the whole path with real processes, Redis and HTTP, from our own samples; and how it fails."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.commands.demo import follow, post_job, request
from workers.contract.errors import JobTimeout, Unavailable
from workers.formats.bundle import FileBundle
from workers.formats.gltf.read import read_gltf


def _demo(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "demo", "--output", str(folder), *words]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=110)


def test_demo_prints_states_and_scores_saves_the_result_and_stops_its_server(tmp_path: Path) -> None:
    outcome = _demo(tmp_path, RETARGET_REDIS_URL="redis://127.0.0.1:1/0")  # not the demo's own
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    states = re.findall(r"^job +[\d.]+ s  (\w+)", outcome.stdout, re.MULTILINE)
    order = ["queued", "running", "succeeded"]
    assert states[-1] == "succeeded" and states == sorted(states, key=order.index)
    assert re.search(r"^verdict +(pass|review)$", outcome.stdout, re.MULTILINE)
    assert re.search(r"^foot_skate_ratio +[\d.e-]+ +[\d.e-]+$", outcome.stdout, re.MULTILINE)

    scene = read_gltf(FileBundle("result.glb", (tmp_path / "result.glb").read_bytes()))
    assert scene.clips[-1].name == "walk" and scene.clips[-1].frames == 97
    assert (tmp_path / "preview.webp").read_bytes()[8:12] == b"WEBP"
    assert (tmp_path / "sheet.png").read_bytes()[1:4] == b"PNG"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verdict"]["verdict"] in ("pass", "review")

    url = re.search(r"^server +(\S+)$", outcome.stdout, re.MULTILINE)
    assert url
    address = urlsplit(url[1])
    with socket.socket() as probe:
        assert probe.connect_ex((address.hostname, address.port)) != 0, "the server is gone"


def test_demo_without_a_place_to_write_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = _demo(tmp_path / "file")
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("error: invalid-options: ") and outcome.stderr.count("\n") == 1


def test_demo_whose_server_does_not_start_says_so(tmp_path: Path) -> None:
    outcome = _demo(tmp_path, RETARGET_JOB_TIMEOUT_S="-1")
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("error: unavailable: the server ended at start")
    assert str(tmp_path / "server.log") in outcome.stderr
    assert "job_timeout_s" in (tmp_path / "server.log").read_text()


def test_client_names_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match="does not answer"):
            request(f"{url}/healthz")
        (tmp_path / "x").write_text("x")
        with pytest.raises(Unavailable):
            post_job(url, tmp_path / "x", tmp_path / "x", {})
        with pytest.raises(JobTimeout):
            follow(f"{url}/v1/jobs/x", time.monotonic() - 1.0)
