"""The axes that may be up in a file, by name. Imports nothing: the gateway and the command line know them too."""

from __future__ import annotations

from typing import Literal

UpAxis = Literal["X", "Y", "Z", "-X", "-Y", "-Z"]
