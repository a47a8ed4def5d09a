"""What a file is follows from its content; the name must agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.formats.opening_kit import BVH, FBX, FBX_ASCII, GLB, GLTF, VRM, VRM0, ZIP, glb
from workers.contract.errors import UnsupportedFormat
from workers.formats.sniff import sniff


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (BVH, "bvh"),
        (GLB, "glb"),
        (VRM, "vrm"),
        (VRM0, "vrm"),
        (GLTF, "gltf"),
        (FBX, "fbx"),
        (FBX_ASCII, "fbx"),
        (ZIP, "zip"),
    ],
)
@pytest.mark.parametrize(
    "name", ["file", "file.bin", "file.v2", "folder.glb/file", "file.BVH", "file.GLB", "x.fbx", "x.zip"]
)
def test_content_decides_and_a_known_extension_must_agree(data: bytes, kind: str, name: str) -> None:
    extension = name.rpartition(".")[2].lower() if "/" not in name else ""
    if extension in {"bvh", "glb", "fbx", "zip"} - {kind} and {extension, kind} != {"glb", "vrm"}:
        with pytest.raises(UnsupportedFormat, match=rf"says {extension.upper()} but the content is {kind.upper()}"):
            sniff(data, name)
    else:
        assert sniff(data, name) == kind


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\r\n\t ", b"\xef\xbb\xbf\n"])
def test_byte_order_mark_and_blank_lines_are_tolerated(prefix: bytes) -> None:
    assert sniff(prefix + BVH, "a.bvh") == "bvh"
    assert sniff(prefix + GLTF, "a.gltf") == "gltf"
    assert sniff((prefix + BVH).replace(b"HIERARCHY", b"Hierarchy"), "a.bvh") == "bvh"


def test_a_vrm_is_a_glb_under_either_name() -> None:
    assert sniff(VRM, "a.glb") == "vrm"
    assert sniff(GLB, "a.vrm") == "glb"


def test_the_word_vrm_elsewhere_does_not_make_one() -> None:
    assert (
        sniff(glb({"asset": {"version": "2.0"}, "nodes": [{"name": "VRM root"}, {"name": "a VRMC_vrm"}]}), "a.glb")
        == "glb"
    )


def test_a_gltf_by_name_is_left_to_its_reader() -> None:
    assert sniff(b'{"nodes": []}', "broken.gltf") == "gltf"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"<!DOCTYPE html><html>", "HTML page"),
        (b"  <HTML>", "HTML page"),
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"<?xml version='1.0'?><COLLADA>", "COLLADA"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        ("HIERARCHY".encode("utf-16"), "UTF-16"),
        (b'{"nodes": []}', "JSON without the 'asset'"),
        (b"glT", "no format that is known"),
        (b"HIERARCHYX", "no format that is known"),
        (b"BLENDER-v300", "Blender"),
    ],
)
def test_other_files_are_named_with_the_remedy(data: bytes, message: str) -> None:
    with pytest.raises(UnsupportedFormat, match=message) as caught:
        sniff(data, "upload.dat")
    assert "upload.dat" in caught.value.detail
    assert caught.value.status == 415


def test_random_bytes_are_refused() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 3, 4, 20, 1000):
        with pytest.raises(UnsupportedFormat):
            sniff(b"\x07" + rng.bytes(size), "noise")


def test_real_files_are_what_their_names_say(shared_data: Path) -> None:
    seen = set()
    for file in sorted(shared_data.rglob("*")):
        extension = file.suffix[1:].lower()
        if extension in ("bvh", "glb", "gltf", "fbx") and "malformed" not in file.parts:
            assert sniff(file.read_bytes(), file.name) == extension, file
            seen.add(extension)
    assert seen == {"bvh", "glb", "gltf", "fbx"}
