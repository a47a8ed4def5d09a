"""A `.gltf` whose buffers did not come with it is refused at the door: the job could only find that out later.

Only the list of buffers of a small document is looked at; whatever cannot be judged here is left to the worker, which
reads files in its sandbox. The rule for names is the worker's (`workers.formats.load_bundle`): by path or bare name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from service.files.form import UploadedFile
from workers.contract.errors import ParseFailed

LOOKED_AT_BYTES = 4 * 2**20


def check_neighbours(files: Sequence[UploadedFile]) -> None:
    """Raises ParseFailed naming the first buffer that is missing."""
    mains = [entry for entry in files if entry.name.lower().endswith(".gltf")]
    if len(mains) != 1 or mains[0].writer.bytes > LOOKED_AT_BYTES:
        return
    main = mains[0]
    bare_names = {PurePosixPath(entry.name).name for entry in files if entry is not main}
    for uri in _buffer_uris(main.writer.read()):
        if PurePosixPath(unquote(uri)).name not in bare_names:
            raise ParseFailed(
                f"{main.name}: its file {uri[:100]!r} was not sent; send it as another part of the same name, "
                "or all in one zip, or export a .glb"
            )


def _buffer_uris(content: bytes) -> list[str]:
    try:
        document = json.loads(content)
        buffers = document.get("buffers", [])
        uris = [buffer.get("uri") for buffer in buffers]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return []
    return [uri for uri in uris if isinstance(uri, str) and ":" not in uri.partition("/")[0]]
