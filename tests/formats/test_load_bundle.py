"""Bundles from paths, parts and zips: what is found, and everything that is refused."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.formats.bvh.bvh_kit import person
from workers.contract.errors import (
    FileTooLarge,
    ParseFailed,
    RetargetError,
    SourceFileNotFound,
    TooLarge,
    UnsupportedFeature,
    UnsupportedFormat,
)
from workers.formats.limits import Limits
from workers.formats.load_bundle import bundle_from_path, bundle_from_zip, bundle_of_upload

BVH = person().encode()
GLTF = b'{"asset": {"version": "2.0"}, "buffers": [{"uri": "data/body.bin", "byteLength": 4}]}'


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.fixture
def character(tmp_path: Path) -> Path:
    folder = tmp_path / "character"
    (folder / "data").mkdir(parents=True)
    (folder / "hero.gltf").write_bytes(GLTF)
    (folder / "data" / "body.bin").write_bytes(b"body")
    (tmp_path / "secret.bin").write_bytes(b"secret")
    return folder


# --- paths


def test_path_gives_the_file_and_lazy_neighbours_of_a_gltf(character: Path) -> None:
    bundle = bundle_from_path(character / "hero.gltf")
    assert (bundle.name, bundle.data) == ("hero.gltf", GLTF)
    assert list(bundle.siblings) == ["data/body.bin"]
    load = bundle.siblings["data/body.bin"]
    (character / "data" / "body.bin").write_bytes(b"later")
    assert load() == b"later"
    assert bundle.siblings["./data/body.bin"]() == b"later"
    assert "absent.bin" not in bundle.siblings
    assert bundle.siblings.get("data") is None


@pytest.mark.parametrize(
    "name", ["../secret.bin", "data/../../secret.bin", "/etc/passwd", "..\\secret.bin", "C:\\x.bin", "\0", ""]
)
def test_neighbours_outside_the_folder_are_refused(character: Path, name: str) -> None:
    with pytest.raises(ParseFailed, match="leads outside"):
        bundle_from_path(character / "hero.gltf").siblings[name]


def test_links_out_of_the_folder_are_refused_and_inside_it_followed(character: Path) -> None:
    (character / "out.bin").symlink_to(character.parent / "secret.bin")
    (character / "in.bin").symlink_to(character / "data" / "body.bin")
    (character / "loop.bin").symlink_to(character / "loop.bin")
    (character / "up").symlink_to(character.parent)
    siblings = bundle_from_path(character / "hero.gltf").siblings
    assert siblings["in.bin"]() == b"body"
    for name in ("out.bin", "up/secret.bin"):
        with pytest.raises(ParseFailed, match="link out of its folder"):
            siblings[name]
    assert siblings.get("loop.bin") is None
    assert siblings.get("x" * 5000) is None


def test_a_bvh_has_no_neighbours(character: Path) -> None:
    (character / "walk.bvh").write_bytes(BVH)
    assert dict(bundle_from_path(character / "walk.bvh").siblings) == {}


def test_missing_folder_pipe_and_unreadable_paths(tmp_path: Path) -> None:
    with pytest.raises(SourceFileNotFound, match="no such file"):
        bundle_from_path(tmp_path / "absent.bvh")
    with pytest.raises(SourceFileNotFound, match="is a folder"):
        bundle_from_path(tmp_path)
    with pytest.raises(SourceFileNotFound, match="cannot be read"):
        bundle_from_path(str(tmp_path / ("x" * 5000)))
    with pytest.raises(SourceFileNotFound, match="cannot be read"):
        bundle_from_path("a\0b")
    os.mkfifo(tmp_path / "pipe.bvh")
    with pytest.raises(SourceFileNotFound, match="no regular file"):
        bundle_from_path(tmp_path / "pipe.bvh")
    with pytest.raises(SourceFileNotFound, match="no regular file"):
        bundle_from_path("/dev/zero")
    if os.geteuid() != 0:
        (tmp_path / "shut.bvh").write_bytes(BVH)
        (tmp_path / "shut.bvh").chmod(0)
        with pytest.raises(SourceFileNotFound, match="cannot be read"):
            bundle_from_path(tmp_path / "shut.bvh")


def test_file_bytes_bound_all_files_together(character: Path) -> None:
    with pytest.raises(FileTooLarge):
        bundle_from_path(character / "hero.gltf", Limits(file_bytes=len(GLTF) - 1))
    bundle = bundle_from_path(character / "hero.gltf", Limits(file_bytes=len(GLTF) + 3))
    with pytest.raises(FileTooLarge):
        bundle.siblings["data/body.bin"]()


def test_path_to_a_zip(tmp_path: Path) -> None:
    (tmp_path / "hero.zip").write_bytes(zipped({"hero/hero.gltf": GLTF, "hero/data/body.bin": b"body"}))
    bundle = bundle_from_path(tmp_path / "hero.zip")
    assert bundle.name == "hero.gltf"
    assert bundle.siblings["data/body.bin"]() == b"body"


# --- parts


def parts(**files: bytes) -> dict[str, Callable[[], bytes]]:
    return {name.replace("__", "/").replace("_", "."): partial(bytes, data) for name, data in files.items()}


def test_parts_with_one_main_file() -> None:
    bundle = bundle_of_upload(parts(hero_gltf=GLTF, body_bin=b"body", skin_png=b"png"))
    assert (bundle.name, sorted(bundle.siblings)) == ("hero.gltf", ["body.bin", "skin.png"])
    # Uploads lose folders: the reader asks for data/body.bin.
    assert bundle.siblings["data/body.bin"]() == b"body"
    assert bundle.siblings.get("other.bin") is None
    with pytest.raises(ParseFailed):
        bundle.siblings["../body.bin"]


def test_bare_names_are_not_guessed_when_two_parts_share_one() -> None:
    bundle = bundle_of_upload(parts(hero_gltf=GLTF, a__body_bin=b"1", b__body_bin=b"2"))
    assert bundle.siblings.get("body.bin") is None
    assert bundle.siblings["a/body.bin"]() == b"1"


def test_a_single_part_may_have_any_name_or_be_a_zip() -> None:
    assert bundle_of_upload({"blob": lambda: BVH}).data == BVH
    packed = zipped({"walk.bvh": BVH})
    assert bundle_of_upload({"x.zip": lambda: packed}).data == packed  # for the reader to open


def test_parts_that_are_refused() -> None:
    with pytest.raises(UnsupportedFormat, match="2 main files"):
        bundle_of_upload(parts(a_gltf=GLTF, b_bvh=BVH))
    with pytest.raises(UnsupportedFormat, match="no motion or character"):
        bundle_of_upload(parts(a_png=b"", b_bin=b""))
    with pytest.raises(UnsupportedFormat, match="no motion or character"):
        bundle_of_upload({})
    with pytest.raises(ParseFailed, match="leads outside"):
        bundle_of_upload({"../a.gltf": lambda: GLTF, "b.bin": lambda: b""})
    with pytest.raises(ParseFailed, match="two files"):
        bundle_of_upload({"a.gltf": lambda: GLTF, "./a.gltf": lambda: GLTF})
    with pytest.raises(TooLarge):
        bundle_of_upload({f"{i}.bin": lambda: b"" for i in range(300)})
    with pytest.raises(FileTooLarge):
        bundle_of_upload(parts(a_gltf=GLTF, b_bin=b"12345"), Limits(file_bytes=len(GLTF) + 4)).siblings["b.bin"]()


# --- zips


def test_zip_neighbours_are_relative_to_the_main_file() -> None:
    data = zipped(
        {
            "readme.txt": b"hi",
            "a/hero.gltf": GLTF,
            "a/data/body.bin": b"body",
            "__MACOSX/a/._hero.gltf": b"x",
            "a/.DS_Store": b"x",
        }
    )
    bundle = bundle_from_zip(data)
    assert (bundle.name, list(bundle.siblings)) == ("hero.gltf", ["data/body.bin"])
    assert bundle.siblings["data/body.bin"]() == b"body"


@pytest.mark.parametrize("name", ["../evil.bvh", "/abs/evil.bvh", "a/../../evil.bvh", "..\\evil.bvh", "C:/evil.bvh"])
def test_zip_names_that_lead_outside(name: str) -> None:
    with pytest.raises(ParseFailed, match="leads outside"):
        bundle_from_zip(zipped({"walk.bvh": BVH, name: b"x"}))


def test_zip_without_or_with_several_main_files() -> None:
    with pytest.raises(UnsupportedFormat, match="no motion or character"):
        bundle_from_zip(zipped({"a.txt": b"x"}))
    with pytest.raises(UnsupportedFormat, match="no motion or character"):
        bundle_from_zip(zipped({}))
    with pytest.raises(UnsupportedFormat, match="2 main files"):
        bundle_from_zip(zipped({"a.bvh": BVH, "b/c.glb": b"x"}))


def test_zip_in_zip_links_passwords_and_odd_methods() -> None:
    with pytest.raises(UnsupportedFeature, match="archive inside an archive"):
        bundle_from_zip(zipped({"a.bvh": BVH, "inner.zip": zipped({"b.bvh": BVH})}))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("walk.bvh")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsupportedFeature, match="symbolic link"):
        bundle_from_zip(stream.getvalue())
    data = bytearray(zipped({"walk.bvh": BVH}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UnsupportedFeature, match="password"):
        bundle_from_zip(bytes(data))
    with pytest.raises(UnsupportedFeature, match="compression method 14"):
        bundle_from_zip(zipped({"walk.bvh": BVH}, zipfile.ZIP_LZMA))


def test_duplicate_zip_names() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("walk.bvh", BVH)
        archive.writestr("walk.bvh", b"other")
    with pytest.raises(ParseFailed, match="two entries"):
        bundle_from_zip(stream.getvalue())


def test_too_many_entries() -> None:
    with pytest.raises(TooLarge, match="zip entries"):
        bundle_from_zip(zipped({f"{i}.txt": b"" for i in range(300)} | {"a.bvh": BVH}))
    with pytest.raises(TooLarge, match="zip entries"):
        bundle_from_zip(b"PK\x01\x02" * 1_000_000 + b"PK\x05\x06" + bytes(18))


def test_a_bomb_is_stopped_while_it_unpacks() -> None:
    bomb = zipped({"walk.bvh": b" " * (64 << 20)})
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge, match="more than 200 times"):
        bundle_from_zip(bomb)
    many = zipped({"a.gltf": GLTF, "b.bin": os.urandom(3 << 20)}, zipfile.ZIP_STORED)
    bundle = bundle_from_zip(many, Limits(file_bytes=1 << 20))
    with pytest.raises(TooLarge):
        bundle.siblings["b.bin"]()


def test_total_of_all_entries_counts_not_only_each() -> None:
    data = zipped({"a.gltf": GLTF, **{f"{i}.bin": os.urandom(400_000) for i in range(4)}})
    siblings = bundle_from_zip(data, Limits(file_bytes=1 << 20)).siblings
    with pytest.raises(FileTooLarge):
        for load in siblings.values():
            load()


@pytest.mark.parametrize("claimed", [0, 10, 1 << 31])
def test_headers_that_lie_about_the_size(claimed: int) -> None:
    data = bytearray(zipped({"walk.bvh": BVH}))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, claimed)
    with pytest.raises((ParseFailed, TooLarge)):
        bundle_from_zip(bytes(data))


def test_damaged_zips_give_typed_errors() -> None:
    data = zipped({"a/hero.gltf": GLTF, "a/data/body.bin": b"body" * 100, "readme.txt": b"hi" * 50})
    outcomes = set()
    for at in range(len(data)):
        for value in (0x00, 0xFF, data[at] ^ 0x10):
            damaged = data[:at] + bytes([value]) + data[at + 1 :]
            try:
                for load in bundle_from_zip(damaged).siblings.values():
                    load()
                outcomes.add("read")
            except RetargetError as error:
                assert "\n" not in error.detail
                outcomes.add("refused")
    for size in range(0, len(data), 7):
        with pytest.raises(RetargetError):
            bundle_from_zip(data[:size])
    assert outcomes == {"read", "refused"}
