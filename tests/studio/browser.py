"""A real browser and a real `retarget serve` for the studio's tests.

The browser is Debian's Chromium, headless, drawing with SwiftShader; `RETARGET_CHROMIUM` names another. In CI it must
be there; elsewhere the tests that need it are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

SWIFTSHADER = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
AXE = Path(__file__).resolve().parents[2] / ".venv" / "axe-core" / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; skips where there is none."""
    program = os.environ.get("RETARGET_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        reason = "no Chromium: apt-get install chromium, or name one in RETARGET_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWIFTSHADER)
        yield browser
        browser.close()


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[str]:
    """Address of a `retarget serve` with these `RETARGET_*` settings, as long as the block runs."""
    environment = {**os.environ, **{f"RETARGET_{name.upper()}": value for name, value in settings.items()}}
    environment.pop("RETARGET_REDIS_URL", None)
    command = [sys.executable, "-m", "service.cli", "serve", "--port", "0", "--data-dir", str(folder)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout is not None
        line = run.stdout.readline()
        assert line.startswith("ready: http://127.0.0.1:"), line
        yield line.split()[1]
        run.terminate()


def serious_faults(page: Page) -> list[str]:
    """What axe-core finds of serious and critical faults of accessibility on the page as it is."""
    page.evaluate(AXE.read_text())  # through the debugger: the page's own policy takes no script of others
    found = page.evaluate("() => axe.run()")
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:120]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
