"""Multipart bodies, streamed: every byte is counted, hashed and written as it comes, and refused at the cap.

Nothing is buffered but one network chunk and the small JSON parts. Files wait unnamed in the blob store until the whole
form is accepted (`service.jobs.intake` commits them); leaving `receive_form` discards what was not committed. What the
files hold is the worker's to judge, but for a look at the first bytes (`UploadedFile.head`).
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from service.files.blobs import BlobStore, BlobWriter
from service.files.reception import Pace, Reception
from service.settings import Settings
from workers.contract.errors import FileTooLarge, InvalidRequest

HEAD_BYTES = 4096
DISK_CHECK_BYTES = 32 * 2**20
PART_OVERHEAD_BYTES = 2048  # boundary and headers of one part


@dataclass
class UploadedFile:
    """One file part: its safe name, its first bytes, and the writer that holds it."""

    name: str
    writer: BlobWriter
    head: bytes = b""


@dataclass
class Form:
    """What a multipart body held, by part name. `fresh` asks for a result made anew (`Cache-Control: no-cache`)."""

    files: dict[str, list[UploadedFile]] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    fresh: bool = False


@contextlib.asynccontextmanager
async def receive_form(
    request: Request,
    reception: Reception,
    *,
    file_parts: Iterable[str],
    text_parts: Iterable[str],
    id_parts: Iterable[str] = (),
) -> AsyncIterator[Form]:
    """The request's form. A part of `id_parts` may be a file or, without a file name, the id of a stored one.

    Raises InvalidRequest, FileTooLarge, Unavailable (too many uploads at once, store away, disk nearly full).
    """
    blobs, settings = reception.blobs, reception.settings
    boundary = _boundary(request.headers.get("content-type", ""))
    overhead = settings.upload_max_parts * PART_OVERHEAD_BYTES + 2 * settings.field_max_bytes
    body_max_bytes = settings.upload_max_bytes + overhead
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > body_max_bytes:
        raise _too_large(settings)
    receiver = _FormReceiver(boundary, blobs, settings, set(file_parts), set(text_parts), set(id_parts))
    try:
        with reception.place() as pace:
            await reception.check_room()
            received, stream = 0, request.stream()
            while chunk := await pace.next_chunk(stream):
                received += len(chunk)
                if received > body_max_bytes:
                    raise _too_large(settings)
                await run_in_threadpool(receiver.feed, chunk)
            receiver.finish()
        yield receiver.form
    finally:
        await run_in_threadpool(receiver.discard)


def safe_file_name(name: str, max_chars: int, fallback: str) -> str:
    """A relative path of plain names: no drive, root, `..`, control characters; the end (extension) survives a cut.

    Folders stay, since a `.gltf` names its files by relative path. The result is a label, never a path on our disk.
    """
    text = unicodedata.normalize("NFC", name).replace("\\", "/")
    text = "".join(char for char in text if char.isprintable())
    if len(text) > 1 and text[1] == ":":
        text = text[2:]
    parts = [part.strip() for part in text[-max_chars:].split("/")]
    return "/".join(part for part in parts if part not in ("", ".", "..")) or fallback


def _too_large(settings: Settings) -> FileTooLarge:
    limit = settings.upload_max_bytes
    return FileTooLarge(
        f"the request's files are larger than {limit:,} bytes together; send smaller files", limit=limit
    )


def _boundary(content_type: str) -> bytes:
    kind, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidRequest(
            f"the body must be multipart/form-data with a boundary, not {content_type[:100]!r}; "
            "send the files as parts, as with curl -F",
            errors=[{"pointer": "/header/content-type", "message": "multipart/form-data is needed"}],
        )
    return boundary


async def receive_json(request: Request, reception: Reception, max_bytes: int | None = None) -> bytes:
    """The body of a JSON request, up to `max_bytes`, by default the setting `field_max_bytes`.

    Raises InvalidRequest, Unavailable (too many at once).
    """
    most, body = max_bytes or reception.settings.field_max_bytes, bytearray()
    with reception.place() as pace:
        await _receive_body(request, most, pace, body)
    return bytes(body)


async def _receive_body(request: Request, most: int, pace: Pace, body: bytearray) -> None:
    stream = request.stream()
    while chunk := await pace.next_chunk(stream):
        body += chunk
        if len(body) > most:
            raise InvalidRequest(f"the JSON body is longer than {most:,} bytes; leave out some")


def is_json(request: Request) -> bool:
    """Whether the request says that its body is JSON."""
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    return kind == b"application/json"


class _FormReceiver:
    """Sorts the parser's events into files and texts. `feed` blocks on the disk, so it runs in a thread."""

    def __init__(
        self,
        boundary: bytes,
        blobs: BlobStore,
        settings: Settings,
        file_parts: set[str],
        text_parts: set[str],
        id_parts: set[str],
    ) -> None:
        self.form = Form()
        self._blobs = blobs
        self._settings = settings
        self._file_parts = file_parts
        self._text_parts = text_parts
        self._id_parts = id_parts
        self._part_count = 0
        self._file_bytes = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._file: UploadedFile | None = None
        self._text: bytearray | None = None
        self._text_name = ""
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequest(f"the multipart body is malformed: {error}; check the boundary") from None

    def finish(self) -> None:
        if not self._ended:
            raise InvalidRequest("the multipart body ends before its closing boundary; send it again")

    def discard(self) -> None:
        for files in self.form.files.values():
            for entry in files:
                entry.writer.discard()

    def _on_part_begin(self) -> None:
        self._part_count += 1
        if self._part_count > self._settings.upload_max_parts:
            raise InvalidRequest(
                f"the body has more than {self._settings.upload_max_parts} parts; send the character as one zip"
            )
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if bytes(self._header_name).lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        name = parameters.get(b"name", b"").decode("utf-8", "replace")
        file_name = parameters.get(b"filename")
        is_id = name in self._id_parts and file_name is None
        if name in self._file_parts and not is_id:
            if file_name is None:
                raise _wrong_part(name, f"must be a file with a name, as with curl -F {name}=@path")
            if name in self.form.texts:
                raise _wrong_part(name, "is given twice, as a file and as an id")
            self._begin_file(name, file_name.decode("utf-8", "replace"))
        elif name in self._text_parts or is_id:
            if name in self.form.texts or name in self.form.files:
                raise _wrong_part(name, "is given twice")
            self._text, self._text_name = bytearray(), name
        else:
            known = ", ".join(sorted(self._file_parts | self._text_parts))
            raise _wrong_part(name[:100], f"is unknown; the parts are {known}")

    def _begin_file(self, part: str, file_name: str) -> None:
        safe = safe_file_name(file_name, self._settings.file_name_max_chars, fallback=part)
        files = self.form.files.setdefault(part, [])
        if any(entry.name == safe for entry in files):
            raise _wrong_part(part, f"has two files named {safe!r}")
        self._file = UploadedFile(safe, self._blobs.writer())
        files.append(self._file)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            before, self._file_bytes = self._file_bytes, self._file_bytes + end - start
            if self._file_bytes > self._settings.upload_max_bytes:
                raise _too_large(self._settings)
            if before // DISK_CHECK_BYTES != self._file_bytes // DISK_CHECK_BYTES:
                self._blobs.check_free_disk(self._settings.min_free_disk_ratio)
            piece = data[start:end]
            self._file.head += piece[: HEAD_BYTES - len(self._file.head)]
            self._file.writer.write(piece)
        elif self._text is not None:
            if len(self._text) + end - start > self._settings.field_max_bytes:
                raise _wrong_part(self._text_name, f"is longer than {self._settings.field_max_bytes:,} bytes")
            self._text += data[start:end]

    def _on_part_end(self) -> None:
        if self._file is not None:
            self._file.writer.close()
        elif self._text is not None:
            self.form.texts[self._text_name] = bytes(self._text)
        self._file = self._text = None

    def _on_end(self) -> None:
        self._ended = True


def _wrong_part(name: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"part {name!r} {what}", errors=[{"pointer": f"/{name}", "message": what}])
