"""Which hostile files there are: a collection of malformed ones, and seeded mutations of good ones.

A case is one file with what lies beside it. `source_files` and `malformed_files` find the files by content and place,
never by name; what is done with them is `workers.lab.hostile.run`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workers.contract.errors import RetargetError
from workers.formats.registry import endings, format_of_extension, scene_formats
from workers.formats.sniff import sniff
from workers.lab.hostile.mutations import mutate
from workers.samples.write import sample_files

MAX_BYTES = 2_500_000  # of a good file that is mutated: larger ones only take longer
_NEIGHBOURS_MAX = 60


@dataclass(frozen=True, eq=False)
class HostileFile:
    """`label` says where it comes from; `neighbours` are the files beside it by name."""

    label: str
    name: str
    data: bytes
    kind: str
    neighbours: Mapping[str, bytes] = field(default_factory=dict)


def malformed_files(folder: Path) -> list[HostileFile]:
    """Every scene file below a folder, with the files that lie beside it."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if _is_scene(path)):
        beside = [file for file in path.parent.iterdir() if file.is_file() and file.suffix in (".bin", ".png", ".jpg")]
        neighbours = {file.name: file.read_bytes() for file in sorted(beside)[:_NEIGHBOURS_MAX]}
        said = format_of_extension(path.suffix[1:])
        needed = neighbours if said is not None and said.needs_neighbours else {}
        data = path.read_bytes()
        found.append(HostileFile(str(path.relative_to(folder)), path.name, data, path.suffix[1:].lower(), needed))
    return found


def _is_scene(path: Path) -> bool:
    return path.suffix.lower() in endings(scene_formats()) and path.is_file()


def source_files(folder: Path | None) -> dict[str, list[tuple[str, bytes]]]:
    """Good files by kind: our samples, and what lies in the folders `characters` and `motions` of a data folder."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for name, data in sample_files().items():
        found.setdefault(name.rpartition(".")[2], []).append((name, data))
    for part in ("characters", "motions") if folder is not None else ():
        assert folder is not None
        for path in sorted((folder / part).rglob("*")):
            if _is_scene(path) and path.stat().st_size <= MAX_BYTES:
                data = path.read_bytes()
                kind = _kind(data, path.name)
                if kind is not None:
                    found.setdefault(kind, []).append((str(path.relative_to(folder)), data))
    return found


def _kind(data: bytes, name: str) -> str | None:
    try:
        kind = sniff(data, name)
    except RetargetError:
        return None
    if kind == "fbx":
        return "fbx" if data.startswith(b"Kaydara") else "ascii fbx"
    return "glb" if kind == "vrm" and data.startswith(b"glTF") else None if kind in ("zip", "vrm", "gltf") else kind


def mutations(sources: Mapping[str, list[tuple[str, bytes]]], count: int, seed: int) -> Iterator[HostileFile]:
    """`count` damaged files, each kind as likely as the others; mutation n of a seed is always the same."""
    kinds = sorted(sources)
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        kind = rng.choice(kinds)
        name, data = rng.choice(sources[kind])
        how, damaged = mutate(data, kind, rng)
        ending = kind.rpartition(" ")[2]
        yield HostileFile(f"{number} {how} {name}", f"mutation{number}.{ending}", damaged, ending)
