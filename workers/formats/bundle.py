"""FileBundle: a main file and the files beside it that it may refer to. The only thing readers ever get.

A `.gltf` names its buffers by relative path; on the command line they come from its own folder, over HTTP as further
parts or inside one zip. Readers look siblings up here by name and never touch a disk or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FileBundle:
    """`name` is the main file's name, `data` its bytes, `siblings` loads a neighbour's bytes by relative path."""

    name: str
    data: bytes
    siblings: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
