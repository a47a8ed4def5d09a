"""The HTTP API as a hostile sender meets it: one `retarget serve` on a free port, jobs posted and seen to their end.

Only the standard library speaks HTTP here. What the server printed is kept, so that crashes that no client sees are
counted too.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
Parts = Mapping[str, Mapping[str, bytes]]  # part -> file name -> content
_PEAK = re.compile(r"parsing process held at most (\d+) MiB")


@dataclass(frozen=True)
class JobEnd:
    """How one job ended: `code` is `ok` or that of its error. `body` is the last answer, as text."""

    code: str
    detail: str
    attempts: int
    seconds: float
    body: str
    hung: bool = False


@dataclass
class ServerLog:
    """What a server's log tells about its processes."""

    text: str

    @property
    def worker_deaths(self) -> int:
        return len(re.findall(r"its worker process died of|job process killed|starting it again in", self.text))

    @property
    def tracebacks(self) -> int:
        return self.text.count("Traceback (most recent call last)")

    @property
    def parser_deaths(self) -> int:
        return self.text.count("the parsing process ended with")

    @property
    def parser_peak_mib(self) -> int:
        return max((int(peak) for peak in _PEAK.findall(self.text)), default=0)


@dataclass(frozen=True)
class HostileServer:
    """A running server. `post` may be called from several threads."""

    url: str
    timeout_s: float
    _local: threading.local = field(default_factory=threading.local)

    def post(self, parts: Parts, options: Mapping[str, Any]) -> JobEnd:
        """Post a job, follow it to its end, delete it."""
        start_s = time.monotonic()
        boundary = uuid.uuid4().hex
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        status, body = self._ask("POST", "/v1/jobs", _multipart(parts, options, boundary), headers)
        if status != 202:
            return _refused(json.loads(body), time.monotonic() - start_s, body)
        job = json.loads(body)
        hung = False
        while job["status"] not in FINAL:
            if time.monotonic() - start_s > self.timeout_s:
                hung = True
                break
            _, body = self._ask("GET", f"/v1/jobs/{job['id']}?wait=5")
            job = json.loads(body)
        seconds = time.monotonic() - start_s
        self._ask("DELETE", f"/v1/jobs/{job['id']}")
        if job["status"] == "succeeded":
            return JobEnd("ok", "", job["attempt"], seconds, body)
        error = job["error"] or {"code": job["status"], "detail": ""}
        return JobEnd(error["code"], error.get("detail", ""), job["attempt"], seconds, body, hung)

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=self.timeout_s + 30.0)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()


def _refused(problem: dict[str, Any], seconds: float, body: str) -> JobEnd:
    return JobEnd(str(problem.get("code", "none")), str(problem.get("detail", "")), 0, seconds, body)


def _multipart(parts: Parts, options: Mapping[str, Any], boundary: str) -> bytes:
    pieces = []
    for part, files in parts.items():
        for name, content in files.items():
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{name}"\r\n\r\n'
            pieces += [head.encode(), content, b"\r\n"]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="options"\r\n\r\n'
    return b"".join([*pieces, head.encode(), json.dumps(options).encode(), f"\r\n--{boundary}--\r\n".encode()])


@contextmanager
def hostile_server(folder: Path, workers: int, timeout_s: float) -> Iterator[tuple[HostileServer, Path]]:
    """A server with its data and log in a folder, and the path of its log."""
    from service.commands.demo import running_server

    path = folder / "server.log"
    with path.open("w") as log, running_server(folder / "data", log, workers=workers) as url:
        yield HostileServer(url, timeout_s), path
