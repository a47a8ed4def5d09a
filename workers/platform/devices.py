"""Devices that worker processes are started for, one a process: by words to the variables of each process.

`cpu`; `cuda:1`, the second GPU of those that this process may see; `cuda`, every one of these.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"
LISTING_S = 20.0


@dataclass(frozen=True)
class Device:
    """`variables` make a process, and what it starts, see this device alone."""

    name: str
    variables: Mapping[str, str]


def installed_gpus() -> int:
    """GPUs that the driver's own tool lists; 0 without it."""
    try:
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=LISTING_S)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in told.stdout.splitlines()) if told.returncode == 0 else 0


def read_devices(
    text: str, environment: Mapping[str, str] | None = None, count_gpus: Callable[[], int] = installed_gpus
) -> list[Device]:
    """The devices that comma-separated words name. Raises ValueError, which says what is wrong and what can be written.

    Whether a GPU is there is found out by the process that is to work on it: what counts them may be missing.
    """
    visible = (os.environ if environment is None else environment).get(VISIBLE)
    names = None if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    devices: list[Device] = []
    for word in (word.strip() for word in text.split(",") if word.strip()):
        if word == "cpu":
            devices.append(Device(word, {"RETARGET_DEVICE": "cpu"}))
        elif word == "cuda":
            found = count_gpus() if names is None else len(names)
            if not found:
                raise ValueError("no GPU is to be seen; write cpu, or cuda:0 where nvidia-smi is missing")
            devices.extend(_gpu(number, names) for number in range(found))
        elif (match := re.fullmatch(r"cuda:(\d{1,3})", word)) is not None:
            devices.append(_gpu(int(match[1]), names))
        else:
            raise ValueError(f"{word!r} is no device; write cpu, cuda or cuda:N")
    if not devices:
        raise ValueError("no device is named; write for example cuda:0,cuda:1 or cpu,cpu")
    return devices


def _gpu(number: int, names: list[str] | None) -> Device:
    if names is not None and number >= len(names):
        raise ValueError(f"cuda:{number}: {VISIBLE} shows only {len(names)}")
    return Device(
        f"cuda:{number}", {"RETARGET_DEVICE": "cuda", VISIBLE: str(number) if names is None else names[number]}
    )
