"""A web server that speaks like the model hub and like a plain folder, and can misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """`files` are one repository's; tests set what goes wrong."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.large: set[str] = set()  # listed with their sha256, as large files are
        self.commit = COMMIT
        self.break_after: dict[str, list[int]] = {}  # path -> bytes until the connection ends, for each next request
        self.ignore_ranges = False
        self.fail_with: int | None = None
        self.wrong_listing: bytes | None = None
        self.requests: list[tuple[str, str | None]] = []  # path, Range
        self.served_bytes = 0
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                hub.answer(self)

        class Server(ThreadingHTTPServer):
            def handle_error(self, *arguments: object) -> None:
                """A client that hangs up, as some tests make it, is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(handler.path).path)
        self.requests.append((path, handler.headers.get("Range")))
        if self.fail_with is not None:
            self._send(handler, self.fail_with, b"no")
        elif path.startswith("/api/models/owner/model/revision/"):
            revision = path.rsplit("/", 1)[1]
            known = revision in ("main", self.commit)
            self._send(handler, 200 if known else 404, self.wrong_listing or self._listing())
        elif path.startswith(f"/owner/model/resolve/{self.commit}/"):
            name = path.removeprefix(f"/owner/model/resolve/{self.commit}/")
            handler.send_response(302)
            handler.send_header("Location", f"{self.url}/store/{name}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif path.startswith("/store/") and path.removeprefix("/store/") in self.files:
            self._send_file(handler, path.removeprefix("/store/"))
        else:
            self._send(handler, 404, b"nothing here")

    def _listing(self) -> bytes:
        siblings = []
        for name, content in self.files.items():
            entry: dict[str, object] = {"rfilename": name, "size": len(content)}
            if name in self.large:
                entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            siblings.append(entry)
        return json.dumps({"id": "owner/model", "sha": self.commit, "siblings": siblings}).encode()

    def _send_file(self, handler: BaseHTTPRequestHandler, name: str) -> None:
        content = self.files[name]
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        start = 0
        asked = handler.headers.get("Range")
        if asked and not self.ignore_ranges and handler.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.send_header("ETag", tag)
        handler.end_headers()
        body = content[start:]
        if self.break_after.get(name):
            body = body[: self.break_after[name].pop(0)]
            handler.close_connection = True
        handler.wfile.write(body)
        self.served_bytes += len(body)

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
