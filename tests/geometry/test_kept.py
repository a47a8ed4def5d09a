"""Surfaces and contacts that are kept: by content, the same as made anew, in memory and in a folder, and made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry import kept_surfaces, prepared, source_contacts
from workers.geometry.prepared import BodySurfaces, surfaces_of
from workers.platform.content_key import content_key
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion

FOLDERS = (kept_surfaces._folder, source_contacts._folder)


def forget() -> None:
    """As a new process begins."""
    prepared._surfaces.cache_clear()
    prepared._bodies.clear()
    source_contacts._motions.clear()
    for folder in FOLDERS:
        folder.cache_clear()


@pytest.fixture(autouse=True)
def from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RETARGET_CACHE_DIR", str(tmp_path))
    forget()
    yield
    monkeypatch.delenv("RETARGET_CACHE_DIR")
    forget()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made, by name, in order."""
    names: list[str] = []

    def counted(module: Any, name: str) -> None:
        work: Callable[..., Any] = getattr(module, name)

        def told(*given: Any) -> Any:
            names.append(name)
            return work(*given)

        monkeypatch.setattr(module, name, told)

    for module, name in (
        (prepared, "build_surface"),
        (prepared, "fewer_faces"),
        (source_contacts, "find_self_contacts"),
    ):
        counted(module, name)
    return names


def character(samples: dict[str, FileBundle], name: str = "stout.glb") -> PreparedCharacter:
    return prepare_character(read_scene(samples[name]), {})


def motion(samples: dict[str, FileBundle], name: str = "clap.bvh") -> PreparedMotion:
    return prepare_motion(read_scene(samples[name]), 0, JobOptions())


def all_of(surfaces: BodySurfaces) -> str:
    """A key of everything that is measured on."""
    return content_key(*([vars(part)[name] for name in ("mesh", "parts", "face_parts", "outer", "radius_m", "frames")]
                         for part in (surfaces.full, surfaces.light)))  # fmt: skip


def test_a_character_read_anew_is_prepared_once(samples: dict[str, FileBundle], made: list[str]) -> None:
    first = surfaces_of(character(samples))
    first.light  # noqa: B018
    assert surfaces_of(character(samples)) is first
    assert made == ["build_surface", "fewer_faces"]
    surfaces_of(character(samples, "tall.glb"))
    assert made == ["build_surface", "fewer_faces", "build_surface"]


@pytest.mark.parametrize("name", ["stout.glb", "walk.bvh"])
def test_what_another_process_kept_is_the_same(name: str, samples: dict[str, FileBundle], made: list[str]) -> None:
    def file() -> PreparedCharacter | PreparedMotion:
        return character(samples, name) if name.endswith(".glb") else motion(samples, name)

    first = all_of(surfaces_of(file()))
    forget()
    assert all_of(surfaces_of(file())) == first
    assert made == ["build_surface", "fewer_faces"]


@pytest.mark.parametrize("damage", ["cut", "another"])
def test_a_damaged_surface_is_made_again(
    damage: str, samples: dict[str, FileBundle], made: list[str], tmp_path: Path
) -> None:
    first = all_of(surfaces_of(character(samples)))
    for path in (tmp_path / "surfaces").iterdir():
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        if damage == "another":  # a whole file, of something else
            np.savez(
                path, positions_m=np.zeros((2, 3)), faces=np.full((1, 3), 7), joints=np.zeros(2), weights=np.ones(2)
            )
    for _ in range(2):  # the second finds it whole again
        forget()
        assert all_of(surfaces_of(character(samples))) == first
    assert made == ["build_surface", "fewer_faces"] * 2


def test_a_definition_of_another_height_is_another_body(samples: dict[str, FileBundle]) -> None:
    from workers.contract.definitions import CharacterDefinition

    taller = prepare_character(read_scene(samples["stout.glb"]), {}, CharacterDefinition(height_m=2.5))
    assert surfaces_of(taller).full.body.height_m == 2.5
    assert surfaces_of(character(samples)).full.body.height_m < 2.0


def contacts_key(samples: dict[str, FileBundle], name: str = "clap.bvh") -> str:
    source = motion(samples, name)
    found = source_contacts.source_contacts(source.motion, surfaces_of(source).light)
    assert len(found)
    return content_key(found)


def test_contacts_of_a_source_are_found_once(samples: dict[str, FileBundle], made: list[str]) -> None:
    first = contacts_key(samples)
    assert contacts_key(samples) == first  # from memory
    forget()
    assert contacts_key(samples) == first  # from the folder
    assert made.count("find_self_contacts") == 1
    assert contacts_key(samples, "hands_on_hips.bvh") != first
    assert made.count("find_self_contacts") == 2


def test_damaged_contacts_are_found_again(samples: dict[str, FileBundle], made: list[str], tmp_path: Path) -> None:
    first = contacts_key(samples)
    (path,) = (tmp_path / "contacts").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    forget()
    assert contacts_key(samples) == first
    assert made.count("find_self_contacts") == 2
    forget()
    assert contacts_key(samples) == first
    assert made.count("find_self_contacts") == 2
