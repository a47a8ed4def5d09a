"""`retarget demo`: the whole path once, over real HTTP, with our own samples.

Starts `retarget serve` on a free port with a data folder of its own, posts the walk and the stout character, prints
each change of the job, saves the GLB, the report and the pictures, and stops the server. Uses only the standard library
for HTTP, so that it also shows what a client needs.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin

from service.commands.samples import write_into
from service.commands.score_table import score_lines
from workers.contract.errors import InternalError, JobTimeout, RetargetError, Unavailable

FINAL = {"succeeded", "failed", "canceled", "expired"}
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=Path("demo-output"), metavar="FOLDER", help="(%(default)s)")
    parser.add_argument("--timeout-s", type=float, default=300.0, metavar="S", help="for the job (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """0 when the job succeeded with a verdict better than fail, 5 with the verdict fail, else the error's code."""
    output: Path = arguments.output
    samples = {path.name: path for path in write_into(output / "samples")}
    log = (output / "server.log").open("w")
    motion, character = samples["walk.bvh"], samples["stout.glb"]
    print(f"samples    {output / 'samples'}: {len(samples)} files")
    with log, tempfile.TemporaryDirectory(prefix="retarget-demo-") as data, running_server(Path(data), log) as url:
        print(f"server     {url}")
        print(f"post       motion={motion.name} character={character.name}")
        job = follow(post_job(url, motion, character, {"preview": True}), time.monotonic() + arguments.timeout_s)
        if job["status"] != "succeeded":
            raise RetargetError.from_dict(job["error"] or {"detail": f"the job ended {job['status']}"})
        show(job["result"])
        saved = save(url, job, output)
    for path in saved:
        print(f"saved      {path} ({path.stat().st_size:,} bytes)")
    return 5 if job["result"]["verdict"] == "fail" else 0


@contextmanager
def running_server(
    data: Path, log: IO[str], workers: int = 1, environment: Mapping[str, str] = os.environ, cwd: Path | None = None
) -> Iterator[str]:
    """`retarget serve` on a free port of this machine; yields its URL and stops it at the end."""
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--data-dir",
        str(data),
        "--workers",
        str(workers),
    ]
    # Its own Redis and blobs, whatever this shell is set up for.
    own = {k: v for k, v in environment.items() if k not in ("RETARGET_REDIS_URL", "RETARGET_BLOB_URL")}
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, env=own, cwd=cwd, start_new_session=True
    )
    try:
        yield _wait_ready(server, log.name)
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_ready(server: subprocess.Popen[str], log_name: str) -> str:
    """The URL in the server's `ready:` line. Raises Unavailable where none comes."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert server.stdout is not None
        with server.stdout as output:
            for line in output:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + START_TIMEOUT_S
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line is None:
            raise Unavailable(f"the server ended at start with code {server.wait()}; see {log_name}")
        if line.startswith("ready: "):
            return line.removeprefix("ready: ").strip()
    raise Unavailable(f"the server was not ready within {START_TIMEOUT_S:.0f} s; see {log_name}")


def request(
    url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """One HTTP exchange: status, headers in lower case, body. A problem+json answer becomes its typed error."""
    call = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(call, timeout=60.0) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return 304, {}, b""
        try:
            problem = json.loads(error.read())
        except ValueError:
            raise InternalError(f"{url} answered {error.code} without a problem document") from None
        raise RetargetError.from_dict(problem) from None
    except urllib.error.URLError as error:
        raise Unavailable(f"{url} does not answer ({error.reason})") from None


def post_job(url: str, motion: Path, character: Path, options: dict[str, Any]) -> str:
    """Post both files and the options; returns the job's address."""
    files, fields = {"motion": motion, "character": character}, {"options": json.dumps(options)}
    headers, _ = post_form(f"{url}/v1/jobs", files, fields)
    return urljoin(url, headers["location"])


def post_form(address: str, files: Mapping[str, Path], fields: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """Post files and texts as multipart/form-data; returns headers and body of the answer."""
    boundary = uuid.uuid4().hex
    parts = [(f'name="{name}"; filename="{path.name}"', path.read_bytes()) for name, path in files.items()]
    parts += [(f'name="{name}"', text.encode()) for name, text in fields.items()]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {words}\r\n\r\n".encode() + data + b"\r\n"
        for words, data in parts
    )
    body += f"--{boundary}--\r\n".encode()
    _, headers, answer = request(address, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    return headers, answer


def follow(address: str, deadline: float) -> dict[str, Any]:
    """Poll until the job ends and print each new state or stage. Raises JobTimeout at the deadline."""
    tag, seen, started = "", None, time.monotonic()
    while time.monotonic() < deadline:
        # With the tag of what is known, the server answers at the next change; the first time, at once.
        wait, headers = ("?wait=30", {"If-None-Match": tag}) if tag else ("", {})
        status, answer, body = request(address + wait, headers=headers)
        if status == 304:
            continue
        tag = answer.get("etag", "")
        job: dict[str, Any] = json.loads(body)
        if seen != (job["status"], job["stage"]):
            seen = (job["status"], job["stage"])
            stage = f" {job['stage']}" if job["stage"] and job["status"] == "running" else ""
            print(f"job        {time.monotonic() - started:6.2f} s  {job['status']}{stage} ({job['progress']:.0%})")
        if job["status"] in FINAL:
            return job
    raise JobTimeout(f"{address}: not finished in time; raise --timeout-s")


def show(result: dict[str, Any]) -> None:
    """Verdict, warnings and the scores beside those of the naive copy."""
    print(f"verdict    {result['verdict']}")
    for warning in result["warnings"]:
        print(f"warning    {warning['code']}: {warning['message']}")
    for line in score_lines(result["scores"] or {}, result["scores_naive_copy"] or {}):
        print(line)


def save(url: str, job: dict[str, Any], output: Path) -> list[Path]:
    """Download every artifact of the job into the folder."""
    paths = []
    for artifact in job["result"]["artifacts"]:
        _, _, body = request(urljoin(url, artifact["url"]))
        path = output / Path(artifact["name"]).name
        path.write_bytes(body)
        paths.append(path)
    return paths
