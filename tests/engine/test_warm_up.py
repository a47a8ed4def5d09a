"""Warming up loads what the first job would wait for, and keeps nothing of what it was done on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
import json, sys
from workers.engine import scene_engine
scene_engine.warm_up()
loaded = sys.modules.get("workers.semantics.loaded")
encoders = loaded._load.cache_info().currsize if loaded else 0
print(json.dumps({"torch": "torch" in sys.modules, "encoders": encoders, "kept": len(scene_engine._files._kept)}))
"""


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [("eye", {"torch": True, "encoders": 1, "kept": 0}), ("none", {"torch": False, "encoders": 0, "kept": 0})],
)
def test_what_the_default_job_needs_is_there_afterwards(encoder: str, expected: dict[str, Any]) -> None:
    environment = {**os.environ, "RETARGET_ENCODER": encoder}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout.splitlines()[-1]) == expected
