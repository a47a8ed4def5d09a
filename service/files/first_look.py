"""A look at the first bytes of an upload: what is obviously no scene is refused before anything is stored."""

from __future__ import annotations

from collections.abc import Sequence

from service.files.form import UploadedFile
from service.files.gltf_neighbours import check_neighbours
from workers.formats.sniff import sniff


def look_at(files: Sequence[UploadedFile]) -> None:
    """Raises UnsupportedFormat, ParseFailed. Of several files the worker finds the main one.

    JSON longer than the head is left to the worker too: the mark of a format in JSON (glTF) may come later.
    """
    entry = files[0]
    is_cut_json = entry.writer.bytes > len(entry.head) and entry.head.lstrip().startswith(b"{")
    if len(files) == 1 and not is_cut_json:
        sniff(entry.head, entry.name)
    check_neighbours(files)
