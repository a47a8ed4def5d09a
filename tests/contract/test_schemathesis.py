"""Requests made from /openapi.json by schemathesis, good ones and broken ones: every answer is one that it declares.

Left out: that whatever fits the schema is accepted. A schema cannot say that an upload has to be a scene, or which
fields of a request exclude each other. And the endless stream of events.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.app import create_app
from service.jobs.store import JobStore
from service.settings import Settings
from tests.service_fixtures import served

SEED = 7
CASES = 4  # of each operation and kind


@pytest.fixture
def address(settings: Settings, store: JobStore) -> Iterator[str]:
    """A server that never waits for a worker: there is none."""
    app = create_app(settings.model_copy(update={"inspect_wait_s": 0.02, "wait_max_s": 0.02}))
    with served(app) as url:
        yield url


def test_every_answer_is_one_that_the_document_declares(address: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{address}/openapi.json"]
    limits = ["--seed", str(SEED), "--max-examples", str(CASES), "--phases", "examples,fuzzing"]
    checks = ["--exclude-checks", "positive_data_acceptance", "--exclude-path-regex", "/events$"]
    done = subprocess.run([*command, *limits, *checks], cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    (generated,) = re.findall(r"([\d,]+) generated", done.stdout)
    assert int(generated.replace(",", "")) > 100, done.stdout[-3000:]
