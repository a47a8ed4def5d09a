"""One file over HTTP(S): in pieces, resumed where an earlier try stopped, never more than was announced.

The piece so far lies in `<target>.part`, the server's tag of it in `<target>.part.tag`; with `If-Range` a server whose
file has changed since sends it whole. Checking the hash is left to `model_store.pull`.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from workers.contract.errors import ModelUnavailable

CHUNK_BYTES = 2**20
TIMEOUT_S = 60.0
ATTEMPTS = 5
FIRST_PAUSE_S = 1.0
TEXT_MAX_BYTES = 2**24

Progress = Callable[[int, int | None], None]  # bytes here, bytes in all


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from an encrypted address to an open one."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise urllib.error.URLError(f"refused a redirect from https to {newurl.split(':', 1)[0]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Redirects)


@dataclass(frozen=True)
class Patience:
    """How often one file is tried, and the pause before the second try in seconds; it doubles each time."""

    attempts: int = ATTEMPTS
    first_pause_s: float = FIRST_PAUSE_S


class _Interrupted(Exception):
    """The connection broke; what came is kept."""


def fetch_text(url: str) -> bytes:
    """A small document. Raises ModelUnavailable."""
    try:
        with _open(url, {}) as answer:
            body: bytes = answer.read(TEXT_MAX_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise ModelUnavailable(
            f"{url}: {_reason(error)}; check the address and the network, or pull from a folder"
        ) from None
    if len(body) > TEXT_MAX_BYTES:
        raise ModelUnavailable(f"{url}: larger than {TEXT_MAX_BYTES:,} bytes; this is no model listing")
    return body


def download(
    url: str,
    target: Path,
    expected_bytes: int | None,
    progress: Progress = lambda done, total: None,
    patience: Patience | None = None,
) -> None:
    """Bring `url` to `target`. Raises ModelUnavailable; the part that came stays for the next try."""
    patience = patience or Patience()
    target.parent.mkdir(parents=True, exist_ok=True)
    part, tag = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.tag")
    for attempt in range(patience.attempts):
        try:
            _continue(url, part, tag, expected_bytes, progress)
            part.replace(target)
            tag.unlink(missing_ok=True)
            return
        except (_Interrupted, OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code != 429:
                raise ModelUnavailable(f"{url}: {_reason(error)}; check the address") from None
            if attempt + 1 == patience.attempts:
                raise ModelUnavailable(
                    f"{url}: {_reason(error)} after {patience.attempts} tries; run the command again: it goes on where "
                    "it stopped"
                ) from None
            time.sleep(patience.first_pause_s * 2**attempt)


def _continue(url: str, part: Path, tag: Path, expected_bytes: int | None, progress: Progress) -> None:
    """One try: ask for what is missing and append it. Raises _Interrupted where it ends early."""
    have = part.stat().st_size if part.exists() and tag.exists() else 0
    if expected_bytes is not None and have == expected_bytes:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": tag.read_text()} if have else {}
    with _open(url, headers) as answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status == 206 and not resumed:
            part.unlink(missing_ok=True)
            raise _Interrupted("the server sent another range than asked for")
        done = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        if expected_bytes is not None and total is not None and total != expected_bytes:
            part.unlink(missing_ok=True)
            raise ModelUnavailable(
                f"{url}: {total:,} bytes, expected {expected_bytes:,}; the source holds another file"
            )
        _note_tag(answer.headers.get("ETag"), tag)
        with part.open("ab" if resumed else "wb") as file:
            _copy(answer, file, done, total, expected_bytes, progress, url)


def _copy(
    answer: Any,
    file: IO[bytes],
    done: int,
    total: int | None,
    limit: int | None,
    progress: Progress,
    url: str,
) -> None:
    progress(done, total)
    while chunk := answer.read(CHUNK_BYTES):
        file.write(chunk)
        done += len(chunk)
        if limit is not None and done > limit:
            raise ModelUnavailable(f"{url}: more than the {limit:,} bytes expected; the source holds another file")
        progress(done, total)
    if total is not None and done < total:
        raise _Interrupted(f"the connection ended at {done:,} of {total:,} bytes")


def _note_tag(etag: str | None, tag: Path) -> None:
    """Only a strong tag says that two pieces belong together; without one the next try starts over."""
    if etag and not etag.startswith("W/"):
        tag.write_text(etag)
    else:
        tag.unlink(missing_ok=True)


def _open(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "retarget", "Accept-Encoding": "identity", **headers})
    return _OPENER.open(request, timeout=TIMEOUT_S)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code}"
    return str(getattr(error, "reason", None) or error or type(error).__name__)
