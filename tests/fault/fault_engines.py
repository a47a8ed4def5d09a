"""Engines that misbehave on request, for the fault tests only: the job's `description` says how.

They stand where the real engine stands (`RETARGET_RETARGET_ENGINE`), with its signature. `read` stands where the real
readers stand in the sandbox: its scenes hold a file's bytes. Not imported by the product.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.skeleton.model import Scene, Skeleton, Units

CALLS = 0


def retarget(
    motion: Scene,
    character: Scene,
    options: JobOptions,
    *,
    source_character: Scene | None = None,
    on_stage: Callable[[str, float], None],
    **known: Any,
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
        artifacts={"result.glb": b"glb of " + motion.extras["data"] + b" and " + character.extras["data"]},
        report={
            "engine": {"pid": os.getpid(), "calls": CALLS, "host": os.environ.get("FAULT_HOST", "")},
            "scores": {},
            "scores_naive_copy": {},
            "verdict": {"verdict": "pass"},
            "warnings": [],
        },
    )


def inspect(scene: Scene, name: str, *_: Any, **known: Any) -> dict[str, Any]:
    return {"name": name, "bytes": len(scene.extras["data"])}


def read(bundle: FileBundle, limits: Limits) -> Scene:
    """A scene without joints that holds the file's bytes."""
    nothing, marks = np.zeros((0, 3)), np.zeros(0, dtype=bool)
    turns, indices = np.zeros((0, 4)), np.zeros(0, dtype=np.int64)
    return Scene(
        format="bvh",
        skeleton=Skeleton((), indices, indices, nothing, turns, nothing, turns, marks, np.zeros(0), marks),
        rest_kind="zero",
        units=Units(1.0, "m", "Y", False, "given"),
        clips=(),
        load_clip=lambda number, rate_hz: (_ for _ in ()).throw(IndexError(number)),
        load_mesh=lambda: None,
        extras={"data": bundle.data},
    )
