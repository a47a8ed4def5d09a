"""Where manifests and weights lie: the package itself, and the model folder for what was pulled."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PACKAGED = Path(__file__).parent


def model_dir() -> Path:
    """`$RETARGET_MODEL_DIR`, else the folder `models` in `$RETARGET_DATA_DIR` or the user's data folder."""
    if own := os.environ.get("RETARGET_MODEL_DIR"):
        return Path(own).expanduser().absolute()
    if data := os.environ.get("RETARGET_DATA_DIR"):
        return Path(data).expanduser().absolute() / "models"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "retarget" / "models"


def write_whole(path: Path, text: str) -> None:
    """A small file that others see whole or not at all; its folder is made where missing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
