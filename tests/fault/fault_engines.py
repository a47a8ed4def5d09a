"""Engines that misbehave on request, for the fault tests only: the job's `description` says how.

They stand where the real engine stands (`RETARGET_RETARGET_ENGINE`), with its signature. Not imported by the product.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workers.formats.bundle import FileBundle
from workers.options import JobOptions

CALLS = 0


def retarget(
    motion: FileBundle,
    character: FileBundle,
    options: JobOptions,
    *,
    source_character: FileBundle | None = None,
    on_stage: Callable[[str, float], None],
) -> Any:
    """`description` is `verb argument`; see the branches."""
    global CALLS
    CALLS += 1
    verb, _, argument = (options.description or "quick").partition(" ")
    on_stage("retargeting", 0.1)
    if verb == "stages":  # cooperative: asks often whether to go on
        stop_s = time.monotonic() + float(argument)
        while time.monotonic() < stop_s:
            on_stage("retargeting", 0.5)
            time.sleep(0.05)
    elif verb == "hold":  # uncooperative: native code that keeps the interpreter's lock, so no thread runs either
        ctypes.PyDLL(None).sleep(int(argument))
    elif verb == "die":  # every time
        os.kill(os.getpid(), int(argument))
    elif verb == "die-once":
        if not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), 9)
    elif verb == "signal-then-hold":  # tells the test that it runs, once; then hangs, the first time only
        if not Path(argument).exists():
            Path(argument).write_text(str(os.getpid()))
            ctypes.PyDLL(None).sleep(60)
    elif verb == "allocate":
        hoard = []
        for _ in range(int(argument)):
            hoard.append(bytearray(b"x") * 2**20)
    elif verb == "raise":
        raise RuntimeError(argument)
    elif verb != "quick":
        raise ValueError(verb)
    return SimpleNamespace(
        artifacts={"result.glb": b"glb of " + motion.data + b" and " + character.data},
        report={
            "engine": {"pid": os.getpid(), "calls": CALLS},
            "scores": {},
            "scores_naive_copy": {},
            "verdict": {"verdict": "pass"},
            "warnings": [],
        },
    )


def inspect(bundle: FileBundle) -> dict[str, Any]:
    return {"name": bundle.name, "bytes": len(bundle.data)}
