"""Where glTF's bytes come from: data URIs, files beside the document, the GLB's BIN chunk. Never a disk or a network.

A relative reference is percent-decoded and looked up among the bundle's siblings by its plain path. Schemes, absolute
paths and `..` are refused (glTF 2.0, section 2.8 "URIs", allows relative references and data URIs).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from urllib.parse import unquote, unquote_to_bytes

from workers.contract.errors import FileTooLarge, ParseFailed, UnsupportedFeature
from workers.formats.bundle import FileBundle
from workers.formats.gltf.fields import Json, bad_field, integer, text
from workers.formats.limits import Limits

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BUFFER_TYPES = ("application/octet-stream", "application/gltf-buffer")


def load_buffers(
    buffers: Sequence[Json], is_glb: bool, binary: bytes | None, bundle: FileBundle, limits: Limits
) -> tuple[bytes | None, ...]:
    """The bytes of every buffer, at least `byteLength` each; None for a placeholder, which has no uri.

    `binary` is the GLB's BIN chunk, None in a `.gltf`.
    """
    loaded: list[bytes | None] = []
    total = 0
    for number, buffer in enumerate(buffers):
        where = f"{bundle.name}: /buffers/{number}"
        length = integer(buffer, "byteLength", where, minimum=1)
        uri = text(buffer, "uri", where)
        if uri is None:
            if number > 0 or not is_glb:
                loaded.append(None)
                continue
            if binary is None:
                raise ParseFailed(f"{where}: has neither a uri nor a BIN chunk; send the file with its binary data")
            content = binary
        elif uri.startswith("data:"):
            content, media_type = decode_data_uri(uri, where)
            if media_type not in _BUFFER_TYPES:
                raise bad_field(f"{where}/uri", f"a buffer cannot have the media type {media_type[:40]!r}")
        else:
            content = load_sibling(uri, bundle, where)
        if len(content) < length:
            raise ParseFailed(
                f"{where}: holds {len(content):,} bytes of {length:,}; the file is truncated: export it again"
            )
        loaded.append(content)
        total += len(content)
        if total > limits.file_bytes:
            raise FileTooLarge(f"{where}: the buffers exceed {limits.file_bytes:,} bytes together; reduce the file")
    return tuple(loaded)


def decode_data_uri(uri: str, where: str) -> tuple[bytes, str]:
    """Bytes and media type of a `data:` URI (RFC 2397)."""
    header, comma, body = uri[5:].partition(",")
    if not comma:
        raise bad_field(f"{where}/uri", "is a data URI without data")
    media_type, *parameters = header.split(";")
    try:
        content = (
            base64.b64decode(unquote_to_bytes(body), validate=True)
            if "base64" in parameters
            else unquote_to_bytes(body)
        )
    except (binascii.Error, ValueError):
        raise bad_field(f"{where}/uri", "is not valid base64") from None
    return content, media_type.lower()


def sibling_path(uri: str, where: str) -> str:
    """The plain relative path that a URI names. Raises UnsupportedFeature for what leaves the file's folder."""
    if _SCHEME.match(uri) or uri.startswith(("/", "\\")):
        raise UnsupportedFeature(
            f"{where}: uri {uri[:80]!r} is no relative path; embed the data or put the file beside the document"
        )
    parts = [part for part in unquote(uri).split("/") if part not in ("", ".")]
    path = "/".join(parts)
    if (
        ".." in parts
        or "\\" in path
        or "\0" in path
        or _SCHEME.match(path)
        or unquote(uri).startswith("/")
        or not parts
    ):
        raise UnsupportedFeature(
            f"{where}: uri {uri[:80]!r} leaves the document's folder; put the file beside the document"
        )
    return path


def load_sibling(uri: str, bundle: FileBundle, where: str) -> bytes:
    path = sibling_path(uri, where)
    if path not in bundle.siblings:
        raise ParseFailed(
            f"{where}: the file {path!r} is not there; send it together with {bundle.name!r}, or export a .glb"
        )
    return bundle.siblings[path]()
