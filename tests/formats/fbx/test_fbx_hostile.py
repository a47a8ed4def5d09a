"""Damaged and hostile FBX: every file loads or gives one typed error, soon, and the process that asked goes on.

`RETARGET_ALL_HOSTILE=1` reads all files and 200 mutations instead of a sample of 20 each.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.fbx.fbx_text import Node, Take, fbx_text
from workers.contract.errors import InputError
from workers.formats.bundle import FileBundle
from workers.formats.fbx.read import read_fbx

EVERYTHING = os.environ.get("RETARGET_ALL_HOSTILE") == "1"


def outcome(name: str, data: bytes) -> str:
    """`ok` or the code of the error; raises whatever is no typed error about the input."""
    try:
        scene = read_fbx(FileBundle(name, data))
        for number in range(min(len(scene.clips), 3)):
            clip = scene.load_clip(number, None)
            assert np.all(np.isfinite(clip.rotations))
        scene.load_mesh()
        found = "ok"
    except InputError as error:
        assert error.detail.startswith(name) or error.detail.startswith("/"), error.detail
        assert "\n" not in error.detail and "Traceback" not in error.detail
        found = error.code
    return found


def test_the_collected_bad_files(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared_data / "malformed"
    files = sorted(p for p in [*folder.glob("ufbx/**/*"), *folder.glob("assimp/FBX/**/*")] if p.suffix == ".fbx")
    assert len(files) > 100
    chosen = files if EVERYTHING else files[:: len(files) // 20]
    codes = {path.name: outcome(path.name, path.read_bytes()) for path in chosen}
    with capsys.disabled():
        print(f"\n{len(codes)} bad FBX files:", dict(Counter(codes.values())))
    # What is only damaged loads; what ufbx refuses as well is refused.
    assert set(codes.values()) <= {"ok", "parse-failed", "unsupported-feature", "too-large"}
    refused = [name for name in codes if "_fail_" in name and "cache" not in name]
    assert all(codes[name] != "ok" for name in refused)


def test_mutations_of_good_files(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes changed, cut out and doubled, at random places of files in three encodings."""
    characters = shared_data / "characters"
    good = [
        (characters / name).read_bytes()
        for name in ("assimp/huesitos.fbx", "ufbx/maya_game_sausage_7500_binary_combined.fbx")
    ]
    turn = np.array([[0.0, 0.0, 0.0], [0.0, 90.0, 0.0]])
    nodes = [Node(f"bone{k}", k - 1, translation=[0.0, 30.0, 0.0]) for k in range(4)]
    good.append(fbx_text(nodes, [Take("turn", 1.0, [{(1, "Lcl Rotation"): ([0.0, 1.0], turn)}])]))
    counts: Counter[str] = Counter()
    for seed in range(200 if EVERYTHING else 20):
        counts[outcome(f"mutation-{seed}.fbx", mutated(good[seed % 3], seed))] += 1
    with capsys.disabled():
        print(f"\n{counts.total()} mutations of good FBX files:", dict(counts))
    assert counts.total() == (200 if EVERYTHING else 20)


def mutated(data: bytes, seed: int) -> bytes:
    """Every other seed changes single bytes only, which leaves lengths right and so gets further in."""
    random = np.random.default_rng(seed)
    content = bytearray(data)
    if seed % 2 == 0:
        for place in random.integers(0, len(content), int(random.integers(1, 4))):
            content[place] ^= 1 << int(random.integers(0, 8))
        return bytes(content)
    for _ in range(int(random.integers(1, 6))):
        place, length = int(random.integers(0, len(content))), int(random.integers(1, 40))
        match int(random.integers(0, 4)):
            case 0:
                content[place] = int(random.integers(0, 256))
            case 1:
                del content[place : place + length]
            case 2:
                content[place:place] = content[place : place + length]
            case 3:
                content[place : place + length] = random.integers(0, 256, length, dtype=np.uint8).tobytes()
    return bytes(content)


@pytest.mark.parametrize(
    "changes",
    [
        {"translation": [float("1e300"), 0.0, 0.0]},
        {"scaling": [0.0, 0.0, 0.0]},
        {"scaling": [1e200, 1.0, 1.0]},
        {"rotation": [1e30, 0.0, 0.0]},
    ],
)
def test_absurd_transforms(changes: dict[str, Any]) -> None:
    nodes = [Node("bone0", **changes), Node("bone1", 0, translation=[0.0, 30.0, 0.0])]
    assert outcome("absurd.fbx", fbx_text(nodes)) in ("ok", "parse-failed")
