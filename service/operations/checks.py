"""What can be wrong with an installation: each check looks at one thing and says what it found and the remedy.

Nothing is changed but for a small blob that is written and removed again; a store without a marker stays so. What a
check needs and cannot have (Redis, the store) is told by the check of that, and the others leave it out.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from redis import Redis, RedisError

from model_store.status import resolve
from service.files.blobs import BlobStore
from service.files.store_marker import StoreMarker
from service.records import redis_now
from service.redis_url import connect
from service.settings import Settings, mask_secrets
from workers.contract.errors import RetargetError

Role = Literal["gateway", "worker"]
REDIS_AT_LEAST = (6, 2)  # ZADD LT and LMOVE, which the scripts and RQ use
CLOCK_MAX_S = 5.0
WORKER_PACKAGES = ("torch", "scipy", "numba", "igl", "PIL", "safetensors")
GPU_PROBE_S = 120.0
_CUDA = "import torch; torch.ones(1, device='cuda').sum().item()"


@dataclass(frozen=True)
class Finding:
    """What one check found. `remedy` is empty where it is `ok`."""

    check: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(settings: Settings, roles: tuple[Role, ...], clock: Callable[[], float] = time.time) -> list[Finding]:
    """Everything that concerns processes of these roles on this machine. `clock` is this machine's, epoch seconds."""
    with connect(settings) as redis:
        reached = check_redis(redis, settings)
        findings = [*reached]
        answers = reached[0].ok
        if answers:
            findings.append(check_clock(redis, clock))
        findings.extend(check_store(redis if answers else None, settings))
    if "gateway" in roles:
        findings.append(check_port(settings))
    if "worker" in roles:
        findings.extend([check_packages(), check_weights(), *check_device()])
    return findings


def check_redis(redis: Redis, settings: Settings) -> list[Finding]:
    """Whether it answers, and whether it is new enough."""
    address = mask_secrets(settings.redis_url)
    try:
        told: Any = redis.info("server")
    except (RedisError, OSError) as error:
        remedy = "start it, or set RETARGET_REDIS_URL to the one that runs"
        return [Finding("redis", False, f"{address} does not answer ({type(error).__name__})", remedy)]
    version = str(told["redis_version"])
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    needed = ".".join(map(str, REDIS_AT_LEAST))
    remedy = "" if numbers >= REDIS_AT_LEAST else f"run Redis {needed} or newer"
    return [
        Finding("redis", True, f"{address} answers"),
        Finding("redis-version", not remedy, f"Redis {version}, needed {needed}", remedy),
    ]


def check_clock(redis: Redis, clock: Callable[[], float] = time.time) -> Finding:
    """Whether this machine's clock is that of Redis."""
    off_s = clock() - redis_now(redis)
    if abs(off_s) <= CLOCK_MAX_S:
        return Finding("clock", True, f"within {CLOCK_MAX_S:g} s of that of Redis")
    way = "before" if off_s > 0 else "behind"
    remedy = "set the clock of this machine or that of Redis by a time service (NTP)"
    return Finding("clock", False, f"{abs(off_s):,.0f} s {way} that of Redis", remedy)


def check_store(redis: Redis | None, settings: Settings) -> list[Finding]:
    """Whether the store can be written, has room, and (with Redis) is the one that the jobs' files lie in."""
    address = mask_secrets(settings.blob_url)
    name = "store"
    choose = "give the service's user that folder or bucket, or set RETARGET_BLOB_URL to another"
    if settings.blob_url.startswith("file:"):
        folder = Path(unquote(urlsplit(settings.blob_url).path))
        if not folder.exists():  # made by the first process that serves, not by a look
            return [_unmade(folder)]
    try:
        blobs = BlobStore(settings.blob_url)
        name = "store-is-written"
        blobs.check_writable()
    except (RetargetError, OSError) as error:
        detail = error.detail if isinstance(error, RetargetError) else type(error).__name__
        return [Finding(name, False, f"{address}: {detail}", choose)]
    findings = [Finding(name, True, f"{address} takes what is written")]
    try:
        blobs.check_free_disk(settings.min_free_disk_ratio)
        findings.append(Finding("disk", True, "has room"))
    except RetargetError as error:
        findings.append(Finding("disk", False, error.detail, "free room, or lower RETARGET_MIN_FREE_DISK_RATIO"))
    if redis is not None:
        findings.append(_same_store(redis, blobs, address))
    return findings


def _unmade(folder: Path) -> Finding:
    above = next(parent for parent in folder.parents if parent.exists())
    if os.access(above, os.W_OK, effective_ids=os.access in os.supports_effective_ids) and above.is_dir():
        return Finding("store-is-written", True, f"{folder} is made at the first start")
    remedy = f"make it and give it to the service's user, who may not write to {above}"
    return Finding("store-is-written", False, f"{folder} does not exist", remedy)


def _same_store(redis: Redis, blobs: BlobStore, address: str) -> Finding:
    found, known = StoreMarker(redis, blobs).look()
    if found == known or known is None:
        return Finding("store-is-ours", True, f"{address} is the store that Redis knows, or a new one")
    what = "is empty or was wiped" if found is None else "belongs to another installation"
    remedy = "set RETARGET_BLOB_URL and RETARGET_REDIS_URL alike for all processes of one installation"
    return Finding("store-is-ours", False, f"{address} {what}", remedy)


def check_port(settings: Settings) -> Finding:
    """Whether the gateway's port is free, or our gateway's already."""
    address = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host.strip("[]"), settings.port))
            return Finding("port", True, f"{address} is free")
        except OSError as error:
            reason = error.strerror
    if _is_our_gateway(settings):
        return Finding("port", True, f"the gateway answers on {address}")
    remedy = "end what listens there, or set RETARGET_HOST and RETARGET_PORT"
    return Finding("port", False, f"{address}: {reason}", remedy)


def _is_our_gateway(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=3.0)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(10_000))
        return bool(isinstance(told, dict) and told.get("status") == "ok" and "version" in told)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def check_packages(find: Callable[[str], Any] = find_spec) -> Finding:
    """Whether a worker's packages are installed; none is imported."""
    missing = [name for name in WORKER_PACKAGES if find(name) is None]
    if not missing:
        return Finding("packages", True, "those of a worker are installed")
    remedy = "install torch first, then the extra: pip install '.[worker]'"
    return Finding("packages", False, f"a worker lacks {', '.join(missing)}", remedy)


def check_weights() -> Finding:
    """Whether the weights of the encoder that scores by default are here."""
    name = os.environ.get("RETARGET_ENCODER") or "eye"
    if name == "none":
        return Finding("weights", True, "no encoder is wanted")
    try:
        resolve(name)
    except RetargetError as error:
        return Finding("weights", False, error.detail, f"retarget models pull {name}, or RETARGET_ENCODER=none")
    return Finding("weights", True, f"those of {name} are here")


def check_device() -> list[Finding]:
    """Where CUDA is asked for: whether it works, tried in a process of its own, which a broken driver may end."""
    if not os.environ.get("RETARGET_DEVICE", "").startswith("cuda"):
        return []
    try:
        tried = subprocess.run([sys.executable, "-c", _CUDA], capture_output=True, text=True, timeout=GPU_PROBE_S)
        told = [f"exit code {tried.returncode}", *tried.stderr.strip().splitlines()][-1]
        detail = told if tried.returncode else ""
    except subprocess.TimeoutExpired:
        detail = f"it did not answer within {GPU_PROBE_S:g} s"
    if not detail:
        return [Finding("gpu", True, "CUDA works")]
    remedy = "install the driver and torch's CUDA build, or set RETARGET_DEVICE=cpu"
    return [Finding("gpu", False, f"RETARGET_DEVICE asks for CUDA: {detail[:200]}", remedy)]
