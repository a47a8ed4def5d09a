"""Files that others see whole or not at all: written beside, then renamed."""

from __future__ import annotations

import tempfile
from pathlib import Path

PREFIX_CHARS = 40  # of the name, in front of which a dot and behind which random characters stand


def write_whole(path: Path, data: bytes) -> None:
    """Over what is there; anybody may read it. The folder must exist. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:PREFIX_CHARS]}.", delete=False) as file:
        file.write(data)
    written = Path(file.name)
    written.chmod(0o644)
    written.replace(path)
