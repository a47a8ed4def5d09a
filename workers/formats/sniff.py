"""What kind of file some bytes are, by their content. The name only has to agree.

Which formats there are and what marks them is `workers.formats.registry`; common wrong files are named here, so that
the error says what was sent. Nothing is parsed and no disk is touched.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from workers.contract.errors import UnsupportedFormat
from workers.formats import registry
from workers.formats.file_format import Content, FileFormat
from workers.formats.wording import what_to_send

HEAD_BYTES = 4096

_PICKLE = "a Python pickle, which could run code and is never opened; save its arrays with numpy.savez"
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"BLENDER", "a Blender file; export it from Blender as glTF"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive or compressed Blender file"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; pack it as zip"),
    (b"Rar!", "a RAR archive; pack it as zip"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    (b"\x80\x02", _PICKLE),
    (b"\x80\x03", _PICKLE),
    (b"\x80\x04", _PICKLE),
    (b"\x80\x05", _PICKLE),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
)


def sniff(data: bytes, name: str) -> str:
    """The name of the file's format, or of the container it is, from its content.

    Raises UnsupportedFormat if it is none of ours or the name says otherwise.
    """
    found = _by_content(data, name)
    extension = PurePosixPath(name.replace("\\", "/")).suffix[1:]
    said = registry.format_of_extension(extension)
    if said is not None and said.family != found.family:
        raise UnsupportedFormat(
            f"{name}: the name says {extension.upper()} but the content is {found.name.upper()}; rename the file"
        )
    return found.name


def _by_content(data: bytes, name: str) -> FileFormat:
    if not data.strip():
        raise UnsupportedFormat(f"{name}: the file is empty; {what_to_send()}")
    content = Content(data, data[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip(), name)
    for row in registry.FORMATS:
        if row.marks(content):
            return row
    raise UnsupportedFormat(f"{name}: this is {_describe(content.head)}; {what_to_send()}")


def _describe(head: bytes) -> str:
    for magic, text in _OTHERS:
        if head.startswith(magic):
            return text
    lowered = head[:512].lower()
    if lowered.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, perhaps the page of a download or login instead of the file"
    if b"<collada" in lowered:
        return "a COLLADA file; convert it to GLB"
    if lowered.startswith(b"<"):
        return "an XML file"
    if lowered.startswith(b"{"):
        return "JSON without the 'asset' that a glTF has"
    return "no format that is known here"
